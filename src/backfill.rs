//! `thumbgate backfill`: goes over the uploads bucket and makes the thumbnails that are missing or stale.
//!
//! There is no state but the buckets themselves. A run that was stopped, or killed, is simply begun again: of what is
//! done it only asks. What is in memory is a page of the listing and the objects under way, however many there are.

mod costs;
mod frontier;
mod listing;
mod originals;
mod patience;
mod progress;
mod summary;
mod tally;
mod thumbnails;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::available_parallelism;

use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

pub use progress::{BesideBar, Progress};
pub use summary::Summary;

use crate::app::{App, Error, with_causes};
use crate::config::BackfillSettings;
use crate::store::{self, Bucket, ListFrom, Listed, Page};
use frontier::Frontier;
use listing::Source;
use tally::{Counts, Phase};

/// Most of the time an object waits for the store, so that a few at once keep all cores busy; many more would only take
/// the store from live uploads.
const LEAST_AT_ONCE: usize = 8;
/// Nothing works any more then: the rest would only fail, too.
const MOST_FAILURES_IN_A_ROW: u64 = 100;
/// How many keys are remembered to be looked at again at the end; uploads under way are few.
const MOST_LATER: usize = 10_000;

/// Why a run ends before it is through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Halt {
    #[error("stopped")]
    Stopped,
    #[error("given up: the store is down")]
    StoreDown,
    #[error("given up: {MOST_FAILURES_IN_A_ROW} objects in a row failed")]
    NothingWorks,
    #[error("given up: the bucket can't be listed: {0}")]
    Unlisted(String),
    #[error("not begun: the bucket {bucket} can't be used: {cause}")]
    Unusable { bucket: String, cause: String },
}

/// What has become of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    /// It failed, or it is to be looked at again: another run must not begin behind it.
    Undone,
}

/// A run, as all that work on it know it.
#[derive(Debug)]
struct Run {
    app: Arc<App>,
    settings: BackfillSettings,
    counts: Mutex<Counts>,
    frontier: Mutex<Frontier>,
    /// What may belong to uploads under way.
    later: Mutex<Vec<Listed>>,
    /// How many originals there are to look at, once that is known.
    total: OnceLock<u64>,
    stop: CancellationToken,
    halt: OnceLock<Halt>,
}

/// Goes over the bucket until it is through or `stop` comes; what is under way then is finished.
pub async fn run(
    app: Arc<App>,
    settings: BackfillSettings,
    progress: &Progress,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Summary {
    let begun = Instant::now();
    let run = Arc::new(Run::new(app, settings));
    if let Err(halt) = check_buckets(&run).await {
        return Summary::of(&run, Some(&halt), begun.elapsed());
    }
    let mut beside = JoinSet::new();
    beside.spawn(originals::count_ahead(Arc::clone(&run)));
    beside.spawn({
        let run = Arc::clone(&run);
        async move { run.app.store().keep_probing().await }
    });
    beside.spawn({
        let token = run.stop.clone();
        async move {
            stop.await;
            token.cancel();
        }
    });
    let end = tokio::select! {
        end = whole(&run) => end,
        never = progress.keep_showing(&run) => match never {},
    };
    progress.clear();
    beside.shutdown().await;
    Summary::of(&run, end.err().as_ref(), begun.elapsed())
}

/// A bucket that is missing, or forbidden, is not one that is down and may come back.
async fn check_buckets(run: &Run) -> Result<(), Halt> {
    let store = run.app.store();
    for bucket in [Bucket::Uploads, Bucket::Thumbnails] {
        store.check(bucket).await.map_err(|error| {
            let (bucket, cause) = (store.name_of(bucket).to_owned(), with_causes(&error));
            Halt::Unusable { bucket, cause }
        })?;
    }
    Ok(())
}

async fn whole(run: &Arc<Run>) -> Result<(), Halt> {
    let mut originals = Source::Originals(originals::Originals::new(run));
    work_through(run, &mut originals, true, originals::work).await?;
    let later = std::mem::take(&mut *lock(&run.later));
    if !later.is_empty() {
        wait_for_uploads(run, later.len()).await;
        work_through(run, &mut Source::Keys(later.into_iter()), false, originals::work).await?;
    }
    if run.settings.repair {
        run.count(|counts| counts.phase = Phase::Thumbnails);
        let mut thumbnails = Source::Thumbnails(thumbnails::Thumbnails::new(run));
        work_through(run, &mut thumbnails, false, thumbnails::work).await?;
    }
    Ok(())
}

/// Takes one after the other, so many at once. `is_placed` says whether a run may go on behind what is done.
async fn work_through<F>(
    run: &Arc<Run>,
    source: &mut Source,
    is_placed: bool,
    work: impl Fn(Arc<Run>, Listed) -> F,
) -> Result<(), Halt>
where
    F: Future<Output = Fate> + Send + 'static,
{
    let at_once = run.at_once();
    let mut under_way = JoinSet::new();
    let end = loop {
        if let Err(halt) = run.may_go_on() {
            break Err(halt);
        }
        if under_way.len() >= at_once {
            if let Some(outcome) = under_way.join_next().await {
                run.ended(&outcome);
            }
            continue;
        }
        match source.next(run).await {
            Ok(Some(listed)) => {
                let number = is_placed.then(|| lock(&run.frontier).begin(&listed.key));
                let work = work(Arc::clone(run), listed);
                under_way.spawn(async move { (number, work.await) });
            }
            Ok(None) => break Ok(()),
            Err(halt) => break Err(halt),
        }
    };
    while let Some(outcome) = under_way.join_next().await {
        run.ended(&outcome);
    }
    end.and_then(|()| run.may_go_on())
}

async fn wait_for_uploads(run: &Run, objects: usize) {
    run.count(|counts| counts.phase = Phase::Waiting);
    let min_age = run.settings.min_age;
    info!(objects, wait_seconds = min_age.as_secs(), "what uploads may be about to complete is looked at again later");
    tokio::select! {
        () = sleep_until(Instant::now() + min_age) => {}
        () = run.stop.cancelled() => {}
    }
}

impl Run {
    fn new(app: Arc<App>, settings: BackfillSettings) -> Self {
        let frontier = Frontier::behind(settings.after.clone());
        Self {
            app,
            settings,
            counts: Mutex::default(),
            frontier: Mutex::new(frontier),
            later: Mutex::default(),
            total: OnceLock::new(),
            stop: CancellationToken::new(),
            halt: OnceLock::new(),
        }
    }

    fn at_once(&self) -> usize {
        let cores = available_parallelism().map_or(1, usize::from);
        self.settings.concurrency.map_or(LEAST_AT_ONCE.max(2 * cores), usize::from)
    }

    fn may_go_on(&self) -> Result<(), Halt> {
        match self.stop.is_cancelled() {
            true => Err(self.halt.get().cloned().unwrap_or(Halt::Stopped)),
            false => Ok(()),
        }
    }

    /// Ends the run for a reason of its own.
    fn give_up(&self, halt: Halt) {
        let _ = self.halt.set(halt);
        self.stop.cancel();
    }

    fn count(&self, change: impl FnOnce(&mut Counts)) {
        change(&mut lock(&self.counts));
    }

    fn counts(&self) -> Counts {
        *lock(&self.counts)
    }

    /// An object failed for good, in this run.
    fn failed(&self, key: &str, error: &Error) -> Fate {
        error!(key, cause = with_causes(error), "an object failed");
        let in_a_row = {
            let mut counts = lock(&self.counts);
            counts.failed += 1;
            counts.failed_in_a_row += 1;
            counts.failed_in_a_row
        };
        match error {
            Error::Store(store::Error::Down { .. }) => self.give_up(Halt::StoreDown),
            _ if in_a_row >= MOST_FAILURES_IN_A_ROW => self.give_up(Halt::NothingWorks),
            _ => {}
        }
        Fate::Undone
    }

    fn ended(&self, outcome: &Result<(Option<u64>, Fate), JoinError>) {
        match outcome {
            Ok((None, _)) => {}
            Ok((Some(number), fate)) => lock(&self.frontier).end(*number, *fate == Fate::Done),
            // The log has the panic. Which object it was is not known here: its place in the listing stays open.
            Err(_) => self.count(|counts| counts.failed += 1),
        }
    }

    async fn page(&self, bucket: Bucket, prefix: &str, from: ListFrom<'_>) -> Result<Page, Error> {
        self.count(|counts| counts.lists += 1);
        Ok(self.app.store().list(bucket, prefix, from).await?)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
