//! An upload: decoded before anything is stored, then stored as a pair.
//!
//! From the moment its body is here, an upload runs as a task of its own, so that a client that goes
//! away does not stop the storing half-way.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thumbnail::Thumbnail;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant as Deadline, timeout, timeout_at};
use tracing::{Instrument, Span, debug_span, error, info, warn};
use uuid::Uuid;

use super::allowance::Allowance;
use super::memory::BUSY;
use super::pair::{self, Landed, Orphan, Pair, WereNew};
use super::{App, Error};
use crate::hex::hex;
use crate::key::{Layout, OriginalKey};
use crate::metrics;
use crate::store::{self, Condition, Metadata, Object};

/// What may be asked of the store before a pair is put, on top of what the puts take.
const QUESTIONS: Duration = Duration::from_secs(3);

/// A file that has arrived as a whole.
#[derive(Debug)]
pub struct Upload {
    /// The key it will have.
    pub key: OriginalKey,
    /// Its content, with the memory that it takes.
    pub bytes: Bytes,
    /// The SHA-256 of its content, in lower-case hexadecimal.
    pub sha256: String,
    /// Whether it may replace an earlier file.
    pub condition: Condition,
    /// How long it took to arrive.
    pub receive: Duration,
    /// When it has to be stored, where the time is limited.
    pub deadline: Option<Deadline>,
}

/// An upload under way, whether anybody waits for it or not.
#[derive(Debug)]
pub struct Storing {
    key: OriginalKey,
    task: JoinHandle<Result<Stored, Error>>,
}

/// An upload that is stored, with its thumbnail.
#[derive(Debug)]
pub struct Stored {
    /// The original.
    pub original: Facts,
    /// The SHA-256 of the original, in lower-case hexadecimal.
    pub sha256: String,
    /// The thumbnail.
    pub thumbnail: Facts,
    /// How long each phase took.
    pub times: Times,
    orphans: [Orphan; 2],
}

/// What is known of a stored picture.
#[derive(Debug)]
pub struct Facts {
    /// Its key.
    pub key: String,
    /// Its version; none where the bucket keeps none.
    pub version_id: Option<String>,
    /// Its media type.
    pub content_type: &'static str,
    /// Its size in bytes.
    pub bytes: u64,
    /// Pixels across, as shown.
    pub width: u32,
    /// Pixels down, as shown.
    pub height: u32,
}

/// How long the phases of an upload took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// From the first byte to the last.
    pub receive: Duration,
    /// Waiting for a core, decoding, encoding.
    pub decode: Duration,
    /// Both puts.
    pub store: Duration,
}

/// Makes the thumbnail of an upload and stores both, or neither.
pub fn store_upload(app: &Arc<App>, upload: Upload) -> Storing {
    let key = upload.key.clone();
    let work = run(Arc::clone(app), upload).instrument(Span::current());
    Storing { key, task: app.uploads.spawn(work) }
}

impl Storing {
    /// The key that the original will have.
    pub fn key(&self) -> &OriginalKey {
        &self.key
    }

    /// Waits until both objects are stored.
    ///
    /// # Errors
    /// [`Error`]; nothing is stored then, or it is being removed in the background.
    pub async fn finish(&mut self) -> Result<Stored, Error> {
        (&mut self.task).await.map_err(|error| Error::Internal(Box::new(error)))?
    }
}

/// Takes back uploads that turned out to be part of a request that is refused as a whole.
pub async fn withdraw(app: &Arc<App>, uploads: Vec<Stored>) {
    let all = Arc::clone(app);
    let work = async move {
        // Of two of one name the later one lies on top.
        for orphan in uploads.into_iter().rev().flat_map(|upload| upload.orphans) {
            let _turn = all.keys.lock(orphan.original_key()).await;
            all.janitor.remove(&all.store, orphan, true).await;
        }
    };
    if let Err(error) = app.uploads.spawn(work.instrument(Span::current())).await {
        error!(%error, "uploads of a refused request could not be taken back");
    }
}

/// Milliseconds with one decimal.
pub fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

async fn run(app: Arc<App>, upload: Upload) -> Result<Stored, Error> {
    // It may have come to be known while the body came. There is no use in decoding then.
    app.admit().await?;
    let begun = Instant::now();
    let thumbnail = match upload.deadline {
        Some(deadline) => before(deadline, decode(&app, upload.bytes.clone())).await?,
        None => decode(&app, upload.bytes.clone()).await?,
    };
    let decode = begun.elapsed();
    warn_of_disguise(&upload.key, &thumbnail);
    let [mut original_facts, mut thumbnail_facts] = facts(&upload, &thumbnail);

    let begun = Instant::now();
    let Upload { key, bytes, sha256, condition, receive, deadline } = upload;
    let pair = pair_of(&app, &key, bytes, &sha256, condition, thumbnail);
    let _turn = app.keys.lock(&pair.original_key).await;
    let (landed, orphans) = store(&app, &pair, deadline).instrument(debug_span!("store")).await?;

    original_facts.version_id = landed.original.version_id;
    thumbnail_facts.version_id = landed.thumbnail.version_id;
    let times = Times { receive, decode, store: begun.elapsed() };
    let stored = Stored { original: original_facts, sha256, thumbnail: thumbnail_facts, times, orphans };
    measure(times);
    log(&stored);
    Ok(stored)
}

pub(super) async fn decode(app: &App, bytes: Bytes) -> Result<Thumbnail, Error> {
    let options = app.thumbnail;
    let header = thumbnail::probe_with(&bytes, &options).map_err(Error::Picture)?;
    let _memory = app.decodes.take(header.decode_memory).await?;
    let Ok(Ok(_core)) = timeout(app.queue_timeout, app.cores.acquire()).await else {
        return Err(BUSY.into());
    };
    let allowance = Allowance::for_picture(&header);
    let work = spawn_blocking(move || thumbnail::thumbnail_while(&bytes, &options, &allowance.begin()));
    let decoded = work.instrument(debug_span!("decode")).await;
    let thumbnail = decoded.map_err(|error| Error::Internal(Box::new(error)))?.map_err(Error::Picture)?;
    metrics::image_decoded(&thumbnail.source);
    Ok(thumbnail)
}

fn pair_of(
    app: &App,
    key: &OriginalKey,
    bytes: Bytes,
    sha256: &str,
    condition: Condition,
    thumbnail: Thumbnail,
) -> Pair {
    let upload_id = Uuid::now_v7().to_string();
    let object = |bytes: Bytes, content_type, own_sha256: String| Object {
        bytes,
        content_type,
        cache_control: app.cache_control,
        metadata: Metadata {
            upload_id: Some(upload_id.clone()),
            source_sha256: Some(sha256.into()),
            source_version_id: None,
            sha256: Some(own_sha256),
        },
    };
    let thumbnail_sha256 = hex(&Sha256::digest(&thumbnail.bytes));
    Pair {
        original_key: key.as_str().into(),
        original: object(bytes, thumbnail.source.format.content_type(), sha256.into()),
        thumbnail_key: key.thumbnail(),
        thumbnail: object(thumbnail.bytes.into(), thumbnail.format.content_type(), thumbnail_sha256),
        upload_id,
        condition,
    }
}

async fn store(app: &App, pair: &Pair, deadline: Option<Deadline>) -> Result<(Landed, [Orphan; 2]), Error> {
    let longest = app.store.operation_time(pair.original.bytes.len() as u64) + QUESTIONS;
    let longest = Deadline::now() + longest;
    let deadline = deadline.map_or(longest, |deadline| deadline.min(longest));
    let were_new = before(deadline, async {
        app.janitor.settle(&app.store, &pair.original_key).await?;
        which_were_new(app, pair).await
    });
    let were_new = were_new.await?;
    let _in_flight = pair.orphans(were_new, None, None).map(|orphan| app.janitor.suspect(orphan));
    let failure = match pair::put(&app.store, pair, deadline).await {
        Ok(landed) => {
            let orphans = landed.orphans(pair, were_new);
            return Ok((landed, orphans));
        }
        Err(failure) => failure,
    };
    if let store::Error::AlreadyExists = failure.error {
        return Err(Error::AlreadyExists { key: pair.original_key.clone() });
    }
    let [original, thumbnail] = failure.orphans(pair, were_new);
    tokio::join!(undo(app, original), undo(app, thumbnail));
    Err(Error::Store(failure.error))
}

async fn undo(app: &App, orphan: Option<Orphan>) {
    if let Some(orphan) = orphan {
        app.janitor.remove(&app.store, orphan, false).await;
    }
}

/// Gives work up where it would take longer than there is time.
async fn before<T>(deadline: Deadline, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    match timeout_at(deadline, work).await {
        Ok(outcome) => outcome,
        Err(elapsed) => Err(Error::Store(store::Error::Timeout(elapsed.into()))),
    }
}

/// Asks the store only where the answer can matter: see [`pair`].
async fn which_were_new(app: &App, pair: &Pair) -> Result<WereNew, Error> {
    let keeps_versions = match app.keeps_versions().await {
        Ok(keeps_versions) => keeps_versions,
        // Who does not answer this will not answer a put either.
        Err(error @ (store::Error::Timeout(_) | store::Error::Down { .. })) => return Err(error.into()),
        // Who may not ask may still put.
        Err(_) => false,
    };
    Ok(match app.key_layout {
        _ if keeps_versions => WereNew { original: false, thumbnail: false },
        Layout::Unique => WereNew { original: true, thumbnail: true },
        Layout::Name => pair::were_new(&app.store, &pair.original_key, &pair.thumbnail_key).await,
    })
}

fn facts(upload: &Upload, thumbnail: &Thumbnail) -> [Facts; 2] {
    let original = Facts {
        key: upload.key.as_str().into(),
        version_id: None,
        content_type: thumbnail.source.format.content_type(),
        bytes: upload.bytes.len() as u64,
        width: thumbnail.source.width,
        height: thumbnail.source.height,
    };
    let thumbnail = Facts {
        key: upload.key.thumbnail(),
        version_id: None,
        content_type: thumbnail.format.content_type(),
        bytes: thumbnail.bytes.len() as u64,
        width: thumbnail.width,
        height: thumbnail.height,
    };
    [original, thumbnail]
}

/// Both types are allowed, so this is no error; but somebody may want to know.
fn warn_of_disguise(key: &OriginalKey, thumbnail: &Thumbnail) {
    let format = thumbnail.source.format;
    let is_named_png = key.as_str().to_ascii_lowercase().ends_with(".png");
    if is_named_png != (format == thumbnail::Format::Png) {
        let content_type = format.content_type();
        warn!(key = key.as_str(), content_type, "the content is of another type than the extension says");
    }
}

fn measure(times: Times) {
    metrics::receive_took(times.receive);
    metrics::decode_took(times.decode);
    metrics::store_took(times.store);
}

fn log(stored: &Stored) {
    info!(
        key = stored.original.key,
        bytes = stored.original.bytes,
        content_type = stored.original.content_type,
        width = stored.original.width,
        height = stored.original.height,
        thumbnail_key = stored.thumbnail.key,
        thumbnail_bytes = stored.thumbnail.bytes,
        receive_ms = milliseconds(stored.times.receive),
        decode_ms = milliseconds(stored.times.decode),
        store_ms = milliseconds(stored.times.store),
        "thumbnail created"
    );
}
