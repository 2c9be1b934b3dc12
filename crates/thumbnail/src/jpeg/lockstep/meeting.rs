//! Where two lanes fall into step.

use super::program::Program;
use std::cmp::Ordering;

/// The search for the first block that two lanes have in common. It goes on where it ended when a lane has found more.
pub(super) struct Meeting {
    known: usize,
    next: usize,
}

impl Meeting {
    /// Of the known lane, blocks from this one on count.
    pub(super) fn after(known: usize) -> Self {
        Self { known, next: 0 }
    }

    /// The place of that block in either lane. From there on both are one walk: the same bits are read in the same order
    /// with the same tables.
    pub(super) fn find(&mut self, program: &Program, known: &[u32], next: &[u32]) -> Option<(usize, usize)> {
        while let (Some(here), Some(there)) = (known.get(self.known), next.get(self.next)) {
            match here.cmp(there) {
                Ordering::Equal if program.is_same_turn(self.known, self.next) => return Some((self.known, self.next)),
                Ordering::Less | Ordering::Equal => self.known += 1,
                Ordering::Greater => self.next += 1,
            }
        }
        None
    }
}
