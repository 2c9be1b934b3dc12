//! Files that are being written.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use uuid::Uuid;

use super::failure::{Doing, Failure};
use super::layout::HIDDEN;

/// A file nobody else sees yet. It is locked as long as its writer lives, and removed unless it has been given
/// a name to stay.
#[derive(Debug)]
pub(super) struct Temp {
    path: PathBuf,
    file: File,
}

/// The folder that holds them.
pub(super) fn folder(root: &Path) -> PathBuf {
    root.join(HIDDEN).join("tmp")
}

/// Removes what a killed process left. What another process is writing is locked, and stays.
pub(super) fn clean(root: &Path) -> Result<(), Failure> {
    let folder = folder(root);
    for entry in fs::read_dir(&folder).doing("read", &folder)? {
        let entry = entry.doing("read", &folder)?;
        remove_unlocked(&entry.path()).doing("remove", &entry.path())?;
    }
    Ok(())
}

impl Temp {
    pub(super) fn new(root: &Path) -> Result<Self, Failure> {
        let folder = folder(root);
        loop {
            let path = folder.join(format!("{}.part", Uuid::now_v7()));
            let file = match File::create_new(&path) {
                Err(e) if e.kind() == ErrorKind::NotFound => return Err(Failure::gone(folder, &e)),
                created => created.doing("create", &path)?,
            };
            let temp = Self { path, file };
            match temp.file.try_lock() {
                // Between creation and lock another process's cleaning may have taken it for a dead one's.
                Ok(()) if temp.path.exists() => return Ok(temp),
                Ok(()) | Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(e).doing("lock", &temp.path),
            }
        }
    }

    /// A file with this content, on the disk when this returns.
    pub(super) fn holding(root: &Path, bytes: &[u8]) -> Result<Self, Failure> {
        let mut temp = Self::new(root)?;
        temp.file.write_all(bytes).doing("write", &temp.path)?;
        // The system's own stamps may be milliseconds apart, and a version is known by its time.
        temp.finish(SystemTime::now())?;
        Ok(temp)
    }

    /// Whether one can be made at all.
    pub(super) fn touch(root: &Path) -> Result<(), Failure> {
        let mut temp = Self::new(root)?;
        temp.file.write_all(b".").doing("write", &temp.path)
    }

    /// A copy of a file with its time, on the disk when this returns.
    pub(super) fn copy_of(root: &Path, original: &Path) -> Result<Self, Failure> {
        let mut temp = Self::new(root)?;
        let mut file = File::open(original).doing("open", original)?;
        let modified = file.metadata().and_then(|facts| facts.modified()).doing("look at", original)?;
        io::copy(&mut file, &mut temp.file).doing("copy", original)?;
        temp.finish(modified)?;
        Ok(temp)
    }

    /// Sets the time of modification and waits until everything is on the disk.
    pub(super) fn finish(&self, modified: SystemTime) -> Result<(), Failure> {
        self.file.set_modified(modified).and_then(|()| self.file.sync_all()).doing("write", &self.path)
    }

    pub(super) fn facts(&self) -> Result<fs::Metadata, Failure> {
        self.file.metadata().doing("look at", &self.path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, at once and in place of what had it. The folder is still to be synced.
    pub(super) fn rename_to(&self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl Drop for Temp {
    fn drop(&mut self) {
        // Once it has been renamed there is nothing here any more. What can't be removed now is at the next start.
        fs::remove_file(&self.path).ok();
    }
}

fn remove_unlocked(path: &Path) -> io::Result<()> {
    let file = match File::options().write(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(()),
        Err(TryLockError::Error(e)) => return Err(e),
    }
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
