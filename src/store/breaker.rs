//! When a store counts as down: a circuit breaker, as a state machine that is told the time and what became of
//! each operation. [`super::watch`] drives it.
//!
//! ```text
//! closed ──(so many failures in a row)──▶ open ──(the pause is over)──▶ half open ──(the probe works)──▶ closed
//!                                          ▲                               │
//!                                          └─────(it fails: longer pause)──┘
//! ```
//!
//! A probe that works shows that the buckets answer, not that they take files. So the breaker closes on
//! probation: the next failure opens it again, for longer, until an operation of that bucket has succeeded.

use std::time::{Duration, SystemTime};

use super::Bucket;

/// So many failures in a row, with nothing that worked in between, are no hiccup.
const TOO_MANY: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// A probe that is not heard of for so long has been given up, as by a function that was frozen.
pub(super) const PROBE_ENDS: Duration = Duration::from_secs(5);

/// Closed at first.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    state: State,
    /// In a row, by bucket: the one that works says nothing of the other.
    failures: [u32; 2],
    /// The pauses since everything last worked.
    pauses: u32,
    /// Grows with each opening, so that what was begun before it is not taken for news after it.
    round: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Closed,
    Open(Wait),
    HalfOpen(Wait),
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    since: SystemTime,
    until: SystemTime,
}

/// Stands for an operation that was let through.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ticket {
    bucket: Bucket,
    round: u64,
}

impl Breaker {
    /// Lets an operation through.
    ///
    /// # Errors
    /// Where the store counts as down: how long until the next probe.
    pub(super) fn admit(&self, bucket: Bucket, now: SystemTime) -> Result<Ticket, Duration> {
        match self.next_probe(now) {
            None => Ok(Ticket { bucket, round: self.round }),
            Some(wait) => Err(wait),
        }
    }

    /// 0 closed, 1 half open, 2 open.
    pub(super) fn state(&self) -> u8 {
        match self.state {
            State::Closed => 0,
            State::HalfOpen(_) => 1,
            State::Open(_) => 2,
        }
    }

    /// The time until the next probe; none while closed.
    pub(super) fn next_probe(&self, now: SystemTime) -> Option<Duration> {
        match &self.state {
            State::Closed => None,
            State::Open(wait) | State::HalfOpen(wait) => Some(wait.left(now)),
        }
    }

    /// The store has answered, whatever it said.
    pub(super) fn succeeded(&mut self, ticket: Ticket) {
        if ticket.round != self.round {
            return;
        }
        self.failures[index(ticket.bucket)] = 0;
        if self.failures == [0; 2] {
            self.pauses = 0;
        }
    }

    /// The store has failed, or has not answered in time. Whether it counts as down from now on.
    pub(super) fn failed(&mut self, ticket: Ticket, now: SystemTime, jitter: u8) -> bool {
        if ticket.round != self.round || !matches!(self.state, State::Closed) {
            return false;
        }
        let failures = &mut self.failures[index(ticket.bucket)];
        *failures += 1;
        if *failures < TOO_MANY {
            return false;
        }
        self.round += 1;
        self.open(now, jitter);
        true
    }

    /// Whether the caller is to probe the store. Nobody else is, until [`Self::probed`] or [`PROBE_ENDS`].
    pub(super) fn take_probe(&mut self, now: SystemTime) -> bool {
        let is_due = self.next_probe(now).is_some_and(|wait| wait.is_zero());
        if is_due {
            self.state = State::HalfOpen(Wait { since: now, until: now + PROBE_ENDS });
        }
        is_due
    }

    /// What the probe found. Whether the store counts as up again from now on.
    pub(super) fn probed(&mut self, works: bool, now: SystemTime, jitter: u8) -> bool {
        if !matches!(self.state, State::HalfOpen(_)) {
            return false;
        }
        if works {
            self.state = State::Closed;
            self.failures = [TOO_MANY - 1; 2];
        } else {
            self.open(now, jitter);
        }
        works
    }

    fn open(&mut self, now: SystemTime, jitter: u8) {
        self.state = State::Open(Wait { since: now, until: now + pause(self.pauses, jitter) });
        self.pauses += 1;
    }
}

impl Wait {
    /// By the clock on the wall, which goes on while a function is frozen. Where it was set back, the wait is over.
    fn left(&self, now: SystemTime) -> Duration {
        if now < self.since { Duration::ZERO } else { self.until.duration_since(now).unwrap_or_default() }
    }
}

/// Twice as long each time, and three to five quarters of that: many servers must not probe in step.
fn pause(pauses: u32, jitter: u8) -> Duration {
    let full = FIRST_PAUSE.saturating_mul(1 << pauses.min(10)).min(LONGEST_PAUSE);
    full * 3 / 4 + full / 2 * u32::from(jitter) / 255
}

fn index(bucket: Bucket) -> usize {
    match bucket {
        Bucket::Uploads => 0,
        Bucket::Thumbnails => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A breaker under a clock of its own. Half the jitter makes a pause exactly as long as it is called.
    struct Rig {
        breaker: Breaker,
        now: SystemTime,
    }

    const HALF: u8 = 128;

    impl Rig {
        fn new() -> Self {
            Self { breaker: Breaker::default(), now: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) }
        }

        /// A rig whose breaker has just opened.
        fn opened() -> Self {
            let mut rig = Self::new();
            assert!((1..=TOO_MANY).all(|nth| rig.fail(Bucket::Uploads) == (nth == TOO_MANY)));
            rig
        }

        fn fail(&mut self, bucket: Bucket) -> bool {
            let ticket = self.breaker.admit(bucket, self.now).expect("closed");
            self.breaker.failed(ticket, self.now, HALF)
        }

        fn succeed(&mut self, bucket: Bucket) {
            let ticket = self.breaker.admit(bucket, self.now).expect("closed");
            self.breaker.succeeded(ticket);
        }

        fn is_open(&self) -> bool {
            self.breaker.admit(Bucket::Thumbnails, self.now).is_err()
        }

        /// Waits for the next probe, and how many seconds that took.
        fn wait(&mut self) -> u64 {
            let wait = self.breaker.next_probe(self.now).expect("open");
            self.now += wait;
            (wait + Duration::from_millis(100)).as_secs()
        }

        fn probe(&mut self, works: bool) -> bool {
            assert!(self.breaker.take_probe(self.now), "the probe is due");
            self.breaker.probed(works, self.now, HALF)
        }
    }

    #[test]
    fn so_many_failures_in_a_row_open_it_and_one_success_in_between_does_not() {
        let mut rig = Rig::new();
        for _ in 0..3 {
            assert!((1..TOO_MANY).all(|_| !rig.fail(Bucket::Uploads)));
            rig.succeed(Bucket::Uploads);
        }
        assert!(!rig.is_open());
        assert!(Rig::opened().is_open());
    }

    #[test]
    fn a_bucket_that_works_does_not_cover_up_for_the_other() {
        let mut rig = Rig::new();
        for nth in 1..=TOO_MANY {
            if nth > 1 {
                rig.succeed(Bucket::Uploads);
            }
            assert_eq!(rig.fail(Bucket::Thumbnails), nth == TOO_MANY);
        }
        assert!(rig.is_open());
    }

    #[test]
    fn probes_come_one_at_a_time_after_growing_pauses() {
        let mut rig = Rig::opened();
        assert!(!rig.breaker.take_probe(rig.now), "not before the pause is over");
        for expected in [1, 2, 4, 8, 15, 15, 15] {
            assert_eq!(rig.wait(), expected);
            assert!(!rig.probe(false));
            assert!(rig.is_open());
        }
        rig.wait();
        assert!(rig.breaker.take_probe(rig.now));
        assert!(!rig.breaker.take_probe(rig.now), "one probe at a time");
        assert!(rig.is_open(), "nothing gets through beside the probe");
        assert!(rig.breaker.probed(true, rig.now, HALF));
        assert!(!rig.is_open());
    }

    #[test]
    fn jitter_spreads_the_pauses() {
        let of = |pauses, jitter| pause(pauses, jitter).as_millis();
        assert_eq!((of(0, 0), of(0, 255), of(2, 0), of(2, 255)), (750, 1_250, 3_000, 5_000));
        assert_eq!(of(u32::MAX, 255), 18_750, "the longest");
    }

    #[test]
    fn on_probation_one_failure_opens_it_for_longer_until_something_worked() {
        let mut rig = Rig::opened();
        rig.wait();
        rig.probe(true);
        assert!(rig.fail(Bucket::Thumbnails), "one is enough");
        assert_eq!(rig.wait(), 2);
        rig.probe(true);
        rig.succeed(Bucket::Uploads);
        assert!(!rig.fail(Bucket::Uploads), "this bucket has shown that it works");
        rig.succeed(Bucket::Uploads);
        rig.succeed(Bucket::Thumbnails);
        assert!((1..=TOO_MANY).all(|nth| rig.fail(Bucket::Uploads) == (nth == TOO_MANY)));
        assert_eq!(rig.wait(), 1, "as if for the first time");
    }

    #[test]
    fn what_was_begun_before_it_opened_counts_no_more() {
        let mut rig = Rig::new();
        let late: Vec<_> = (0..20).map(|_| rig.breaker.admit(Bucket::Uploads, rig.now).expect("closed")).collect();
        let opened = late.iter().filter(|ticket| rig.breaker.failed(**ticket, rig.now, HALF)).count();
        assert_eq!(opened, 1, "it opens once");
        rig.wait();
        rig.probe(true);
        assert!(late.iter().all(|ticket| !rig.breaker.failed(*ticket, rig.now, HALF)));
        rig.breaker.succeeded(late[0]);
        assert!(rig.fail(Bucket::Uploads), "nor does a late success end the probation");
    }

    #[test]
    fn a_probe_that_is_lost_is_taken_again() {
        let mut rig = Rig::opened();
        rig.wait();
        assert!(rig.breaker.take_probe(rig.now));
        assert_eq!(rig.wait(), PROBE_ENDS.as_secs());
        assert!(rig.probe(true));
        assert!(!rig.breaker.probed(false, rig.now, HALF), "the lost one's outcome comes too late");
        assert!(!rig.is_open());
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_keep_it_open() {
        let mut rig = Rig::opened();
        rig.now -= Duration::from_secs(3600);
        assert_eq!(rig.wait(), 0);
        assert!(rig.probe(true));
    }
}
