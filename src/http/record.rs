//! The upload record: what a client gets to know of what it uploaded.

use std::time::SystemTime;

use serde::Serialize;
use tracing::warn;

use super::Web;
use super::link::path_of;
use super::problem::{Document, Problem};
use super::request_id::RequestId;
use crate::app::{Facts, Stored, with_causes};
use crate::key::to_url_path;
use crate::store::{Bucket, ReadMethod, Shown};

/// An upload that is stored.
#[derive(Debug, Serialize)]
pub(super) struct Record {
    /// The original.
    pub upload: Original,
    /// The thumbnail.
    pub thumbnail: Picture,
    /// The original's address once more, where clients such as Uppy look for it.
    pub url: String,
}

/// What stands about the original.
#[derive(Debug, Serialize)]
pub(super) struct Original {
    /// What stands about every picture.
    #[serde(flatten)]
    pub picture: Picture,
    /// The SHA-256 of its bytes, in lower-case hexadecimal.
    pub sha256: String,
}

/// What stands about every picture.
#[derive(Debug, Serialize)]
pub(super) struct Picture {
    /// The bucket it is in.
    pub bucket: String,
    /// Its key.
    pub key: String,
    /// Its version; null where the bucket keeps none.
    pub version_id: Option<String>,
    /// Its media type, by its bytes.
    pub content_type: &'static str,
    /// Its size.
    pub bytes: u64,
    /// Pixels across, as shown.
    pub width: u32,
    /// Pixels down, as shown.
    pub height: u32,
    /// Where it can be had.
    pub url: String,
}

/// What became of one file among several.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is stored.
    Created(Box<Record>),
    /// It is not.
    Refused(Problem),
}

impl Record {
    /// The record of an upload.
    pub(super) async fn of(web: &Web, stored: &Stored) -> Self {
        let url = url_of(web, Bucket::Uploads, &stored.original).await;
        let thumbnail_url = url_of(web, Bucket::Thumbnails, &stored.thumbnail).await;
        let original = picture(web, Bucket::Uploads, &stored.original, url.clone());
        Self {
            upload: Original { picture: original, sha256: stored.sha256.clone() },
            thumbnail: picture(web, Bucket::Thumbnails, &stored.thumbnail, thumbnail_url),
            url,
        }
    }
}

impl Outcome {
    /// The same as a member of `results`.
    pub(super) fn document<'a>(&'a self, request_id: &'a RequestId) -> Member<'a> {
        match self {
            Self::Created(record) => Member::Created { status: 201, record },
            Self::Refused(problem) => {
                let problem = problem.document(request_id);
                Member::Refused { status: problem.status, problem }
            }
        }
    }
}

/// A member of `results`, as a client reads it.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Member<'a> {
    Created {
        status: u16,
        #[serde(flatten)]
        record: &'a Record,
    },
    Refused {
        status: u16,
        problem: Document<'a>,
    },
}

fn picture(web: &Web, bucket: Bucket, facts: &Facts, url: String) -> Picture {
    Picture {
        bucket: web.app.store().name_of(bucket).into(),
        key: facts.key.clone(),
        version_id: facts.version_id.clone(),
        content_type: facts.content_type,
        bytes: facts.bytes,
        width: facts.width,
        height: facts.height,
        url,
    }
}

/// Where a file can be had by whoever is given the address: as it is where anybody may read it, else by a link that
/// ends.
async fn url_of(web: &Web, bucket: Bucket, facts: &Facts) -> String {
    let key = &facts.key;
    let plain = || format!("{}/{}/{}", web.public_url, path_of(bucket), to_url_path(key));
    let has_keys = !web.access.keys.is_empty();
    let is_open = match bucket {
        // Originals on S3 are not for everybody, even where uploads are.
        Bucket::Uploads => web.access.public_originals && (web.app.store().signs_links() || !has_keys),
        Bucket::Thumbnails => !has_keys,
    };
    if is_open {
        return plain();
    }
    let shown = Shown::AsPicture { content_type: facts.content_type };
    match web.app.store().presigned(bucket, key, ReadMethod::Get, shown).await {
        Ok(Some(presigned)) => presigned,
        Ok(None) if has_keys => {
            let expires = SystemTime::now() + web.presign_expires;
            format!("{}{}", web.public_url, web.signer.read_link(bucket, key, expires))
        }
        Ok(None) => plain(),
        Err(error) => {
            warn!(key, error = with_causes(&error), "no link to a file could be signed");
            plain()
        }
    }
}
