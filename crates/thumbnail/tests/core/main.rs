//! The thumbnail core from outside. One binary, so that the fixtures are compiled once.

#![expect(clippy::unwrap_used, reason = "a failing test should stop")]
#![expect(clippy::print_stderr, reason = "what was not checked has to be said")]

mod bombs;
mod colours;
mod corpus;
mod features;
mod fixtures;
mod golden;
mod jpeg_features;
mod jpeg_reductions;
mod jpeg_structure;
mod jpeg_walks;
mod mutations;
mod orientation;
mod png_features;
mod refusals;
mod sizes;
