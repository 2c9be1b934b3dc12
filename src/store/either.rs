//! Either store, under watch.

use std::time::Duration;

use super::local::Local;
use super::s3::S3;
use super::watch::{self, Watch, in_time};
use super::{
    Announced, Bucket, Condition, Download, Error, ListFrom, Object, Page, Range, ReadMethod, Shown, Stat, WriteLink,
    Written,
};
use crate::metrics::{self, Operation};

/// Either store.
#[derive(Debug)]
pub enum Backend {
    /// A folder on this machine.
    Local(Local),
    /// S3, or a server that speaks its protocol.
    S3(S3),
}

/// A store under watch: while it is known to be down, it is not asked for anything but what undoes things.
#[derive(Debug)]
pub struct Store {
    backend: Backend,
    watch: Watch,
}

impl Store {
    /// A store that is taken to work until it shows otherwise.
    pub fn new(backend: Backend) -> Self {
        Self { backend, watch: Watch::default() }
    }

    /// Whether the store is known to be down.
    ///
    /// # Errors
    /// [`Error::Down`].
    pub fn admit(&self) -> Result<(), Error> {
        self.watch.admit(Bucket::Uploads).map(drop)
    }

    /// Whenever the store is known to be down, probes it until it answers; never ends.
    pub async fn keep_probing(&self) {
        loop {
            self.watch.next_probe().await;
            self.probe_if_due().await;
        }
    }

    /// The same once, if the pause since the last probe is over: for who can't do it in the background.
    pub async fn probe_if_due(&self) {
        self.watch.probe_if_due(self.check_both()).await;
    }

    async fn check_both(&self) -> Result<(), Error> {
        let (uploads, thumbnails) = tokio::join!(self.check(Bucket::Uploads), self.check(Bucket::Thumbnails));
        uploads.and(thumbnails)
    }

    /// The longest that an operation on so many bytes takes.
    pub fn operation_time(&self, bytes: u64) -> Duration {
        watch::operation_time(bytes)
    }

    /// Writes an object under a key, whole or not at all.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] or [`Error::Changed`] where the condition does not hold; [`Error::Timeout`],
    /// [`Error::Unavailable`] and [`Error::Refused`] leave it open whether the write landed.
    pub async fn put(
        &self,
        bucket: Bucket,
        key: &str,
        object: &Object,
        condition: &Condition,
    ) -> Result<Written, Error> {
        let work = async {
            match &self.backend {
                Backend::Local(local) => local.put(bucket, key, object, condition).await,
                Backend::S3(s3) => s3.put(bucket, key, object, condition).await,
            }
        };
        counted(Operation::Put, self.watch.over(bucket, object.bytes.len() as u64, work).await)
    }

    /// The facts of the newest version.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none, also where the newest version is a deletion.
    pub async fn head(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        counted(Operation::Head, self.watch.over(bucket, 0, self.find(bucket, key)).await)
    }

    /// The same for who undoes things: whether the store is known to be down does not matter, and is not learnt.
    ///
    /// # Errors
    /// As for [`Self::head`].
    pub async fn head_to_undo(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        counted(Operation::Head, in_time(watch::operation_time(0), self.find(bucket, key)).await)
    }

    async fn find(&self, bucket: Bucket, key: &str) -> Result<Stat, Error> {
        match &self.backend {
            Backend::Local(local) => local.head(bucket, key).await,
            Backend::S3(s3) => s3.head(bucket, key).await,
        }
    }

    /// The newest version, or a part of it.
    ///
    /// # Errors
    /// [`Error::NotFound`], or [`Error::RangeNotSatisfiable`].
    pub async fn get(&self, bucket: Bucket, key: &str, range: Option<Range>) -> Result<Download, Error> {
        let work = async {
            match &self.backend {
                Backend::Local(local) => local.get(bucket, key, range).await,
                Backend::S3(s3) => s3.get(bucket, key, range).await,
            }
        };
        counted(Operation::Get, self.watch.over(bucket, 0, work).await)
    }

    /// A page of the objects whose keys begin with the prefix.
    ///
    /// # Errors
    /// [`Error::Timeout`], [`Error::Unavailable`] or [`Error::Refused`].
    pub async fn list(&self, bucket: Bucket, prefix: &str, from: ListFrom<'_>) -> Result<Page, Error> {
        let work = async {
            match &self.backend {
                Backend::Local(local) => local.list(bucket, prefix, from).await,
                Backend::S3(s3) => s3.list(bucket, prefix, from).await,
            }
        };
        counted(Operation::List, self.watch.over(bucket, 0, work).await)
    }

    /// Removes one version for good, so that the one before it is the newest again. Removing what is
    /// not there is success. `None` stands for the only version of a bucket that keeps none. It undoes things,
    /// so it is tried whether the store is known to be down or not.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn remove(&self, bucket: Bucket, key: &str, version_id: Option<&str>) -> Result<(), Error> {
        let work = async {
            match &self.backend {
                Backend::Local(local) => local.remove(bucket, key, version_id).await,
                Backend::S3(s3) => s3.remove(bucket, key, version_id).await,
            }
        };
        counted(Operation::Remove, in_time(watch::operation_time(0), work).await)
    }

    /// Does something for a client that is made of operations to undo things: under watch, as a whole.
    ///
    /// # Errors
    /// [`Error::Down`], else those of the operations.
    pub async fn under_watch<T>(
        &self,
        bucket: Bucket,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        self.watch.over(bucket, 0, work).await
    }

    /// Whether a bucket can be reached and used.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::Unavailable`], with the cause.
    pub async fn check(&self, bucket: Bucket) -> Result<(), Error> {
        let work = async {
            match &self.backend {
                Backend::Local(local) => local.check(bucket).await,
                Backend::S3(s3) => s3.check(bucket).await,
            }
        };
        counted(Operation::Check, in_time(watch::ATTEMPT, work).await)
    }

    /// Whether a bucket keeps earlier versions of an object.
    ///
    /// # Errors
    /// [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn keeps_versions(&self, bucket: Bucket) -> Result<bool, Error> {
        match &self.backend {
            Backend::Local(_) => Ok(true),
            Backend::S3(s3) => {
                counted(Operation::Versions, self.watch.over(bucket, 0, s3.keeps_versions(bucket)).await)
            }
        }
    }

    /// Whether objects have addresses at the store itself, which it signs links to.
    pub fn signs_links(&self) -> bool {
        match &self.backend {
            Backend::Local(_) => false,
            Backend::S3(_) => true,
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
        match &self.backend {
            Backend::Local(_) => Ok(None),
            Backend::S3(s3) => counted(Operation::Presign, s3.presigned(bucket, key, method, shown).await).map(Some),
        }
    }

    /// A short-lived link that takes the bytes of an original straight into the store; none where the store
    /// has no address.
    ///
    /// # Errors
    /// [`Error::Unavailable`] where the credentials to sign with can't be had.
    pub async fn presigned_put(&self, announced: &Announced<'_>) -> Result<Option<WriteLink>, Error> {
        match &self.backend {
            Backend::Local(_) => Ok(None),
            Backend::S3(s3) => counted(Operation::Presign, s3.presigned_put(announced).await).map(Some),
        }
    }

    /// Remembers that no thumbnail can be made of one version of an original, and the problem's code. The
    /// local store remembers nothing: no file gets there by itself.
    ///
    /// # Errors
    /// [`Error::NotFound`] where the version is gone, else [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn mark_rejected(&self, key: &str, version_id: Option<&str>, code: &str) -> Result<(), Error> {
        match &self.backend {
            Backend::Local(_) => Ok(()),
            Backend::S3(s3) => {
                let work = s3.mark_rejected(key, version_id, code);
                counted(Operation::Tags, self.watch.over(Bucket::Uploads, 0, work).await)
            }
        }
    }

    /// The problem's code that the newest version of an original was marked with, if it was.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Timeout`] or [`Error::Unavailable`].
    pub async fn rejection(&self, key: &str) -> Result<Option<String>, Error> {
        match &self.backend {
            Backend::Local(_) => Ok(None),
            Backend::S3(s3) => counted(Operation::Tags, self.watch.over(Bucket::Uploads, 0, s3.rejection(key)).await),
        }
    }

    /// The circuit breaker's state: 0 closed, 1 half open, 2 open.
    pub fn breaker_state(&self) -> u8 {
        self.watch.state()
    }

    /// What the bucket is called.
    pub fn name_of(&self, bucket: Bucket) -> &str {
        match &self.backend {
            Backend::Local(local) => local.names().of(bucket),
            Backend::S3(s3) => s3.names().of(bucket),
        }
    }
}

/// Takes note of what the store did not do. What is missing, taken or changed is an answer like any other; and a store
/// that is known to be down was not asked.
fn counted<T>(operation: Operation, outcome: Result<T, Error>) -> Result<T, Error> {
    let cause = match &outcome {
        Err(Error::Unavailable(_)) => "unavailable",
        Err(Error::Timeout(_)) => "timeout",
        Err(Error::Refused(_)) => "refused",
        Err(
            Error::NotFound
            | Error::AlreadyExists
            | Error::Changed
            | Error::RangeNotSatisfiable { .. }
            | Error::Down { .. },
        )
        | Ok(_) => return outcome,
    };
    metrics::store_failed(operation, cause);
    outcome
}
