//! Finding what came before (LZ77) in filtered rows. In photographs next to nothing repeats but by chance, so a quick
//! look decides whether to search; and a repetition counts only where it takes fewer bits than its bytes.

use std::ops::Range;

use super::symbols::{
    DISTANCES, END_OF_BLOCK, Frequencies, LITERALS, Token, distance_symbol, extra_of_distance, extra_of_length,
    length_symbol,
};

/// How far back a match may lie.
const WINDOW: usize = 32 << 10;

/// Bytes that are looked at together; with the window before them they fit the chains.
pub(super) const PART: usize = 96 << 10;

const CHAINS: usize = 128 << 10;
const HASH_BITS: u32 = 15;
const SHORTEST: usize = 4;
const LONGEST: usize = 258;

/// How many places are looked at for each match. Twice as many take a quarter more time for half a percent.
const DEEP: usize = 16;

/// Searching is worth it where one of so many places begins eight bytes that came before. In photographs it is one of
/// seventeen at most, and the search takes seven times as long as all the rest for one percent; in drawings and pictures
/// of a screen it is one of two to eight, for up to half.
const WORTH: usize = 8;

/// A match so long is taken without a look for a longer one at its place, or at the next.
const NICE: usize = 128;
const GOOD: usize = 16;

/// Costs are in sixteenths of a bit.
const BIT: u32 = 16;

/// Where each four bytes came last: by position, how far back; zero for nowhere near.
pub(super) struct Matcher {
    last: Vec<u32>,
    chains: Vec<u16>,
}

impl Matcher {
    /// For so many bytes in all.
    pub(super) fn new(len: usize) -> Self {
        Self { last: vec![0; 1 << HASH_BITS], chains: vec![0; len.next_power_of_two().min(CHAINS)] }
    }

    /// Has a quick look at `part`, at most [`PART`] bytes. Parts come one after the other.
    pub(super) fn look(&mut self, data: &[u8], part: Range<usize>) -> Look {
        let again = self.index(data, part.clone());
        let plain = Frequencies::of_literals(&data[part.clone()]);
        if again < part.len() / WORTH {
            return Look { costs: None, bits: plain.bits() };
        }
        let frequencies = Frequencies::of(&self.parse(data, part, &Costs::of(&plain).with_guesses(), 1));
        Look { costs: Some(Costs::of(&frequencies)), bits: frequencies.bits().min(plain.bits()) }
    }

    /// The bytes of the part that was looked at last, as literals and matches.
    pub(super) fn tokens(&self, data: &[u8], part: Range<usize>, look: &Look) -> Vec<Token> {
        let searched = look.costs.as_ref().map(|costs| self.parse(data, part.clone(), costs, DEEP));
        let literals = || Frequencies::of_literals(&data[part.clone()]).bits();
        let is_less = |tokens: &Vec<Token>| Frequencies::of(tokens).bits() < literals();
        searched.filter(is_less).unwrap_or_else(|| data[part].iter().map(|byte| Token::literal(*byte)).collect())
    }

    /// Notes where the same four bytes came before; says how often it was eight.
    fn index(&mut self, data: &[u8], part: Range<usize>) -> usize {
        let mask = self.chains.len() - 1;
        let (mut again, mut before) = (0, None);
        for (at, here) in part.clone().zip(data[part.start..].windows(8)) {
            let here = here.first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
            if before.replace(here) == Some(here) {
                // One value goes on: most of a drawing. Later ones find the run's beginning.
                self.chains[at & mask] = 1;
                again += 1;
                continue;
            }
            let last = &mut self.last[((here as u32).wrapping_mul(0x9e37_79b1) >> (32 - HASH_BITS)) as usize];
            // One more than the position, so that zero is none.
            let place = (*last as usize).wrapping_sub(1);
            *last = (at as u32).wrapping_add(1);
            let there = data.get(place..).and_then(|there| there.first_chunk());
            let differing = here ^ there.map_or(!here, |eight| u64::from_le_bytes(*eight));
            let back = at.wrapping_sub(place);
            let is_near = differing as u32 == 0 && back < WINDOW;
            self.chains[at & mask] = if is_near { back as u16 } else { 0 };
            again += usize::from(is_near && differing == 0);
        }
        again
    }

    fn parse(&self, data: &[u8], part: Range<usize>, costs: &Costs, depth: usize) -> Vec<Token> {
        let mut tokens = Vec::with_capacity(part.len());
        let mut at = part.start;
        let data = &data[..part.end];
        let mut ahead: Option<Match> = None;
        while at < part.end {
            let found = ahead.take().or_else(|| self.best(data, at, costs, depth));
            if let Some(found) = found {
                // A better one may begin with the next byte.
                let is_worth = depth > 1 && found.length < GOOD;
                ahead = if is_worth { self.best(data, at + 1, costs, depth) } else { None };
                if ahead.as_ref().is_none_or(|next| next.gain <= found.gain) {
                    tokens.push(Token::back(found.length, found.distance));
                    at += found.length;
                    ahead = None;
                    continue;
                }
            }
            tokens.push(Token::literal(data[at]));
            at += 1;
        }
        tokens
    }

    /// The match at a place that saves the most; none if none saves anything.
    #[inline]
    fn best(&self, data: &[u8], at: usize, costs: &Costs, depth: usize) -> Option<Match> {
        let mask = self.chains.len() - 1;
        let here = data.get(at..)?;
        let here = &here[..here.len().min(LONGEST)];
        let mut best: Option<Match> = None;
        let (mut length, mut distance, mut place) = (SHORTEST - 1, 0, at);
        for _ in 0..depth {
            let back = usize::from(self.chains[place & mask]);
            distance += back;
            if back == 0 || distance > WINDOW || length >= here.len().min(NICE) {
                break;
            }
            place = at - distance;
            let there = &data[place..];
            if there.get(length) != here.get(length) {
                continue;
            }
            let same = same_bytes(here, there);
            if same > length {
                length = same;
                let gain = costs.gain(&here[..same], distance);
                if gain > best.as_ref().map_or(0, |best| best.gain) {
                    best = Some(Match { length: same, distance, gain });
                }
            }
        }
        best
    }
}

/// What a quick look has found.
pub(super) struct Look {
    /// What matches and literals take where it is worth searching for more.
    costs: Option<Costs>,
    /// Bits that the part takes at most, about.
    pub(super) bits: u64,
}

impl Look {
    /// Whether much came before: then it is no photograph.
    pub(super) fn repeats(&self) -> bool {
        self.costs.is_some()
    }
}

struct Match {
    length: usize,
    distance: usize,
    /// Sixteenths of bits saved.
    gain: u32,
}

/// How many bytes agree from the start.
#[inline]
fn same_bytes(one: &[u8], other: &[u8]) -> usize {
    let eights = one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0);
    let mut same = 0;
    for (one, other) in eights {
        let differing = u64::from_le_bytes(*one) ^ u64::from_le_bytes(*other);
        if differing != 0 {
            return same + (differing.trailing_zeros() / 8) as usize;
        }
        same += 8;
    }
    same + one[same..].iter().zip(&other[same..]).take_while(|(one, other)| one == other).count()
}

/// What each symbol should take, its extra bits included.
struct Costs {
    symbols: [u32; LITERALS],
    distances: [u32; DISTANCES],
}

impl Costs {
    fn of(frequencies: &Frequencies) -> Self {
        let (mut symbols, mut distances) = (entropies(&frequencies.literals), entropies(&frequencies.distances));
        symbols.iter_mut().zip(0..).for_each(|(cost, symbol)| *cost += extra_of_length(symbol) * BIT);
        distances.iter_mut().zip(0..).for_each(|(cost, symbol)| *cost += extra_of_distance(symbol) * BIT);
        Self { symbols, distances }
    }

    /// Before there is a match: seven bits for a length, five for a distance.
    fn with_guesses(mut self) -> Self {
        for symbol in END_OF_BLOCK + 1..LITERALS {
            self.symbols[symbol] = (7 + extra_of_length(symbol)) * BIT;
        }
        self.distances = std::array::from_fn(|symbol| (5 + extra_of_distance(symbol)) * BIT);
        self
    }

    /// What a match saves.
    #[inline]
    fn gain(&self, bytes: &[u8], distance: usize) -> u32 {
        let plain: u32 = bytes.iter().map(|byte| self.symbols[usize::from(*byte)]).sum();
        let (length, ..) = length_symbol(bytes.len());
        plain.saturating_sub(self.symbols[length] + self.distances[distance_symbol(distance).0])
    }
}

/// Never under one bit, as no code is; what has not come yet may still.
fn entropies<const N: usize>(counts: &[u32; N]) -> [u32; N] {
    let total = (counts.iter().sum::<u32>() + 1) as f32;
    counts.map(|count| ((total / (count as f32).max(0.5)).log2().max(1.0) * BIT as f32) as u32)
}
