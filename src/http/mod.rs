//! The HTTP contract: routes, and the layers around them.

mod access;
mod assets;
mod body;
mod client_address;
mod context;
mod disposition;
mod down;
mod download;
mod events;
mod gateway;
mod link;
mod meta;
mod multipart;
mod origin;
mod page;
mod presign;
pub mod problem;
mod problems;
mod rate;
mod receive;
mod record;
mod request_id;
mod upload;

use std::sync::Arc;
use std::time::Duration;

pub use axum::Router;
use axum::extract::Request;
use axum::middleware::{from_fn, from_fn_with_state, map_request};
use axum::routing::{get, post, put};
use tower_http::catch_panic::CatchPanicLayer;

pub use client_address::{ClientAddress, Peer, network_of};
pub use gateway::{Deadline, Garbled};
pub use rate::Limiter;

use crate::app::App;
use crate::config::{Access, Config};
use crate::key::Layout;
use crate::metrics::prometheus::Figures;
use link::Signer;

/// What the handlers share.
#[derive(Debug)]
pub struct Web {
    app: Arc<App>,
    /// The service's address from outside, without a slash at its end.
    public_url: String,
    access: Access,
    cache_control: &'static str,
    key_layout: Layout,
    max_file_bytes: u64,
    max_request_bytes: u64,
    presigned_max_bytes: u64,
    presign_expires: Duration,
    max_files: usize,
    /// What an answer can hold, where a gateway sets a limit.
    max_answer_bytes: Option<u64>,
    thumbnail: thumbnail::Options,
    signer: Signer,
    limiter: Option<Arc<Limiter>>,
    /// Where nobody asks for them there are none: on AWS Lambda they go to the log.
    figures: Option<Figures>,
}

impl Web {
    /// The handlers' share of the settings; `public_url` is where the service is reached, and `limiter` counts for
    /// all who share it.
    pub fn new(config: &Config, public_url: String, app: Arc<App>, limiter: Option<Arc<Limiter>>) -> Self {
        Self {
            app,
            public_url,
            access: config.access.clone(),
            cache_control: config.cache_control(),
            key_layout: config.key_layout,
            max_file_bytes: config.max_file_bytes,
            max_request_bytes: config.max_request_bytes,
            presigned_max_bytes: config.max_upload_bytes,
            presign_expires: config.presign_expires,
            max_files: config.max_files,
            max_answer_bytes: config.max_answer_bytes,
            thumbnail: config.thumbnail,
            signer: Signer::new(&config.access.link_secret),
            limiter,
            figures: None,
        }
    }

    /// The same with `/metrics`.
    #[must_use]
    pub fn with_figures(self, figures: Figures) -> Self {
        Self { figures: Some(figures), ..self }
    }

    /// The path in front of our routes as clients see them: empty, or such as `/stage`.
    fn base_path(&self) -> &str {
        base_path(&self.public_url)
    }
}

/// The path in front of our routes in the service's address.
pub fn base_path(public_url: &str) -> &str {
    let behind_scheme = public_url.split_once("://").map_or("", |(_, rest)| rest);
    behind_scheme.find('/').map_or("", |slash| &behind_scheme[slash..])
}

/// All routes, with everything that stands around them.
pub fn router(web: Web) -> Router {
    let web = Arc::new(web);
    let drain_at_most = 2 * web.max_file_bytes;
    let objects = put(upload::put).get(download::original);
    Router::new()
        .route("/uploads", post(upload::post))
        .route("/uploads/", put(upload::put))
        .route("/uploads/presigned", post(presign::post))
        .route("/uploads/{*key}", objects)
        .route("/thumbnails/{*key}", get(download::thumbnail))
        .route("/result/{*key}", get(page::result))
        .route("/events/s3", post(events::post))
        // What comes before this line needs the store.
        .route_layer(from_fn_with_state(Arc::clone(&web), down::refuse_while_down))
        .route("/", get(page::index))
        .route("/static/{file}", get(assets::file))
        .route("/limits", get(meta::limits))
        .route("/health", get(meta::health))
        .route("/ready", get(meta::ready))
        .route("/metrics", get(meta::metrics))
        .route("/openapi.yaml", get(meta::openapi))
        .route("/problems", get(problems::get))
        .fallback(meta::not_found)
        // Innermost first.
        .layer(from_fn(gateway::heed))
        .layer(from_fn_with_state(Arc::clone(&web), access::guard))
        .layer(from_fn_with_state(Arc::clone(&web), rate::count))
        .layer(from_fn_with_state(Arc::clone(&web), origin::refuse_foreign))
        .layer(CatchPanicLayer::custom(context::from_panic))
        .layer(origin::cors(&web.access.cors_origins))
        .layer(map_request(move |request: Request| async move { body::guard(request, drain_at_most) }))
        .layer(from_fn_with_state(Arc::clone(&web), context::with_context))
        .with_state(web)
}
