//! Folders that come when a file needs them, last through a power failure, and go when they are empty.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

/// How often a folder may vanish under our feet: removals of other keys tidy up empty folders at any time.
const TRIES: u32 = 64;

/// Does something in a folder, which is made first where it is missing. Nothing is made above `floor`, nor
/// `floor` itself: a store that someone took away must not come back empty.
pub(super) fn with<T>(floor: &Path, folder: &Path, mut act: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..TRIES {
        match act() {
            Err(e) if e.kind() == ErrorKind::NotFound => make(floor, folder)?,
            outcome => return outcome,
        }
    }
    act()
}

/// Makes a folder, and those above it up to `floor`, so that they outlast a power failure.
pub(super) fn make(floor: &Path, folder: &Path) -> io::Result<()> {
    let above = match folder.parent() {
        Some(above) if folder != floor => above,
        _ => return fs::metadata(floor).map(drop),
    };
    for _ in 0..TRIES {
        match fs::create_dir(folder).and_then(|()| sync(above)) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(()),
            Err(e) if e.kind() == ErrorKind::NotFound => make(floor, above)?,
            outcome => return outcome,
        }
    }
    fs::create_dir(folder)
}

/// Waits until the names in a folder are on the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The same after a file was removed, when the folder may have been tidied up by now.
pub(super) fn sync_removal(floor: &Path, folder: &Path) -> io::Result<()> {
    for folder in folder.ancestors().take_while(|folder| *folder != floor) {
        match sync(folder) {
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            outcome => return outcome,
        }
    }
    sync(floor)
}

/// Removes a folder and those above it up to `floor`, as far as they are empty.
pub(super) fn tidy(floor: &Path, folder: &Path) {
    for folder in folder.ancestors().take_while(|folder| *folder != floor) {
        if fs::remove_dir(folder).is_err() {
            return;
        }
    }
}
