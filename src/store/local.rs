//! The store on a local folder, which a person can look into.
//!
//! ```text
//! DATA_DIR/<bucket name>/
//!   x/photo.jpg                            the newest version's bytes, under the key itself
//!   a.jpg~/b.jpg                           key `a.jpg/b.jpg`: beside `a.jpg` there can be no folder `a.jpg`
//!   .thumbgate/records/x/photo.jpg         one JSON line per version, oldest first: type, size, metadata
//!   .thumbgate/versions/x/photo.jpg/7.jpg  the bytes of an earlier version
//!   .thumbgate/tmp, locks, counter         files being written, locks between processes, the next version id
//! ```
//!
//! The rename that puts a file under its key is the commit, for a write and for the restoring of an earlier
//! version alike. What the visible file is, the record tells by size and time of modification; a version
//! counts as long as its bytes exist, so a record line that a killed process left means nothing. A file that
//! no line describes was put there by hand: it is served, and kept as a version when it is written over.
//!
//! All of a bucket lies in its own folder, hidden part included: links and renames then never cross
//! from one file system to another, and a bucket can be moved, backed up or deleted in one piece.

mod counter;
mod failure;
mod folder;
mod layout;
mod list;
mod lock;
mod open;
mod read;
mod record;
mod temp;
#[cfg(test)]
mod tests;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

pub use self::open::OpenError;

use self::layout::Place;
use super::watch::operation_time;
use super::{
    Bucket, BucketNames, Condition, Download, Error, ListFrom, Object, PAGE_OBJECTS, Page, Range, Stat, Written,
};

/// How much of a file is read at a time.
const READ_BYTES: u64 = 32 * 1024;

/// Two folders on this machine. Other processes may use the same ones at the same time.
#[derive(Debug)]
pub struct Local {
    names: BucketNames,
    uploads: Arc<Path>,
    thumbnails: Arc<Path>,
}

impl Local {
    /// Makes the folders ready, and removes what a killed process left half-written.
    ///
    /// # Errors
    /// [`OpenError`] where the folder can't serve as a store, with what would be right.
    pub async fn open(data_dir: PathBuf, names: BucketNames) -> Result<Local, OpenError> {
        let of_uploads = names.uploads.clone();
        let of_thumbnails = names.thumbnails.clone();
        let opening = tokio::task::spawn_blocking(move || {
            let uploads = open::bucket(&data_dir, &of_uploads)?;
            let thumbnails = open::bucket(&data_dir, &of_thumbnails)?;
            Ok((uploads.into(), thumbnails.into()))
        });
        let (uploads, thumbnails) = opening.await.unwrap_or_else(|stopped| Err(OpenError::Stopped(stopped)))?;
        Ok(Local { names, uploads, thumbnails })
    }

    /// Writes an object under a key, whole or not at all, also where nobody waits for the outcome any more; but not
    /// later than an operation may take.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] or [`Error::Changed`] where the condition does not hold; [`Error::Unavailable`] where the folder is
    /// full, read-only or gone, or the key can't be a file's name.
    pub async fn put(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<Written, Error> {
        let place = self.place(bucket, key).ok_or_else(|| failure::bad_key(key))?;
        let object = object.clone();
        let condition = condition.clone();
        let until = Instant::now() + operation_time(object.bytes.len() as u64);
        let version = blocking(move || write::put(&place, &object, &condition, until)).await?;
        Ok(Written { version_id: Some(version.to_string()) })
    }

    /// The facts of the newest version.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::Unavailable`] where the folder can't be read.
    pub async fn head(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        let place = self.place(bucket, key).ok_or(Error::NotFound)?;
        blocking(move || read::newest(&place).map(|(_, stat)| stat)).await
    }

    /// The newest version, or a part of it. What has begun to be sent stays whole when a put replaces it.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::RangeNotSatisfiable`], or [`Error::Unavailable`].
    pub async fn get(&self, bucket: Bucket, key: &str, range: Option<Range>) -> Result<Download, Error> {
        let place = self.place(bucket, key).ok_or(Error::NotFound)?;
        let (file, stat, part) = blocking(move || read::newest_part(&place, range)).await?;
        let length = part.map_or(stat.bytes, |(first, last)| last - first + 1);
        let capacity = usize::try_from(length.clamp(1, READ_BYTES)).unwrap_or(usize::MAX);
        let reader = tokio::fs::File::from_std(file).take(length);
        Ok(Download { stat, part, body: Box::pin(ReaderStream::with_capacity(reader, capacity)) })
    }

    /// A page of the files whose keys begin with the prefix, also of those that were put here by hand.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the folder can't be read.
    pub async fn list(&self, bucket: Bucket, prefix: &str, from: ListFrom<'_>) -> Result<Page, Error> {
        let root = Arc::clone(self.root(bucket));
        let prefix = prefix.to_owned();
        let after = match from {
            ListFrom::Beginning => None,
            ListFrom::After(key) | ListFrom::Next(key) => Some(key.to_owned()),
        };
        blocking(move || Ok(list::page(&root, &prefix, after.as_deref(), PAGE_OBJECTS.into())?)).await
    }

    /// Removes one version for good; of the newest, the one before it becomes the newest again. Removing what
    /// is not there is success. `None` stands for the newest version.
    ///
    /// # Errors
    /// [`Error::Unavailable`].
    pub async fn remove(&self, bucket: Bucket, key: &str, version_id: Option<&str>) -> Result<(), Error> {
        let Some(place) = self.place(bucket, key) else { return Ok(()) };
        let version_id = version_id.map(str::to_owned);
        blocking(move || write::remove(&place, version_id.as_deref())).await
    }

    /// Whether a bucket's folder is there and can be written to.
    ///
    /// # Errors
    /// [`Error::Unavailable`], with the cause.
    pub async fn check(&self, bucket: Bucket) -> Result<(), Error> {
        let root = Arc::clone(self.root(bucket));
        blocking(move || open::probe(&root).map_err(Error::from)).await
    }

    /// What the two folders are called.
    pub fn names(&self) -> &BucketNames {
        &self.names
    }

    fn root(&self, bucket: Bucket) -> &Arc<Path> {
        match bucket {
            Bucket::Uploads => &self.uploads,
            Bucket::Thumbnails => &self.thumbnails,
        }
    }

    fn place(&self, bucket: Bucket, key: &str) -> Option<Place> {
        layout::place(self.root(bucket), key)
    }
}

/// Runs file work where waiting for a disk holds nobody up. It goes on to its end when the caller is dropped.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(stopped) => Err(Error::Unavailable(Box::new(stopped))),
    }
}
