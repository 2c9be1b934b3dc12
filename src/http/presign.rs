//! Links for files that go straight into the store, or on the local store to this service: `POST
//! /uploads/presigned`. They are how files larger than a gateway lets through get in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Web;
use super::body::read_short;
use super::link::Promise;
use super::problem::Refusal;
use crate::key::{Layout, OriginalKey};
use crate::store::{Announced, PICTURE_TYPES, WriteLink};

/// A name, a type and a number take far less.
const MAX_REQUEST_BYTES: usize = 16 * 1024;

/// The file that is to come.
#[derive(Deserialize)]
struct Wanted {
    filename: String,
    content_type: String,
    bytes: u64,
}

/// How to send it.
#[derive(Serialize)]
struct Link {
    method: &'static str,
    url: String,
    /// To be sent as they are. What browsers set by themselves is not among them.
    headers: BTreeMap<&'static str, String>,
    key: String,
    thumbnail_key: String,
    expires_at: String,
}

/// `POST /uploads/presigned`.
pub(super) async fn post(State(web): State<Arc<Web>>, body: Body) -> Result<Response, Refusal> {
    let wanted = read(body).await?;
    if !PICTURE_TYPES.contains(&wanted.content_type.as_str()) {
        return Err(Refusal::UnsupportedType { content_type: wanted.content_type });
    }
    let limit = web.presigned_max_bytes;
    match wanted.bytes {
        0 => return Err(Refusal::InvalidRequest("`bytes` is 0: the file is empty".into())),
        actual if actual > limit => return Err(Refusal::PayloadTooLarge { limit, actual }),
        _ => {}
    }
    let key = OriginalKey::from_file_name(&wanted.filename, web.key_layout)?;
    let must_be_new = web.key_layout == Layout::Unique;
    let announced =
        Announced { key: key.as_str(), content_type: &wanted.content_type, bytes: wanted.bytes, must_be_new };
    let WriteLink { url, expires } = match web.app.store().presigned_put(&announced).await? {
        Some(link) => link,
        None => link_to_us(&web, &announced),
    };
    let mut headers = BTreeMap::from([("Content-Type", wanted.content_type.clone())]);
    if must_be_new {
        headers.insert("If-None-Match", "*".into());
    }
    let (thumbnail_key, key) = (key.thumbnail(), key.as_str().to_owned());
    let link = Link { method: "PUT", url, headers, key, thumbnail_key, expires_at: rfc3339(expires) };
    Ok((StatusCode::CREATED, [(header::CACHE_CONTROL, "no-store")], Json(link)).into_response())
}

async fn read(body: Body) -> Result<Wanted, Refusal> {
    let bytes = read_short(body, MAX_REQUEST_BYTES).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::InvalidRequest(format!(
            "the body must be JSON such as {{\"filename\":\"image1.jpg\",\"content_type\":\"image/jpeg\",\"bytes\":12345}}: {error}"
        ))
    })
}

/// The local store takes no files by itself: this service does it in its place.
fn link_to_us(web: &Web, announced: &Announced<'_>) -> WriteLink {
    let expires = SystemTime::now() + web.presign_expires;
    let promise = Promise {
        key: announced.key.into(),
        bytes: announced.bytes,
        content_type: announced.content_type.into(),
        must_be_new: announced.must_be_new,
        expires,
    };
    WriteLink { url: format!("{}{}", web.public_url, web.signer.write_link(&promise)), expires }
}

fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339).unwrap_or_default()
}
