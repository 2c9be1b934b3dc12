//! The alphabet of deflate (RFC 1951, 3.2.5): literals, lengths and distances.

use super::huffman::Code;

/// Literal bytes, the end of a block, lengths.
pub(super) const LITERALS: usize = 286;
pub(super) const DISTANCES: usize = 30;
pub(super) const END_OF_BLOCK: usize = 256;

/// A literal byte, or what came before, again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token(u32);

impl Token {
    pub(super) fn literal(byte: u8) -> Self {
        Self(u32::from(byte))
    }

    /// 3 to 258 bytes from 1 to 32768 bytes back.
    pub(super) fn back(length: usize, distance: usize) -> Self {
        Self((length as u32) << 16 | (distance as u32 - 1))
    }

    /// The literal, or length and distance.
    #[inline]
    pub(super) fn read(self) -> Result<u8, (usize, usize)> {
        let length = (self.0 >> 16) as usize;
        if length == 0 { Ok(self.0 as u8) } else { Err((length, (self.0 as usize & 0xffff) + 1)) }
    }
}

/// How often each symbol comes.
#[derive(Clone)]
pub(super) struct Frequencies {
    pub(super) literals: [u32; LITERALS],
    pub(super) distances: [u32; DISTANCES],
}

impl Frequencies {
    /// Without the end of a block.
    pub(super) fn of(tokens: &[Token]) -> Self {
        let mut all = Self { literals: [0; LITERALS], distances: [0; DISTANCES] };
        for token in tokens {
            match token.read() {
                Ok(byte) => all.literals[usize::from(byte)] += 1,
                Err((length, distance)) => {
                    all.literals[length_symbol(length).0] += 1;
                    all.distances[distance_symbol(distance).0] += 1;
                }
            }
        }
        all
    }

    pub(super) fn of_literals(bytes: &[u8]) -> Self {
        let mut all = Self { literals: [0; LITERALS], distances: [0; DISTANCES] };
        bytes.iter().for_each(|byte| all.literals[usize::from(*byte)] += 1);
        all
    }

    /// Bits that all of them take as one block, without the description of its codes.
    pub(super) fn bits(&self) -> u64 {
        let extra = |counts: &[u32], of: fn(usize) -> u32| -> u64 {
            counts.iter().zip(0..).map(|(count, symbol)| u64::from(*count) * u64::from(of(symbol))).sum()
        };
        Code::best(&self.literals, 15).cost(&self.literals)
            + Code::best(&self.distances, 15).cost(&self.distances)
            + extra(&self.literals, extra_of_length)
            + extra(&self.distances, extra_of_distance)
    }

    pub(super) fn with(&self, others: &Self) -> Self {
        let mut all = self.clone();
        all.literals.iter_mut().zip(&others.literals).for_each(|(all, more)| *all += more);
        all.distances.iter_mut().zip(&others.distances).for_each(|(all, more)| *all += more);
        all
    }
}

/// The symbol of a length, how many extra bits follow it, and those.
#[inline]
pub(super) fn length_symbol(length: usize) -> (usize, u32, u32) {
    let over = length.saturating_sub(3) as u32;
    match over {
        0..8 => (257 + over as usize, 0, 0),
        255 => (285, 0, 0),
        _ => {
            let extra = over.ilog2() - 2;
            (257 + (4 * (extra + 1) + (over >> extra & 3)) as usize, extra, over & ((1 << extra) - 1))
        }
    }
}

/// The symbol of a distance, how many extra bits follow it, and those.
#[inline]
pub(super) fn distance_symbol(distance: usize) -> (usize, u32, u32) {
    let over = distance.saturating_sub(1) as u32;
    match over {
        0..4 => (over as usize, 0, 0),
        _ => {
            let extra = over.ilog2() - 1;
            ((2 * (extra + 1) + (over >> extra & 1)) as usize, extra, over & ((1 << extra) - 1))
        }
    }
}

/// How many extra bits follow a symbol of literals and lengths.
pub(super) fn extra_of_length(symbol: usize) -> u32 {
    if (265..285).contains(&symbol) { (symbol as u32 - 261) / 4 } else { 0 }
}

/// How many extra bits follow a symbol of distances.
pub(super) fn extra_of_distance(symbol: usize) -> u32 {
    (symbol as u32 / 2).saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Corners of the tables in RFC 1951, 3.2.5.
    #[test]
    fn symbols_are_those_of_the_tables() {
        for (length, expected) in [
            (3, (257, 0, 0)),
            (10, (264, 0, 0)),
            (11, (265, 1, 0)),
            (12, (265, 1, 1)),
            (13, (266, 1, 0)),
            (19, (269, 2, 0)),
            (114, (279, 4, 15)),
            (115, (280, 4, 0)),
            (131, (281, 5, 0)),
            (257, (284, 5, 30)),
            (258, (285, 0, 0)),
        ] {
            assert_eq!(length_symbol(length), expected, "length {length}");
        }
        for (distance, expected) in [
            (1, (0, 0, 0)),
            (4, (3, 0, 0)),
            (5, (4, 1, 0)),
            (7, (5, 1, 0)),
            (8, (5, 1, 1)),
            (24_577, (29, 13, 0)),
            (32_768, (29, 13, 8191)),
        ] {
            assert_eq!(distance_symbol(distance), expected, "distance {distance}");
        }
    }

    #[test]
    fn extra_bits_go_with_their_symbols() {
        (3..=258)
            .map(length_symbol)
            .for_each(|(symbol, extra, _)| assert_eq!(extra_of_length(symbol), extra, "{symbol}"));
        (1..=32_768)
            .map(distance_symbol)
            .for_each(|(symbol, extra, _)| assert_eq!(extra_of_distance(symbol), extra, "{symbol}"));
    }

    #[test]
    fn tokens_are_read_as_they_were_made() {
        assert_eq!(Token::literal(255).read(), Ok(255));
        for match_ in [(3, 1), (258, 32_768)] {
            assert_eq!(Token::back(match_.0, match_.1).read(), Err(match_));
        }
    }
}
