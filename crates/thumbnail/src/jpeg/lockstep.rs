//! The blocks of a scan found by several walks in lockstep.
//!
//! ```text
//! window  ├─────share─────┼─────share─────┼─────share─────┤
//! lanes   a──────────────────▶
//!                         ·b─────────────────▶               dots: not in step yet
//!                                         ··c───────────▶
//! starts  those of a up to where b is met, then those of b up to where c is met, then those of c
//! ```

mod lane;
mod meeting;
mod program;

use super::entropy::{Damage, EntropyReader};
use super::found::Finder;
use lane::{Lane, ROUND_BYTES, Starts, WINDOW, advance};
use meeting::Meeting;
use program::MOST_BLOCKS;

pub(super) use program::Program;

/// Lanes walked at once. Two and four measured slower.
const LANES: usize = 3;

/// A lane's share of data; less than this is left to a single lane.
const LEAST_SHARE: usize = 256;

/// How far a lane goes on into the next one's share to meet it, in bytes; further, if that was not enough.
const OVERLAP: usize = 64;

/// Finds blocks by walking over them.
pub(super) struct Lockstep<'a> {
    program: &'a Program,
    lanes: Box<[Starts; LANES]>,
    /// How many bytes hold as many blocks as a lane may well have, by those found last; a guess at first.
    fitting: usize,
}

impl<'a> Lockstep<'a> {
    pub(super) fn new(program: &'a Program) -> Self {
        Self { program, lanes: Box::new([[0; MOST_BLOCKS + 1]; LANES]), fitting: MOST_BLOCKS }
    }
}

impl Finder for Lockstep<'_> {
    const WINDOW: usize = WINDOW;

    fn find(&mut self, reader: &EntropyReader, bit: u32, starts: &mut Vec<u32>) -> Result<(), Damage> {
        let window = reader.window().first_chunk().ok_or(Damage::TooShort)?;
        let (filled, ended) = reader.filled();
        let limit = if ended { filled } else { filled - ROUND_BYTES };
        let left = limit.saturating_sub((bit / 8) as usize);
        // A sixteenth is left for lanes to be ahead of others, and lanes that run out of room would end the walk.
        let share = (left * 15 / 16 / LANES).min(self.fitting);
        let stretch = Stretch { program: self.program, window, limit };
        let outcome = match share {
            ..LEAST_SHARE => self.walk_alone(stretch, bit, starts),
            _ => self.walk_together(stretch, bit, share, starts),
        };
        let bits = starts.last().map_or(0, |last| last - bit) as usize;
        self.fitting = bits * (MOST_BLOCKS * 3 / 4) / 8 / starts.len().max(1);
        outcome
    }
}

impl Lockstep<'_> {
    fn walk_alone(&mut self, stretch: Stretch, bit: u32, found: &mut Vec<u32>) -> Result<(), Damage> {
        let mut lane = [Lane::begin(stretch.program, bit, &mut self.lanes[0])];
        let goal = [stretch.limit + 1];
        let outcome = stretch.advance(&mut lane, std::array::from_mut(&mut self.lanes[0]), &goal);
        found.extend(&self.lanes[0][..=lane[0].blocks]);
        outcome
    }

    fn walk_together(&mut self, stretch: Stretch, bit: u32, share: usize, found: &mut Vec<u32>) -> Result<(), Damage> {
        let place = |lane: usize| (bit / 8) as usize + share * lane;
        let mut lanes: [Lane; LANES] = std::array::from_fn(|lane| {
            let bit = if lane == 0 { bit } else { place(lane) as u32 * 8 };
            Lane::begin(stretch.program, bit, &mut self.lanes[lane])
        });
        let goals = std::array::from_fn(|lane| place(lane + 1) + OVERLAP);
        let mut outcome = stretch.advance(&mut lanes, &mut self.lanes, &goals);
        let (mut known, mut from) = (0, 0);
        for next in 1..LANES {
            let mut meeting = Meeting::after(from);
            let met = loop {
                let starts = |lane: usize| &self.lanes[lane][..=lanes[lane].blocks];
                if let Some(met) = meeting.find(stretch.program, starts(known), starts(next)) {
                    break Some(met);
                }
                let is_passed = lanes[known].byte() > lanes[next].byte();
                if is_passed || outcome.is_err() || !lanes[known].has_room(stretch.limit) {
                    break None;
                }
                let goal = [lanes[known].byte() + OVERLAP];
                let (lane, starts) = (&mut lanes[known], &mut self.lanes[known]);
                outcome = stretch.advance(std::array::from_mut(lane), std::array::from_mut(starts), &goal);
            };
            // Not met: what the lanes after this one found is of no use.
            let Some((here, there)) = met else { break };
            found.extend(&self.lanes[known][from..here]);
            (known, from, outcome) = (next, there, Ok(()));
        }
        found.extend(&self.lanes[known][from..=lanes[known].blocks]);
        outcome
    }
}

/// Where lanes walk.
#[derive(Clone, Copy)]
struct Stretch<'a> {
    program: &'a Program,
    window: &'a [u8; WINDOW],
    /// The byte from which on no lane begins a round.
    limit: usize,
}

impl Stretch<'_> {
    fn advance<const N: usize>(
        self,
        lanes: &mut [Lane; N],
        starts: &mut [Starts; N],
        goals: &[usize; N],
    ) -> Result<(), Damage> {
        let advance = if self.program.ends_at_once() { advance::<N, true> } else { advance::<N, false> };
        advance(self.program, self.window, lanes, starts, goals, self.limit)
    }
}
