//! The thumbnail of an original that lies in the store already: it came by a presigned link or by another
//! program, and an event tells of it.
//!
//! An event is only a hint that a key changed. What counts is the original that is there now, so repeated,
//! late and out-of-order events do no harm; and a thumbnail is written only over the one that was looked at,
//! so of two that work on one key the later one begins again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::StreamExt;
use sha2::{Digest, Sha256};
use thumbnail::Thumbnail;
use tracing::info;
use uuid::Uuid;

use super::buffer::Buffer;
use super::pair::Orphan;
use super::upload::{decode, milliseconds};
use super::{App, Error};
use crate::hex::hex;
use crate::key::OriginalKey;
use crate::metrics;
use crate::store::{self, Bucket, Condition, Download, Metadata, Object, Stat};

/// How often a key may change while we work on it.
const TRIES: u32 = 8;

/// What has become of an original's thumbnail.
#[derive(Debug)]
pub enum Outcome {
    /// It was made.
    Created,
    /// It was there already, made of this very original.
    Current,
    /// There is no original under the key any more.
    Gone,
    /// It is not of the original that is there, but may be about to be: see [`thumbnail_object_at_rest`].
    UnderWay,
    /// No thumbnail can be made of the original.
    Rejected {
        /// The version that was looked at; none where the bucket keeps none.
        version_id: Option<String>,
        /// Why.
        error: Error,
    },
}

/// What there is of an original's thumbnail, as far as can be told without reading the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// There is none.
    Missing,
    /// It is of this very original.
    Current,
    /// It is of another original.
    Stale,
    /// There is one; of what, only the original's bytes can tell.
    Unsure,
    /// There is no original under the key any more.
    Gone,
}

/// Makes sure that the newest original under a key has its thumbnail.
///
/// # Errors
/// [`Error::Busy`], [`Error::Store`] and [`Error::Internal`]: trying again later can help.
pub async fn thumbnail_stored_object(app: &Arc<App>, key: &OriginalKey) -> Result<Outcome, Error> {
    thumbnail_object_at_rest(app, key, Duration::ZERO).await
}

/// The same for who is not told of a key by an event, which would come again once an upload is complete: a pair of
/// which a part was written less than `min_age` ago, by an upload, is left alone.
///
/// # Errors
/// As for [`thumbnail_stored_object`].
pub async fn thumbnail_object_at_rest(app: &Arc<App>, key: &OriginalKey, min_age: Duration) -> Result<Outcome, Error> {
    app.admit().await?;
    let _turn = app.keys.lock(key.as_str()).await;
    // An upload that is being taken back gets no thumbnail: nobody would remove that one after it.
    app.janitor.settle(&app.store, key.as_str()).await?;
    for _ in 0..TRIES {
        if let Some(outcome) = attempt(app, key, min_age).await? {
            return Ok(outcome);
        }
    }
    Err(Error::Store(store::Error::Changed))
}

/// Looks, and does nothing.
///
/// # Errors
/// The store's.
pub async fn state_of(app: &App, key: &OriginalKey) -> Result<State, Error> {
    app.admit().await?;
    let Some(thumbnail) = found(app.store.head(Bucket::Thumbnails, &key.thumbnail()).await)? else {
        return Ok(State::Missing);
    };
    let Some(original) = found(app.store.head(Bucket::Uploads, key.as_str()).await)? else {
        return Ok(State::Gone);
    };
    let both = |one: &Option<String>, other: &Option<String>| one.is_some() && other.is_some();
    Ok(match () {
        () if is_made_of(&thumbnail, &original) => State::Current,
        () if both(&thumbnail.metadata.source_version_id, &original.version_id)
            || both(&thumbnail.metadata.source_sha256, &original.metadata.sha256) =>
        {
            State::Stale
        }
        () => State::Unsure,
    })
}

/// Remembers that no thumbnail can be made of a version of an original, for those who ask for it.
///
/// # Errors
/// The store's.
pub async fn mark_rejected(app: &App, key: &str, version_id: Option<&str>, code: &str) -> Result<(), Error> {
    match app.store.mark_rejected(key, version_id, code).await {
        Err(store::Error::NotFound) => Ok(()),
        marked => Ok(marked?),
    }
}

/// One look at the key, and what follows from it; none where it changed meanwhile.
async fn attempt(app: &Arc<App>, key: &OriginalKey, min_age: Duration) -> Result<Option<Outcome>, Error> {
    let thumbnail = found(app.store.head(Bucket::Thumbnails, &key.thumbnail()).await)?;
    // Of a file without a thumbnail more is wanted than its head: the one question can be saved.
    if let Some(thumbnail) = &thumbnail {
        match found(app.store.head(Bucket::Uploads, key.as_str()).await)? {
            None => return Ok(Some(Outcome::Gone)),
            Some(original) if is_made_of(thumbnail, &original) => return Ok(Some(Outcome::Current)),
            Some(original) if may_be_under_way(&[thumbnail, &original], min_age) => {
                return Ok(Some(Outcome::UnderWay));
            }
            Some(_) => {}
        }
    }
    let Some(download) = found(app.store.get(Bucket::Uploads, key.as_str(), None).await)? else {
        return Ok(Some(Outcome::Gone));
    };
    if thumbnail.is_none() && may_be_under_way(&[&download.stat], min_age) {
        return Ok(Some(Outcome::UnderWay));
    }
    let (limit, actual) = (app.max_stored_bytes, download.stat.bytes);
    if actual > limit {
        let error = Error::TooManyBytes { limit, actual };
        return Ok(Some(Outcome::Rejected { version_id: download.stat.version_id, error }));
    }
    let source = Source::read(app, download).await?;
    if thumbnail.as_ref().is_some_and(|thumbnail| thumbnail.metadata.source_sha256.as_ref() == Some(&source.sha256)) {
        return Ok(Some(Outcome::Current));
    }
    let condition = thumbnail.map_or(Condition::IfAbsent, |thumbnail| Condition::IfRevision(thumbnail.revision));
    make(app, key, source, &condition).await
}

/// Decodes the original and writes its thumbnail.
async fn make(
    app: &Arc<App>,
    key: &OriginalKey,
    source: Source,
    condition: &Condition,
) -> Result<Option<Outcome>, Error> {
    let begun = Instant::now();
    let made = match decode(app, source.bytes.clone()).await {
        Ok(made) => made,
        Err(error @ Error::Picture(_)) => {
            return Ok(Some(Outcome::Rejected { version_id: source.stat.version_id, error }));
        }
        Err(error) => return Err(error),
    };
    let decode = begun.elapsed();
    let begun = Instant::now();
    let outcome = put(app, key, &source, &made, condition).await?;
    if matches!(outcome, Some(Outcome::Created)) {
        let store = begun.elapsed();
        metrics::decode_took(decode);
        metrics::store_took(store);
        log(key, &source, &made, milliseconds(decode), milliseconds(store));
    }
    Ok(outcome)
}

/// An original as it was read.
struct Source {
    stat: Stat,
    bytes: Bytes,
    sha256: String,
}

impl Source {
    async fn read(app: &App, download: Download) -> Result<Self, Error> {
        let Download { stat, mut body, .. } = download;
        let mut bytes = Buffer::begin(app, 0, stat.bytes).await?;
        let mut hash = Sha256::new();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| store::Error::Unavailable(error.into()))?;
            bytes.push(&chunk).await?;
            hash.update(&chunk);
        }
        let sha256 = hex(&hash.finalize());
        Ok(Self { stat, bytes: bytes.into_bytes(), sha256 })
    }
}

/// Writes the thumbnail, and looks once more whether its original is still there: an upload that was taken
/// back meanwhile must not leave a thumbnail behind.
async fn put(
    app: &Arc<App>,
    key: &OriginalKey,
    source: &Source,
    made: &Thumbnail,
    condition: &Condition,
) -> Result<Option<Outcome>, Error> {
    let (thumbnail_key, upload_id) = (key.thumbnail(), Uuid::now_v7().to_string());
    let object = Object {
        bytes: Bytes::copy_from_slice(&made.bytes),
        content_type: made.format.content_type(),
        cache_control: app.cache_control,
        metadata: Metadata {
            upload_id: Some(upload_id.clone()),
            source_sha256: Some(source.sha256.clone()),
            source_version_id: source.stat.version_id.clone(),
            sha256: Some(hex(&Sha256::digest(&made.bytes))),
        },
    };
    let written = match app.store.put(Bucket::Thumbnails, &thumbnail_key, &object, condition).await {
        Err(store::Error::Changed | store::Error::AlreadyExists) => return Ok(None),
        written => written?,
    };
    match found(app.store.head(Bucket::Uploads, key.as_str()).await)? {
        Some(now) if now.revision == source.stat.revision => Ok(Some(Outcome::Created)),
        Some(_) => Ok(None),
        None => {
            let orphan = Orphan {
                bucket: Bucket::Thumbnails,
                key: thumbnail_key,
                partner_key: key.as_str().into(),
                upload_id,
                version_id: written.version_id,
                key_was_new: *condition == Condition::IfAbsent,
            };
            app.janitor.remove(&app.store, orphan, true).await;
            Ok(Some(Outcome::Gone))
        }
    }
}

/// Uploads of ours tell by their hash, others by their version.
fn is_made_of(thumbnail: &Stat, original: &Stat) -> bool {
    let same = |one: &Option<String>, other: &Option<String>| one.is_some() && one == other;
    same(&thumbnail.metadata.source_version_id, &original.version_id)
        || same(&thumbnail.metadata.source_sha256, &original.metadata.sha256)
}

/// Whether what was written last was written by an upload, and not long ago: then its partner may follow, or it may be
/// taken back.
fn may_be_under_way(pair: &[&Stat], min_age: Duration) -> bool {
    let last = pair.iter().map(|stat| stat.modified).max();
    pair.iter()
        .filter(|stat| Some(stat.modified) == last)
        .any(|stat| stat.metadata.upload_id.is_some() && is_younger(stat, min_age))
}

/// Clocks that disagree count as young.
pub(super) fn is_younger(stat: &Stat, min_age: Duration) -> bool {
    stat.modified.elapsed().unwrap_or_default() < min_age
}

/// What is there, or nothing; being absent is no failure.
pub(super) fn found<T>(there: Result<T, store::Error>) -> Result<Option<T>, Error> {
    match there {
        Ok(there) => Ok(Some(there)),
        Err(store::Error::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn log(key: &OriginalKey, source: &Source, made: &Thumbnail, decode_ms: f64, store_ms: f64) {
    info!(
        key = key.as_str(),
        bytes = source.stat.bytes,
        content_type = made.source.format.content_type(),
        width = made.source.width,
        height = made.source.height,
        thumbnail_key = key.thumbnail(),
        thumbnail_bytes = made.bytes.len(),
        decode_ms,
        store_ms,
        "thumbnail created"
    );
}
