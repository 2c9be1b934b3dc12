//! DC differences (T.81 F.2.2.1).

use super::spec::{Canonical, HuffmanSpec};
use crate::jpeg::entropy::{Bits, Damage, Window};

/// Bits of a code the table shows; longer codes are rare and go the slow way.
const SHOWN: u32 = 9;

/// Decodes DC difference categories.
pub(in crate::jpeg) struct DcTable {
    /// Bits 0 to 5: length of code and difference; 6 to 9: the category; 10 and up: length of the
    /// code. 0 where no entry can say it.
    entries: Box<[u16; 1 << SHOWN]>,
    canonical: Canonical,
}

impl DcTable {
    /// `None` if a symbol is no category: above 15.
    pub(crate) fn new(spec: &HuffmanSpec) -> Option<Self> {
        let mut entries = Box::new([0; 1 << SHOWN]);
        for code in spec.codes() {
            if code.symbol > 15 {
                return None;
            }
            let category = u32::from(code.symbol);
            // Categories above 11 do not occur in 8-bit pictures; keeping them out bounds what one
            // entry takes from the bits at 20.
            if code.length <= SHOWN && category <= 11 {
                let entry = (code.length + category) | category << 6 | code.length << 10;
                entries[code.shown(SHOWN)].fill(entry as u16);
            }
        }
        Some(Self { entries, canonical: Canonical::new(spec) })
    }

    /// The next difference. Leaves at least 12 unread bits in `bits`.
    #[inline(always)]
    pub(crate) fn difference(&self, window: &Window, bits: &mut Bits) -> Result<i32, Damage> {
        bits.refill(window);
        let entry = u32::from(self.entries[bits.peek(SHOWN) as usize]);
        if entry == 0 {
            let (after, result) = self.long_difference(window, *bits);
            *bits = after;
            return result;
        }
        let (category, code_length) = (entry >> 6 & 15, entry >> 10);
        let value = bits.signed_after(code_length, category);
        bits.consume(entry & 63);
        Ok(value)
    }

    #[cold]
    #[inline(never)]
    fn difference_at(&self, window: &Window, bit: u32) -> i32 {
        self.difference(window, &mut Bits::at(window, bit)).unwrap_or_default()
    }

    #[cold]
    #[inline(never)]
    fn long_difference(&self, window: &Window, mut bits: Bits) -> (Bits, Result<i32, Damage>) {
        let Some((category, length)) = self.canonical.decode(bits.peek(16)) else {
            return (bits, Err(Damage::NoSuchCode));
        };
        let category = u32::from(category);
        let value = bits.signed_after(length, category);
        bits.consume(length + category);
        bits.refill(window);
        (bits, Ok(value))
    }
}

/// DC differences at known places: what follows a difference is of no interest, so that one look-up gives its value.
pub(in crate::jpeg) struct DcValues {
    /// The difference that twelve bits begin with; [`UNSHOWN`] where they do not hold all of it.
    values: Box<[i16; 1 << DcValues::SHOWN]>,
    table: DcTable,
}

const UNSHOWN: i16 = i16::MIN;

impl DcValues {
    const SHOWN: u32 = 12;

    /// `None` if a symbol is no category: above 15.
    pub(crate) fn new(spec: &HuffmanSpec) -> Option<Self> {
        let mut values = Box::new([UNSHOWN; 1 << Self::SHOWN]);
        for code in spec.codes().filter(|code| code.length + u32::from(code.symbol) <= Self::SHOWN) {
            let size = u32::from(code.symbol);
            let places = values[code.shown(Self::SHOWN)].chunks_exact_mut(1 << (Self::SHOWN - code.length - size));
            for (bits, places) in (0_i16..).zip(places) {
                // EXTEND of T.81 F.2.2.1.
                let is_negative = size > 0 && bits >> (size - 1) == 0;
                places.fill(if is_negative { bits - (1 << size) + 1 } else { bits });
            }
        }
        Some(Self { values, table: DcTable::new(spec)? })
    }

    /// The difference that begins at a bit of the window, where a walk has seen that there is one.
    #[inline(always)]
    pub(crate) fn at(&self, window: &Window, bit: u32) -> i32 {
        let byte = (bit >> 3) as usize;
        let bytes = window.get(byte..byte + 4).and_then(|bytes| bytes.first_chunk());
        let ahead = bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes)) << (bit & 7);
        match self.values[(ahead >> (32 - Self::SHOWN)) as usize] {
            UNSHOWN => self.table.difference_at(window, bit),
            value => i32::from(value),
        }
    }
}
