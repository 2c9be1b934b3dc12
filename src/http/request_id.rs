//! The id that ties an answer to its log lines.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::HeaderName;
use uuid::Uuid;

/// Where the id travels, in both directions.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of a request: the client's or the gateway's own where it is a sane one, else a new UUIDv7.
#[derive(Clone, Debug)]
pub(super) struct RequestId(Arc<str>);

impl RequestId {
    /// The id as text.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that a request brings, or a new one.
    pub(super) fn of(request: &Request) -> Self {
        let is_sane = |id: &&str| {
            (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.=+/:".contains(&b))
        };
        let given = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_sane);
        Self(given.map_or_else(|| Uuid::now_v7().to_string().into(), Into::into))
    }
}
