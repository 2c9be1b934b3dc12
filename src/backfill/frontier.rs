//! How far a run has come: the last key of the listing up to which everything is done, while later ones may be done
//! and earlier ones under way.

use std::mem;

/// What is not done yet, and what is done behind it.
#[derive(Debug, Default)]
pub(super) struct Frontier {
    /// In the listing's order. Neighbours that are done become one, so that there are never more than twice as many as
    /// are under way.
    pieces: Vec<(Piece, String)>,
    last_number: u64,
    last_begun: Option<String>,
    done_to: Option<String>,
    /// Something was left undone: nobody may begin behind it.
    has_gap: bool,
    /// Some servers list in an order of their own. Behind a key then lies not all that is to come.
    is_out_of_order: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Piece {
    UnderWay(u64),
    Done,
    Gap,
}

impl Frontier {
    /// A run that begins behind a key, or with the first.
    pub(super) fn behind(after: Option<String>) -> Self {
        Self { last_begun: after.clone(), done_to: after, ..Self::default() }
    }

    /// An object is begun; its number is what to end it with.
    pub(super) fn begin(&mut self, key: &str) -> u64 {
        self.last_number += 1;
        self.push(Piece::UnderWay(self.last_number), key);
        self.last_number
    }

    /// There was nothing to do for an object.
    pub(super) fn pass(&mut self, key: &str) {
        self.push(Piece::Done, key);
        self.settle();
    }

    /// An object that was begun is done, or is left undone.
    pub(super) fn end(&mut self, number: u64, is_done: bool) {
        if let Some((piece, _)) = self.pieces.iter_mut().find(|(piece, _)| *piece == Piece::UnderWay(number)) {
            *piece = if is_done { Piece::Done } else { Piece::Gap };
        }
        self.settle();
    }

    /// The key that another run may begin behind; none where it has to begin with the first.
    pub(super) fn done_to(&self) -> Option<&str> {
        if self.is_out_of_order { None } else { self.done_to.as_deref() }
    }

    fn push(&mut self, piece: Piece, key: &str) {
        self.is_out_of_order |= self.last_begun.as_deref().is_some_and(|last| key <= last);
        self.last_begun = Some(key.to_owned());
        if !self.has_gap {
            self.pieces.push((piece, key.to_owned()));
        }
    }

    fn settle(&mut self) {
        self.pieces.dedup_by(|later, earlier| {
            let are_done = later.0 == Piece::Done && earlier.0 == Piece::Done;
            if are_done {
                earlier.1 = mem::take(&mut later.1);
            }
            are_done
        });
        match self.pieces.first() {
            Some((Piece::Done, _)) => self.done_to = Some(self.pieces.remove(0).1),
            Some((Piece::Gap, _)) => {}
            Some((Piece::UnderWay(_), _)) | None => return,
        }
        if let Some((Piece::Gap, _)) = self.pieces.first() {
            self.has_gap = true;
            self.pieces.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Begins a to e, then ends them as told: a capital letter for one that is left undone.
    fn after(ends: &str) -> String {
        let mut frontier = Frontier::default();
        let numbers = ["a", "b", "c", "d", "e"].map(|key| frontier.begin(key));
        for end in ends.bytes() {
            let at = usize::from(end.to_ascii_lowercase() - b'a');
            frontier.end(numbers[at], end.is_ascii_lowercase());
        }
        frontier.done_to().unwrap_or("-").to_owned()
    }

    #[test]
    fn it_is_the_largest_beginning_of_the_listing_that_is_done() {
        for (ends, expected, reason) in [
            ("", "-", "nothing is done"),
            ("bcde", "-", "the first is under way"),
            ("a", "a", "the first is done"),
            ("bcda", "d", "the first was the last to be done"),
            ("acebd", "e", "all"),
            ("acdeb", "e", "all, the second one last"),
            ("Abcde", "-", "the first failed"),
            ("bCa", "b", "up to the one that failed"),
            ("edCba", "b", "whatever came first"),
            ("eDb", "-", "nor does a failure hide one under way"),
            ("eDbac", "c", "which counts once it is done"),
        ] {
            assert_eq!(after(ends), expected, "{reason}: {ends}");
        }
    }

    #[test]
    fn what_is_passed_over_takes_no_room() {
        let mut frontier = Frontier::behind(Some("a".into()));
        let slow = frontier.begin("b");
        for number in 0..10_000 {
            frontier.pass(&format!("c{number:05}"));
        }
        assert_eq!((frontier.pieces.len(), frontier.done_to()), (2, Some("a")));
        frontier.end(slow, true);
        assert_eq!((frontier.pieces.len(), frontier.done_to()), (0, Some("c09999")));
    }

    #[test]
    fn a_listing_in_another_order_has_no_place_to_begin_behind() {
        let mut frontier = Frontier::default();
        frontier.pass("b/a.jpg");
        frontier.pass("b-a.jpg");
        assert_eq!(frontier.done_to(), None);
    }
}
