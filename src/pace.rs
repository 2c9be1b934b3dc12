//! How slow the other side of a connection may be: only the time in which we wait for it counts, not the time in which it
//! waits for us.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// How long we wait in all, however little it moves.
const GRACE: Duration = Duration::from_secs(30);
/// And on top of that, for each byte that it moved.
const SLOWEST_BYTES_PER_SECOND: u64 = 50_000;

/// The bytes that the other side has moved, and how long we have waited for them.
#[derive(Debug)]
pub(crate) struct Pace {
    grace: Duration,
    moved: u64,
    waited: Duration,
    waiting: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Default for Pace {
    fn default() -> Self {
        Self::with_grace(GRACE)
    }
}

impl Pace {
    /// With another grace than the usual.
    pub(crate) fn with_grace(grace: Duration) -> Self {
        Self { grace, moved: 0, waited: Duration::ZERO, waiting: None }
    }

    /// It has moved so many bytes: we wait no longer.
    pub(crate) fn moved(&mut self, bytes: usize) {
        self.moved += bytes as u64;
        if let Some((since, _)) = self.waiting.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits for it; ready once it is too slow.
    pub(crate) fn poll_too_slow(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let allowed = self.grace + Duration::from_millis(self.moved * 1_000 / SLOWEST_BYTES_PER_SECOND);
        let left = allowed.saturating_sub(self.waited);
        let (_, timer) = self.waiting.get_or_insert_with(|| (Instant::now(), Box::pin(sleep(left))));
        timer.as_mut().poll(cx)
    }
}
