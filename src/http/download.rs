//! The ways out: thumbnails from the store, originals from it or by a link to it.

use std::io;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};

use super::Web;
use super::problem::Refusal;
use crate::app;
use crate::key::from_request_path;
use crate::metrics;
use crate::store::{self, Bucket, ByteStream, Range, ReadMethod, Shown, Stat};

/// S3's own limit.
const MAX_KEY_BYTES: usize = 1024;

/// `GET` and `HEAD /thumbnails/{key}`.
pub(super) async fn thumbnail(
    State(web): State<Arc<Web>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    serve(&web, Bucket::Thumbnails, &key_in(&uri, "/thumbnails/")?, &method, &headers).await
}

/// `GET` and `HEAD /uploads/{key}`.
pub(super) async fn original(
    State(web): State<Arc<Web>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let key = key_in(&uri, "/uploads/")?;
    let store = web.app.store();
    if !store.signs_links() {
        return serve(&web, Bucket::Uploads, &key, &method, &headers).await;
    }
    if web.access.keys.is_empty() && !web.access.public_originals {
        return Err(Refusal::Forbidden(
            "originals are private: use `upload.url` of the upload record, or serve with PUBLIC_ORIGINALS=true",
        ));
    }
    let shown = store.head(Bucket::Uploads, &key).await?.shown();
    let read_method = if method == Method::HEAD { ReadMethod::Head } else { ReadMethod::Get };
    match store.presigned(Bucket::Uploads, &key, read_method, shown).await? {
        Some(link) => Ok(redirect(link)),
        None => serve(&web, Bucket::Uploads, &key, &method, &headers).await,
    }
}

fn redirect(link: String) -> Response {
    let headers = [(header::LOCATION, link), (header::CACHE_CONTROL, "no-store".into())];
    (StatusCode::TEMPORARY_REDIRECT, headers).into_response()
}

async fn serve(
    web: &Web,
    bucket: Bucket,
    key: &str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Refusal> {
    let is_head = method == Method::HEAD;
    let mut range = if is_head { None } else { range_of(headers) };
    if is_head || headers.contains_key(header::IF_NONE_MATCH) || headers.contains_key(header::IF_RANGE) {
        let stat = app::stat(&web.app, bucket, key).await?;
        let etag = etag_of(&stat);
        if etag.as_deref().is_some_and(|etag| is_known(headers, etag)) {
            return Ok((StatusCode::NOT_MODIFIED, facts(web, &stat)).into_response());
        }
        if is_head {
            let length = (header::CONTENT_LENGTH, stat.bytes.to_string());
            return Ok((facts(web, &stat), [length]).into_response());
        }
        let if_range = headers.get(header::IF_RANGE).map(HeaderValue::as_bytes);
        if if_range.is_some() && if_range != etag.as_deref().map(str::as_bytes) {
            range = None;
        }
    }
    let download = app::open(&web.app, bucket, key, range).await?;
    if web.max_answer_bytes.is_some_and(|most| download.stat.bytes > most)
        && let Some(link) = web.app.store().presigned(bucket, key, ReadMethod::Get, download.stat.shown()).await?
    {
        return Ok(redirect(link));
    }
    let (status, length) = match download.part {
        Some((first, last)) => (StatusCode::PARTIAL_CONTENT, last + 1 - first),
        None => (StatusCode::OK, download.stat.bytes),
    };
    let mut response = (status, facts(web, &download.stat), Body::from_stream(measured(download.body))).into_response();
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if let Some((first, last)) = download.part {
        let content_range = format!("bytes {first}-{last}/{}", download.stat.bytes);
        response.headers_mut().insert(header::CONTENT_RANGE, text(&content_range));
    }
    Ok(response)
}

fn measured(body: ByteStream) -> impl Stream<Item = io::Result<Bytes>> {
    body.inspect_ok(|chunk| metrics::sent(chunk.len() as u64))
}

/// What no upload can have been stored under need not be looked for.
fn key_in(uri: &Uri, prefix: &str) -> Result<String, Refusal> {
    let path = uri.path().strip_prefix(prefix).unwrap_or_default();
    let key = from_request_path(path)
        .filter(|key| (1..=MAX_KEY_BYTES).contains(&key.len()) && !key.contains(|c: char| c.is_control()));
    key.ok_or(Refusal::App(store::Error::NotFound.into()))
}

fn facts(web: &Web, stat: &Stat) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let shown = stat.shown();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(shown.content_type()));
    if matches!(shown, Shown::AsDownload { .. }) {
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(web.cache_control));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Some(etag) = etag_of(stat) {
        headers.insert(header::ETAG, text(&etag));
    }
    headers
}

fn etag_of(stat: &Stat) -> Option<String> {
    stat.metadata.sha256.as_ref().map(|sha256| format!("\"{sha256}\""))
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).unwrap_or(HeaderValue::from_static("application/octet-stream"))
}

/// `If-None-Match`: our tags are strong, and caches may have made weak ones of them.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    tags.flat_map(|tags| tags.split(',')).map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

/// One range; several at once, other units and nonsense are answered with the whole, as RFC 9110 allows.
fn range_of(headers: &HeaderMap) -> Option<Range> {
    let (first, last) = headers.get(header::RANGE)?.to_str().ok()?.strip_prefix("bytes=")?.trim().split_once('-')?;
    match (first, last) {
        ("", last) => Some(Range::Last(last.parse().ok()?)),
        (first, "") => Some(Range::From(first.parse().ok()?)),
        (first, last) => Some(Range::FromTo(first.parse().ok()?, last.parse().ok()?)),
    }
    .filter(|range| !matches!(range, Range::FromTo(first, last) if first > last))
}
