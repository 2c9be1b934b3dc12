//! The use cases, and the only caller of the thumbnail core.
//!
//! [`store_upload`] is the way in, [`thumbnail_stored_object`] that of files which are in the store
//! already, [`mend_thumbnail`] that of thumbnails which may have lost them; [`open`] and [`stat`] are the ways out. What they share, and the
//! memory and cores that they may use, is in [`App`].

mod admission;
mod allowance;
mod buffer;
mod janitor;
mod locks;
mod memory;
mod orphans;
mod pair;
mod stored;
mod upload;

use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use thumbnail::{Options, Thumbnail};
use tokio::sync::{OnceCell, Semaphore};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;
use tracing::warn;

pub use crate::hex::hex;
pub use crate::store::with_causes;
pub use buffer::Buffer;
pub use orphans::{Mended, mend_thumbnail};
pub use stored::{Outcome, State, mark_rejected, state_of, thumbnail_object_at_rest, thumbnail_stored_object};
pub use upload::{Facts, Stored, Storing, Times, Upload, milliseconds, store_upload, withdraw};

use crate::config::Config;
use crate::key::{self, Layout};
use crate::metrics::Levels;
use crate::store::{self, Bucket, Download, Range, Stat, Store};
use admission::Admission;
use janitor::Janitor;
use locks::KeyLocks;
use memory::{Busy, Memory};

/// What an upload may need beside its bytes.
const LEEWAY: u64 = 256 * 1024;

/// What all requests share.
#[derive(Debug)]
pub struct App {
    store: Arc<Store>,
    thumbnail: Options,
    key_layout: Layout,
    cache_control: &'static str,
    bodies: Arc<Admission>,
    decodes: Memory,
    cores: Semaphore,
    queue_timeout: Duration,
    max_stored_bytes: u64,
    keeps_versions: OnceCell<bool>,
    keys: Arc<KeyLocks>,
    janitor: Arc<Janitor>,
    uploads: TaskTracker,
    probes_on_the_way_in: bool,
}

/// Why a use case failed, by who is at fault.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client's: the picture is not one we take.
    #[error(transparent)]
    Picture(thumbnail::Error),
    /// The client's: it asked not to replace an earlier file.
    #[error("an object with the key {key:?} exists")]
    AlreadyExists {
        /// The key.
        key: String,
    },
    /// Nobody's: there is an original, its thumbnail is still to be made.
    #[error("the thumbnail is not made yet")]
    ThumbnailPending,
    /// The client's: no thumbnail can be made of the original.
    #[error("no thumbnail can be made of the original: {code}")]
    ThumbnailRejected {
        /// The problem's code.
        code: String,
    },
    /// The client's: the original has more bytes than are taken.
    #[error("{actual} bytes are more than the {limit} that are taken")]
    TooManyBytes {
        /// `MAX_UPLOAD_BYTES`.
        limit: u64,
        /// The original's size.
        actual: u64,
    },
    /// Nobody's: too much to do at the moment.
    #[error("no room in memory in time")]
    Busy {
        /// When it makes sense to try again, in seconds.
        seconds: u32,
    },
    /// The store's, or a key that does not exist.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Ours.
    #[error("a task ended without a result")]
    Internal(#[source] store::Cause),
}

impl From<Busy> for Error {
    fn from(Busy { seconds }: Busy) -> Self {
        Self::Busy { seconds }
    }
}

impl App {
    /// The use cases over a store.
    pub fn new(config: &Config, store: Store) -> Self {
        let keys = Arc::new(KeyLocks::default());
        let largest = config.max_upload_bytes + LEEWAY;
        Self {
            store: Arc::new(store),
            thumbnail: config.thumbnail,
            key_layout: config.key_layout,
            cache_control: config.cache_control(),
            // The smallest budget is just twice a largest upload, without what that needs beside its bytes.
            bodies: Admission::new(config.body_memory.max(largest), largest, config.queue_timeout),
            decodes: Memory::new(config.decode_memory, config.queue_timeout),
            cores: Semaphore::new(available_parallelism().map_or(1, usize::from)),
            queue_timeout: config.queue_timeout,
            max_stored_bytes: config.max_upload_bytes,
            keeps_versions: OnceCell::new(),
            janitor: Janitor::new(Arc::clone(&keys)),
            keys,
            uploads: TaskTracker::new(),
            probes_on_the_way_in: config.on_lambda,
        }
    }

    /// The store behind the use cases.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Whether the store can be asked for anything. A function is frozen between events and can't probe it in the
    /// background, so there the event that finds the pause over does it.
    ///
    /// # Errors
    /// [`store::Error::Down`].
    pub async fn admit(&self) -> Result<(), Error> {
        if self.probes_on_the_way_in {
            self.store.probe_if_due().await;
        }
        Ok(self.store.admit()?)
    }

    /// Room for a body that may come to need so many bytes. It holds nothing yet.
    fn room_for(&self, most: u64) -> admission::Room {
        self.bodies.open(most)
    }

    /// What goes up and down, as it is now.
    pub fn levels(&self) -> Levels {
        Levels {
            uploads_in_flight: self.uploads.len(),
            bodies: self.bodies.level(),
            decodes: self.decodes.level(),
            breaker: self.store.breaker_state(),
        }
    }

    /// Asks both buckets what the first upload would have to ask, so that it finds the connections open.
    pub async fn warm_up(&self) {
        if let Err(error) = self.keeps_versions().await {
            warn!(cause = with_causes(&error), "the buckets could not be asked yet");
        }
    }

    /// Whether both buckets keep versions; asked for once.
    async fn keeps_versions(&self) -> Result<bool, store::Error> {
        let ask = async || -> Result<bool, store::Error> {
            let of = |bucket| self.store.keeps_versions(bucket);
            let (uploads, thumbnails) = tokio::try_join!(of(Bucket::Uploads), of(Bucket::Thumbnails))?;
            Ok(uploads && thumbnails)
        };
        self.keeps_versions.get_or_try_init(ask).await.copied()
    }

    /// Says once whether a bucket cannot be used, or keeps no versions where names can repeat.
    pub async fn inspect_store(&self) {
        for bucket in [Bucket::Uploads, Bucket::Thumbnails] {
            let name = self.store.name_of(bucket);
            match self.store.keeps_versions(bucket).await {
                Ok(true) => {}
                Ok(false) if self.key_layout == Layout::Unique => {}
                Ok(false) => warn!(
                    bucket = name,
                    "the bucket keeps no versions: a second upload of a name replaces the first for good; \
                     enable versioning or set KEY_LAYOUT=unique"
                ),
                Err(error) => warn!(bucket = name, cause = with_causes(&error), "the bucket cannot be used"),
            }
        }
    }

    /// Waits for the uploads under way, then logs what is still to be removed.
    pub async fn finish(&self, deadline: Instant) {
        self.uploads.close();
        if timeout_at(deadline, self.uploads.wait()).await.is_err() {
            warn!(uploads = self.uploads.len(), "uploads are still under way as the server stops");
        }
        self.janitor.give_up(&self.store);
    }
}

/// The facts of an object.
///
/// # Errors
/// [`Error::ThumbnailPending`] where of a thumbnail only the original is there.
pub async fn stat(app: &App, bucket: Bucket, key: &str) -> Result<Stat, Error> {
    match app.store.head(bucket, key).await {
        Err(store::Error::NotFound) => Err(missing(app, bucket, key).await),
        found => Ok(found?),
    }
}

/// An object on its way out.
///
/// # Errors
/// As for [`stat`], and [`store::Error::RangeNotSatisfiable`].
pub async fn open(app: &App, bucket: Bucket, key: &str, range: Option<Range>) -> Result<Download, Error> {
    match app.store.get(bucket, key, range).await {
        Err(store::Error::NotFound) => Err(missing(app, bucket, key).await),
        found => Ok(found?),
    }
}

/// The thumbnail of a picture, without a store: for files on this machine.
///
/// # Errors
/// Those of the core.
pub fn thumbnail_of(bytes: &[u8], options: &Options) -> Result<Thumbnail, thumbnail::Error> {
    thumbnail::thumbnail(bytes, options)
}

async fn missing(app: &App, bucket: Bucket, key: &str) -> Error {
    let original_key = match bucket {
        Bucket::Uploads => None,
        Bucket::Thumbnails => key::original_of(key),
    };
    let Some(original_key) = original_key else { return Error::Store(store::Error::NotFound) };
    if let Err(error) = app.store.head(Bucket::Uploads, &original_key).await {
        return Error::Store(error);
    }
    match app.store.rejection(&original_key).await {
        Ok(Some(code)) => Error::ThumbnailRejected { code },
        Ok(None) => Error::ThumbnailPending,
        Err(error) => Error::Store(error),
    }
}
