//! The pictures of public test suites in `../shared/corpus`: good ones give a thumbnail of the right size, bad ones
//! are refused, nothing fails by our own fault.

use std::path::{Path, PathBuf};

use thumbnail::{Colour, Error, Options, probe, thumbnail};

/// Good pictures that are refused all the same.
const NOT_DECODED: [(&str, &str); 4] = [
    ("jpeg-decoder/reftest/images/lossless/1/jpeg_lossless_sel1-8bit.jpg", "lossless JPEG: no browser shows it"),
    ("libjpeg-turbo/testimgari.jpg", "arithmetic coding: no browser shows it"),
    (
        "jpeg-decoder/crashtest/images/extraneous-bytes-after-sos.jpg",
        "damaged: bytes that belong to nothing between the picture's data and its end",
    ),
    ("jpeg-decoder/reftest/images/extraneous-data.jpg", "damaged: more data than the picture has room for"),
];

/// Bad pictures that give a thumbnail all the same.
const NOT_REFUSED: [(&str, &str); 0] = [];

struct Entry {
    path: String,
    class: String,
    size: Option<(u32, u32)>,
    exif_orientation: u8,
}

fn corpus() -> Option<(PathBuf, Vec<Entry>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let Ok(index) = std::fs::read_to_string(folder.join("index.csv")) else {
        eprintln!("UNCHECKED corpus: no {}", folder.join("index.csv").display());
        return None;
    };
    let entries = index.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let size = fields[3].parse().ok().zip(fields[4].parse().ok());
        let exif_orientation = fields[6].parse().unwrap_or(1);
        Entry { path: fields[0].into(), class: fields[1].into(), size, exif_orientation }
    });
    Some((folder, entries.collect()))
}

/// Entries of one class with the outcome for each.
fn outcomes(class: &str) -> Vec<(Entry, Result<thumbnail::Thumbnail, Error>)> {
    let Some((folder, entries)) = corpus() else { return Vec::new() };
    let chosen: Vec<Entry> = entries.into_iter().filter(|entry| entry.class == class).collect();
    assert!(!chosen.is_empty(), "no {class} picture in the index");
    let made = chosen.into_iter().map(|entry| {
        let source = std::fs::read(folder.join(&entry.path)).unwrap();
        let outcome = thumbnail(&source, &Options::default());
        if let Ok(made) = &outcome {
            let mut probed = probe(&source).unwrap();
            if made.source.colour == Colour::ProfileIgnored {
                probed.colour = Colour::ProfileIgnored; // a broken profile may show only when it is read
            }
            assert_eq!(probed, made.source, "{}", entry.path);
        }
        (entry, outcome)
    });
    made.collect()
}

#[test]
fn good_pictures_give_a_thumbnail_of_the_right_size() {
    let mut wrong = Vec::new();
    for (entry, outcome) in outcomes("good") {
        if listed(&NOT_DECODED, &entry.path) {
            assert!(
                matches!(outcome, Err(Error::Unsupported { .. } | Error::Malformed { .. })),
                "{}: {outcome:?}",
                entry.path
            );
            continue;
        }
        let (stored_width, stored_height) = entry.size.unwrap();
        let lying = (5..=8).contains(&entry.exif_orientation);
        let shown = if lying { (stored_height, stored_width) } else { (stored_width, stored_height) };
        match outcome {
            Ok(made) if (made.source.width, made.source.height) != shown => {
                wrong.push(format!("{}: taken for {:?}, is {shown:?}", entry.path, made.source));
            }
            Ok(made) if (made.width, made.height) != inside_150(shown) => {
                wrong.push(format!("{}: {} x {} of {shown:?}", entry.path, made.width, made.height));
            }
            Ok(made) => readable(&made, &entry.path),
            Err(error) => wrong.push(format!("{}: {error}", entry.path)),
        }
    }
    assert!(wrong.is_empty(), "{} good pictures failed:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bad_pictures_are_refused() {
    let mut wrong = Vec::new();
    for (entry, outcome) in outcomes("bad") {
        match outcome {
            Ok(_) if listed(&NOT_REFUSED, &entry.path) => (),
            Err(_) if listed(&NOT_REFUSED, &entry.path) => wrong.push(format!("{}: listed, yet refused", entry.path)),
            Ok(made) => wrong.push(format!("{}: accepted as {:?}", entry.path, made.source)),
            Err(Error::Internal { detail }) => wrong.push(format!("{}: internal: {detail}", entry.path)),
            Err(_) => (),
        }
    }
    assert!(wrong.is_empty(), "{} bad pictures:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn nothing_fails_by_our_own_fault() {
    for class in ["disputed", "notjpgpng"] {
        for (entry, outcome) in outcomes(class) {
            assert!(!matches!(outcome, Err(Error::Internal { .. })), "{}: {outcome:?}", entry.path);
        }
    }
}

fn listed(list: &[(&str, &str)], path: &str) -> bool {
    list.iter().any(|(listed, _)| *listed == path)
}

/// By floating point, unlike the product.
fn inside_150((width, height): (u32, u32)) -> (u32, u32) {
    let scale = (150.0 / f64::from(width)).min(150.0 / f64::from(height)).min(1.0);
    let side = |n: u32| ((f64::from(n) * scale + 0.5 + 1e-9).floor() as u32).max(1);
    (side(width), side(height))
}

/// The file is what it claims to be, for another reader of the format.
fn readable(made: &thumbnail::Thumbnail, path: &str) {
    let format = match made.format {
        thumbnail::Format::Jpeg => image::ImageFormat::Jpeg,
        thumbnail::Format::Png => image::ImageFormat::Png,
    };
    let read = image::load_from_memory_with_format(&made.bytes, format).unwrap();
    assert_eq!((read.width(), read.height()), (made.width, made.height), "{path}");
}
