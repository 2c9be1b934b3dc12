//! The uploads bucket: each original gets its thumbnail.

use std::sync::Arc;

use tracing::{debug, warn};

use super::listing::Listing;
use super::patience::{GaveUp, persist};
use super::tally::Phase;
use super::{Fate, Halt, MOST_LATER, Run, lock};
use crate::app::{Error, Outcome, State, mark_rejected, state_of, thumbnail_object_at_rest, with_causes};
use crate::config::BackfillSettings;
use crate::http::problem::code_of;
use crate::key::OriginalKey;
use crate::store::{Bucket, Listed};

/// The originals that are asked for, as they are listed.
#[derive(Debug)]
pub(super) struct Originals {
    listing: Listing,
    left: u64,
}

impl Originals {
    pub(super) fn new(run: &Run) -> Self {
        Self { listing: listing(&run.settings), left: run.settings.max.unwrap_or(u64::MAX) }
    }

    pub(super) async fn next(&mut self, run: &Run) -> Result<Option<Listed>, Halt> {
        while let Some(listed) = self.listing.next(run).await? {
            match Kind::of(&listed, &run.settings) {
                Kind::Original if self.left == 0 => {
                    run.count(|counts| counts.has_more = true);
                    return Ok(None);
                }
                Kind::Original => {
                    self.left -= 1;
                    return Ok(Some(listed));
                }
                Kind::Other => run.count(|counts| counts.not_pictures += 1),
                Kind::Older => {}
            }
            lock(&run.frontier).pass(&listed.key);
        }
        Ok(None)
    }
}

/// Finds out how many originals there are to look at, so that the time that is left can be told: a request for each
/// thousand keys.
pub(super) async fn count_ahead(run: Arc<Run>) {
    let mut listing = listing(&run.settings);
    let most = run.settings.max.unwrap_or(u64::MAX);
    let mut total = 0;
    while total < most {
        match listing.next(&run).await {
            Ok(Some(listed)) => total += u64::from(Kind::of(&listed, &run.settings) == Kind::Original),
            Ok(None) => break,
            Err(halt) => return debug!(%halt, "how much there is to do is not known"),
        }
    }
    let _ = run.total.set(total);
}

fn listing(settings: &BackfillSettings) -> Listing {
    Listing::new(Bucket::Uploads, &settings.prefix, settings.after.as_deref())
}

#[derive(PartialEq, Eq)]
enum Kind {
    Original,
    /// Written before `--since`.
    Older,
    /// Not a picture by its key.
    Other,
}

impl Kind {
    fn of(listed: &Listed, settings: &BackfillSettings) -> Self {
        match settings.since {
            Some(since) if listed.modified < since => Self::Older,
            _ if OriginalKey::existing(&listed.key).is_none() => Self::Other,
            _ => Self::Original,
        }
    }
}

/// Sees to one original.
pub(super) async fn work(run: Arc<Run>, listed: Listed) -> Fate {
    let Some(key) = OriginalKey::existing(&listed.key) else { return Fate::Done };
    let outcome = match run.settings.dry_run {
        true => persist(&run, || state_of(&run.app, &key)).await.map(|state| looked_at(&run, &listed, state)),
        false => persist(&run, || make(&run, &key)).await.map(|made| worked_on(&run, listed, made)),
    };
    match outcome {
        Ok(fate) => fate,
        Err(GaveUp::Stopped) => Fate::Undone,
        Err(GaveUp::Failed(error)) => {
            run.count(|counts| counts.originals += 1);
            run.failed(key.as_str(), &error)
        }
    }
}

#[derive(Clone, Copy)]
enum Made {
    Created,
    Current,
    Gone,
    Rejected,
    UnderWay,
}

/// Makes the thumbnail, or remembers that none can be made.
async fn make(run: &Run, key: &OriginalKey) -> Result<Made, Error> {
    if !key.leaves_room_for_thumbnail() {
        warn!(key = key.as_str(), "the key is so long that there is no room for the thumbnail's");
        mark_rejected(&run.app, key.as_str(), None, "invalid-filename").await?;
        return Ok(Made::Rejected);
    }
    match thumbnail_object_at_rest(&run.app, key, run.settings.min_age).await? {
        Outcome::Created => Ok(Made::Created),
        Outcome::Current => Ok(Made::Current),
        Outcome::Gone => Ok(Made::Gone),
        Outcome::UnderWay => Ok(Made::UnderWay),
        Outcome::Rejected { version_id, error } => {
            let (key, code) = (key.as_str(), code_of(&error));
            warn!(key, version_id, code, detail = with_causes(&error), "no thumbnail can be made of this file");
            mark_rejected(&run.app, key, version_id.as_deref(), code).await?;
            Ok(Made::Rejected)
        }
    }
}

fn worked_on(run: &Run, listed: Listed, made: Made) -> Fate {
    let mut counts = lock(&run.counts);
    counts.failed_in_a_row = 0;
    match made {
        Made::Created => counts.created += 1,
        Made::Current => counts.current += 1,
        Made::Gone => counts.gone += 1,
        Made::Rejected => counts.rejected += 1,
        Made::UnderWay if counts.phase == Phase::Originals => {
            let mut later = lock(&run.later);
            if later.len() < MOST_LATER {
                later.push(listed);
                return Fate::Undone;
            }
            counts.under_way += 1;
        }
        // It has changed again: who uploads it sees to it.
        Made::UnderWay => counts.under_way += 1,
    }
    counts.originals += 1;
    Fate::Done
}

fn looked_at(run: &Run, listed: &Listed, state: State) -> Fate {
    let mut counts = lock(&run.counts);
    counts.failed_in_a_row = 0;
    counts.originals += 1;
    counts.heads += if state == State::Missing { 1 } else { 2 };
    match state {
        State::Missing => counts.missing += 1,
        State::Stale => counts.stale += 1,
        State::Unsure => counts.unsure += 1,
        State::Current => counts.current += 1,
        State::Gone => counts.gone += 1,
    }
    if matches!(state, State::Missing | State::Stale | State::Unsure) {
        counts.bytes_to_read += listed.bytes;
    }
    Fate::Done
}
