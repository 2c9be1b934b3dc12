//! What is tried again, how often, and after which pause. A run has time: nobody waits for an answer.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Run;
use crate::app::Error;
use crate::store;

/// How often the store may fail at one thing, on top of the attempts that each operation has. The pauses between
/// them come to half a minute: a store that was restarted answers soon, but not yet for all that is in it.
const TRIES: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// A store that is known to be down is waited for so long. It is probed meanwhile.
const WHILE_DOWN: Duration = Duration::from_secs(5 * 60);
/// What is known to be over now may be over for others, too.
const LEAST_PAUSE: Duration = Duration::from_millis(200);

/// Why something was not done.
#[derive(Debug)]
pub(super) enum GaveUp {
    /// The run is to end.
    Stopped,
    Failed(Error),
}

/// Does something, again and again where that can help.
pub(super) async fn persist<T, W>(run: &Run, mut work: impl FnMut() -> W) -> Result<T, GaveUp>
where
    W: Future<Output = Result<T, Error>>,
{
    let (mut tries_left, mut next_pause) = (TRIES, FIRST_PAUSE);
    let mut down_since = None;
    loop {
        let error = match work().await {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let pause = match &error {
            Error::Busy { seconds } => Duration::from_secs((*seconds).into()),
            Error::Store(store::Error::Down { retry_in })
                if down_since.get_or_insert_with(Instant::now).elapsed() < WHILE_DOWN =>
            {
                (*retry_in).max(LEAST_PAUSE)
            }
            Error::Store(store::Error::Timeout(_) | store::Error::Unavailable(_) | store::Error::Changed)
                if tries_left > 1 =>
            {
                down_since = None;
                tries_left -= 1;
                next_pause *= 2;
                next_pause / 2
            }
            _ => return Err(GaveUp::Failed(error)),
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = run.stop.cancelled() => return Err(GaveUp::Stopped),
        }
    }
}
