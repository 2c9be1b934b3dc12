//! AC coefficients walked over without reading their values: as many whole symbols a step as
//! twelve bits show.

use super::spec::{Canonical, HuffmanSpec};
use crate::jpeg::entropy::{Bits, Damage, Window};

/// Bits a table shows. Two tables of 4,096 two-byte entries fit the first-level cache; 11, 13 and
/// 14 bits measured slower.
const SHOWN: u32 = 12;

/// An entry's low six bits are the bits it consumes, so that the entry itself is the shift count.
const LENGTH: u32 = 63;
/// The next six bits are the coefficients it covers.
const COVER_SHIFT: u32 = 6;
const COVER: u32 = 63 << COVER_SHIFT;
/// The block ends after the covered coefficients.
const END_OF_BLOCK: u32 = 1 << 12;
/// The table cannot say: a code longer than it shows, an unusual symbol, or no code at all.
const LONG: u32 = 1 << 13;
/// The position, shifted like a cover, at which a block is full. Both flags lie at or above it, so
/// that one comparison sees everything but a plain step.
const FULL: u32 = 64 << COVER_SHIFT;

/// Skips AC symbols.
pub(in crate::jpeg) struct SkipTable {
    entries: Box<[u16; 1 << SHOWN]>,
    canonical: Canonical,
}

impl SkipTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let single = single_symbols(spec);
        let mut entries = Box::new([0; 1 << SHOWN]);
        for (shown, entry) in entries.iter_mut().enumerate() {
            *entry = combine(&single, shown);
        }
        Self { entries, canonical: Canonical::new(spec) }
    }

    /// Walks from coefficient `from` (in zigzag order) to the end of the block. `bits` must hold
    /// at least 12 unread bits; as many are left.
    #[inline(always)]
    pub(crate) fn skip(&self, window: &Window, bits: &mut Bits, from: u32) -> Result<(), Damage> {
        let mut state = from << COVER_SHIFT;
        loop {
            let entry = loop {
                // This look-up needs no bit that the refill brings, so the two overlap; after the
                // refill two entries of up to 22 bits leave 12 to look at.
                let entry = self.at(bits);
                bits.refill(window);
                // The used bits ride along in the low bits, so that one addition of an entry moves
                // both on; they stay below 64 between two refills.
                state += bits.used();
                if state + entry >= FULL {
                    break entry;
                }
                bits.advance_only(entry);
                state += entry;
                let entry = self.at(bits);
                if state + entry >= FULL {
                    break entry;
                }
                bits.advance_only(entry);
                state += entry;
                bits.set_used(state & LENGTH);
                state &= !LENGTH;
            };
            bits.set_used(state & LENGTH);
            state &= !LENGTH;
            let reached = state + (entry & COVER);
            if entry & END_OF_BLOCK != 0 && reached < FULL || reached == FULL && entry < END_OF_BLOCK {
                bits.consume(entry & LENGTH);
                return Ok(());
            }
            let (after, next) = self.step(window, *bits, state >> COVER_SHIFT);
            *bits = after;
            match next? {
                64 => return Ok(()),
                position => state = position << COVER_SHIFT,
            }
        }
    }

    #[inline(always)]
    fn at(&self, bits: &Bits) -> u32 {
        u32::from(self.entries[bits.peek(SHOWN) as usize])
    }

    /// Walks over one symbol at `position`; gives the position after it, 64 at the block's end.
    #[cold]
    #[inline(never)]
    fn step(&self, window: &Window, mut bits: Bits, position: u32) -> (Bits, Result<u32, Damage>) {
        bits.refill(window);
        let Some((symbol, length)) = self.canonical.decode(bits.peek(16)) else {
            return (bits, Err(Damage::NoSuchCode));
        };
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        bits.consume(length + size);
        let next = match (run, size) {
            (0, 0) => 64,
            (15, 0) => position + 16,
            (_, 0) => return (bits, Err(Damage::NoSuchSymbol)),
            _ => position + run + 1,
        };
        (bits, if next <= 64 { Ok(next) } else { Err(Damage::BlockOverrun) })
    }
}

/// For every twelve bits, the entry of the first symbol in them alone.
fn single_symbols(spec: &HuffmanSpec) -> Vec<u16> {
    let mut single = vec![LONG as u16; 1 << SHOWN];
    for code in spec.codes().filter(|code| code.length <= SHOWN) {
        let (run, size) = (u32::from(code.symbol >> 4), u32::from(code.symbol & 15));
        let entry = match (run, size) {
            (0, 0) => code.length | END_OF_BLOCK,
            (15, 0) => code.length | 16 << COVER_SHIFT,
            // Sizes above 10 do not occur in 8-bit pictures; keeping them out bounds what one
            // entry consumes at 22 bits.
            (_, 1..=10) => (code.length + size) | (run + 1) << COVER_SHIFT,
            _ => continue,
        };
        let first = (code.bits << (SHOWN - code.length)) as usize;
        single[first..first + (1 << (SHOWN - code.length))].fill(entry as u16);
    }
    single
}

/// The entry for the bits `shown`: their first symbol and every further one that lies wholly in
/// them.
fn combine(single: &[u16], shown: usize) -> u16 {
    let mut entry = u32::from(single[shown]);
    while entry < END_OF_BLOCK && entry & LENGTH < SHOWN {
        let rest = shown << (entry & LENGTH) & ((1 << SHOWN) - 1);
        let next = u32::from(single[rest]);
        let fits = (entry & LENGTH) + (next & LENGTH) <= SHOWN;
        let covered = (entry & COVER) + (next & COVER) <= COVER;
        if next >= LONG || !fits || !covered {
            break;
        }
        entry += next;
    }
    entry as u16
}
