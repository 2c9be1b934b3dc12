//! What could not be done to which file.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::store::Error;

/// A step that failed, for the log: the operating system's own errors name no file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub(super) struct Failure {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

/// Adds to an I/O error what was being done, and to which file.
pub(super) trait Doing<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Failure>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, doing: &'static str, path: &Path) -> Result<T, Failure> {
        self.map_err(|source| Failure { doing, path: path.to_owned(), source })
    }
}

impl Failure {
    /// Something that this store did not make stands where it has to write.
    pub(super) fn in_the_way(path: PathBuf, what: &'static str) -> Self {
        Self { doing: "write over", path, source: io::Error::new(ErrorKind::AlreadyExists, what) }
    }

    /// A folder of the store's own is missing. It is not made anew: it may be on a disk that is not mounted.
    pub(super) fn gone(path: PathBuf, source: &io::Error) -> Self {
        let text = format!("{source}; bring the folder back, or restart the service to begin with an empty one");
        Self { doing: "write to", path, source: io::Error::new(ErrorKind::NotFound, text) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure.source.kind() {
            // No room, or no right to write: what is there can still be read.
            ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::FileTooLarge
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::PermissionDenied
            // Something is in the way of one key.
            | ErrorKind::AlreadyExists
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::ResourceBusy => Self::Refused(Box::new(failure)),
            _ => Self::Unavailable(Box::new(failure)),
        }
    }
}

/// The answer to a write under a key that can't be a file's name.
pub(super) fn bad_key(key: &str) -> Error {
    let shown: String = key.escape_debug().take(128).collect();
    let text = format!("the key \"{shown}\" can't be the name of a file in the store");
    Error::Refused(Box::new(io::Error::new(ErrorKind::InvalidInput, text)))
}
