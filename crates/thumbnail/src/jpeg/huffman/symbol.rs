//! AC symbols one by one (T.81 F.2.2.2, G.1.2.2), for coefficients whose values are needed.

use super::spec::{Canonical, HuffmanSpec};
use crate::jpeg::entropy::{Bits, Damage};

/// Bits of a code the table shows.
const SHOWN: u32 = 10;

/// Decodes the symbols of an AC table.
pub(in crate::jpeg) struct SymbolTable {
    /// The symbol in the high byte, its code's length in the low one; 0 for longer codes.
    entries: Box<[u16; 1 << SHOWN]>,
    canonical: Canonical,
}

impl SymbolTable {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let mut entries = Box::new([0; 1 << SHOWN]);
        for code in spec.codes().filter(|code| code.length <= SHOWN) {
            let entry = u16::from(code.symbol) << 8 | code.length as u16;
            entries[code.shown(SHOWN)].fill(entry);
        }
        Self { entries, canonical: Canonical::new(spec) }
    }

    /// The next symbol and the length of its code, which is not consumed yet. `bits` must hold at
    /// least 16 unread bits.
    #[inline(always)]
    pub(crate) fn symbol(&self, bits: &Bits) -> Result<(u32, u32), Damage> {
        let entry = u32::from(self.entries[bits.peek(SHOWN) as usize]);
        if entry == 0 {
            let (symbol, length) = self.canonical.decode(bits.peek(16)).ok_or(Damage::NoSuchCode)?;
            return Ok((u32::from(symbol), length));
        }
        Ok((entry >> 8, entry & 0xFF))
    }
}
