//! What both formats have in common: fit, probing, memory.

use crate::fixtures::{difference, jpeg, made, png::Png, scenery};
use thumbnail::{Error, Fit, Format, Limits, Measure, Options, probe, probe_with, sniff, thumbnail};

fn both(width: u32, height: u32) -> [(Format, Vec<u8>); 2] {
    let picture = scenery(width, height);
    [(Format::Jpeg, jpeg::rgb(&picture, 95)), (Format::Png, Png::rgb(&picture).file())]
}

#[test]
fn the_format_is_kept() {
    for (format, file) in both(300, 200) {
        let (made, _) = made(&file, &Options::default());
        assert_eq!((sniff(&file), made.format, made.source.format), (Ok(format), format, format));
        assert_eq!((made.width, made.height), (150, 100));
        assert_eq!(made.format.content_type(), if format == Format::Jpeg { "image/jpeg" } else { "image/png" });
    }
}

#[test]
fn cover_shows_the_middle() {
    let picture = scenery(900, 300);
    let middle = image::imageops::crop_imm(&picture, 300, 0, 300, 300).to_image();
    let reference = image::imageops::resize(&middle, 80, 80, image::imageops::FilterType::Lanczos3);
    let options = Options { width: 80, height: 80, fit: Fit::Cover, jpeg_quality: 100, ..Options::default() };
    for (format, file) in both(900, 300) {
        let (_, covered) = made(&file, &options);
        let (mean, _) = difference(covered.to_rgb8().as_raw(), reference.as_raw());
        assert!(mean < 4.0, "{format:?}: {mean}");
    }
}

#[test]
fn cover_enlarges_a_small_picture() {
    for (format, file) in both(20, 10) {
        let (made, _) = made(&file, &Options { fit: Fit::Cover, ..Options::default() });
        assert_eq!((made.width, made.height), (150, 150), "{format:?}");
    }
}

#[test]
fn probing_agrees_with_making() {
    for (format, file) in both(640, 480) {
        for options in [Options::default(), Options { width: 500, height: 20, fit: Fit::Cover, ..Options::default() }] {
            let made = thumbnail(&file, &options).unwrap();
            assert_eq!(probe_with(&file, &options).as_ref(), Ok(&made.source), "{format:?}");
        }
        let info = probe(&file).unwrap();
        assert_eq!((info.format, info.width, info.height), (format, 640, 480));
    }
}

#[test]
fn the_estimate_is_enough_and_one_byte_less_is_refused() {
    for (format, file) in both(640, 480) {
        let need = probe(&file).unwrap().decode_memory;
        let with = |max_memory| {
            let limits = Limits { max_memory, ..Limits::default() };
            thumbnail(&file, &Options { limits, ..Options::default() })
        };
        assert!(with(need).is_ok(), "{format:?}: no allocation goes beyond the estimate");
        let refusal = Error::TooLarge { measure: Measure::MemoryBytes, limit: need - 1, actual: need };
        assert_eq!(with(need - 1), Err(refusal), "{format:?}");
    }
}

#[test]
fn a_large_png_needs_little() {
    for file in [Png::rgb(&scenery(3000, 2000)).file(), Png::rgb(&scenery(3000, 2000)).interlaced().file()] {
        let need = probe(&file).unwrap().decode_memory;
        assert!(need < 10 << 20, "{need} bytes for a picture of 18 MB");
    }
}
