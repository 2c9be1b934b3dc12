//! Locks that hold between threads and between processes, and end with their holder however it ends.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::failure::{Doing, Failure};
use super::layout::{HIDDEN, Place};

/// Keys share this many locks: a lock file per key could never be removed without a race.
const STRIPES: u64 = 64;

/// The folder of the lock files.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join(HIDDEN).join("locks")
}

/// Waits until nobody else changes this key, and keeps it so until the file is dropped.
pub(super) fn of(place: &Place) -> Result<File, Failure> {
    let stripe = fnv1a(place.lock_name()) % STRIPES;
    let path = folder(&place.root).join(format!("{stripe:02}"));
    // Opened anew each time: a lock belongs to the opening, so threads exclude each other as processes do.
    let file = File::options().create(true).truncate(false).write(true).open(&path).doing("open", &path)?;
    file.lock().doing("lock", &path)?;
    Ok(file)
}

/// The standard library's hashes may change from one release to the next; two processes must agree.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}
