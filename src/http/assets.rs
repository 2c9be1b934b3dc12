//! The files under `/static/`, all of them in the binary.

use std::io::Write;
use std::sync::LazyLock;

use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use super::problem::Refusal;
use crate::app::hex;

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Name, type and content.
#[rustfmt::skip] // one row a file: a table
const FILES: [(&str, &str, &str); 5] = [
    ("icon.svg", "image/svg+xml", include_str!("../../static/icon.svg")),
    ("page.js", SCRIPT, include_str!("../../static/page.js")),
    ("thumbgate.css", "text/css; charset=utf-8", include_str!("../../static/thumbgate.css")),
    ("thumbgate-upload.d.ts", "text/plain; charset=utf-8", include_str!("../../static/thumbgate-upload.d.ts")),
    ("thumbgate-upload.js", SCRIPT, include_str!("../../static/thumbgate-upload.js")),
];

/// What is derived from each file, once: its `ETag`, and the bytes for those who take gzip.
static DERIVED: LazyLock<[(String, Bytes); FILES.len()]> =
    LazyLock::new(|| FILES.map(|(_, _, content)| (etag(content), gzipped(content))));

/// `GET /static/{file}`.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, Refusal> {
    let wanted = uri.path().strip_prefix("/static/").unwrap_or_default();
    let found = FILES.iter().zip(&*DERIVED).find(|((name, ..), _)| *name == wanted);
    let ((_, content_type, content), (etag, gzipped)) = found.ok_or(Refusal::NotFound)?;
    let about = [
        (header::CONTENT_TYPE, *content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::ETAG, etag),
        (header::VARY, "Accept-Encoding"),
    ];
    let names = |header, name: &str| headers.get_all(header).iter().any(|value| lists(value.as_bytes(), name));
    if names(header::IF_NONE_MATCH, etag) {
        return Ok((StatusCode::NOT_MODIFIED, about).into_response());
    }
    if names(header::ACCEPT_ENCODING, "gzip") {
        return Ok((about, [(header::CONTENT_ENCODING, "gzip")], gzipped.clone()).into_response());
    }
    Ok((about, *content).into_response())
}

/// Whether a header's list has this item, other than with a weight of nothing.
fn lists(value: &[u8], wanted: &str) -> bool {
    String::from_utf8_lossy(value).split(',').any(|item| {
        let (name, weight) = item.split_once(';').unwrap_or((item, ""));
        name.trim() == wanted && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000")
    })
}

/// A weak one: the same content has two forms.
fn etag(content: &str) -> String {
    format!("W/\"{}\"", &hex(&Sha256::digest(content))[..16])
}

fn gzipped(content: &str) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(content.as_bytes()).and_then(|()| encoder.finish());
    written.unwrap_or_else(|_| unreachable!("memory takes everything")).into()
}
