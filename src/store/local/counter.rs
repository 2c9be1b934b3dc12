//! Version ids: they only ever grow, whatever the clock does, and none is given twice.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::failure::{Doing, Failure};
use super::layout::HIDDEN;

/// How many ids one sync is good for. A start skips what is left of them.
const BLOCK: u64 = 1000;

/// What the file holds: the ids below `reserved` are on the disk as given, so that only every thousandth write
/// waits for the disk. After a power failure `next` may be an old one, so a start goes on at `reserved`.
#[derive(Clone, Copy)]
struct Counter {
    next: u64,
    reserved: u64,
}

/// The first of `count` ids that nobody else gets. `least` guards against a counter that was lost.
pub(super) fn take(root: &Path, count: u64, least: u64) -> Result<u64, Failure> {
    change(root, |old| {
        let first = old.next.max(least);
        let next = first.saturating_add(count);
        (first, Counter { next, reserved: reserve(old.reserved, next) })
    })
}

/// Goes on where no id can have been given yet.
pub(super) fn start(root: &Path) -> Result<(), Failure> {
    change(root, |old| ((), Counter { next: old.reserved, reserved: old.reserved.saturating_add(BLOCK) }))
}

fn reserve(reserved: u64, next: u64) -> u64 {
    if next > reserved { next.saturating_add(BLOCK) } else { reserved }
}

fn change<T>(root: &Path, step: impl FnOnce(Counter) -> (T, Counter)) -> Result<T, Failure> {
    let path = root.join(HIDDEN).join("counter");
    let options = File::options().create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = options.doing("open", &path)?;
    file.lock().doing("lock", &path)?;
    let mut text = String::new();
    file.read_to_string(&mut text).doing("read", &path)?;
    let old = parse(&text).unwrap_or(Counter { next: 1, reserved: 1 });
    let (taken, new) = step(old);
    // One write of a fixed length over the old one: no moment in between that a killed process could leave.
    let line = format!("{:020} {:020}\n", new.next, new.reserved);
    file.rewind().and_then(|()| file.write_all(line.as_bytes())).doing("write", &path)?;
    if new.reserved != old.reserved {
        file.sync_all().doing("write", &path)?;
    }
    Ok(taken)
}

fn parse(text: &str) -> Option<Counter> {
    let (next, reserved) = text.trim_end().split_once(' ')?;
    Some(Counter { next: next.parse().ok()?, reserved: reserved.parse().ok()? })
}
