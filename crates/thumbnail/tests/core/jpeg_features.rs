//! JPEG: colours of every kind, and what surrounds them.

use crate::fixtures::jpeg::{Flat, segment, with_segments};
use crate::fixtures::{at_full_size, jpeg, scenery};
use thumbnail::{Options, thumbnail};

/// The one colour of a flat picture, within what the encoder of the thumbnail changes.
fn shown(file: &[u8]) -> [u8; 3] {
    let (_, picture) = at_full_size(file);
    let picture = picture.to_rgb8();
    assert_eq!((picture.width(), picture.height()), (40, 24));
    let first = *picture.get_pixel(0, 0);
    assert!(picture.pixels().all(|pixel| (0..3).all(|i| pixel.0[i].abs_diff(first.0[i]) <= 2)), "not flat");
    first.0
}

#[test]
fn every_colour_model_comes_out_right() {
    /// Values, component ids, Adobe's transform, the colour as shown, why.
    type Row<'a> = (&'a [u8], &'a [u8], Option<u8>, [u8; 3], &'a str);
    let table: [Row; 10] = [
        (&[200], b"\x01", None, [200, 200, 200], "gray"),
        (&[76, 85, 255], b"\x01\x02\x03", None, [254, 0, 0], "YCbCr by default: red"),
        (&[76, 85, 255], b"\x01\x02\x03", Some(1), [254, 0, 0], "YCbCr by the Adobe segment"),
        (&[250, 120, 10], b"\x01\x02\x03", Some(0), [250, 120, 10], "RGB by the Adobe segment"),
        (&[250, 120, 10], b"RGB", None, [250, 120, 10], "RGB by the component ids"),
        (&[0, 255, 255, 0], b"CMYK", None, [255, 0, 0], "plain CMYK: no cyan, full magenta and yellow"),
        (&[0, 0, 0, 255], b"CMYK", None, [0, 0, 0], "plain CMYK: full black"),
        (&[255, 0, 0, 255], b"\x01\x02\x03\x04", Some(0), [255, 0, 0], "Adobe's CMYK is inverted"),
        (&[255, 255, 255, 128], b"\x01\x02\x03\x04", Some(0), [128, 128, 128], "Adobe's CMYK: half black"),
        (&[179, 171, 0, 255], b"\x01\x02\x03\x04", Some(2), [255, 0, 0], "YCCK: the inks of red as YCbCr, inverted"),
    ];
    for (values, ids, adobe, expected, why) in table {
        for frame in [0xc0, 0xc1, 0xc2] {
            let flat = Flat { ids: ids.to_vec(), adobe, frame, ..Flat::new(values) };
            let shown = shown(&flat.file());
            let off = (0..3).map(|i| shown[i].abs_diff(expected[i])).max().unwrap();
            assert!(off <= 3, "{why}, frame {frame:x}: {shown:?} instead of {expected:?}");
        }
    }
}

#[test]
fn gray_stays_gray() {
    let (_, picture) = at_full_size(&Flat::new(&[90]).file());
    assert_eq!(picture.color(), image::ColorType::L8);
}

#[test]
fn what_follows_the_picture_is_ignored() {
    let file = Flat::new(&[200]).file();
    let appended: [(&[u8], &str); 3] =
        [(&file, "a second picture (MPO)"), (b"\0\0\0\x18ftypmp42", "a film"), (&[0xff; 1000], "fill bytes")];
    for (tail, why) in appended {
        assert_eq!(shown(&[&file, tail].concat()), [200; 3], "{why}");
    }
}

#[test]
fn many_segments_cost_nothing_and_a_flood_of_them_is_refused() {
    let comments = segment(0xfe, b"").repeat(50_000);
    assert_eq!(shown(&with_segments(&Flat::new(&[200]).file(), &comments)), [200; 3]);
    let flood = with_segments(&Flat::new(&[200]).file(), &comments.repeat(2));
    let refusal = thumbnail(&flood, &Options::default()).unwrap_err().to_string();
    assert!(refusal.contains("far too many segments"), "{refusal}");
}

#[test]
fn no_metadata_survives() {
    let exif = segment(0xe1, b"Exif\0\0II\x2a\0\x08\0\0\0\0\0\0\0\0\0 secret");
    let icc = segment(0xe2, b"ICC_PROFILE\0\x01\x01 secret");
    let comment = segment(0xfe, b"secret");
    let file = with_segments(&jpeg::rgb(&scenery(60, 40), 90), &[exif, icc, comment].concat());
    let (made, _) = at_full_size(&file);
    assert!(!made.bytes.windows(6).any(|window| window == b"secret"));
    let markers = made.bytes.windows(2).filter(|two| two[0] == 0xff && (0xe1..=0xef).contains(&two[1]));
    assert_eq!(markers.count(), 0, "only JFIF's own segment (FFE0)");
}

#[test]
fn quality_is_that_of_the_options() {
    let file = jpeg::rgb(&scenery(600, 400), 95);
    let bytes = |jpeg_quality| {
        let options = Options { jpeg_quality, ..Options::default() };
        thumbnail(&file, &options).unwrap().bytes.len()
    };
    assert!(bytes(40) < bytes(80) && bytes(80) < bytes(98));
    assert_eq!(bytes(0), bytes(1), "clamped");
    assert_eq!(bytes(255), bytes(100), "clamped");
}
