//! Tables to walk over whole blocks without reading their values: as many symbols a step as twelve bits show, the first
//! of a block (its DC difference) among them.

use super::spec::{Canonical, Code, HuffmanSpec};
use crate::jpeg::entropy::Damage;

/// Bits a table shows. 13 bits measured 2 to 4 % faster, but four such tables fill twice a usual first-level cache.
const SHOWN: u32 = 12;

/// An entry for each twelve bits. Its low byte is the bits it consumes, at most [`MOST_BITS`]; its high byte is the
/// progress it makes in its block: twice the coefficients it covers, and one where the block ends after them.
pub(in crate::jpeg) type StrideTable = [u16; 1 << SHOWN];

/// Two entries of so many bits still leave twelve of the 57 that one load gives at least.
const MOST_BITS: u32 = 22;
const PROGRESS_SHIFT: u32 = 8;
const END_OF_BLOCK: u16 = 1 << PROGRESS_SHIFT;
const COEFFICIENT: u16 = 2 << PROGRESS_SHIFT;
/// A block without its DC coefficient.
const MOST_AC: u16 = 63 * COEFFICIENT;
/// The table cannot say: an unusual symbol or code, or none at all. It makes more progress than any block has room for.
const UNKNOWN: u16 = 127 * COEFFICIENT;

/// The tables of a block's first step and of its later ones, by the AC symbols there are.
fn stride_tables(dc: &HuffmanSpec, ac: Option<&SingleSymbols>) -> [Box<StrideTable>; 2] {
    let later = ac.map_or_else(Prefixes::at_end, Prefixes::of);
    let mut first = Box::new([UNKNOWN; 1 << SHOWN]);
    for code in dc.codes().filter(|code| code.length <= SHOWN) {
        let length = code.length + u32::from(code.symbol);
        if length <= MOST_BITS {
            for shown in code.shown(SHOWN) {
                first[shown] = (COEFFICIENT | length as u16) + later.of_last(shown, SHOWN.saturating_sub(length));
            }
        }
    }
    [first, later.whole()]
}

/// For each number of bits up to twelve and each value of them: the AC symbols that lie wholly in them.
struct Prefixes(Vec<u16>);

impl Prefixes {
    /// The block is at its end.
    fn at_end() -> Self {
        Self(vec![END_OF_BLOCK; 2 << SHOWN])
    }

    fn of(single: &SingleSymbols) -> Self {
        let mut prefixes = Self(vec![0; 2 << SHOWN]);
        for bits in 1..=SHOWN {
            for value in 0..1 << bits {
                // A symbol that lies in these bits does not depend on what follows them.
                let symbol = single.short[value << (SHOWN - bits)];
                prefixes.0[1 << bits | value] = prefixes.with_rest(symbol, value, bits);
            }
        }
        prefixes
    }

    /// The entry of the first symbol in these bits and those after it.
    fn with_rest(&self, symbol: u16, value: usize, bits: u32) -> u16 {
        let length = u32::from(symbol & 0xFF);
        if symbol == UNKNOWN || length > bits {
            return if bits == SHOWN { symbol } else { 0 };
        }
        let rest = if symbol & END_OF_BLOCK == 0 { self.of_last(value, bits - length) } else { 0 };
        let both = symbol + rest;
        if both & !END_OF_BLOCK < MOST_AC + COEFFICIENT { both } else { symbol }
    }

    /// Of the last so many bits of a value.
    fn of_last(&self, value: usize, bits: u32) -> u16 {
        self.0[1 << bits | value & ((1 << bits) - 1)]
    }

    fn whole(&self) -> Box<StrideTable> {
        Box::new(std::array::from_fn(|shown| self.0[1 << SHOWN | shown]))
    }
}

/// Entries of one AC symbol each.
struct SingleSymbols {
    /// By twelve bits.
    short: Vec<u16>,
    /// By sixteen, from the first longer code on: such codes are the last.
    long: Vec<u16>,
    first_long: usize,
}

impl SingleSymbols {
    fn of(ac: &HuffmanSpec) -> Self {
        let first_long = ac.codes().find(|code| code.length > SHOWN).map_or(1 << 16, |code| code.shown(16).start);
        let mut single =
            Self { short: vec![UNKNOWN; 1 << SHOWN], long: vec![UNKNOWN; (1 << 16) - first_long], first_long };
        for code in ac.codes() {
            if code.length <= SHOWN {
                single.short[code.shown(SHOWN)].fill(entry(&code));
            } else {
                let shown = code.shown(16);
                single.long[shown.start - first_long..shown.end - first_long].fill(entry(&code));
            }
        }
        single
    }

    fn at(&self, bits16: u32) -> u16 {
        let bits16 = bits16 as usize;
        let long = bits16.checked_sub(self.first_long).and_then(|place| self.long.get(place));
        *long.unwrap_or(&self.short[bits16 >> (16 - SHOWN) & ((1 << SHOWN) - 1)])
    }
}

fn entry(code: &Code) -> u16 {
    let (run, size) = (u16::from(code.symbol >> 4), u16::from(code.symbol & 15));
    let length = code.length as u16 + size;
    match (run, size) {
        (0, 0) => length | END_OF_BLOCK,
        (15, 0) => length + 16 * COEFFICIENT,
        (_, 1..) if u32::from(length) <= MOST_BITS => length + (run + 1) * COEFFICIENT,
        _ => UNKNOWN,
    }
}

/// The codes of a kind of block, for where the tables can't say.
pub(in crate::jpeg) struct BlockCodes {
    dc: Canonical,
    /// None in scans of DC coefficients alone.
    ac: Option<(Canonical, SingleSymbols)>,
}

/// One symbol, walked over.
pub(in crate::jpeg) struct Step {
    /// Bits consumed.
    pub(crate) length: u32,
    /// Coefficients of the block covered now.
    pub(crate) covered: u32,
    pub(crate) ends_block: bool,
}

impl BlockCodes {
    /// The codes, and the tables of a block's first step and of its later ones. Scans of DC coefficients alone have no AC
    /// codes. `None` if a DC symbol is no category: above 15.
    pub(crate) fn new(dc: &HuffmanSpec, ac: Option<&HuffmanSpec>) -> Option<(Self, [Box<StrideTable>; 2])> {
        if dc.codes().any(|code| code.symbol > 15) {
            return None;
        }
        let ac = ac.map(|ac| (Canonical::new(ac), SingleSymbols::of(ac)));
        let tables = stride_tables(dc, ac.as_ref().map(|(_, single)| single));
        Some((Self { dc: Canonical::new(dc), ac }, tables))
    }

    /// Whether blocks have no AC coefficients.
    pub(crate) fn is_dc_alone(&self) -> bool {
        self.ac.is_none()
    }

    /// The entry of the AC symbol at the front of 16 bits, alone: for codes longer than the tables show, and where
    /// several symbols at once would cross the end of the block.
    pub(crate) fn single(&self, bits16: u32) -> u16 {
        self.ac.as_ref().map_or(UNKNOWN, |(_, single)| single.at(bits16))
    }

    /// The symbol at the front of 16 bits, after so many coefficients of its block.
    pub(crate) fn step(&self, bits16: u32, covered: u32) -> Result<Step, Damage> {
        if covered == 0 {
            let (category, length) = self.dc.decode(bits16).ok_or(Damage::NoSuchCode)?;
            return Ok(Step { length: length + u32::from(category), covered: 1, ends_block: self.ac.is_none() });
        }
        let decoded = self.ac.as_ref().and_then(|(codes, _)| codes.decode(bits16));
        let (symbol, length) = decoded.ok_or(Damage::NoSuchCode)?;
        let (run, size) = (u32::from(symbol >> 4), u32::from(symbol & 15));
        let covered = match (run, size) {
            (0, 0) => return Ok(Step { length, covered, ends_block: true }),
            (15, 0) => covered + 16,
            (_, 0) => return Err(Damage::NoSuchSymbol),
            _ => covered + run + 1,
        };
        if covered > 64 {
            return Err(Damage::BlockOverrun);
        }
        Ok(Step { length: length + size, covered, ends_block: covered == 64 })
    }
}
