//! What the fuzz targets have in common: `cargo run --bin seeds`, then `cargo +nightly fuzz run thumbnail` (or `jpeg`,
//! `png`).

use thumbnail::{Error, Fit, Limits, Options, probe, thumbnail};

/// Makes a thumbnail of any bytes, in several sizes. Whatever they are, it is never our own fault.
pub fn attempt(source: &[u8]) {
    let limits = Limits { max_pixels: 4_000_000, max_memory: 64 << 20 };
    let sizes = [(150, 150, Fit::Inside), (3, 70, Fit::Cover), (1000, 1000, Fit::Inside)];
    for (width, height, fit) in sizes {
        match thumbnail(source, &Options { width, height, fit, limits, ..Options::default() }) {
            Ok(made) => {
                assert!(made.width <= width && made.height <= height);
                assert!(probe(source).is_ok(), "what can be made can be probed");
            }
            Err(Error::Internal { detail }) => panic!("internal error: {detail}"),
            Err(_) => (),
        }
    }
}
