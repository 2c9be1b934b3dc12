//! What one picture may use of a core: files can be made to take a thousand times what their pixels do.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use thumbnail::SourceInfo;

/// What any picture may use, and on top of that for each pixel. The slowest of real ones, 16 bits deep, use
/// half of it.
const BASE: Duration = Duration::from_millis(500);
const FOR_EACH_PIXEL: Duration = Duration::from_nanos(25);

/// An allowance of CPU time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance(Duration);

impl Allowance {
    /// That of a picture with this header.
    pub(super) fn for_picture(header: &SourceInfo) -> Self {
        let pixels = u64::from(header.width) * u64::from(header.height);
        let nanoseconds = pixels.saturating_mul(FOR_EACH_PIXEL.as_nanos() as u64);
        Self(BASE + Duration::from_nanos(nanoseconds))
    }

    /// Tells this thread, from now on, whether it is within the allowance.
    pub(super) fn begin(self) -> impl Fn() -> bool {
        let begun = cpu_time();
        move || cpu_time().saturating_sub(begun) < self.0
    }
}

/// The CPU time of this thread: what it waits for a core, or for a function that is short of CPU, does not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn work_uses_it_up_and_waiting_does_not() {
        let within = Allowance(Duration::from_millis(30)).begin();
        std::thread::sleep(Duration::from_millis(60));
        assert!(within(), "waiting is no work");
        let begun = Instant::now();
        while within() {
            assert!(begun.elapsed() < Duration::from_secs(60), "work uses it up");
        }
    }
}
