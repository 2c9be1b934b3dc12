//! Walks over blocks, several at once.
//!
//! A walk is a chain in which each look-up waits for the one before it; the processor has room for several such chains
//! side by side, as long as none of them branches on what it finds: at the end of a block the next table is chosen by a
//! conditional move. Nobody knows where blocks begin in the middle of the data, but it does no harm to guess: Huffman
//! codes fall into step by themselves after a few blocks.

use super::program::{MOST_BLOCKS, Program};
use crate::jpeg::entropy::Damage;
use std::hint::select_unpredictable;

/// Unstuffed data at hand: a share for each lane, in the second-level cache.
pub(super) const WINDOW: usize = 64 * 1024;

/// Look-ups on one load of bits.
const LOOK_UPS: usize = 3;
/// Loads between two looks at how far the lanes have come.
const LOADS: usize = 12;
/// What a lane goes on between two such looks, at most: blocks, and bytes, of which a symbol takes no four.
const ROUND_BLOCKS: usize = LOADS * LOOK_UPS;
pub(super) const ROUND_BYTES: usize = ROUND_BLOCKS * 4 + 16;

/// Progress in a block is twice the coefficients covered, and one at its end. This much is a full block.
const FULL: u32 = 128;
/// Set where a block is full or has come to its end.
const ENDED: u32 = FULL | 1;

/// Where the blocks of a lane begin, in bits of the window; after the last one, where it ends.
pub(super) type Starts = [u32; MOST_BLOCKS + 1];

/// A walk.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    /// The next bits, from the top down.
    ahead: u64,
    /// Where they are in the window.
    bit: u32,
    /// How far the current block is walked over.
    progress: u32,
    /// The table of the next step.
    table: u32,
    /// Blocks that are walked over.
    pub(super) blocks: usize,
}

impl Lane {
    /// A walk from a bit of the window on, as if an MCU began there.
    pub(super) fn begin(program: &Program, bit: u32, starts: &mut Starts) -> Self {
        starts[0] = bit;
        Self { ahead: 0, bit, progress: 0, table: program.first_table(), blocks: 0 }
    }

    /// Where it is in the window.
    pub(super) fn byte(&self) -> usize {
        (self.bit / 8) as usize
    }

    /// Whether it can go on for a round.
    pub(super) fn has_room(&self, limit: usize) -> bool {
        self.byte() <= limit && self.blocks + ROUND_BLOCKS <= MOST_BLOCKS
    }

    #[inline(always)]
    fn load(&mut self, window: &[u8; WINDOW]) {
        let byte = self.byte();
        // The limit keeps every load inside the window; an outside one would read as zeros.
        let bytes = window.get(byte..byte + 8).and_then(|bytes| bytes.first_chunk());
        self.ahead = bytes.map_or(0, |bytes| u64::from_be_bytes(*bytes)) << (self.bit & 7);
    }

    /// One look-up; false, and nothing is changed, where that can't say. Which block ends where can't be foreseen: hence
    /// no branch depends on it. `AT_ONCE` says that every block ends with its first step.
    #[inline(always)]
    fn step<const AT_ONCE: bool>(&mut self, program: &Program, window: &[u8; WINDOW], starts: &mut Starts) -> bool {
        let mut entry = program.entry(self.table, (self.ahead >> 52) as u32);
        let mut progress = self.progress + (entry >> 8);
        if progress > FULL {
            entry = program.single(self.table, window, self.bit);
            progress = self.progress + (entry >> 8);
            if progress > FULL {
                return false;
            }
        }
        let length = entry & 0xFF;
        self.ahead <<= length & 63;
        self.bit += length;
        // Overwritten until it is a beginning.
        starts[self.blocks % MOST_BLOCKS + 1] = self.bit;
        let turn = program.turn(self.blocks);
        let ended = AT_ONCE || progress & ENDED != 0;
        self.table = select_unpredictable(ended, turn.next(), turn.later());
        self.progress = select_unpredictable(ended, 0, progress);
        self.blocks += usize::from(ended);
        true
    }

    /// One symbol of any kind.
    fn step_by_hand(&mut self, program: &Program, starts: &mut Starts) -> Result<(), Damage> {
        let step = program.codes(self.blocks).step((self.ahead >> 48) as u32, self.progress / 2)?;
        let turn = program.turn(self.blocks);
        self.bit += step.length;
        (self.progress, self.table) = (step.covered * 2, turn.later());
        if step.ends_block {
            (self.progress, self.table) = (0, turn.next());
            self.blocks += 1;
            starts[self.blocks] = self.bit;
        }
        Ok(())
    }
}

/// Walks on with all lanes until each has come to its goal, a byte of the window, or one has no more room. The first lane
/// is known to be right, so that what stops it is damage; another one begins anew after what can't be.
pub(super) fn advance<const N: usize, const AT_ONCE: bool>(
    program: &Program,
    window: &[u8; WINDOW],
    lanes: &mut [Lane; N],
    starts: &mut [Starts; N],
    goals: &[usize; N],
    limit: usize,
) -> Result<(), Damage> {
    // A copy, which no one else can see, stays in registers.
    let mut now = *lanes;
    let mut outcome = Ok(());
    while outcome.is_ok()
        && now.iter().zip(goals).any(|(lane, goal)| lane.byte() < *goal)
        && now.iter().all(|lane| lane.has_room(limit))
    {
        // A lane alone has often little left: the end of the data, or all of a short restart interval.
        for _ in 0..if N == 1 { 1 } else { LOADS } {
            for lane in &mut now {
                lane.load(window);
            }
            for _ in 0..LOOK_UPS {
                for number in 0..N {
                    if !now[number].step::<AT_ONCE>(program, window, &mut starts[number]) {
                        let result;
                        (now[number], result) = by_hand(program, window, now[number], &mut starts[number], number > 0);
                        outcome = outcome.and(result);
                    }
                }
            }
        }
    }
    *lanes = now;
    outcome
}

#[cold]
#[inline(never)]
fn by_hand(
    program: &Program,
    window: &[u8; WINDOW],
    mut lane: Lane,
    starts: &mut Starts,
    is_guess: bool,
) -> (Lane, Result<(), Damage>) {
    lane.load(window);
    let mut result = lane.step_by_hand(program, starts);
    if result.is_err() && is_guess {
        (lane, result) = (Lane::begin(program, (lane.bit | 7) + 1, starts), Ok(()));
    }
    lane.load(window);
    (lane, result)
}
