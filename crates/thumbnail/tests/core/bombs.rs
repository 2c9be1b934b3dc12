//! Files made to cost much: they are answered all the same, soon and within little memory.

use std::time::{Duration, Instant};

use crate::fixtures::bombs;
use thumbnail::{Error, Limits, Options, Thumbnail, thumbnail};

/// Ten times what the worst takes on a machine that does nothing else.
const MOST: Duration = Duration::from_secs(1);

#[test]
fn bombs_are_answered_soon_and_in_little_memory() {
    let little = Limits { max_memory: 30_000_000, ..Limits::default() };
    for (name, file) in bombs::all(1 << 20) {
        let (outcome, _) = answer(&file, Limits::default());
        assert!(!matches!(outcome, Err(Error::Internal { .. })), "{name}: {outcome:?}");
        // Once in three attempts is enough: other tests run beside this one.
        let found = (0..3).map(|_| answer(&file, little)).find(|(_, took)| *took < MOST);
        let (of_little, _) = found.unwrap_or_else(|| panic!("{name}: not in {MOST:?}"));
        assert_eq!(of_little.is_ok(), outcome.is_ok(), "{name}: {of_little:?}");
    }
}

fn answer(file: &[u8], limits: Limits) -> (Result<Thumbnail, Error>, Duration) {
    let begun = Instant::now();
    (thumbnail(file, &Options { limits, ..Options::default() }), begun.elapsed())
}
