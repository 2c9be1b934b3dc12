//! What a store does: two buckets of objects with versions, conditional writes and metadata.
//!
//! Two of them exist, [`s3`] and [`local`], and this file is all that the rest of the program knows of
//! either. Keys are taken as they are: [`crate::key`] has made them safe, or a client has named an object
//! that may not exist.

mod breaker;
mod either;
pub mod local;
pub mod s3;
mod watch;

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};

use crate::key::Layout;
pub use either::{Backend, Store};

/// One of the two buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Where originals are kept.
    Uploads,
    /// Where thumbnails are kept.
    Thumbnails,
}

/// The names of the two buckets; on the local store, of the two folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BucketNames {
    /// `UPLOAD_BUCKET`.
    pub uploads: String,
    /// `THUMBNAIL_BUCKET`.
    pub thumbnails: String,
}

impl BucketNames {
    /// The name of one of the two.
    pub fn of(&self, bucket: Bucket) -> &str {
        match bucket {
            Bucket::Uploads => &self.uploads,
            Bucket::Thumbnails => &self.thumbnails,
        }
    }
}

/// What is written under a key, as a whole.
#[derive(Clone, Debug)]
pub struct Object {
    /// The content.
    pub bytes: Bytes,
    /// Its media type.
    pub content_type: &'static str,
    /// What caches may do with it.
    pub cache_control: &'static str,
    /// What is remembered beside it.
    pub metadata: Metadata,
}

/// What is remembered beside an object's bytes. On S3 this is user metadata: `upload-id` and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Metadata {
    /// The upload that wrote this object and its partner in the other bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload_id: Option<String>,
    /// SHA-256 of the original, in lower-case hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_sha256: Option<String>,
    /// The version of the original that a thumbnail was made of after that one had been stored by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_version_id: Option<String>,
    /// SHA-256 of this object's own bytes, in lower-case hexadecimal: its `ETag`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// The media types of what we store.
pub const PICTURE_TYPES: [&str; 2] = ["image/jpeg", "image/png"];

/// What caches may do with an object: under a file's own name its content can change, and what not everybody may
/// see is not for caches that several share.
pub fn cache_control(layout: Layout, is_private: bool) -> &'static str {
    match (layout, is_private) {
        (Layout::Name, false) => "no-cache",
        (Layout::Name, true) => "private, no-cache",
        (Layout::Unique, false) => "public, max-age=31536000, immutable",
        (Layout::Unique, true) => "private, max-age=31536000, immutable",
    }
}

/// What the version of an object is called that was written before its bucket kept versions.
pub const VERSION_OF_OLD: &str = "null";

/// When a write may take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Always; an object under this key becomes an earlier version.
    Always,
    /// Only where no object has this key.
    IfAbsent,
    /// Only where the newest version is still the one of this [`Stat::revision`].
    IfRevision(String),
}

/// A write that landed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The new version; none where the bucket keeps no versions.
    pub version_id: Option<String>,
}

/// What is known of the newest version of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The size in bytes.
    pub bytes: u64,
    /// The media type it was stored with.
    pub content_type: String,
    /// Which version this is; none where the bucket keeps no versions.
    pub version_id: Option<String>,
    /// What tells this content from any other under the key: S3's entity tag, a file's size and time.
    pub revision: String,
    /// When it was written, by the store's clock.
    pub modified: SystemTime,
    /// What is remembered beside the bytes.
    pub metadata: Metadata,
}

/// How an object is shown to who reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As the picture that it is known to be.
    AsPicture {
        /// Its media type.
        content_type: &'static str,
    },
    /// As a file to be saved: what it holds was never looked at, so no browser should.
    AsDownload {
        /// The media type that may be told of it.
        content_type: &'static str,
    },
}

impl Shown {
    /// The media type to tell.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::AsPicture { content_type } | Self::AsDownload { content_type } => content_type,
        }
    }
}

impl Stat {
    /// A picture only where we have decoded it ourselves. Other programs, or people, may have put anything into the
    /// bucket, under any type.
    pub fn shown(&self) -> Shown {
        let picture_type = PICTURE_TYPES.into_iter().find(|picture_type| *picture_type == self.content_type);
        match picture_type {
            Some(content_type) if self.metadata.upload_id.is_some() => Shown::AsPicture { content_type },
            _ => Shown::AsDownload { content_type: picture_type.unwrap_or("application/octet-stream") },
        }
    }
}

/// A file that somebody wants to put into the store by a link.
#[derive(Clone, Copy, Debug)]
pub struct Announced<'a> {
    /// The key it will have.
    pub key: &'a str,
    /// Its media type.
    pub content_type: &'a str,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether the key must be free.
    pub must_be_new: bool,
}

/// A link that is good for one write.
#[derive(Clone, Debug)]
pub struct WriteLink {
    /// Where to send the bytes.
    pub url: String,
    /// Until when.
    pub expires: SystemTime,
}

/// A part of an object, as a client asks for it (RFC 9110, section 14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// `bytes=a-b`, both included; `b` may lie beyond the end.
    FromTo(u64, u64),
    /// `bytes=a-`.
    From(u64),
    /// `bytes=-n`: the last `n` bytes.
    Last(u64),
}

impl Range {
    /// The first and the last byte of an object of `size` bytes that this range selects, if any.
    pub fn within(self, size: u64) -> Option<(u64, u64)> {
        let last = size.checked_sub(1)?;
        match self {
            Self::FromTo(from, to) if from <= to && from <= last => Some((from, to.min(last))),
            Self::From(from) if from <= last => Some((from, last)),
            Self::Last(n) if n > 0 => Some((size.saturating_sub(n), last)),
            Self::FromTo(..) | Self::From(_) | Self::Last(_) => None,
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FromTo(from, to) => write!(f, "bytes={from}-{to}"),
            Self::From(from) => write!(f, "bytes={from}-"),
            Self::Last(n) => write!(f, "bytes=-{n}"),
        }
    }
}

/// An object on its way out.
pub struct Download {
    /// The whole object's facts, also where only a part is sent.
    pub stat: Stat,
    /// The first and the last byte in `body`, where a range was asked for.
    pub part: Option<(u64, u64)>,
    /// The bytes, in order.
    pub body: ByteStream,
}

/// An object as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// The newest version's size in bytes.
    pub bytes: u64,
    /// When the newest version was written, by the store's clock.
    pub modified: SystemTime,
}

/// Where a listing begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ListFrom<'a> {
    /// With the first key.
    Beginning,
    /// Behind this key, whether there is such an object or not.
    After(&'a str),
    /// Where the page before it ended: its [`Page::next`].
    Next(&'a str),
}

/// A part of a listing, of at most 1,000 objects, in the store's order. On S3 and in a folder that is the order of the
/// keys' bytes; some servers that speak S3's protocol have orders of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The objects; where the newest version of a key is a deletion there is none.
    pub objects: Vec<Listed>,
    /// What to ask for the next part with; none behind the last.
    pub next: Option<String>,
}

/// The most objects on a page: S3 gives no more.
const PAGE_OBJECTS: u16 = 1_000;

/// Bytes as they come.
pub type ByteStream = Pin<Box<dyn Stream<Item = std::io::Result<Bytes>> + Send>>;

/// The method that a presigned link is good for: a signature covers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMethod {
    /// The bytes.
    Get,
    /// The headers alone.
    Head,
}

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No object has this key.
    #[error("no such object")]
    NotFound,
    /// [`Condition::IfAbsent`] does not hold.
    #[error("an object with this key exists")]
    AlreadyExists,
    /// [`Condition::IfRevision`] does not hold.
    #[error("the object has changed meanwhile")]
    Changed,
    /// The range selects no byte of the object.
    #[error("the range selects nothing of {size} bytes")]
    RangeNotSatisfiable {
        /// The object's size in bytes.
        size: u64,
    },
    /// No answer in time. A write may have landed all the same.
    #[error("no answer from the store in time")]
    Timeout(#[source] Cause),
    /// The store broke, or could not be reached. A write may have landed all the same.
    #[error("the store failed")]
    Unavailable(#[source] Cause),
    /// The store works, but won't do this: it is not permitted, or there is no room.
    #[error("the store refused")]
    Refused(#[source] Cause),
    /// Not even asked: it has failed too often. Why stands in the log, where that came to be known.
    #[error("the store is known to be down")]
    Down {
        /// When it is asked again.
        retry_in: Duration,
    },
}

impl Error {
    /// Whether it shows that the store is down. What has to do with one key or one right of ours does not: else
    /// who asks for the wrong things could keep all others out.
    fn is_of_a_store_that_is_down(&self) -> bool {
        match self {
            Self::Timeout(_) | Self::Unavailable(_) => true,
            Self::NotFound
            | Self::AlreadyExists
            | Self::Changed
            | Self::RangeNotSatisfiable { .. }
            | Self::Refused(_)
            | Self::Down { .. } => false,
        }
    }

    /// Whether nothing of a write can have landed, since it was never sent.
    pub fn is_before_sending(&self) -> bool {
        matches!(self, Self::Down { .. })
    }
}

/// What lies beneath a failure; for the log, never for a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// An error with all that lies beneath it, for a log line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
