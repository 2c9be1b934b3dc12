//! The removals that could not be done at once: tried again in the background, then left to a person.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout};
use tracing::{Instrument, Span, error, info, warn};

use super::locks::KeyLocks;
use super::pair::{Orphan, Removal, remove};
use crate::metrics;
use crate::store::{Bucket, Error, Store, with_causes};

/// How long whoever was refused waits for the removal as well. In a store that works it takes far less.
const AT_FIRST: Duration = Duration::from_secs(2);
/// How long a removal is tried.
const PATIENCE: Duration = Duration::from_secs(5 * 60);
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// How often a key is looked at again where nothing was found: a put may land after it was given up.
const LATER_LOOKS: u32 = 3;
/// A store that comes back is not met by thousands of removals at once.
const AT_ONCE: usize = 8;

const NO_VERSIONS: &str = "it replaced an earlier object in a bucket without versions";

/// Knows every object that may stand without its partner.
#[derive(Debug)]
pub(super) struct Janitor {
    pending: Mutex<Pending>,
    at_once: Semaphore,
    keys: Arc<KeyLocks>,
}

/// An object counts as one that may stand without its partner until this is dropped.
#[derive(Debug)]
pub(super) struct Suspicion {
    janitor: Arc<Janitor>,
    number: u64,
}

#[derive(Debug, Default)]
struct Pending {
    last_number: u64,
    orphans: BTreeMap<u64, Orphan>,
}

impl Janitor {
    pub(super) fn new(keys: Arc<KeyLocks>) -> Arc<Self> {
        Arc::new(Self { pending: Mutex::default(), at_once: Semaphore::new(AT_ONCE), keys })
    }

    /// Removes what must not stay: now if the store lets us, else in the background. Whoever calls it holds the original's
    /// key. Where the outcome of a put is unknown it is looked at again later, since the store may still be working on it.
    pub(super) async fn remove(self: &Arc<Self>, store: &Arc<Store>, orphan: Orphan, outcome_is_known: bool) {
        let first = timeout(AT_FIRST, remove(store, &orphan)).await;
        let outcome = first.unwrap_or_else(|elapsed| Err(Error::Timeout(elapsed.into())));
        if let Ok(Removal::MustStay) = outcome {
            return left_behind(store, &orphan, NO_VERSIONS);
        }
        if outcome.is_ok() && outcome_is_known {
            return;
        }
        if let Err(error) = &outcome {
            warn!(
                bucket = store.name_of(orphan.bucket),
                key = orphan.key,
                partner_key = orphan.partner_key,
                version_id = orphan.version_id,
                upload_id = orphan.upload_id,
                cause = with_causes(error),
                "an object may stand without its partner; removing it in the background"
            );
        }
        let suspicion = outcome.is_err().then(|| self.suspect(orphan.clone()));
        let (janitor, store) = (Arc::clone(self), Arc::clone(store));
        let work = async move { janitor.keep_trying(&store, &orphan, suspicion).await };
        tokio::spawn(work.instrument(Span::current()));
    }

    /// Removes what an earlier upload of this original may have left, before a later one covers it: of a
    /// covered version nobody could tell any more.
    ///
    /// # Errors
    /// Where the store does not let us.
    pub(super) async fn settle(&self, store: &Store, original_key: &str) -> Result<(), Error> {
        let is_of_key = |orphan: &&Orphan| orphan.original_key() == original_key;
        let left: Vec<Orphan> = self.pending().orphans.values().filter(is_of_key).cloned().collect();
        for orphan in left {
            store.under_watch(orphan.bucket, remove(store, &orphan)).await?;
        }
        Ok(())
    }

    /// Takes note of an object that may come to stand without its partner.
    pub(super) fn suspect(self: &Arc<Self>, orphan: Orphan) -> Suspicion {
        let mut pending = self.pending();
        pending.last_number += 1;
        let number = pending.last_number;
        pending.orphans.insert(number, orphan);
        Suspicion { janitor: Arc::clone(self), number }
    }

    /// Logs what this process will not get round to any more.
    pub(super) fn give_up(&self, store: &Store) {
        for orphan in self.pending().orphans.values() {
            left_behind(store, orphan, "the server stops");
        }
    }

    async fn keep_trying(self: &Arc<Self>, store: &Store, orphan: &Orphan, mut suspicion: Option<Suspicion>) {
        let until = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        let mut looks_left = LATER_LOOKS;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            let Ok(_turn) = self.at_once.acquire().await else { return };
            // Asking it now would only hold up its return. The last try is made all the same.
            if store.admit().is_err() && Instant::now() < until {
                continue;
            }
            // Without versions it could be somebody else's by the time that it is removed.
            let _key = self.keys.lock(orphan.original_key()).await;
            match remove(store, orphan).await {
                Ok(Removal::MustStay) => return left_behind(store, orphan, NO_VERSIONS),
                Ok(Removal::Gone) => {
                    if suspicion.take().is_some() {
                        removed(store, orphan);
                    }
                    let Some(left) = looks_left.checked_sub(1) else { return };
                    looks_left = left;
                }
                Err(_) if Instant::now() < until => {
                    suspicion = suspicion.or_else(|| Some(self.suspect(orphan.clone())));
                }
                Err(error) => return left_behind(store, orphan, &with_causes(&error)),
            }
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Suspicion {
    fn drop(&mut self) {
        self.janitor.pending().orphans.remove(&self.number);
    }
}

fn removed(store: &Store, orphan: &Orphan) {
    info!(
        bucket = store.name_of(orphan.bucket),
        key = orphan.key,
        upload_id = orphan.upload_id,
        "no object stands without its partner any more"
    );
}

fn left_behind(store: &Store, orphan: &Orphan, reason: &str) {
    let partner = match orphan.bucket {
        Bucket::Uploads => Bucket::Thumbnails,
        Bucket::Thumbnails => Bucket::Uploads,
    };
    metrics::orphan_left();
    error!(
        bucket = store.name_of(orphan.bucket),
        key = orphan.key,
        partner_bucket = store.name_of(partner),
        partner_key = orphan.partner_key,
        version_id = orphan.version_id,
        upload_id = orphan.upload_id,
        reason,
        "an object was left behind that may stand without its partner"
    );
}
