//! Every operation of a store, timed and taken note of, so that a store that is down is known to be down.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::breaker::{Breaker, Ticket};
use super::{Bucket, Error, with_causes};

/// Attempts per operation: idle pooled connections die after about 20 seconds, so that a first failure
/// says nothing yet.
pub(super) const ATTEMPTS: u32 = 3;
/// What one attempt may take, on top of its bytes at [`SLOWEST_BYTES_PER_SECOND`].
pub(super) const ATTEMPT: Duration = Duration::from_secs(5);
const SLOWEST_BYTES_PER_SECOND: u64 = 1_000_000;
/// What the pauses between attempts may come to.
const PAUSES: Duration = Duration::from_secs(2);
/// A store that works answers a probe much sooner; a new connection may take its time.
const PROBE: Duration = Duration::from_secs(3);

/// What one attempt at moving so many bytes may take.
pub(super) fn attempt_time(bytes: u64) -> Duration {
    ATTEMPT + Duration::from_millis(bytes.saturating_mul(1_000) / SLOWEST_BYTES_PER_SECOND)
}

/// What an operation may take with all its attempts.
pub(super) fn operation_time(bytes: u64) -> Duration {
    attempt_time(bytes) * ATTEMPTS + PAUSES
}

/// A store's breaker, and what it takes to drive it.
#[derive(Debug, Default)]
pub(super) struct Watch {
    inner: Mutex<Inner>,
    opened: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    breaker: Breaker,
    down_since: Option<Instant>,
}

impl Watch {
    /// Does something that moves so many bytes, unless the store is known to be down.
    ///
    /// Each attempt's time that passes without an answer counts as a failure then, not when all attempts are over:
    /// that a store hangs is known before many uploads wait for it with all their bytes in memory.
    ///
    /// # Errors
    /// [`Error::Down`], [`Error::Timeout`] where it takes longer than [`operation_time`], else its own.
    pub(super) async fn over<T>(
        &self,
        bucket: Bucket,
        bytes: u64,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let ticket = self.admit(bucket)?;
        let mut work = pin!(work);
        let attempt = attempt_time(bytes);
        for nth in 1..=ATTEMPTS {
            let Ok(outcome) = timeout(attempt, &mut work).await else {
                self.failed(ticket, &format!("no answer within {:?}", attempt * nth));
                continue;
            };
            match &outcome {
                Err(error) if error.is_of_a_store_that_is_down() => {
                    // What was late has been counted.
                    if nth == 1 {
                        self.failed(ticket, &with_causes(error));
                    }
                }
                // Any other refusal is an answer of a store that works.
                _ => self.lock().breaker.succeeded(ticket),
            }
            return outcome;
        }
        in_time(PAUSES, work).await
    }

    /// Lets an operation through.
    ///
    /// # Errors
    /// [`Error::Down`].
    pub(super) fn admit(&self, bucket: Bucket) -> Result<Ticket, Error> {
        self.lock().breaker.admit(bucket, SystemTime::now()).map_err(|retry_in| Error::Down { retry_in })
    }

    /// The breaker's state, as a figure.
    pub(super) fn state(&self) -> u8 {
        self.lock().breaker.state()
    }

    /// Waits until there may be something to probe.
    pub(super) async fn next_probe(&self) {
        let next = self.lock().breaker.next_probe(SystemTime::now());
        match next {
            None => self.opened.notified().await,
            Some(wait) => sleep(wait).await,
        }
    }

    /// Probes the store if it is known to be down and the pause since the last probe is over.
    pub(super) async fn probe_if_due(&self, probe: impl Future<Output = Result<(), Error>>) {
        if !self.lock().breaker.take_probe(SystemTime::now()) {
            return;
        }
        // Who may use what is in a bucket may be forbidden to ask for the bucket itself. That is an answer, too.
        let works = !in_time(PROBE, probe).await.is_err_and(|error| error.is_of_a_store_that_is_down());
        let mut inner = self.lock();
        if inner.breaker.probed(works, SystemTime::now(), jitter())
            && let Some(since) = inner.down_since.take()
        {
            info!(down_seconds = since.elapsed().as_secs(), "the store answers again");
        }
    }

    fn failed(&self, ticket: Ticket, cause: &str) {
        let mut inner = self.lock();
        if !inner.breaker.failed(ticket, SystemTime::now(), jitter()) {
            return;
        }
        inner.down_since = Some(Instant::now());
        self.opened.notify_one();
        warn!(cause, "the store is down: it is probed until it answers, and requests are refused meanwhile");
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// # Errors
/// [`Error::Timeout`] where it takes longer, else its own.
pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(limit, work).await.unwrap_or_else(|elapsed| Err(Error::Timeout(elapsed.into())))
}

/// Where the system gives no random numbers, pauses are of one length.
fn jitter() -> u8 {
    let mut byte = [128];
    let _ = getrandom::fill(&mut byte);
    byte[0]
}
