//! Writes files that are made to cost much, for `bench/core`: `bench_bombs FOLDER BYTES`, the size of the large ones.

#![expect(clippy::unwrap_used, reason = "the tests' own fixtures")]

#[path = "../tests/core/fixtures/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod fixtures;

use std::error::Error;
use std::fs;
use std::path::Path;

use fixtures::bombs;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(bytes)) = (arguments.next(), arguments.next()) else {
        return Err("usage: bench_bombs FOLDER BYTES".into());
    };
    let large = large_but_legal().into_iter().map(|file| ("legal", file));
    let bombs = bombs::all(bytes.parse()?).into_iter().map(|file| ("bomb", file));
    for (number, (kind, (name, file))) in bombs.chain(large).enumerate() {
        fs::write(Path::new(&folder).join(format!("{kind}-{number:02}-{}", name.replace(' ', "_"))), file)?;
    }
    Ok(())
}

/// Pictures as large as they may be that pack into next to nothing. They are pictures, and cost what pictures cost.
fn large_but_legal() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("black PNG, 100 MP, 1 bit", bombs::black(10_000, 10_000, 1, 0, false)),
        ("black PNG, 100 MP RGB", bombs::black(10_000, 10_000, 8, 2, false)),
        ("black PNG, 100 MP RGBA, 16 bits", bombs::black(10_000, 10_000, 16, 6, false)),
        ("black interlaced PNG, 49 MP RGBA, 16 bits", bombs::black(7000, 7000, 16, 6, true)),
    ]
}
