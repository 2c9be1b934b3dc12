//! What a store does: two buckets of objects with versions, conditional writes and metadata.
//!
//! Two of them exist, [`s3`] and [`local`], and this file is all that the rest of the program knows of
//! either. Keys are taken as they are: [`crate::key`] has made them safe, or a client has named an object
//! that may not exist.

pub mod local;
pub mod s3;

use std::fmt;
use std::pin::Pin;
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};

use crate::key::Layout;

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
    /// The store refused, broke, or could not be reached. A write may have landed all the same.
    #[error("the store failed")]
    Unavailable(#[source] Cause),
}

/// What lies beneath a failure; for the log, never for a client.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Either store.
#[derive(Debug)]
pub enum Store {
    /// A folder on this machine.
    Local(local::Local),
    /// S3, or a server that speaks its protocol.
    S3(s3::S3),
}

impl Store {
    /// Writes an object under a key, whole or not at all.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] or [`Error::Changed`] where the condition does not hold; [`Error::Timeout`]
    /// and [`Error::Unavailable`] leave it open whether the write landed.
    pub async fn put(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<Written, Error> {
        match self {
            Self::Local(local) => local.put(bucket, key, object, condition).await,
            Self::S3(s3) => s3.put(bucket, key, object, condition).await,
        }
    }

    /// The facts of the newest version.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none, also where the newest version is a deletion.
    pub async fn head(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        match self {
            Self::Local(local) => local.head(bucket, key).await,
            Self::S3(s3) => s3.head(bucket, key).await,
        }
    }

    /// The newest version, or a part of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::RangeNotSatisfiable`].
    pub async fn get(&self, bucket: Bucket, key: &str, range: Option<Range>) -> Result<Download, Error> {
        match self {
            Self::Local(local) => local.get(bucket, key, range).await,
            Self::S3(s3) => s3.get(bucket, key, range).await,
        }
    }

    /// Removes one version for good, so that the one before it is the newest again. Removing what is
    /// not there is success. `None` stands for the only version of a bucket that keeps none.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn remove(&self, bucket: Bucket, key: &str, version_id: Option<&str>) -> Result<(), Error> {
        match self {
            Self::Local(local) => local.remove(bucket, key, version_id).await,
            Self::S3(s3) => s3.remove(bucket, key, version_id).await,
        }
    }

    /// Whether a bucket can be reached and used.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::Unavailable`], with the cause.
    pub async fn check(&self, bucket: Bucket) -> Result<(), Error> {
        match self {
            Self::Local(local) => local.check(bucket).await,
            Self::S3(s3) => s3.check(bucket).await,
        }
    }

    /// Whether a bucket keeps earlier versions of an object.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn keeps_versions(&self, bucket: Bucket) -> Result<bool, Error> {
        match self {
            Self::Local(_) => Ok(true),
            Self::S3(s3) => s3.keeps_versions(bucket).await,
        }
    }

    /// Whether objects have addresses at the store itself, which it signs links to.
    pub fn signs_links(&self) -> bool {
        match self {
            Self::Local(_) => false,
            Self::S3(_) => true,
        }
    }

    /// A short-lived link to an object at the store itself; none where the store has no address.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the credentials to sign with can't be had.
    pub async fn presigned(
        &self,
        bucket: Bucket,
        key: &str,
        method: ReadMethod,
        shown: Shown,
    ) -> Result<Option<String>, Error> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(s3) => s3.presigned(bucket, key, method, shown).await.map(Some),
        }
    }

    /// A short-lived link that takes the bytes of an original straight into the store; none where the store
    /// has no address.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the credentials to sign with can't be had.
    pub async fn presigned_put(&self, announced: &Announced<'_>) -> Result<Option<WriteLink>, Error> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(s3) => s3.presigned_put(announced).await.map(Some),
        }
    }

    /// Remembers that no thumbnail can be made of one version of an original, and the problem's code. The
    /// local store remembers nothing: no file gets there by itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the version is gone, else [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn mark_rejected(&self, key: &str, version_id: Option<&str>, code: &str) -> Result<(), Error> {
        match self {
            Self::Local(_) => Ok(()),
            Self::S3(s3) => s3.mark_rejected(key, version_id, code).await,
        }
    }

    /// The problem's code that the newest version of an original was marked with, if it was.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn rejection(&self, key: &str) -> Result<Option<String>, Error> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(s3) => s3.rejection(key).await,
        }
    }

    /// What the bucket is called.
    pub fn name_of(&self, bucket: Bucket) -> &str {
        match self {
            Self::Local(local) => local.names().of(bucket),
            Self::S3(s3) => s3.names().of(bucket),
        }
    }
}
