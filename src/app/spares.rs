//! Pages of bodies that are gone, kept for those that come next: to have the system clear pages, and to give them back,
//! costs as much as to receive what is written to them.
//!
//! They count as taken. All go after a second, and as many as it takes when anybody finds no room. What they held before
//! is never seen again: of its pages, a body shows what was written for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use memmap2::MmapMut;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::admission::{Admission, Room};

/// How long the first of them is kept. That some go sooner costs little.
const KEPT: Duration = Duration::from_secs(1);

/// Pages that nobody uses, or that are lent to a body that has not filled them yet.
pub(super) struct Spares {
    most: u64,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    spares: Vec<Spare>,
    lent: u64,
    /// Whether it is seen to that they go.
    is_timed: bool,
}

/// Pages with the room that is held for them.
pub(super) struct Spare {
    pub(super) pages: MmapMut,
    /// How many bytes at their beginning take memory.
    pub(super) filled: usize,
    pub(super) room: Room,
}

/// Pages that a body has got before it was there to fill them, until this is dropped.
#[derive(Debug)]
pub(super) struct Lent {
    admission: Arc<Admission>,
    bytes: u64,
}

impl Spares {
    /// Of at most so many bytes.
    pub(super) fn new(most: u64) -> Self {
        Self { most, books: Mutex::default() }
    }

    /// What is kept and not lent.
    pub(super) fn bytes(&self) -> u64 {
        self.books().bytes()
    }

    /// Lets the oldest go; says whether there was one.
    pub(super) fn let_one_go(&self) -> bool {
        let mut books = self.books();
        let oldest = (!books.spares.is_empty()).then(|| books.spares.remove(0));
        drop(books);
        oldest.is_some()
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spare {
    /// The pages that suit a body of at most `most` bytes best, if there are any. Their room becomes part of `room`.
    ///
    /// Who gets them has not sent as much, and may never do so: only a part of all memory is lent in this way.
    pub(super) fn take(room: &mut Room, most: usize) -> Option<(MmapMut, usize, Lent)> {
        let admission = Arc::clone(&room.admission);
        let mut books = admission.spares.books();
        let left = admission.spares.most - books.lent;
        let suits =
            |spare: &Spare| spare.pages.len() >= most && spare.filled <= most + most / 4 && spare.filled as u64 <= left;
        let best =
            (0..books.spares.len()).filter(|at| suits(&books.spares[*at])).max_by_key(|at| books.spares[*at].filled);
        let Spare { pages, filled, room: its_room } = books.spares.remove(best?);
        books.lent += filled as u64;
        drop(books);
        room.absorb(&its_room);
        Some((pages, filled, Lent { admission, bytes: filled as u64 }))
    }

    /// Keeps the pages for another body, or gives them back where there are enough or somebody waits for the room.
    pub(super) fn keep(self) {
        let Ok(runtime) = Handle::try_current() else { return };
        let admission = Arc::clone(&self.room.admission);
        let mut books = admission.spares.books();
        // Whoever begins to wait from now on lets go of what is kept by then.
        if books.bytes() + self.filled as u64 > admission.spares.most || !self.room.is_spare() {
            drop(books);
            return;
        }
        books.spares.push(self);
        if !std::mem::replace(&mut books.is_timed, true) {
            runtime.spawn(let_go_in_time(Arc::clone(&admission)));
        }
    }
}

async fn let_go_in_time(admission: Arc<Admission>) {
    sleep(KEPT).await;
    admission.spares.books().is_timed = false;
    while admission.spares.let_one_go() {}
}

impl Books {
    fn bytes(&self) -> u64 {
        self.spares.iter().map(|spare| spare.filled as u64).sum()
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.admission.spares.books().lent -= self.bytes;
    }
}

impl fmt::Debug for Spares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spares").field("most", &self.most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    const MEGABYTE: usize = 1 << 20;
    const ALL: u64 = 8 * MEGABYTE as u64;

    fn admission() -> Arc<Admission> {
        Admission::new(ALL, MEGABYTE as u64, Duration::from_millis(100))
    }

    async fn spare(admission: &Arc<Admission>, bytes: usize) -> Spare {
        let mut room = admission.open(bytes as u64);
        room.hold(bytes as u64).await.expect("there is room");
        Spare { pages: MmapMut::map_anon(bytes).expect("memory"), filled: bytes, room }
    }

    #[tokio::test]
    async fn nobody_waits_for_pages_that_nobody_uses() {
        let admission = admission();
        for size in [MEGABYTE, MEGABYTE / 2] {
            spare(&admission, size).await.keep();
        }
        let most = ALL - MEGABYTE as u64;
        let mut room = admission.open(ALL);
        room.hold(most - MEGABYTE as u64).await.expect("all but what is kept apart, and the younger ones");
        assert_eq!(admission.spares.bytes(), MEGABYTE as u64 / 2, "the older ones are enough");
        room.hold(most).await.expect("all but what is kept apart");
        assert_eq!(admission.spares.bytes(), 0);

        let mut waits = admission.open(ALL);
        let mut waiting = Box::pin(waits.hold(ALL));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        drop(room);
        let spare = spare(&admission, MEGABYTE).await;
        spare.keep();
        assert_eq!(admission.spares.bytes(), 0, "somebody waits");
    }

    #[tokio::test]
    async fn a_quarter_is_kept_or_lent_at_most() {
        let admission = admission();
        for size in [MEGABYTE, MEGABYTE, MEGABYTE] {
            spare(&admission, size).await.keep();
        }
        assert_eq!(admission.spares.bytes(), ALL / 4, "the third one went");
        let mut rooms: Vec<_> = (0..3).map(|_| admission.open(MEGABYTE as u64)).collect();
        let taken: Vec<_> = rooms.iter_mut().map(|room| Spare::take(room, MEGABYTE)).collect();
        assert_eq!(taken.iter().map(Option::is_some).collect::<Vec<_>>(), [true, true, false]);
        spare(&admission, MEGABYTE).await.keep();
        assert!(Spare::take(&mut rooms[2], MEGABYTE).is_none(), "they may never be filled");
        drop(taken);
        assert!(Spare::take(&mut rooms[2], MEGABYTE).is_some(), "those who had them are done");
        drop(rooms);
        assert_eq!(admission.level().used, 0);
    }

    #[tokio::test]
    async fn all_go_after_a_second() {
        let admission = admission();
        spare(&admission, MEGABYTE).await.keep();
        assert_eq!(admission.spares.bytes(), MEGABYTE as u64);
        let gone = async {
            while admission.spares.bytes() > 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(10 * KEPT, gone).await.expect("they go by themselves");
        assert_eq!(Arc::strong_count(&admission), 1, "nothing holds on to it");
    }
}
