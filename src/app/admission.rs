//! Memory for bodies under way: taken step by step as the bytes arrive, first come, first served.
//!
//! A client that stalls holds no more than it sent. One largest upload's worth is kept apart for the oldest uploads
//! that find no room: each is promised what it may still need, so that they never all wait for each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::memory::{BUSY, Busy};
use crate::metrics::Pool;

/// What is taken at a time, in bytes: little at first, so that thousands of bodies that never come cost little.
const FIRST_STEPS: u64 = 16 << 10;
const STEP: u64 = 256 << 10;

/// Uploads that are turned away come again over some time: a second for so many that are there, and no longer than that.
const WAITING_PER_SECOND: u64 = 16;
const LONGEST_SPREAD: u64 = 28;

/// Memory of a fixed size for bodies.
#[derive(Debug)]
pub(super) struct Admission {
    bytes: u64,
    books: Mutex<Books>,
    patience: Duration,
}

/// One upload's memory. It is given back when this is dropped.
#[derive(Debug)]
pub(super) struct Room {
    admission: Arc<Admission>,
    /// Older uploads have lower numbers.
    number: u64,
    /// What the upload may come to need.
    most: u64,
    granted: u64,
    /// How long it may still wait, all its steps together.
    patience: Duration,
}

/// Who holds what, and who waits for more.
#[derive(Debug)]
struct Books {
    /// Bytes that anybody may take.
    free: u64,
    /// Bytes of those kept apart that are not promised.
    kept: u64,
    last_number: u64,
    uploads: BTreeMap<u64, Holding>,
    waiting: usize,
}

#[derive(Debug, Default)]
struct Holding {
    taken: u64,
    /// Of what is kept apart.
    promised: u64,
    wait: Option<Wait>,
}

#[derive(Debug)]
struct Wait {
    step: u64,
    /// The step, and all that may come after it.
    rest: u64,
    granted: oneshot::Sender<u64>,
}

impl Admission {
    /// `bytes` in all, `kept` of them for one largest upload; an upload waits for at most `patience`.
    pub(super) fn new(bytes: u64, kept: u64, patience: Duration) -> Arc<Self> {
        let kept = kept.min(bytes);
        let books = Books { free: bytes - kept, kept, last_number: 0, uploads: BTreeMap::new(), waiting: 0 };
        Arc::new(Self { bytes, books: Mutex::new(books), patience })
    }

    /// Room for an upload of at most `most` bytes, which must not be more than are kept apart. It holds nothing yet.
    pub(super) fn open(self: &Arc<Self>, most: u64) -> Room {
        let mut books = self.books();
        books.last_number += 1;
        let number = books.last_number;
        books.uploads.insert(number, Holding::default());
        drop(books);
        Room { admission: Arc::clone(self), number, most, granted: 0, patience: self.patience }
    }

    /// How much of it is taken. What is promised counts: nobody else gets it.
    pub(super) fn level(&self) -> Pool {
        let books = self.books();
        Pool { used: self.bytes - books.free - books.kept, budget: self.bytes }
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// Makes sure of room for so many bytes in all; waits where there is none.
    ///
    /// # Errors
    /// `Busy` where there was none in time.
    pub(super) async fn hold(&mut self, bytes: u64) -> Result<(), Busy> {
        if bytes <= self.granted {
            return Ok(());
        }
        let asked = self.admission.books().ask(self.number, step_to(bytes, self.most) - self.granted, self.rest(bytes));
        self.granted = match asked {
            Ok(granted) => granted,
            Err(grant) => self.wait(grant).await?,
        };
        Ok(())
    }

    /// Gives back what is more than so many bytes, for no more will come.
    pub(super) fn shrink_to(&mut self, bytes: u64) {
        self.most = bytes;
        self.granted = self.admission.books().shrink(self.number, bytes);
    }

    fn rest(&self, bytes: u64) -> u64 {
        self.most.max(bytes) - self.granted
    }

    async fn wait(&mut self, grant: oneshot::Receiver<u64>) -> Result<u64, Busy> {
        let begun = Instant::now();
        let granted = timeout(self.patience, grant).await;
        self.patience = self.patience.saturating_sub(begun.elapsed());
        match granted {
            Ok(Ok(granted)) => Ok(granted),
            Ok(Err(_)) | Err(_) => self.admission.books().give_up(self.number),
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.admission.books().close(self.number);
    }
}

impl Books {
    /// Gives what an upload has now, or what will tell it once it has more.
    fn ask(&mut self, number: u64, step: u64, rest: u64) -> Result<u64, oneshot::Receiver<u64>> {
        let (granted, mut grant) = oneshot::channel();
        let Some(holding) = self.uploads.get_mut(&number) else { return Err(grant) };
        holding.wait = Some(Wait { step, rest, granted });
        self.waiting += 1;
        self.serve();
        grant.try_recv().map_err(|_| grant)
    }

    /// Serves those that wait, the oldest first. One that takes what is left before an older one, who needs more, does not
    /// make it wait for long: what is kept apart goes by age alone.
    fn serve(&mut self) {
        if self.waiting == 0 {
            return;
        }
        let mut is_oldest = true;
        for holding in self.uploads.values_mut() {
            let Some(wait) = &holding.wait else { continue };
            if wait.step <= self.free {
                self.free -= wait.step;
                holding.taken += wait.step;
            } else if is_oldest && wait.rest <= self.kept {
                self.kept -= wait.rest;
                holding.promised += wait.rest;
            } else {
                is_oldest = false;
                continue;
            }
            self.waiting -= 1;
            if let Some(wait) = holding.wait.take() {
                // Who does not listen any more gives it back by going away.
                let _ = wait.granted.send(holding.taken + holding.promised);
            }
        }
    }

    /// An upload waits no longer: gives what it has if it was served at the last moment. Of many that give up, not all
    /// are told to come again at once.
    fn give_up(&mut self, number: u64) -> Result<u64, Busy> {
        let Some(holding) = self.uploads.get_mut(&number) else { return Err(BUSY) };
        if holding.wait.take().is_none() {
            return Ok(holding.taken + holding.promised);
        }
        self.waiting -= 1;
        let spread = (self.uploads.len() as u64 / WAITING_PER_SECOND).min(LONGEST_SPREAD) + 1;
        Err(Busy { seconds: BUSY.seconds + u32::try_from(number % spread).unwrap_or(0) })
    }

    fn shrink(&mut self, number: u64, bytes: u64) -> u64 {
        let Some(holding) = self.uploads.get_mut(&number) else { return 0 };
        let surplus = (holding.taken + holding.promised).saturating_sub(bytes);
        let of_promised = surplus.min(holding.promised);
        holding.promised -= of_promised;
        holding.taken -= surplus - of_promised;
        let left = holding.taken + holding.promised;
        self.kept += of_promised;
        self.free += surplus - of_promised;
        self.serve();
        left
    }

    fn close(&mut self, number: u64) {
        let Some(holding) = self.uploads.remove(&number) else { return };
        self.kept += holding.promised;
        self.free += holding.taken;
        self.waiting -= usize::from(holding.wait.is_some());
        self.serve();
    }
}

/// The end of the step that so many bytes fall into.
fn step_to(bytes: u64, most: u64) -> u64 {
    let step = if bytes <= STEP { FIRST_STEPS } else { STEP };
    bytes.next_multiple_of(step).min(most).max(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(60);

    fn left(admission: &Admission) -> (u64, u64) {
        let books = admission.books();
        (books.free, books.kept)
    }

    #[tokio::test]
    async fn memory_is_taken_in_steps_and_given_back() {
        let admission = Admission::new(4 * STEP, STEP, SHORT);
        let mut room = admission.open(2 * STEP);
        assert_eq!(left(&admission), (3 * STEP, STEP), "what only might come costs nothing");
        let table = [
            (1, FIRST_STEPS, "a small step for the first byte"),
            (FIRST_STEPS + 1, 2 * FIRST_STEPS, "another"),
            (STEP + 1, 2 * STEP, "large steps later on"),
        ];
        for (bytes, held, why) in table {
            room.hold(bytes).await.expect("there is room");
            assert_eq!(left(&admission), (3 * STEP - held, STEP), "{why}");
        }
        room.shrink_to(STEP + 1);
        assert_eq!(left(&admission), (2 * STEP - 1, STEP), "no more will come");
        drop(room);
        assert_eq!(left(&admission), (3 * STEP, STEP));
    }

    #[tokio::test]
    async fn who_finds_no_room_in_time_is_told_so() {
        let admission = Admission::new(2 * STEP, STEP, SHORT);
        let (mut first, mut second, mut third) = (admission.open(STEP), admission.open(STEP), admission.open(STEP));
        first.hold(STEP).await.expect("from what is free");
        second.hold(STEP).await.expect("from what is kept apart");
        assert_eq!(third.hold(1).await, Err(BUSY));
        assert_eq!(third.hold(1).await, Err(BUSY), "all waits of one upload count together");
        drop(second);
        third.hold(1).await.expect("without waiting");
        drop((first, third));
        assert_eq!(left(&admission), (STEP, STEP));
    }

    #[tokio::test]
    async fn uploads_that_all_wait_end_one_after_the_other() {
        let admission = Admission::new(6 * STEP, 4 * STEP, LONG);
        // Together they need 16 steps; the two that are free are soon taken.
        let uploads = (0..4).map(|_| {
            let mut room = admission.open(4 * STEP);
            tokio::spawn(async move {
                for bytes in 1..=4 {
                    room.hold(bytes * STEP).await.expect("waiting ends");
                    tokio::task::yield_now().await;
                }
            })
        });
        for upload in uploads.collect::<Vec<_>>() {
            upload.await.expect("an upload that ends");
        }
        assert_eq!(left(&admission), (2 * STEP, 4 * STEP));
    }

    #[tokio::test]
    async fn what_is_kept_apart_goes_to_the_oldest() {
        let admission = Admission::new(4 * STEP, 2 * STEP, LONG);
        let mut filler = admission.open(2 * STEP);
        filler.hold(2 * STEP).await.expect("all that is free");
        let (mut old, mut young) = (admission.open(2 * STEP), admission.open(STEP));
        let mut youngs = Box::pin(young.hold(1));
        assert!(futures_util::poll!(&mut youngs).is_ready(), "nobody older waits");
        drop(youngs);
        let mut olds = Box::pin(old.hold(1));
        assert!(futures_util::poll!(&mut olds).is_pending(), "it is promised all it may need, or nothing");
        let mut youngest = admission.open(STEP);
        let mut youngests = Box::pin(youngest.hold(1));
        assert!(futures_util::poll!(&mut youngests).is_pending(), "what would do for it is kept for the older one");
        drop(young);
        assert!(futures_util::poll!(&mut olds).is_ready());
        drop(filler);
        assert!(futures_util::poll!(&mut youngests).is_ready());
    }

    #[tokio::test]
    async fn who_goes_away_while_waiting_leaves_nothing_behind() {
        let admission = Admission::new(2 * STEP, STEP, LONG);
        let (mut first, mut second) = (admission.open(STEP), admission.open(STEP));
        first.hold(STEP).await.expect("from what is free");
        second.hold(STEP).await.expect("from what is kept apart");
        let mut gone = admission.open(STEP);
        {
            let mut waits = Box::pin(gone.hold(1));
            assert!(futures_util::poll!(&mut waits).is_pending());
            drop(first);
            // Served, but not told any more.
        }
        drop((gone, second));
        assert_eq!(left(&admission), (STEP, STEP));
        assert_eq!(admission.books().waiting, 0);
    }
}
