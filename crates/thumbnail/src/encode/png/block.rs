//! A block of deflate data (RFC 1951, 3.2.3): tokens in Huffman codes made for them, and the description of those codes.

use super::deflate::Bits;
use super::huffman::Code;
use super::symbols::{DISTANCES, END_OF_BLOCK, Frequencies, Token, distance_symbol, length_symbol};

/// The order in which lengths of codes of lengths are written.
const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// A stretch of tokens with codes of its own.
pub(super) struct Block {
    /// The end of the block not counted.
    pub(super) frequencies: Frequencies,
    literals: Code,
    distances: Code,
    /// How the codes are described; `None` for those that every reader knows.
    description: Option<Description>,
    /// In bits, extra bits of tokens not counted: they are the same in any block.
    pub(super) cost: u64,
}

impl Block {
    pub(super) fn of(frequencies: Frequencies) -> Self {
        let mut with_end = frequencies.literals;
        with_end[END_OF_BLOCK] += 1;
        let code_cost =
            |literals: &Code, distances: &Code| 3 + literals.cost(&with_end) + distances.cost(&frequencies.distances);
        let (mut literals, mut distances) = (Code::best(&with_end, 15), Code::best(&frequencies.distances, 15));
        let described = Description::of(&literals.lengths, &distances.lengths);
        let description = Some(described).filter(|description| {
            code_cost(&literals, &distances) + description.cost() < fixed_cost(&with_end, &frequencies.distances)
        });
        if description.is_none() {
            (literals, distances) = fixed();
        }
        let cost = code_cost(&literals, &distances) + description.as_ref().map_or(0, Description::cost);
        Self { frequencies, literals, distances, description, cost }
    }

    pub(super) fn write(&self, bits: &mut Bits, tokens: &[Token], is_last: bool) {
        bits.put(u64::from(is_last), 1);
        match &self.description {
            None => bits.put(1, 2),
            Some(description) => {
                bits.put(2, 2);
                description.write(bits);
            }
        }
        let mut put = |code: &Code, symbol: usize, extra: u32, value: u32| {
            let (code, length) = code.of(symbol);
            bits.put(u64::from(code) | u64::from(value) << length, u32::from(length) + extra);
        };
        for token in tokens {
            match token.read() {
                Ok(byte) => put(&self.literals, usize::from(byte), 0, 0),
                Err((length, distance)) => {
                    let (symbol, extra, value) = length_symbol(length);
                    put(&self.literals, symbol, extra, value);
                    let (symbol, extra, value) = distance_symbol(distance);
                    put(&self.distances, symbol, extra, value);
                }
            }
        }
        put(&self.literals, END_OF_BLOCK, 0, 0);
    }
}

/// The codes that need no description.
fn fixed() -> (Code, Code) {
    // Two lengths more than there are, for the code to be whole.
    (Code::new((0..288).map(fixed_length).collect()), Code::new(vec![FIXED_DISTANCE; DISTANCES]))
}

const FIXED_DISTANCE: u8 = 5;

fn fixed_length(symbol: usize) -> u8 {
    match symbol {
        144..256 => 9,
        256..280 => 7,
        _ => 8,
    }
}

fn fixed_cost(literals: &[u32], distances: &[u32]) -> u64 {
    let literals = literals.iter().zip(0..).map(|(count, symbol)| u64::from(*count) * u64::from(fixed_length(symbol)));
    let distances = distances.iter().map(|count| u64::from(*count) * u64::from(FIXED_DISTANCE));
    3 + literals.sum::<u64>() + distances.sum::<u64>()
}

/// The lengths of a block's codes, as they are written: in a code of their own.
struct Description {
    literals: usize,
    distances: usize,
    /// Symbol and extra bits of each.
    items: Vec<(u8, u8)>,
    code: Code,
    /// How many lengths of this code are written.
    written: usize,
}

impl Description {
    fn of(literals: &[u8], distances: &[u8]) -> Self {
        let used = |lengths: &[u8]| lengths.iter().rposition(|length| *length > 0).map_or(0, |last| last + 1);
        let (literals, distances) = (&literals[..used(literals).max(257)], &distances[..used(distances).max(1)]);
        let items = run_lengths(&[literals, distances].concat());
        let mut frequencies = [0; 19];
        items.iter().for_each(|(symbol, _)| frequencies[usize::from(*symbol)] += 1);
        let code = Code::best(&frequencies, 7);
        let written = ORDER.iter().rposition(|symbol| code.lengths[*symbol] > 0).map_or(4, |last| (last + 1).max(4));
        Self { literals: literals.len(), distances: distances.len(), items, code, written }
    }

    fn cost(&self) -> u64 {
        let items: u64 = self.items.iter().map(|(symbol, _)| u64::from(self.bits_of(*symbol))).sum();
        14 + self.written as u64 * 3 + items
    }

    fn bits_of(&self, symbol: u8) -> u32 {
        u32::from(self.code.lengths[usize::from(symbol)]) + extra_bits(symbol)
    }

    fn write(&self, bits: &mut Bits) {
        let head = (self.literals - 257) | (self.distances - 1) << 5 | (self.written - 4) << 10;
        bits.put(head as u64, 14);
        for symbol in &ORDER[..self.written] {
            bits.put(u64::from(self.code.lengths[*symbol]), 3);
        }
        for (symbol, extra) in &self.items {
            let (code, length) = self.code.of(usize::from(*symbol));
            bits.put(u64::from(code) | u64::from(*extra) << length, self.bits_of(*symbol));
        }
    }
}

/// Of the symbols for repeated lengths.
fn extra_bits(symbol: u8) -> u32 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

/// Lengths of codes, runs of the same ones in short: 16 says the last one again, 17 and 18 zeros.
fn run_lengths(lengths: &[u8]) -> Vec<(u8, u8)> {
    let mut items = Vec::with_capacity(lengths.len());
    for run in lengths.chunk_by(|one, other| one == other) {
        let mut left = run.len();
        if run[0] > 0 {
            items.push((run[0], 0));
            left -= 1;
        }
        while left > 0 {
            let (symbol, least, most) = match run[0] {
                0 if left > 10 => (18, 11, 138),
                0 => (17, 3, 10),
                _ => (16, 3, 6),
            };
            if left < least {
                items.extend(std::iter::repeat_n((run[0], 0), left));
                break;
            }
            let now = left.min(most);
            items.push((symbol, (now - least) as u8));
            left -= now;
        }
    }
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_lengths_are_written_in_short() {
        for (lengths, expected) in [
            (vec![5], vec![(5, 0)]),
            (vec![5, 5, 5], vec![(5, 0), (5, 0), (5, 0)]),
            (vec![5; 4], vec![(5, 0), (16, 0)]),
            (vec![5; 8], vec![(5, 0), (16, 3), (5, 0)]),
            (vec![0, 0], vec![(0, 0), (0, 0)]),
            (vec![0; 10], vec![(17, 7)]),
            (vec![0; 139], vec![(18, 127), (0, 0)]),
            (vec![1, 0, 0, 0, 1], vec![(1, 0), (17, 0), (1, 0)]),
        ] {
            assert_eq!(run_lengths(&lengths), expected, "{lengths:?}");
        }
    }
}
