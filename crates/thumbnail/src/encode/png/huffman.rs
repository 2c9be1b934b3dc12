//! Huffman codes for deflate (RFC 1951, 3.2.2): the best there are for given frequencies, up to a length.

/// The code of each symbol.
pub(super) struct Code {
    /// Bits of each symbol's code; zero for those that never come.
    pub(super) lengths: Vec<u8>,
    /// With the first bit lowest, as it is written.
    codes: Vec<u16>,
}

impl Code {
    /// The best code of at most `longest` bits, at most 15. Has two symbols at least, as some readers want it.
    pub(super) fn best(frequencies: &[u32], longest: u8) -> Self {
        let mut used: Vec<(u32, usize)> =
            frequencies.iter().zip(0..).filter(|(frequency, _)| **frequency > 0).map(|(f, s)| (*f, s)).collect();
        for spare in (0..frequencies.len()).filter(|symbol| frequencies[*symbol] == 0).take(2) {
            if used.len() < 2 {
                used.push((1, spare));
            }
        }
        used.sort_unstable();
        let mut counts = counts_of_lengths(&used, usize::from(longest));
        let mut lengths = vec![0; frequencies.len()];
        // The rarest symbols get the longest codes.
        let mut length = longest;
        for (_, symbol) in used {
            while counts[usize::from(length)] == 0 && length > 1 {
                length -= 1;
            }
            counts[usize::from(length)] -= 1;
            lengths[symbol] = length;
        }
        Self::new(lengths)
    }

    /// The one code that has these lengths.
    pub(super) fn new(lengths: Vec<u8>) -> Self {
        let mut next = [0_u16; 17];
        lengths.iter().filter(|length| **length > 0).for_each(|length| next[usize::from(*length) + 1] += 1);
        for length in 1..next.len() {
            next[length] = (next[length] + next[length - 1]) << 1;
        }
        let codes = lengths.iter().map(|length| {
            let code = next[usize::from(*length)];
            next[usize::from(*length)] = code.wrapping_add(1);
            code.reverse_bits().checked_shr(16 - u32::from(*length)).unwrap_or(0)
        });
        let codes = codes.collect();
        Self { lengths, codes }
    }

    /// Code and length of a symbol.
    #[inline]
    pub(super) fn of(&self, symbol: usize) -> (u16, u8) {
        (self.codes[symbol], self.lengths[symbol])
    }

    /// Bits that symbols of these frequencies take.
    pub(super) fn cost(&self, frequencies: &[u32]) -> u64 {
        frequencies
            .iter()
            .zip(&self.lengths)
            .map(|(frequency, length)| u64::from(*frequency) * u64::from(*length))
            .sum()
    }
}

/// How many codes have each length. Symbols come by frequency, the rarest first; there are two at least.
fn counts_of_lengths(used: &[(u32, usize)], longest: usize) -> [u32; 16] {
    let mut counts = [0; 16];
    for depth in depths(used) {
        counts[depth.min(longest)] += 1;
    }
    // What was cut off takes more room than there is: codes move down until it fits.
    let room = 1_u32 << longest;
    let mut taken: u32 = (1..=longest).map(|length| counts[length] << (longest - length)).sum();
    while taken > room {
        let Some(length) = (1..longest).rev().find(|length| counts[*length] > 0) else { break };
        counts[longest] -= 1;
        counts[length] -= 1;
        counts[length + 1] += 2;
        taken -= 1;
    }
    counts
}

/// How deep each symbol lies in Huffman's tree. Trees are joined in the order of their weights, so those that were
/// joined are in order by themselves, and two queues do.
fn depths(used: &[(u32, usize)]) -> Vec<usize> {
    let leaves = used.len();
    let mut weights: Vec<u64> = used.iter().map(|(frequency, _)| u64::from(*frequency)).collect();
    let mut parents = vec![0; leaves * 2 - 1];
    let (mut leaf, mut joined) = (0, leaves);
    for parent in leaves..leaves * 2 - 1 {
        let mut lightest = || {
            let is_leaf = leaf < leaves && (joined >= parent || weights[leaf] <= weights[joined]);
            let next = if is_leaf { &mut leaf } else { &mut joined };
            *next += 1;
            *next - 1
        };
        let (one, other) = (lightest(), lightest());
        (parents[one], parents[other]) = (parent, parent);
        weights.push(weights[one] + weights[other]);
    }
    let mut depths = vec![0; leaves * 2 - 1];
    for node in (0..leaves * 2 - 2).rev() {
        depths[node] = depths[parents[node]] + 1;
    }
    depths.truncate(leaves);
    depths
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frequencies that grow like Fibonacci's numbers give the longest codes there are.
    fn growing(symbols: usize) -> Vec<u32> {
        let (mut a, mut b) = (1_u32, 1_u32);
        let next = |_| {
            (a, b) = (b, a.saturating_add(b).min(1 << 24));
            a
        };
        (0..symbols).map(next).collect()
    }

    #[test]
    fn codes_are_complete_and_not_too_long() {
        for (symbols, longest) in [(2, 7), (3, 7), (19, 7), (30, 15), (286, 15)] {
            let code = Code::best(&growing(symbols), longest);
            let taken: u32 = code.lengths.iter().map(|length| 1 << (15 - length)).sum();
            assert_eq!(taken, 1 << 15, "{symbols} symbols");
            assert!(code.lengths.iter().all(|length| (1..=longest).contains(length)), "{symbols} symbols");
            assert!(code.lengths.is_sorted_by(|rare, frequent| rare >= frequent), "{symbols} symbols");
        }
    }

    #[test]
    fn there_are_always_two_codes() {
        for frequencies in [[0, 0, 0], [0, 0, 5], [7, 0, 0]] {
            let code = Code::best(&frequencies, 15);
            assert_eq!(code.lengths.iter().filter(|length| **length == 1).count(), 2, "{frequencies:?}");
        }
    }

    /// The example of RFC 1951, 3.2.2.
    #[test]
    fn codes_follow_from_lengths() {
        let code = Code::new(vec![3, 3, 3, 3, 3, 2, 4, 4]);
        let codes: Vec<u16> = (0..8).map(|symbol| code.of(symbol)).map(|(code, bits)| code << (16 - bits)).collect();
        let expected = [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111];
        let reversed: Vec<u16> =
            codes.iter().zip(&code.lengths).map(|(c, l)| c.reverse_bits() & ((1 << l) - 1)).collect();
        assert_eq!(reversed, expected);
    }
}
