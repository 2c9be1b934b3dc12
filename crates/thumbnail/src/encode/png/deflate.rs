//! Writing deflate data (RFC 1951) in the zlib format (RFC 1950), for filtered rows of small pictures: Huffman codes
//! made for each stretch of the data that has its own, few matches, and those chosen by their bits.

use super::block::Block;
use super::matches::{Look, Matcher, PART};
use super::symbols::{Frequencies, Token};

/// Blocks are whole numbers of such stretches.
const STRETCH: usize = 4096;

/// Data that has been looked at.
pub(super) struct Draft<'a> {
    data: &'a [u8],
    matcher: Matcher,
    /// Of the first part.
    look: Look,
    /// Where parts end.
    part: usize,
}

impl<'a> Draft<'a> {
    pub(super) fn of(data: &'a [u8]) -> Self {
        // Parts of equal size; one of nothing, where there is nothing.
        let part = data.len().div_ceil(data.len().div_ceil(PART).max(1)).max(1);
        let mut matcher = Matcher::new(data.len());
        let look = matcher.look(data, 0..part.min(data.len()));
        Self { data, matcher, look, part }
    }

    /// Whether much of the data came before: then it is no photograph.
    pub(super) fn repeats(&self) -> bool {
        self.look.repeats()
    }

    /// Of this and other data of as many bytes, that which should take fewer bits, by the look at their beginnings.
    pub(super) fn or_smaller(self, other: Self) -> Self {
        if other.look.bits < self.look.bits { other } else { self }
    }

    /// The data, compressed, in the zlib format.
    pub(super) fn compress(self) -> Vec<u8> {
        let Self { data, mut matcher, mut look, part } = self;
        let mut bits = Bits::default();
        bits.put(0xda78, 16);
        for start in (0..data.len().max(1)).step_by(part) {
            let end = (start + part).min(data.len());
            if start > 0 {
                look = matcher.look(data, start..end);
            }
            write_blocks(&mut bits, &matcher.tokens(data, start..end, &look), end == data.len());
        }
        let mut bytes = bits.finish();
        bytes.extend(simd_adler32::adler32(&data).to_be_bytes());
        bytes
    }
}

/// Stretches join the block before them as long as that takes fewer bits than a block of their own.
fn write_blocks(bits: &mut Bits, tokens: &[Token], is_last: bool) {
    let mut start = 0;
    let mut block: Option<Block> = None;
    let mut end = 0;
    while end < tokens.len() {
        // Not so short that it has hardly an own code.
        let next = if tokens.len() - end < STRETCH * 3 / 2 { tokens.len() } else { end + STRETCH };
        let own = Block::of(Frequencies::of(&tokens[end..next]));
        block = Some(match block {
            None => own,
            Some(before) => {
                let joined = Block::of(before.frequencies.with(&own.frequencies));
                if joined.cost <= before.cost + own.cost {
                    joined
                } else {
                    before.write(bits, &tokens[start..end], false);
                    start = end;
                    own
                }
            }
        });
        end = next;
    }
    let block = block.unwrap_or_else(|| Block::of(Frequencies::of(&[])));
    block.write(bits, &tokens[start..], is_last);
}

/// Bits, the first one lowest in its byte.
#[derive(Default)]
pub(super) struct Bits {
    out: Vec<u8>,
    waiting: u64,
    count: u32,
}

impl Bits {
    /// At most 32 of them, the others clear.
    #[inline]
    pub(super) fn put(&mut self, bits: u64, count: u32) {
        self.waiting |= bits << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.waiting as u32).to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.waiting.to_le_bytes()[..bytes]);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, mask: u64) -> Vec<u8> {
        let mut state = 1_u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40 & mask) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    #[test]
    fn another_reader_gets_the_data_back() {
        let block = noise(3000, 255);
        let cases: Vec<(&str, Vec<u8>, usize)> = vec![
            ("nothing", Vec::new(), 8),
            ("a byte", vec![7], 9),
            ("three bytes", vec![0, 255, 0], 11),
            ("one value", vec![9; 100_000], 140),
            ("all bytes", (0..=255).collect(), 280),
            ("noise", noise(100_000, 255), 100_200),
            // Seven codes of three bits and one of four, as the end of the block has to have one.
            ("noise of eight values", noise(60_000, 7), 23_500),
            ("more than a part", noise(300_000, 7), 117_600),
            ("first one, then the other", [noise(30_000, 255), noise(60_000, 3)].concat(), 47_500),
            ("the same again and again", block.repeat(100), 5_200),
            ("again at the window's edge", [&block, &vec![0; 32_767 - 3000], &block[..]].concat(), 3_200),
            ("again beyond the window", [&block, &vec![0; 32_768 - 3000], &block[..]].concat(), 6_300),
        ];
        for (what, data, most) in cases {
            let made = Draft::of(&data).compress();
            let read = fdeflate::decompress_to_vec(&made).unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert!(read == data, "{what}");
            assert!(made.len() <= most, "{what}: {} bytes of {}", made.len(), data.len());
        }
    }
}
