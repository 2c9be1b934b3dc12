//! The HTTP contract: routes, and the layers around them.

mod body;
mod context;
mod disposition;
mod download;
mod meta;
mod multipart;
mod origin;
mod page;
pub mod problem;
mod receive;
mod record;
mod request_id;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn_with_state, map_request};
use axum::routing::{get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

use crate::app::App;
use crate::config::Config;
use crate::key::Layout;

/// What the handlers share.
#[derive(Debug)]
pub struct Web {
    app: Arc<App>,
    /// The service's address from outside, without a slash at its end.
    public_url: String,
    cors_origins: Vec<String>,
    public_originals: bool,
    key_layout: Layout,
    max_file_bytes: u64,
    max_request_bytes: u64,
    max_files: usize,
    thumbnail: thumbnail::Options,
}

impl Web {
    /// The handlers' share of the settings; `public_url` is where the service is reached.
    pub fn new(config: &Config, public_url: String, app: Arc<App>) -> Self {
        Self {
            app,
            public_url,
            cors_origins: config.cors_origins.clone(),
            public_originals: config.public_originals,
            key_layout: config.key_layout,
            max_file_bytes: config.max_file_bytes,
            max_request_bytes: config.max_request_bytes,
            max_files: config.max_files,
            thumbnail: config.thumbnail,
        }
    }

    /// The path in front of our routes as clients see them: empty, or such as `/stage`.
    fn base_path(&self) -> &str {
        let behind_scheme = self.public_url.split_once("://").map_or("", |(_, rest)| rest);
        behind_scheme.find('/').map_or("", |slash| &behind_scheme[slash..])
    }
}

/// All routes, with everything that stands around them.
pub fn router(web: Web) -> Router {
    let web = Arc::new(web);
    let drain_at_most = 2 * web.max_file_bytes;
    let objects = put(upload::put).get(download::original);
    Router::new()
        .route("/", get(page::index))
        .route("/static/{file}", get(page::file))
        .route("/uploads", post(upload::post))
        .route("/uploads/", put(upload::put))
        .route("/uploads/{*key}", objects)
        .route("/thumbnails/{*key}", get(download::thumbnail))
        .route("/result/{*key}", get(page::result))
        .route("/limits", get(meta::limits))
        .route("/health", get(meta::health))
        .route("/ready", get(meta::ready))
        .route("/openapi.yaml", get(meta::openapi))
        .route("/problems", get(page::problems))
        .fallback(meta::not_found)
        // Innermost first.
        .layer(from_fn_with_state(Arc::clone(&web), origin::refuse_foreign))
        .layer(CatchPanicLayer::custom(context::from_panic))
        .layer(origin::cors(&web.cors_origins))
        .layer(map_request(move |request: Request| async move { body::guard(request, drain_at_most) }))
        .layer(from_fn_with_state(Arc::clone(&web), context::with_context))
        .with_state(web)
}
