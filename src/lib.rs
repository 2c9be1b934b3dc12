//! An HTTP upload API with synchronous thumbnailing.
//!
//! ```text
//!  browser, curl, Uppy ──▶ http/upload ──┐                   ┌▶ crates/thumbnail   (pure, synchronous)
//!  API Gateway event ──▶ lambda ──▶ http ┼──▶ app (use cases) ┤
//!  S3 ObjectCreated ──▶ lambda ▶ s3_event ┤                   └▶ store: local folder | S3
//!  what lies in the bucket ──▶ backfill ──┘
//!  answers: app::Error ─▶ http/problem (a status) | s3_event (dropped with a warning, or tried again)
//! ```
//!
//! Who may name what, held by `tests/api/tidy.rs`: `crates/thumbnail` no runtime, network or file
//! system; only `store/s3.rs` the AWS SDK; only `http/` and `server.rs` axum, hyper and multer; only `lambda.rs` and what
//! is under it the Lambda crates; only
//! `config.rs` the environment; only `metrics/` the exporters of figures; `app` none of them.
//!
//! In reading order:

pub mod api_key;
pub mod app;
pub mod backfill;
pub mod config;
pub mod files;
pub mod health;
pub mod help;
pub mod hex;
pub mod http;
pub mod key;
pub mod lambda;
pub mod metrics;
mod pace;
pub mod s3_event;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod version;
