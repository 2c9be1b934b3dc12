//! What the service says about itself.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::json;
use thumbnail::Fit;

use super::Web;
use super::problem::Refusal;
use crate::app::with_causes;
use crate::key::EXTENSIONS;
use crate::metrics::prometheus::CONTENT_TYPE;
use crate::metrics::set_levels;
use crate::store::{Bucket, PICTURE_TYPES};

const OPENAPI: &str = include_str!("../../openapi.yaml");

/// `GET /limits`.
pub(super) async fn limits(State(web): State<Arc<Web>>) -> impl IntoResponse {
    let limits = json!({
        "max_file_bytes": web.max_file_bytes,
        "max_request_bytes": web.max_request_bytes,
        "max_files": web.max_files,
        "presigned_max_bytes": web.presigned_max_bytes,
        "max_pixels": web.thumbnail.limits.max_pixels,
        "types": PICTURE_TYPES,
        "extensions": EXTENSIONS.map(|extension| format!(".{extension}")),
        "thumbnail": {
            "width": web.thumbnail.width,
            "height": web.thumbnail.height,
            "fit": match web.thumbnail.fit {
                Fit::Inside => "inside",
                Fit::Cover => "cover",
            },
        },
    });
    ([(header::CACHE_CONTROL, "no-cache")], Json(limits))
}

/// `GET /health`: the process lives.
pub(super) async fn health() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": "ok" })))
}

/// `GET /ready`: both buckets can be used.
pub(super) async fn ready(State(web): State<Arc<Web>>) -> Result<impl IntoResponse, Refusal> {
    web.app.admit().await?;
    let store = web.app.store();
    let (uploads, thumbnails) = tokio::join!(store.check(Bucket::Uploads), store.check(Bucket::Thumbnails));
    for (bucket, checked) in [(Bucket::Uploads, uploads), (Bucket::Thumbnails, thumbnails)] {
        if let Err(error) = checked {
            return Err(Refusal::NotReady { cause: format!("{}: {}", store.name_of(bucket), with_causes(&error)) });
        }
    }
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": "ready" }))))
}

/// `GET /metrics`: what is counted and measured, for Prometheus.
pub(super) async fn metrics(State(web): State<Arc<Web>>) -> Result<impl IntoResponse, Refusal> {
    let figures = web.figures.as_ref().ok_or(Refusal::NotFound)?;
    set_levels(&web.app.levels());
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE), (header::CACHE_CONTROL, "no-store")], figures.text()))
}

/// `GET /openapi.yaml`.
pub(super) async fn openapi() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/yaml"), (header::CACHE_CONTROL, "no-cache")], OPENAPI)
}

/// Every other path.
pub(super) async fn not_found() -> Refusal {
    Refusal::NotFound
}
