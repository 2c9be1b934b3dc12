//! What a gateway in front tells of a request beside the request itself.

use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::{Instant, timeout_at};

use super::problem::Refusal;
use crate::{app, store};

/// When the work on a request has to be done: a function's time is given by its runtime.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Instant);

/// The request did not arrive as it was sent: why, and what would help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Garbled(pub &'static str);

/// What undoing a half-stored pair takes at most, behind the deadline.
const UNDOING: Duration = Duration::from_millis(1500);

/// Refuses what did not arrive whole, and answers in time whatever happens.
pub(super) async fn heed(request: Request, next: Next) -> Response {
    if let Some(Garbled(detail)) = request.extensions().get() {
        return Refusal::InvalidRequest((*detail).into()).into_response();
    }
    let Some(&Deadline(deadline)) = request.extensions().get() else { return next.run(request).await };
    let answered = timeout_at(deadline + UNDOING, next.run(request)).await;
    answered.unwrap_or_else(|elapsed| {
        Refusal::App(app::Error::Store(store::Error::Timeout(elapsed.into()))).into_response()
    })
}
