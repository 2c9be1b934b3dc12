//! A Huffman table as a DHT segment specifies it, and its canonical codes.

/// The code lengths and symbols of one table.
#[derive(PartialEq)]
pub(in crate::jpeg) struct HuffmanSpec {
    /// How many codes there are of each length 1 to 16 (BITS).
    counts: [u8; 16],
    /// The symbols in order of their codes (HUFFVAL).
    symbols: Vec<u8>,
}

/// One code of a table.
pub(super) struct Code {
    /// The code in the low `length` bits.
    pub(crate) bits: u32,
    pub(crate) length: u32,
    pub(crate) symbol: u8,
}

impl Code {
    /// The values of `bits` bits, no fewer than the code has, that begin with it.
    pub(super) fn shown(&self, bits: u32) -> std::ops::Range<usize> {
        let first = (self.bits << (bits - self.length)) as usize;
        first..first + (1 << (bits - self.length))
    }
}

impl HuffmanSpec {
    /// Reads one table of a DHT segment; gives what follows it. `None` if it is cut short or its
    /// lengths ask for more codes than there are.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (counts, rest) = bytes.split_first_chunk::<16>()?;
        let total = counts.iter().map(|&count| usize::from(count)).sum();
        let (symbols, rest) = rest.split_at_checked(total)?;
        let used = (1..).zip(counts).map(|(length, &count)| u32::from(count) << (16 - length)).sum::<u32>();
        (total <= 256 && used <= 1 << 16).then(|| (Self { counts: *counts, symbols: symbols.to_vec() }, rest))
    }

    /// The typical tables of T.81 Annex K.3: DC luma, DC chroma, AC luma, AC chroma.
    pub(crate) fn typical() -> [Self; 4] {
        let table = |counts: [u8; 16], symbols: &[u8]| Self { counts, symbols: symbols.to_vec() };
        let categories: [u8; 12] = std::array::from_fn(|category| category as u8);
        [
            table([0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &categories),
            table([0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &categories),
            table([0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D], &typical_ac(&AC_LUMA_HEAD)),
            table([0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &typical_ac(&AC_CHROMA_HEAD)),
        ]
    }

    /// The codes in order (T.81 Annex C.2).
    pub(super) fn codes(&self) -> impl Iterator<Item = Code> {
        let mut next = 0;
        let lengths = (1u32..).zip(self.counts).flat_map(move |(length, count)| {
            next <<= 1;
            let first = next;
            next += u32::from(count);
            (first..next).map(move |bits| (bits, length))
        });
        lengths.zip(&self.symbols).map(|((bits, length), &symbol)| Code { bits, length, symbol })
    }

    /// For each length the bound that the first 16 bits of its codes and of all shorter ones stay
    /// below, and the index of its first symbol less its first code.
    fn bounds(&self) -> ([u32; 16], [i32; 16]) {
        let (mut bounds, mut bases) = ([0; 16], [0; 16]);
        let (mut next, mut index) = (0u32, 0);
        for (slot, &count) in self.counts.iter().enumerate() {
            next <<= 1;
            bases[slot] = index - next as i32;
            next += u32::from(count);
            index += i32::from(count);
            bounds[slot] = next << (15 - slot);
        }
        (bounds, bases)
    }
}

/// Decodes a code of any length, without speed: the way out for codes longer than the tables of
/// fixed width show.
pub(super) struct Canonical {
    bounds: [u32; 16],
    bases: [i32; 16],
    symbols: Vec<u8>,
}

impl Canonical {
    pub(crate) fn new(spec: &HuffmanSpec) -> Self {
        let (bounds, bases) = spec.bounds();
        Self { bounds, bases, symbols: spec.symbols.clone() }
    }

    /// The symbol and the code length at the front of `bits16`; `None` when no code begins so.
    #[cold]
    pub(crate) fn decode(&self, bits16: u32) -> Option<(u8, u32)> {
        let slot = self.bounds.iter().position(|&bound| bits16 < bound)?;
        let code = (bits16 >> (15 - slot)) as i32;
        let symbol = *self.symbols.get(usize::try_from(self.bases[slot] + code).ok()?)?;
        Some((symbol, slot as u32 + 1))
    }
}

/// The symbols of a typical AC table after its head: every run and size not named there, in order.
fn typical_ac(head: &[u8]) -> Vec<u8> {
    let mut symbols = head.to_vec();
    let rest = (0..16u8).flat_map(|run| (1..=10u8).map(move |size| run << 4 | size));
    symbols.extend(rest.filter(|symbol| !head.contains(symbol)));
    symbols
}

const AC_LUMA_HEAD: [u8; 37] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71, 0x14,
    0x32, 0x81, 0x91, 0xA1, 0x08, 0x23, 0x42, 0xB1, 0xC1, 0x15, 0x52, 0xD1, 0xF0, 0x24, 0x33, 0x62, 0x72, 0x82,
];
const AC_CHROMA_HEAD: [u8; 43] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22, 0x32,
    0x81, 0x08, 0x14, 0x42, 0x91, 0xA1, 0xB1, 0xC1, 0x09, 0x23, 0x33, 0x52, 0xF0, 0x15, 0x62, 0x72, 0xD1, 0x0A, 0x16,
    0x24, 0x34, 0xE1, 0x25, 0xF1,
];
