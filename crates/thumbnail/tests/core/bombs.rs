//! Files made to cost much: they are answered all the same, soon and within little memory.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::fixtures::bombs;
use crate::fixtures::jpeg::{Flat, segment, with_segments};
use thumbnail::{Error, Limits, Options, thumbnail, thumbnail_while};

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

#[test]
fn what_takes_long_is_given_up_when_the_caller_says_so() {
    let files = [
        ("a PNG whose blocks take long", bombs::short_blocks(1 << 20)),
        ("a PNG with much data", bombs::black(2000, 2000, 8, 2, false)),
        ("a JPEG of many segments", with_segments(&Flat::new(&[200]).file(), &segment(0xfe, b"").repeat(50_000))),
    ];
    for (name, file) in files {
        let asked = Cell::new(0);
        let third_time = || {
            asked.set(asked.get() + 1);
            asked.get() < 3
        };
        assert_eq!(thumbnail_while(&file, &Options::default(), &third_time), Err(Error::Stopped), "{name}");
        assert_eq!(asked.get(), 3, "{name}: a no is final");
        assert!(thumbnail(&file, &Options::default()).is_ok(), "{name}: it was the caller's no, not the file");
    }
}

#[test]
fn permission_is_asked_for_every_few_milliseconds() {
    let asked = Cell::new(0);
    let file = bombs::short_blocks(1 << 20);
    let counting = || {
        asked.set(asked.get() + 1);
        true
    };
    thumbnail_while(&file, &Options::default(), &counting).unwrap();
    // 64 KiB of such data, packed and unpacked, take about 3 ms in a release build.
    assert!(asked.get() >= file.len() / (64 << 10), "{} questions in {} bytes", asked.get(), file.len());
}

/// CPU time of this thread, since other tests run beside it; without Linux the time that went by.
fn used() -> Duration {
    static BEGUN: LazyLock<Instant> = LazyLock::new(Instant::now);
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = statistics.split_whitespace().next().and_then(|first| first.parse().ok());
    nanoseconds.map_or_else(|| BEGUN.elapsed(), Duration::from_nanos)
}
