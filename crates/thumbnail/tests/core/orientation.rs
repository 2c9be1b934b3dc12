//! EXIF orientation: which corner comes where.

use image::{DynamicImage, Rgb, RgbImage};

use crate::fixtures::jpeg::{self, segment};
use crate::fixtures::png::Png;
use crate::fixtures::{exif, made};
use thumbnail::{Fit, Options};

/// The corners as stored: A B above C D.
const A: [u8; 3] = [220, 30, 30];
const B: [u8; 3] = [30, 200, 30];
const C: [u8; 3] = [30, 30, 220];
const D: [u8; 3] = [230, 230, 230];

/// Orientation, and the corners as shown: left and right above, left and right below.
const SHOWN: [(u8, [[u8; 3]; 4]); 8] = [
    (1, [A, B, C, D]),
    (2, [B, A, D, C]),
    (3, [D, C, B, A]),
    (4, [C, D, A, B]),
    (5, [A, C, B, D]),
    (6, [C, A, D, B]),
    (7, [D, B, C, A]),
    (8, [B, D, A, C]),
];

fn corners() -> RgbImage {
    RgbImage::from_fn(400, 200, |x, y| {
        Rgb(match (x < 200, y < 100) {
            (true, true) => A,
            (false, true) => B,
            (true, false) => C,
            (false, false) => D,
        })
    })
}

/// Every way an orientation is stored, in both formats.
fn files(orientation: u8) -> Vec<(String, Vec<u8>)> {
    let plain = jpeg::rgb(&corners(), 95);
    let mut files = Vec::new();
    for (kind, kind_name) in [(3, "SHORT"), (4, "LONG")] {
        for big_endian in [false, true] {
            let block = exif(orientation, kind, big_endian);
            let name = format!("{orientation} as {kind_name}, big endian: {big_endian}");
            let app1 = segment(0xe1, &[b"Exif\0\0", &block[..]].concat());
            files.push((format!("JPEG {name}"), jpeg::with_segments(&plain, &app1)));
            files.push((format!("PNG {name}"), Png::rgb(&corners()).before(b"eXIf", &block).file()));
            files.push((format!("PNG, at its end, {name}"), Png::rgb(&corners()).after(b"eXIf", &block).file()));
        }
    }
    files
}

#[test]
fn all_eight_turn_the_corners_where_they_belong() {
    for (orientation, expected) in SHOWN {
        for (name, file) in files(orientation) {
            let (made, picture) = made(&file, &Options::default());
            let upright = orientation >= 5;
            let source = if upright { (200, 400) } else { (400, 200) };
            assert_eq!((made.source.width, made.source.height), source, "{name}");
            assert_eq!((made.width, made.height), if upright { (75, 150) } else { (150, 75) }, "{name}");
            assert_eq!(nearest_corners(&picture), expected, "{name}");
        }
    }
}

#[test]
fn the_box_is_for_what_is_shown() {
    for (name, file) in files(6) {
        let wide = Options { width: 100, height: 20, ..Options::default() };
        let (inside, _) = made(&file, &wide);
        assert_eq!((inside.width, inside.height), (10, 20), "{name}");

        let (cover, picture) = made(&file, &Options { fit: Fit::Cover, ..wide });
        assert_eq!((cover.width, cover.height), (100, 20), "{name}");
        assert_eq!(nearest_corners(&picture), SHOWN[5].1, "{name}");
    }
}

#[test]
fn broken_exif_is_ignored() {
    let table: [(Vec<u8>, &str); 5] = [
        (exif(9, 3, false), "no such orientation"),
        (exif(0, 3, true), "zero"),
        (exif(6, 2, false), "stored as text"),
        (exif(6, 3, false)[..12].to_vec(), "cut off"),
        (b"no TIFF at all".to_vec(), "garbage"),
    ];
    for (block, why) in table {
        let app1 = segment(0xe1, &[b"Exif\0\0", &block[..]].concat());
        let file = jpeg::with_segments(&jpeg::rgb(&corners(), 95), &app1);
        assert_eq!(nearest_corners(&made(&file, &Options::default()).1), SHOWN[0].1, "JPEG: {why}");
        let file = Png::rgb(&corners()).before(b"eXIf", &block).file();
        assert_eq!(nearest_corners(&made(&file, &Options::default()).1), SHOWN[0].1, "PNG: {why}");
    }
}

/// Which of the four colours stands at an eighth from each corner.
fn nearest_corners(picture: &DynamicImage) -> [[u8; 3]; 4] {
    let picture = picture.to_rgb8();
    let (x, y) = (picture.width() / 8, picture.height() / 8);
    let (right, bottom) = (picture.width() - 1 - x, picture.height() - 1 - y);
    [(x, y), (right, y), (x, bottom), (right, bottom)].map(|(x, y)| {
        let pixel = picture.get_pixel(x, y).0;
        let distance = |colour: &[u8; 3]| -> u32 { (0..3).map(|i| u32::from(colour[i].abs_diff(pixel[i]))).sum() };
        [A, B, C, D].into_iter().min_by_key(distance).unwrap()
    })
}
