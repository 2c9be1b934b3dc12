//! What the fuzz targets have in common: `cargo run --bin seeds`, then `cargo +nightly fuzz run thumbnail` (or `jpeg`,
//! `png`, `walk`).

#[path = "../../tests/core/fixtures/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod fixtures;
pub mod seeds;
pub mod walk;

use thumbnail::{Error, Fit, Limits, Options, probe, thumbnail};

/// Makes a thumbnail of any bytes, at each scale and cut to a box. Whatever they are, it is never our own fault.
pub fn attempt(source: &[u8]) {
    let limits = Limits { max_pixels: 4_000_000, max_memory: 64 << 20 };
    let longer = probe(source).map_or(0, |info| info.width.max(info.height));
    let scales = [17, 9, 5, 1].map(|part| (longer / part, longer / part, Fit::Inside));
    for (width, height, fit) in scales.into_iter().chain([(3, 70, Fit::Cover)]) {
        match thumbnail(source, &Options { width, height, fit, limits, ..Options::default() }) {
            Ok(made) => {
                assert!(made.width <= width.max(1) && made.height <= height.max(1));
                assert!(probe(source).is_ok(), "what can be made can be probed");
            }
            Err(Error::Internal { detail }) => panic!("internal error: {detail}"),
            Err(_) => (),
        }
    }
}
