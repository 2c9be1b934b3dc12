//! Whole thumbnails, bytes to bytes, of pictures made by code: `cargo bench -p thumbnail`. What they are beside others'
//! is measured by `bench/core`, on photographs.

#![expect(clippy::unwrap_used, reason = "a benchmark that fails should stop")]

#[path = "../tests/core/fixtures/mod.rs"]
#[expect(dead_code, reason = "the tests use the rest")]
mod fixtures;

use std::io::Cursor;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use fixtures::drawing::{Content, Drawing, Tables};
use fixtures::scenery;
use image::{DynamicImage, ImageFormat};
use thumbnail::{Options, thumbnail};

fn main() {
    divan::main();
}

/// The longer sides: scale 1/8 twice, 1/4, 1/2 and the whole.
const SIDES: [u16; 5] = [4000, 1600, 1000, 500, 250];

const YUV420: [(u8, u8, u8); 3] = [(1, 2, 2), (2, 1, 1), (3, 1, 1)];

fn make(bencher: Bencher, file: &[u8]) {
    bencher
        .counter(BytesCount::new(file.len()))
        .bench_local(|| thumbnail(black_box(file), &Options::default()).unwrap());
}

fn drawing(side: u16) -> Drawing {
    let plain = Drawing::new(side, side / 4 * 3, &YUV420);
    Drawing { content: Content::Photo, tables: Tables::Typical, ..plain }
}

#[divan::bench(args = SIDES)]
fn baseline(bencher: Bencher, side: u16) {
    make(bencher, &drawing(side).write());
}

#[divan::bench(args = SIDES)]
fn baseline_with_restarts(bencher: Bencher, side: u16) {
    make(bencher, &Drawing { restart_interval: side.div_ceil(16), ..drawing(side) }.write());
}

#[divan::bench(args = SIDES)]
fn progressive(bencher: Bencher, side: u16) {
    make(bencher, &Drawing { progressive: true, ..drawing(side) }.write());
}

fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    picture.into().write_to(&mut file, ImageFormat::Png).unwrap();
    file.into_inner()
}

fn view(side: u16) -> DynamicImage {
    scenery(side.into(), u32::from(side) / 4 * 3).into()
}

#[divan::bench(args = SIDES)]
fn png_rgb(bencher: Bencher, side: u16) {
    make(bencher, &png(view(side)));
}

#[divan::bench(args = SIDES)]
fn png_rgba(bencher: Bencher, side: u16) {
    make(bencher, &png(view(side).to_rgba8()));
}

#[divan::bench(args = [1600, 250])]
fn png_gray_16(bencher: Bencher, side: u16) {
    make(bencher, &png(view(side).to_luma16()));
}
