#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod by_hand;
mod crash;
mod hostile;
mod listing;
mod versions;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use tempfile::TempDir;

use super::Local;
use crate::store::{Bucket, BucketNames, Condition, Error, Metadata, Object, Range};

const UPLOADS: Bucket = Bucket::Uploads;

/// A store in a folder of its own, and what a person sees there.
struct Fixture {
    dir: TempDir,
    store: Local,
}

async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    Fixture { dir, store }
}

async fn open(dir: &Path) -> Local {
    Local::open(dir.to_owned(), names()).await.unwrap()
}

fn names() -> BucketNames {
    BucketNames { uploads: "uploads".to_owned(), thumbnails: "thumbnails".to_owned() }
}

fn object(text: &str) -> Object {
    Object {
        bytes: Bytes::copy_from_slice(text.as_bytes()),
        content_type: "image/png",
        cache_control: "no-cache",
        metadata: Metadata { upload_id: Some(format!("id of {text}")), ..Metadata::default() },
    }
}

async fn put(store: &Local, key: &str, text: &str) -> String {
    store.put(UPLOADS, key, &object(text), &Condition::Always).await.unwrap().version_id.unwrap()
}

async fn text(store: &Local, key: &str) -> Option<String> {
    match store.get(UPLOADS, key, None).await {
        Ok(download) => {
            let parts: Vec<Bytes> = download.body.try_collect().await.unwrap();
            Some(String::from_utf8(parts.concat()).unwrap())
        }
        Err(Error::NotFound) => None,
        Err(other) => panic!("{other:?}"),
    }
}

/// The key's facts as one line: bytes, type, version, upload id.
async fn facts(store: &Local, key: &str) -> String {
    match store.head(UPLOADS, key).await {
        Ok(stat) => {
            let version = stat.version_id.as_deref().unwrap_or("-");
            let upload = stat.metadata.upload_id.as_deref().unwrap_or("-");
            format!("{} {} {version} {upload}", stat.bytes, stat.content_type)
        }
        Err(error) => error.to_string(),
    }
}

/// A failure and all that lies beneath it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}

impl Fixture {
    fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join("uploads").join(relative)
    }

    /// All files of the bucket, hidden ones too but for locks and the counter, in order.
    fn files(&self) -> Vec<String> {
        let root = self.path("");
        let mut files = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
                }
            }
        }
        files.retain(|file| !file.starts_with(".thumbgate/locks") && file != ".thumbgate/counter");
        files.sort();
        files
    }

    /// What a kill may have changed is read anew.
    async fn reopened(self) -> Self {
        let store = open(self.dir.path()).await;
        Self { store, ..self }
    }
}

#[tokio::test]
async fn what_is_put_is_what_is_read() {
    let f = fixture().await;
    let version = put(&f.store, "x/y/photo.PNG", "hello").await;
    assert_eq!(text(&f.store, "x/y/photo.PNG").await.unwrap(), "hello");
    let stat = f.store.head(UPLOADS, "x/y/photo.PNG").await.unwrap();
    assert_eq!(stat.version_id, Some(version));
    assert_eq!((stat.bytes, stat.content_type.as_str()), (5, "image/png"));
    assert_eq!(stat.metadata, object("hello").metadata);
    assert_eq!(fs::read_to_string(f.path("x/y/photo.PNG")).unwrap(), "hello");
    assert_eq!(f.files(), [".thumbgate/records/x/y/photo.PNG", "x/y/photo.PNG"]);
    assert!(matches!(f.store.head(Bucket::Thumbnails, "x/y/photo.PNG").await, Err(Error::NotFound)));
}

#[tokio::test]
async fn an_empty_object_is_an_object() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "").await;
    assert_eq!(text(&f.store, "a.jpg").await.unwrap(), "");
}

#[tokio::test]
async fn ranges_select_bytes() {
    let f = fixture().await;
    put(&f.store, "a.jpg", "0123456789").await;
    for (range, part, expected) in [
        (Range::FromTo(2, 4), (2, 4), "234"),
        (Range::FromTo(8, 99), (8, 9), "89"),
        (Range::From(9), (9, 9), "9"),
        (Range::Last(3), (7, 9), "789"),
        (Range::Last(99), (0, 9), "0123456789"),
    ] {
        let download = f.store.get(UPLOADS, "a.jpg", Some(range)).await.ok().unwrap();
        assert_eq!((download.part, download.stat.bytes), (Some(part), 10), "{range}");
        let parts: Vec<Bytes> = download.body.try_collect().await.unwrap();
        assert_eq!(parts.concat(), expected.as_bytes(), "{range}");
    }
    for range in [Range::From(10), Range::Last(0), Range::FromTo(3, 2)] {
        let refused = f.store.get(UPLOADS, "a.jpg", Some(range)).await.err().unwrap();
        assert!(matches!(refused, Error::RangeNotSatisfiable { size: 10 }), "{range}: {refused:?}");
    }
}

#[tokio::test]
async fn a_large_object_comes_in_pieces_and_whole() {
    let f = fixture().await;
    let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let large = Object { bytes: bytes.clone().into(), ..object("") };
    f.store.put(UPLOADS, "a.png", &large, &Condition::Always).await.unwrap();
    let download = f.store.get(UPLOADS, "a.png", None).await.ok().unwrap();
    let parts: Vec<Bytes> = download.body.try_collect().await.unwrap();
    assert!(parts.len() > 1);
    assert_eq!(parts.concat(), bytes);
}

#[tokio::test]
async fn a_get_serves_one_version_whole_while_it_is_replaced_and_removed() {
    let f = fixture().await;
    let first = "1".repeat(1_000_000);
    let version = put(&f.store, "a.jpg", &first).await;
    let download = f.store.get(UPLOADS, "a.jpg", None).await.ok().unwrap();
    put(&f.store, "a.jpg", "2").await;
    f.store.remove(UPLOADS, "a.jpg", Some(&version)).await.unwrap();
    let parts: Vec<Bytes> = download.body.try_collect().await.unwrap();
    assert!(parts.concat() == first.as_bytes());
}

#[tokio::test]
async fn a_put_goes_on_when_nobody_waits_for_it() {
    let f = fixture().await;
    // Polled once, so that the work has begun, then dropped.
    let object = object("kept");
    let mut putting = Box::pin(f.store.put(UPLOADS, "a.jpg", &object, &Condition::Always));
    assert!(futures_util::poll!(&mut putting).is_pending());
    drop(putting);
    let landed = async {
        while f.store.head(UPLOADS, "a.jpg").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), landed).await.unwrap();
    assert_eq!(text(&f.store, "a.jpg").await.unwrap(), "kept");
}
