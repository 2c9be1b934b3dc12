//! `POST /events/s3`: the notifications of S3-compatible servers, which post them themselves.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Web;
use super::access::bearer;
use super::body::read_short;
use super::problem::Refusal;
use crate::s3_event;

const MAX_BYTES: usize = 1024 * 1024;

/// Takes a notification; answers once all of it is done.
pub(super) async fn post(
    State(web): State<Arc<Web>>,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Refusal> {
    let token = web.access.s3_events_token.as_deref().ok_or(Refusal::NotFound)?;
    if !is_authorized(&headers, token) {
        return Err(Refusal::Unauthorized("there is no token, or it is a wrong one"));
    }
    let json = read_short(body, MAX_BYTES).await?;
    let notification = s3_event::read(&json).map_err(|error| Refusal::InvalidRequest(error.to_string()))?;
    s3_event::handle(&web.app, &notification).await.map_err(Refusal::Events)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(json!({ "status": "ok" }))))
}

/// What is compared are hashes: how far two of them agree tells nothing of the token.
fn is_authorized(headers: &HeaderMap, token: &str) -> bool {
    bearer(headers).is_some_and(|given| Sha256::digest(given).as_slice().ct_eq(&Sha256::digest(token)).into())
}
