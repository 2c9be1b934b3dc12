//! Thumbnails that stand without their originals: a process that is killed between the two writes of a pair can leave
//! one, and so does who deletes an original alone.
//!
//! Only what one of us has made is removed, version by version, and only once it is older than an upload under way can
//! be: of such a one the thumbnail may land first.

use std::sync::Arc;
use std::time::Duration;

use tracing::info;

use super::stored::{found, is_younger};
use super::{App, Error, thumbnail_stored_object};
use crate::key::{self, OriginalKey};
use crate::store::{self, Bucket, Stat, VERSION_OF_OLD};

/// What has become of a thumbnail that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mended {
    /// Its original is there.
    HasOriginal,
    /// It is gone itself.
    Gone,
    /// None of us has made it, or it is no thumbnail at all by its key.
    Foreign,
    /// It has no original, but may get one yet.
    Young,
    /// It has no original, and is to be left for now.
    Orphan,
    /// It had no original.
    Removed,
}

/// Looks whether a thumbnail has its original, and removes it where it has none and is old enough; `removes` says whether
/// it may be removed at all.
///
/// # Errors
/// The store's.
pub async fn mend_thumbnail(
    app: &Arc<App>,
    thumbnail_key: &str,
    min_age: Duration,
    removes: bool,
) -> Result<Mended, Error> {
    let original = key::original_of(thumbnail_key).and_then(|key| OriginalKey::existing(&key));
    let Some(original) = original else { return Ok(Mended::Foreign) };
    app.admit().await?;
    let mended = {
        let _turn = app.keys.lock(original.as_str()).await;
        mend(app, &original, thumbnail_key, min_age, removes).await?
    };
    // Who put the original back at the last moment may have found the thumbnail still there.
    if mended == Mended::Removed && is_there(app, &original).await? {
        thumbnail_stored_object(app, &original).await?;
    }
    Ok(mended)
}

/// What lies under a version that is removed is the newest then, and is looked at in its turn.
async fn mend(
    app: &App,
    original: &OriginalKey,
    thumbnail_key: &str,
    min_age: Duration,
    removes: bool,
) -> Result<Mended, Error> {
    let mut removed: Option<Stat> = None;
    loop {
        let end = removed.is_some().then_some(Mended::Removed);
        if is_there(app, original).await? {
            return Ok(end.unwrap_or(Mended::HasOriginal));
        }
        let newest = match found(app.store.head(Bucket::Thumbnails, thumbnail_key).await)? {
            None => return Ok(end.unwrap_or(Mended::Gone)),
            Some(newest) if newest.metadata.upload_id.is_none() => return Ok(end.unwrap_or(Mended::Foreign)),
            Some(newest) if is_younger(&newest, min_age) => return Ok(end.unwrap_or(Mended::Young)),
            Some(newest) => newest,
        };
        if !removes {
            return Ok(Mended::Orphan);
        }
        if removed.is_some_and(|removed| removed == newest) {
            let cause = "the object is still there after it was removed".into();
            return Err(Error::Store(store::Error::Unavailable(cause)));
        }
        remove(app, thumbnail_key, &newest).await?;
        removed = Some(newest);
    }
}

async fn is_there(app: &App, original: &OriginalKey) -> Result<bool, Error> {
    Ok(found(app.store.head(Bucket::Uploads, original.as_str()).await)?.is_some())
}

/// Without a version a removal is only a mark of deletion where a bucket keeps versions.
async fn remove(app: &App, thumbnail_key: &str, newest: &Stat) -> Result<(), Error> {
    let version_id = match &newest.version_id {
        Some(version_id) => Some(version_id.as_str()),
        None if app.store.keeps_versions(Bucket::Thumbnails).await? => Some(VERSION_OF_OLD),
        None => None,
    };
    app.store.remove(Bucket::Thumbnails, thumbnail_key, version_id).await?;
    info!(
        bucket = app.store.name_of(Bucket::Thumbnails),
        key = thumbnail_key,
        version_id,
        "a thumbnail without its original was removed"
    );
    Ok(())
}
