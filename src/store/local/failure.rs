//! What could not be done to which file.

use std::io;
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
        Self { doing: "write over", path, source: io::Error::new(io::ErrorKind::AlreadyExists, what) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        Self::Unavailable(Box::new(failure))
    }
}

/// The answer to a write under a key that can't be a file's name.
pub(super) fn bad_key(key: &str) -> Error {
    let shown: String = key.escape_debug().take(128).collect();
    let text = format!("the key \"{shown}\" can't be the name of a file in the store");
    Error::Unavailable(Box::new(io::Error::new(io::ErrorKind::InvalidInput, text)))
}
