//! Answers at once while the store is known to be down: reading a body would gain nothing.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::Web;
use super::problem::Refusal;

/// Around all that needs the store.
pub(super) async fn refuse_while_down(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    match web.app.admit().await {
        Ok(()) => next.run(request).await,
        Err(down) => Refusal::App(down).into_response(),
    }
}
