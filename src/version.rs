//! Which program this is. `build.rs` has asked for the commit.

use std::sync::LazyLock;

/// As in Cargo.toml.
pub const NUMBER: &str = env!("CARGO_PKG_VERSION");
/// The commit it was built from; `unknown` outside a repository.
pub const COMMIT: &str = env!("THUMBGATE_COMMIT");
/// Optional parts that it was built with.
pub const FEATURES: &str = if cfg!(feature = "otel") { "otel" } else { "none" };

/// All of it in a line, for `--version`.
pub fn line() -> &'static str {
    static LINE: LazyLock<String> = LazyLock::new(|| format!("{NUMBER} (commit {COMMIT}, features: {FEATURES})"));
    &LINE
}
