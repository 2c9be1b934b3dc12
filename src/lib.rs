//! An HTTP upload API with synchronous thumbnailing.
//!
//! ```text
//!  browser, curl, Uppy ──▶ http/upload ──▶ app (use cases) ┬▶ crates/thumbnail   (pure, synchronous)
//!                                                          └▶ store: local folder | S3
//!  answers: app::Error ─▶ http/problem (a status)
//! ```
//!
//! Who may name what, held by `tests/api/tidy.rs`: `crates/thumbnail` no runtime, network or file
//! system; only `store/s3.rs` the AWS SDK; only `http/` and `server.rs` axum, hyper and multer; only
//! `config.rs` the environment; `app` none of them.
//!
//! In reading order:

pub mod app;
pub mod config;
pub mod files;
pub mod health;
pub mod http;
pub mod key;
pub mod server;
pub mod store;
pub mod telemetry;
