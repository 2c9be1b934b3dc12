//! Files made to cost much: they are answered all the same, soon and within little memory.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::fixtures::bombs;
use thumbnail::{Error, Limits, Options, thumbnail};

/// Ten times what the worst takes on a machine that does nothing else.
const MOST: Duration = Duration::from_secs(1);

#[test]
fn bombs_are_answered_soon_and_in_little_memory() {
    let little = Limits { max_memory: 30_000_000, ..Limits::default() };
    for (name, file) in bombs::all(1 << 20) {
        let answer = |limits| thumbnail(&file, &Options { limits, ..Options::default() });
        let outcome = answer(Limits::default());
        assert!(!matches!(outcome, Err(Error::Internal { .. })), "{name}: {outcome:?}");
        let begun = used();
        let of_little = answer(little);
        let took = used() - begun;
        assert!(took < MOST, "{name}: {took:?}");
        assert_eq!(of_little.is_ok(), outcome.is_ok(), "{name}: {of_little:?}");
    }
}

/// CPU time of this thread, since other tests run beside it; without Linux the time that went by.
fn used() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split_whitespace().next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| BEGUN.elapsed(), Duration::from_nanos)
}
