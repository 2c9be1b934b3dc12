//! Memory for decodes under way: taken as a whole, for a header tells how much it takes.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::metrics::Pool;

/// The unit that memory is counted in, in bytes.
const STEP: u64 = 1024;

/// Memory of a fixed size, handed out first come, first served.
#[derive(Debug)]
pub(super) struct Memory {
    bytes: u64,
    steps: Arc<Semaphore>,
    patience: Duration,
}

/// Memory that its holder may use until this is dropped.
pub(super) type Taken = OwnedSemaphorePermit;

/// There was no room in time.
#[derive(Debug, PartialEq, Eq)]
pub struct Busy {
    /// When it makes sense to try again, in seconds.
    pub seconds: u32,
}

/// Soon: what is waited for here is over soon.
pub(super) const BUSY: Busy = Busy { seconds: 2 };

impl Memory {
    /// `bytes` in all; whoever asks waits for at most `patience`.
    pub(super) fn new(bytes: u64, patience: Duration) -> Self {
        Self { bytes, steps: Arc::new(Semaphore::new(steps_for(bytes) as usize)), patience }
    }

    /// How much of it is taken.
    pub(super) fn level(&self) -> Pool {
        let free = self.steps.available_permits() as u64 * STEP;
        Pool { used: self.bytes.saturating_sub(free), budget: self.bytes }
    }

    /// Memory of so many bytes, which must not be more than there are in all.
    ///
    /// # Errors
    /// [`Busy`] where there was none within the patience.
    pub(super) async fn take(&self, bytes: u64) -> Result<Taken, Busy> {
        let deadline = Instant::now() + self.patience;
        match timeout_at(deadline, Arc::clone(&self.steps).acquire_many_owned(steps_for(bytes))).await {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(_)) | Err(_) => Err(BUSY),
        }
    }
}

fn steps_for(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(STEP)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn memory_is_waited_for_and_given_back() {
        let memory = Memory::new(10 * STEP, Duration::from_millis(10));
        let taken = memory.take(8 * STEP).await.expect("all of it is free");
        assert_eq!(memory.take(3 * STEP).await.err(), Some(BUSY), "only two steps are left");
        drop(taken);
        assert!(memory.take(10 * STEP).await.is_ok(), "all were given back");
    }
}
