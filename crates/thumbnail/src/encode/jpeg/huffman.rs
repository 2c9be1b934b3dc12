//! Huffman codes made for what they have to write (T.81 Annex K.2), at most 16 bits long.

/// How often each symbol comes.
pub(super) struct Frequencies([u32; 256]);

/// A table as DHT describes it, and its codes.
pub(super) struct Codes {
    /// How many codes have 1 to 16 bits.
    pub(super) lengths: [u8; 16],
    /// The symbols, by the lengths of their codes.
    pub(super) symbols: Vec<u8>,
    /// Code and length of each symbol.
    codes: [(u16, u8); 256],
}

impl Default for Frequencies {
    fn default() -> Self {
        Self([0; 256])
    }
}

impl Frequencies {
    pub(super) fn count(&mut self, symbol: u8) {
        self.0[usize::from(symbol)] += 1;
    }

    /// The best codes. The longest of all ones is taken by nobody, as T.81 wants it.
    pub(super) fn into_codes(self) -> Codes {
        let sizes = code_sizes(&self.0);
        let mut counts = [0_u32; 64];
        sizes.iter().filter(|size| **size > 0).for_each(|size| counts[usize::from(*size).min(63)] += 1);
        limit_to_16(&mut counts);
        let mut used: Vec<u8> = (0..=255).filter(|symbol| self.0[usize::from(*symbol)] > 0).collect();
        used.sort_by_key(|symbol| sizes[usize::from(*symbol)]);
        Codes::new(&counts, used)
    }
}

impl Codes {
    fn new(counts: &[u32; 64], symbols: Vec<u8>) -> Self {
        let lengths: [u8; 16] = std::array::from_fn(|bits| counts[bits + 1] as u8);
        let mut codes = [(0, 0); 256];
        let (mut code, mut next) = (0_u16, symbols.iter());
        for (length, count) in (1_u8..).zip(lengths) {
            for symbol in next.by_ref().take(usize::from(count)) {
                codes[usize::from(*symbol)] = (code, length);
                code = code.wrapping_add(1);
            }
            code = code.wrapping_shl(1);
        }
        Self { lengths, symbols, codes }
    }

    /// Code and length of a symbol that was counted.
    pub(super) fn of(&self, symbol: u8) -> (u16, u8) {
        self.codes[usize::from(symbol)]
    }
}

/// The length of each symbol's code; the last is that of the one nobody takes (T.81 figure K.1).
fn code_sizes(frequencies: &[u32; 256]) -> [u8; 257] {
    let mut trees: Vec<(u32, Vec<usize>)> =
        (0..256).filter(|symbol| frequencies[*symbol] > 0).map(|symbol| (frequencies[symbol], vec![symbol])).collect();
    // The rarest of all, so that it gets a longest code.
    trees.push((0, vec![256]));
    trees.sort_by_key(|(frequency, _)| std::cmp::Reverse(*frequency));
    let mut sizes = [0_u8; 257];
    while trees.len() > 1 {
        let (Some(one), Some(other)) = (trees.pop(), trees.pop()) else { break };
        let members = [one.1, other.1].concat();
        members.iter().for_each(|symbol| sizes[*symbol] = sizes[*symbol].saturating_add(1));
        let frequency = one.0.saturating_add(other.0);
        let place = trees.partition_point(|(before, _)| *before > frequency);
        trees.insert(place, (frequency, members));
    }
    if sizes[256] == 0 {
        // There was no other symbol; a table of one code still has to be one.
        sizes[256] = 1;
    }
    sizes
}

/// Shortens what is over 16 bits (T.81 figure K.3), and takes the code of all ones away (figure K.4 does so last).
fn limit_to_16(counts: &mut [u32; 64]) {
    for long in (17..64).rev() {
        while counts[long] > 0 {
            let Some(short) = (1..long - 1).rev().find(|length| counts[*length] > 0) else { break };
            counts[long] -= 2;
            counts[long - 1] += 1;
            counts[short + 1] += 2;
            counts[short] -= 1;
        }
    }
    if let Some(longest) = (1..=16).rev().find(|length| counts[*length] > 0) {
        counts[longest] -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frequencies that grow like Fibonacci's numbers give the longest codes there are.
    #[test]
    fn no_code_is_over_16_bits_and_none_begins_another() {
        for symbols in [1, 2, 3, 30, 45, 256] {
            let mut frequencies = Frequencies::default();
            let (mut a, mut b) = (1_u32, 1_u32);
            for symbol in 0..symbols {
                frequencies.0[symbol] = a;
                (a, b) = (b, a.saturating_add(b).min(100_000_000));
            }
            let codes = frequencies.into_codes();
            assert_eq!(codes.symbols.len(), symbols);
            assert_eq!(codes.lengths.iter().map(|count| usize::from(*count)).sum::<usize>(), symbols);
            let all: Vec<(u16, u8)> = codes.symbols.iter().map(|symbol| codes.of(*symbol)).collect();
            for (number, (code, length)) in all.iter().enumerate() {
                assert!((1..=16).contains(length), "{length} bits");
                assert!(u32::from(*code) < (1 << length) - 1, "not all ones: {code:b} of {length}");
                for (other, longer) in &all[number + 1..] {
                    assert!(longer >= length && other >> (longer - length) != *code, "{code:b} begins {other:b}");
                }
            }
        }
    }
}
