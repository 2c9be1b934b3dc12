//! Errors about a JPEG, in the words of its readers.

pub(super) use crate::Error;

use std::fmt;

/// What is wrong and near which byte of the source.
#[cold]
pub(super) fn malformed(what: impl fmt::Display, offset: usize) -> Error {
    Error::malformed(format!("{what} at byte {offset}"))
}

/// A source that ends before its picture does.
#[cold]
pub(super) fn truncated(source: &[u8], within: &str) -> Error {
    Error::malformed(format!("truncated: the file ends at byte {}, {within}", source.len()))
}

/// A legal JPEG of a kind that is not read.
#[cold]
pub(super) fn unsupported(what: &'static str) -> Error {
    Error::unsupported(format!("a JPEG of a rare kind: {what}"))
}
