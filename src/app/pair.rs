//! Both objects or neither: how an original and its thumbnail are stored as a pair.
//!
//! A put that failed may have landed all the same, and one that was retried may have landed twice. So
//! undoing removes the version that is known, then looks at the key's newest version and removes it where
//! it carries this upload's id, until the newest is somebody else's: always by version. A plain DELETE
//! would hide an earlier good file; it is used only where there are no versions and the key was new.

use tokio::time::{Instant, timeout_at};

use crate::store::{Bucket, Condition, Error, Object, Store, Written};

/// The longest chain of an upload's own versions under one key: each attempt of a put may leave one.
const MOST_OWN_VERSIONS: usize = 6;

/// An original and its thumbnail on their way into the store.
#[derive(Debug)]
pub(super) struct Pair {
    pub(super) original_key: String,
    pub(super) original: Object,
    pub(super) thumbnail_key: String,
    pub(super) thumbnail: Object,
    pub(super) upload_id: String,
    pub(super) condition: Condition,
}

/// The two versions that landed.
#[derive(Debug)]
pub(super) struct Landed {
    pub(super) original: Written,
    pub(super) thumbnail: Written,
}

/// One object that must not stay, with all that is needed to remove nothing else.
#[derive(Clone, Debug)]
pub(super) struct Orphan {
    pub(super) bucket: Bucket,
    pub(super) key: String,
    pub(super) partner_key: String,
    pub(super) upload_id: String,
    /// The version that the upload's put was answered with, where it was.
    pub(super) version_id: Option<String>,
    /// Whether nothing was stored under this key before.
    pub(super) key_was_new: bool,
}

/// A pair of which not both landed, as far as is known.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) error: Error,
    original: Fate,
    thumbnail: Fate,
}

/// What has become of one put of a pair that failed.
#[derive(Debug)]
enum Fate {
    Landed(Written),
    /// The store may have done it all the same, or may do it yet.
    Unknown,
    NeverSent,
}

/// What has become of an [`Orphan`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Removal {
    /// The newest version, if any, is not of this upload.
    Gone,
    /// It replaced an earlier object in a bucket without versions: nothing can bring that one back.
    MustStay,
}

/// Which keys were new before the pair was stored. It matters only in buckets without versions.
#[derive(Clone, Copy, Debug)]
pub(super) struct WereNew {
    pub(super) original: bool,
    pub(super) thumbnail: bool,
}

/// Puts both before the deadline.
pub(super) async fn put(store: &Store, pair: &Pair, deadline: Instant) -> Result<Landed, Failure> {
    timeout_at(deadline, put_both(store, pair)).await.unwrap_or_else(|elapsed| {
        let error = Error::Timeout(elapsed.into());
        Err(Failure { error, original: Fate::Unknown, thumbnail: Fate::Unknown })
    })
}

/// Both at once, or the original first where it must not exist yet.
async fn put_both(store: &Store, pair: &Pair) -> Result<Landed, Failure> {
    let put_original = store.put(Bucket::Uploads, &pair.original_key, &pair.original, &pair.condition);
    let put_thumbnail = store.put(Bucket::Thumbnails, &pair.thumbnail_key, &pair.thumbnail, &Condition::Always);
    match &pair.condition {
        Condition::Always => {
            let (original, thumbnail) = tokio::join!(put_original, put_thumbnail);
            both(original, thumbnail)
        }
        Condition::IfAbsent | Condition::IfRevision(_) => match put_original.await {
            Ok(original) => both(Ok(original), put_thumbnail.await),
            Err(error) => Err(Failure { original: Fate::of(&error), thumbnail: Fate::NeverSent, error }),
        },
    }
}

fn both(original: Result<Written, Error>, thumbnail: Result<Written, Error>) -> Result<Landed, Failure> {
    match (original, thumbnail) {
        (Ok(original), Ok(thumbnail)) => Ok(Landed { original, thumbnail }),
        (Err(error), thumbnail) => {
            let thumbnail = thumbnail.map_or_else(|error| Fate::of(&error), Fate::Landed);
            Err(Failure { original: Fate::of(&error), thumbnail, error })
        }
        (Ok(original), Err(error)) => {
            Err(Failure { original: Fate::Landed(original), thumbnail: Fate::of(&error), error })
        }
    }
}

impl Fate {
    fn of(error: &Error) -> Self {
        if error.is_before_sending() { Self::NeverSent } else { Self::Unknown }
    }

    fn written(&self) -> Option<&Written> {
        match self {
            Self::Landed(written) => Some(written),
            Self::Unknown | Self::NeverSent => None,
        }
    }
}

impl Failure {
    /// The same as what has to be removed: both, but for what was never sent.
    pub(super) fn orphans(&self, pair: &Pair, were_new: WereNew) -> [Option<Orphan>; 2] {
        let [original, thumbnail] = pair.orphans(were_new, self.original.written(), self.thumbnail.written());
        let was_sent = |fate: &Fate| !matches!(fate, Fate::NeverSent);
        [was_sent(&self.original).then_some(original), was_sent(&self.thumbnail).then_some(thumbnail)]
    }
}

impl Landed {
    /// The same, should the upload have to be taken back.
    pub(super) fn orphans(&self, pair: &Pair, were_new: WereNew) -> [Orphan; 2] {
        pair.orphans(were_new, Some(&self.original), Some(&self.thumbnail))
    }
}

impl Pair {
    /// The two objects as they would have to be removed while nothing is known of their puts.
    pub(super) fn orphans(
        &self,
        were_new: WereNew,
        original: Option<&Written>,
        thumbnail: Option<&Written>,
    ) -> [Orphan; 2] {
        let orphan = |bucket, key: &str, partner: &str, written: Option<&Written>, key_was_new| Orphan {
            bucket,
            key: key.into(),
            partner_key: partner.into(),
            upload_id: self.upload_id.clone(),
            version_id: written.and_then(|written| written.version_id.clone()),
            key_was_new,
        };
        let (original_key, thumbnail_key) = (&self.original_key, &self.thumbnail_key);
        [
            orphan(Bucket::Uploads, original_key, thumbnail_key, original, were_new.original),
            orphan(Bucket::Thumbnails, thumbnail_key, original_key, thumbnail, were_new.thumbnail),
        ]
    }
}

impl Orphan {
    /// The key that puts and removals of either object of the pair are locked by.
    pub(super) fn original_key(&self) -> &str {
        match self.bucket {
            Bucket::Uploads => &self.key,
            Bucket::Thumbnails => &self.partner_key,
        }
    }
}

/// Removes the version that is known, and every newest one that carries the upload's id.
///
/// # Errors
/// Where the store could not be asked, or did not remove what it was told to.
pub(super) async fn remove(store: &Store, orphan: &Orphan) -> Result<Removal, Error> {
    if let Some(version_id) = &orphan.version_id {
        store.remove(orphan.bucket, &orphan.key, Some(version_id)).await?;
    }
    for _ in 0..MOST_OWN_VERSIONS {
        let newest = match store.head_to_undo(orphan.bucket, &orphan.key).await {
            Ok(newest) => newest,
            Err(Error::NotFound) => return Ok(Removal::Gone),
            Err(error) => return Err(error),
        };
        if newest.metadata.upload_id.as_ref() != Some(&orphan.upload_id) {
            return Ok(Removal::Gone);
        }
        if newest.version_id.is_none() && !orphan.key_was_new {
            return Ok(Removal::MustStay);
        }
        store.remove(orphan.bucket, &orphan.key, newest.version_id.as_deref()).await?;
    }
    Err(Error::Unavailable("the object is still there after it was removed".into()))
}

/// Whether each key is free. Only asked where the buckets keep no versions; where the store does not
/// say, the key counts as taken, so that nothing is removed by mistake.
pub(super) async fn were_new(store: &Store, original_key: &str, thumbnail_key: &str) -> WereNew {
    let is_new = async |bucket, key| matches!(store.head(bucket, key).await, Err(Error::NotFound));
    let (original, thumbnail) =
        tokio::join!(is_new(Bucket::Uploads, original_key), is_new(Bucket::Thumbnails, thumbnail_key));
    WereNew { original, thumbnail }
}
