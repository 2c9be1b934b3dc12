//! Pages of bodies that are gone, kept for those that come next: to have the system clear pages, and to give them back,
//! costs as much as to receive what is written to them.
//!
//! They are beside the memory for bodies, in a size of their own. All go after a second, and as soon as anybody waits for
//! room. What they held before is never seen again: of its pages, a body shows what was written for it.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use memmap2::MmapMut;
use tokio::runtime::Handle;
use tokio::time::sleep;

use super::admission::Admission;

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

/// Pages of which a part takes memory.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) pages: MmapMut,
    /// How many bytes at their beginning do.
    pub(super) filled: usize,
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

    /// Lets all go that nobody uses.
    pub(super) fn let_go(&self) {
        let spares = std::mem::take(&mut self.books().spares);
        drop(spares);
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pages that suit a body of at most `most` bytes best, if there are any.
pub(super) fn lend(admission: &Arc<Admission>, most: usize) -> Option<(Spare, Lent)> {
    let mut books = admission.spares.books();
    let suits = |spare: &Spare| spare.pages.len() >= most && spare.filled <= most + most / 4;
    let suitable = (0..books.spares.len()).filter(|at| suits(&books.spares[*at]));
    let best = suitable.max_by_key(|at| books.spares[*at].filled)?;
    let spare = books.spares.remove(best);
    let bytes = spare.filled as u64;
    books.lent += bytes;
    Some((spare, Lent { admission: Arc::clone(admission), bytes }))
}

/// Keeps pages for another body, or gives them back where there are enough or somebody waits for room.
pub(super) fn keep(admission: &Arc<Admission>, spare: Spare) {
    let Ok(runtime) = Handle::try_current() else { return };
    let mut books = admission.spares.books();
    let is_enough = books.bytes() + spare.filled as u64 > admission.spares.most;
    // Whoever begins to wait from now on lets go of what is kept by then.
    if is_enough || admission.is_waited_for() {
        drop(books);
        return;
    }
    books.spares.push(spare);
    if !std::mem::replace(&mut books.is_timed, true) {
        runtime.spawn(let_go_in_time(Arc::clone(admission)));
    }
}

async fn let_go_in_time(admission: Arc<Admission>) {
    sleep(KEPT).await;
    admission.spares.books().is_timed = false;
    admission.spares.let_go();
}

impl Books {
    /// What takes memory and is not counted as anybody's.
    fn bytes(&self) -> u64 {
        self.lent + self.spares.iter().map(|spare| spare.filled as u64).sum::<u64>()
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

    fn spare(bytes: usize) -> Spare {
        Spare { pages: MmapMut::map_anon(bytes).expect("memory"), filled: bytes }
    }

    fn kept(admission: &Admission) -> usize {
        admission.spares.books().spares.len()
    }

    #[tokio::test]
    async fn they_cost_nobody_room_and_go_when_somebody_waits() {
        let admission = admission();
        keep(&admission, spare(MEGABYTE));
        let mut all = admission.open(ALL);
        all.hold(ALL - MEGABYTE as u64).await.expect("all but what is kept apart");
        assert_eq!(kept(&admission), 1);

        let mut waits = admission.open(ALL);
        let mut waiting = Box::pin(waits.hold(ALL));
        assert!(futures_util::poll!(&mut waiting).is_pending());
        assert_eq!(kept(&admission), 0);
        keep(&admission, spare(MEGABYTE));
        assert_eq!(kept(&admission), 0, "somebody waits");
    }

    #[tokio::test]
    async fn a_quarter_is_kept_and_lent_at_most() {
        let admission = admission();
        for _ in 0..3 {
            keep(&admission, spare(MEGABYTE));
        }
        assert_eq!(kept(&admission), 2, "the third one went");
        assert!(lend(&admission, MEGABYTE / 2).is_none(), "it would hold what it never fills");
        assert!(lend(&admission, MEGABYTE + 1).is_none(), "it might need more");
        let lent = lend(&admission, MEGABYTE).expect("one that suits");
        keep(&admission, spare(MEGABYTE));
        assert_eq!(kept(&admission), 1, "what is lent may never be filled");
        drop(lent);
        keep(&admission, spare(MEGABYTE));
        assert_eq!(kept(&admission), 2, "who had it is done");
    }

    #[tokio::test]
    async fn all_go_after_a_second() {
        let admission = admission();
        keep(&admission, spare(MEGABYTE));
        assert_eq!(kept(&admission), 1);
        let gone = async {
            while kept(&admission) > 0 {
                sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(10 * KEPT, gone).await.expect("they go by themselves");
        assert_eq!(Arc::strong_count(&admission), 1, "nothing holds on to it");
    }
}
