//! Everything that must be refused: by which error, and what its text says.

use crate::fixtures::jpeg::{self, EOI, Flat, segment, with_segments};
use crate::fixtures::png::{Png, SIGNATURE, black, chunk, chunks, ihdr, zlib_stored};
use crate::fixtures::{at_full_size, scenery};
use thumbnail::{Colour, Error, Limits, Measure, Options, probe, thumbnail};

/// Which error, by name.
fn refused(file: &[u8]) -> (&'static str, String) {
    let error = thumbnail(file, &Options::default()).unwrap_err();
    let kind = match error {
        Error::Unsupported { .. } => "unsupported",
        Error::Malformed { .. } => "malformed",
        Error::TooLarge { .. } => "too large",
        Error::Stopped => "stopped",
        Error::Internal { .. } => "internal",
    };
    (kind, error.to_string())
}

fn check(table: &[(Vec<u8>, &str, &str, &str)]) {
    for (file, kind, says, why) in table {
        let (found, text) = refused(file);
        assert_eq!(found, *kind, "{why}: {text}");
        assert!(text.contains(says), "{why}: {text:?} does not say {says:?}");
    }
}

#[test]
fn other_kinds_of_file_are_named() {
    let table: [(&[u8], &str); 22] = [
        (b"", "empty"),
        (b"x", "text"),
        (b"\xff", "of an unknown kind"),
        (b"\x89PN", "of an unknown kind"),
        (b"just some words\n", "text"),
        ("na\u{ef}ve caf\u{e9}".as_bytes(), "text"),
        (b"<!DOCTYPE html><html></html>", "an HTML page"),
        (b"\xef\xbb\xbf  <html lang=en>", "an HTML page"),
        (b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?><feed/>", "an XML document"),
        (b"<?php system($_GET[0]); ?>", "a PHP script"),
        (b"GIF89a\x01\0\x01\0\x80\0\0", "a GIF picture"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture"),
        (b"\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF picture"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "a video"),
        (b"%PDF-1.7\n", "a PDF document"),
        (b"II\x2a\0\x08\0\0\0", "a TIFF picture"),
        (b"MM\0\x2a\0\0\0\x08", "a TIFF picture"),
        (b"BM\x36\0\0\0", "a BMP picture"),
        (b"PK\x03\x04\x14\0", "a ZIP archive"),
        (b"\0\x01\x02\x03\x04\x05", "of an unknown kind"),
    ];
    for (file, kind) in table {
        let (found, text) = refused(file);
        assert_eq!(found, "unsupported", "{text}");
        assert!(text.contains(kind), "{text:?} does not say {kind:?}");
        assert_eq!(probe(file).unwrap_err().to_string(), text);
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let picture = scenery(200, 120);
    for (name, file) in [("JPEG", jpeg::rgb(&picture, 90)), ("PNG", Png::rgb(&picture).file())] {
        let parts = [5, 50, 99].map(|percent| file.len() * percent / 100);
        for keep in parts.into_iter().chain([file.len() - 1]) {
            let (kind, text) = refused(&file[..keep]);
            assert_eq!(kind, "malformed", "{name}: {keep} of {}: {text}", file.len());
            assert!(text.contains("truncated"), "{name}: {keep} of {}: {text}", file.len());
            assert!(text.contains(&format!("byte {keep}")), "{name}: it says where: {text}");
        }
    }
}

#[test]
fn no_cut_goes_unseen() {
    let flat = Flat { frame: 0xc2, ..Flat::new(&[10, 200, 30]) };
    let pictures = [Flat::new(&[1, 2, 3]).file(), flat.file(), Png::rgb(&scenery(9, 7)).interlaced().file()];
    for file in pictures {
        assert!(thumbnail(&file, &Options::default()).is_ok());
        for keep in 0..file.len() {
            assert!(thumbnail(&file[..keep], &Options::default()).is_err(), "{keep} of {}", file.len());
        }
    }
}

/// A PNG of these chunks.
fn png_of(chunks: &[&[u8]]) -> Vec<u8> {
    [&[SIGNATURE], chunks].concat().concat()
}

#[test]
fn damaged_png_headers() {
    let idat = chunk(b"IDAT", &zlib_stored(&[0; 3 * 2]));
    let end = chunk(b"IEND", b"");
    let with = |width, height, depth, colour| png_of(&[&ihdr(width, height, depth, colour, false), &idat, &end]);
    let mut crc = with(2, 2, 8, 0);
    crc[SIGNATURE.len() + 8 + 13] ^= 1;
    let apple = png_of(&[&chunk(b"CgBI", &[0; 4]), &ihdr(2, 2, 8, 0, false), &idat, &end]);
    check(&[
        (crc, "malformed", "IHDR chunk at byte 8 has a bad CRC", "CRC of the header"),
        (with(0, 0, 8, 0), "malformed", "0 x 0: no pixels", "0 x 0"),
        (with(2, 0, 8, 0), "malformed", "2 x 0: no pixels", "2 x 0"),
        (with(1 << 31, 1, 8, 0), "malformed", "impossible size", "2^31 wide"),
        (with(2, 2, 3, 0), "malformed", "type 0 with 3 bits", "3 bits"),
        (with(2, 2, 16, 3), "malformed", "type 3 with 16 bits", "16-bit palette"),
        (with(2, 2, 8, 3), "malformed", "PNG", "a palette that is missing"),
        (png_of(&[&idat, &end]), "malformed", "stands where the header", "no header"),
        (apple, "unsupported", "CgBI", "Apple's variant"),
        (b"\x89PNG\n\x1a\n\0\0\0\x0dIHDR".to_vec(), "malformed", "text mode", "line ends converted"),
    ]);
}

#[test]
fn damaged_png_pictures() {
    let good = Png::rgb(&scenery(30, 20)).file();
    let flipped = |at: usize| {
        let mut file = good.clone();
        file[at] ^= 1;
        file
    };
    let data = good.windows(4).position(|kind| kind == b"IDAT").unwrap() + 4;
    let (head, end) = (ihdr(2, 2, 8, 0, false), chunk(b"IEND", b""));
    let zlib = zlib_stored(&[0; 3 * 2]);
    let (idat, text) = (chunk(b"IDAT", &zlib), chunk(b"tEXt", b"a\0b"));
    let wrong_sum = [&zlib[..zlib.len() - 1], &[0xff]].concat();
    let twelve_rows = png_of(&[&ihdr(20, 20, 8, 0, false), &chunk(b"IDAT", &zlib_stored(&[0; 21 * 12])), &end]);
    check(&[
        (flipped(data + 60), "malformed", "IDAT chunk at byte 33 has a bad CRC", "a byte of the picture data"),
        (flipped(good.len() - 1), "malformed", "CRC", "CRC of the end"),
        (png_of(&[&head, &chunk(b"IDAT", &wrong_sum), &end]), "malformed", "WrongChecksum", "Adler-32"),
        (twelve_rows, "malformed", "PNG", "twelve rows of twenty"),
        (png_of(&[&head, &chunk(b"IDAT", b"no zlib"), &end]), "malformed", "PNG", "no zlib stream"),
        (png_of(&[&head, &head, &idat, &end]), "malformed", "IHDR chunk at byte 33 is there twice", "two headers"),
        (png_of(&[&head, &end]), "malformed", "without picture data", "no IDAT"),
        (png_of(&[&head, &idat, &text, &idat, &end]), "malformed", "not consecutive", "IDATs apart"),
        (png_of(&[&head, &chunk(b"QUUX", b""), &idat, &end]), "malformed", "QUUX", "an unknown critical chunk"),
    ]);
}

#[test]
fn kinds_of_jpeg_that_are_not_decoded_are_named() {
    let flat = Flat::new(&[100, 110, 120]);
    let frame = |frame: u8| Flat { frame, ..flat.clone() }.file();
    let twelve = Flat { precision: 12, frame: 0xc1, ..flat.clone() };
    check(&[
        (frame(0xc3), "unsupported", "lossless", "SOF3"),
        (frame(0xc5), "unsupported", "hierarchical", "SOF5"),
        (frame(0xc9), "unsupported", "arithmetic coding", "SOF9"),
        (frame(0xca), "unsupported", "arithmetic coding", "SOF10"),
        (frame(0xcb), "unsupported", "lossless, with arithmetic coding", "SOF11"),
        (frame(0xde), "unsupported", "hierarchical", "DHP"),
        (twelve.file(), "unsupported", "12 bits a channel", "12 bits"),
        (Flat::new(&[1, 2]).file(), "unsupported", "two channels", "two channels"),
    ]);
}

#[test]
fn damaged_jpeg_files() {
    let flat = Flat::new(&[100, 110, 120]);
    let (head, scan, file) = (flat.head(), flat.scan(), flat.file());
    let sized = |width, height| Flat { width, height, ..flat.clone() }.head();
    let cut_end = [sized(0, 0), scan.clone(), EOI.to_vec()].concat();
    let progressive = Flat { frame: 0xc2, ..flat.clone() };
    let bad_bits = segment(0xda, &[1, 1, 0, 1, 63, 0xab]);
    let two_of_three = segment(0xda, &[2, 1, 0, 2, 0, 0, 0, 0]);
    check(&[
        (cut_end, "malformed", "0 x 0: no pixels", "0 x 0"),
        ([sized(40, 0), scan.clone(), EOI.to_vec()].concat(), "unsupported", "DNL", "height 0"),
        ([&head[..2], &scan, &EOI].concat(), "malformed", "before the frame header", "no frame"),
        ([&head[..], &EOI].concat(), "malformed", "ends before any scan", "no scan"),
        ([&head, &head[2..], &scan, &EOI].concat(), "malformed", "second frame header", "two frames"),
        ([&head, &scan, &file[..]].concat(), "malformed", "second picture starts inside", "a picture inside"),
        (with_segments(&file, &[0xff, 0xe5, 0, 1]), "malformed", "impossible length", "a segment of length 1"),
        (Flat::new(&[1, 2, 3, 4, 5]).file(), "malformed", "5 channels", "five channels"),
        (Flat { precision: 7, ..flat.clone() }.file(), "malformed", "7 bits a channel", "7 bits"),
        (
            [progressive.file()[..progressive.file().len() - 2].to_vec(), bad_bits, EOI.to_vec()].concat(),
            "malformed",
            "impossible scan",
            "bits 10 to 11, before any DC scan",
        ),
        (
            [progressive.head(), two_of_three, vec![0], EOI.to_vec()].concat(),
            "malformed",
            "a channel without data",
            "no scan of the third channel",
        ),
    ]);
}

#[test]
fn sizes_over_the_limit_are_refused_by_the_header_alone() {
    let flat = Flat::new(&[1, 2, 3]);
    let jpeg = [Flat { width: 65535, height: 65535, ..flat.clone() }.head(), flat.scan(), EOI.to_vec()].concat();
    let idat = chunk(b"IDAT", &zlib_stored(&[0]));
    let png = [SIGNATURE, &ihdr(65535, 65535, 16, 6, true), &idat, &chunk(b"IEND", b"")].concat();
    let bomb = black(20_000, 20_000);
    assert!(bomb.len() < 2 << 20, "{} bytes for 400 megapixels", bomb.len());
    for (file, actual) in [(jpeg, 65535_u64.pow(2)), (png, 65535_u64.pow(2)), (bomb, 400_000_000)] {
        let expected = Error::TooLarge { measure: Measure::Pixels, limit: 100_000_000, actual };
        assert_eq!(expected.to_string(), format!("too large: {actual} pixels, at most 100000000 are allowed"));
        assert_eq!(thumbnail(&file, &Options::default()), Err(expected.clone()));
        assert_eq!(thumbnail::probe_with(&file, &Options::default()), Err(expected));
        assert!(probe(&file).is_ok(), "probing alone knows no limit");
    }
}

#[test]
fn memory_over_the_limit_is_refused() {
    let file = Flat { width: 9000, height: 9000, frame: 0xc2, ..Flat::new(&[1, 2, 3]) }.head();
    let file = [file, Flat::new(&[1, 2, 3]).scan(), EOI.to_vec()].concat();
    let limits = Limits { max_memory: 8 << 20, ..Limits::default() };
    let error = thumbnail(&file, &Options { limits, ..Options::default() }).unwrap_err();
    assert!(error.to_string().contains("bytes of memory, at most 8388608 are allowed"), "{error}");
}

#[test]
fn the_pixel_limit_is_exact() {
    let file = Png::rgb(&scenery(40, 25)).file();
    let with = |max_pixels| {
        let limits = Limits { max_pixels, ..Limits::default() };
        thumbnail(&file, &Options { limits, ..Options::default() })
    };
    assert!(with(1001).is_ok() && with(1000).is_ok());
    assert_eq!(with(999), Err(Error::TooLarge { measure: Measure::Pixels, limit: 999, actual: 1000 }));
}

#[test]
fn scans_are_counted() {
    let flat = Flat { frame: 0xc2, ..Flat::new(&[100]) };
    // The upper bits of each coefficient, one after the other, then their lowest: fifteen blocks that end at once.
    let first = (1..64).map(|i| segment(0xda, &[1, 1, 0, i, i, 0x01]));
    let refinements = (1..64).map(|i| segment(0xda, &[1, 1, 0, i, i, 0x10]));
    let all: Vec<Vec<u8>> = first.chain(refinements).map(|scan| [&scan[..], &[0, 1]].concat()).collect();
    let scans = |count: usize| [flat.head(), flat.scan(), all[..count - 1].concat(), EOI.to_vec()].concat();
    assert!(thumbnail(&scans(100), &Options::default()).is_ok());
    let refusal = Error::TooLarge { measure: Measure::Scans, limit: 100, actual: 127 };
    assert_eq!(refusal.to_string(), "too large: 127 scans, at most 100 are allowed");
    assert_eq!(thumbnail(&scans(127), &Options::default()), Err(refusal));
}

#[test]
fn metadata_bombs_cost_nothing() {
    // The picture data of a large black PNG is a zlib stream that unpacks to 50 MB.
    let bomb = black(20_000, 20_000);
    let zlib: Vec<u8> =
        chunks(&bomb).into_iter().filter(|(kind, _)| kind == b"IDAT").flat_map(|(_, data)| data).collect();
    let plain = Png::rgb(&scenery(30, 20));
    let (_, expected) = at_full_size(&plain.file());
    let packed = [&b"name\0\0"[..], &zlib].concat();
    for kind in [b"iCCP", b"zTXt"] {
        let file = Png::rgb(&scenery(30, 20)).before(kind, &packed).file();
        let small = Limits { max_memory: 32 << 20, ..Limits::default() };
        let made = thumbnail(&file, &Options { limits: small, ..Options::default() }).unwrap();
        let ignored = if kind == b"iCCP" { Colour::ProfileIgnored } else { Colour::Assumed };
        assert_eq!(made.source.colour, ignored, "not unpacked, or not to its end");
        assert_eq!(at_full_size(&file).1, expected);
    }
}
