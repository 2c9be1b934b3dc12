//! PNG: every colour type and depth, interlaced or not, transparency, and what surrounds the picture.

use crate::fixtures::png::{Png, chunk, chunks, zlib_stored};
use crate::fixtures::{Random, at_full_size, made, scenery};
use thumbnail::Options;

/// Colour type and depth of all kinds there are.
const KINDS: [(u8, u8); 15] = [
    (0, 1),
    (0, 2),
    (0, 4),
    (0, 8),
    (0, 16),
    (2, 8),
    (2, 16),
    (3, 1),
    (3, 2),
    (3, 4),
    (3, 8),
    (4, 8),
    (4, 16),
    (6, 8),
    (6, 16),
];

fn palette() -> Vec<u8> {
    (0..=255_u8).flat_map(|i| [i, 255 - i, i.wrapping_mul(7)]).collect()
}

/// Random samples; with the palette that the colour type needs.
fn random_png(width: u32, height: u32, colour_type: u8, depth: u8) -> Png {
    let mut png = Png::new(width, height, colour_type, depth, Vec::new());
    let mut random = Random(u64::from(width * 31 + height) + 1);
    let count = (width * height) as usize * png.channels();
    png.samples = (0..count).map(|_| (random.next() % (1 << depth)) as u16).collect();
    match colour_type {
        3 => png.before(b"PLTE", &palette()[..3 << depth]),
        _ => png,
    }
}

/// Samples as the thumbnail should have them.
fn expanded(png: &Png) -> Vec<u8> {
    let palette = palette();
    let expand = |sample: &u16| match (png.colour_type, png.depth) {
        (3, _) => palette[usize::from(*sample) * 3..][..3].to_vec(),
        (_, 16) => vec![(sample >> 8) as u8],
        (_, depth) => vec![(u32::from(*sample) * 255 / ((1 << depth) - 1)) as u8],
    };
    png.samples.iter().flat_map(expand).collect()
}

#[test]
fn every_kind_keeps_its_pixels() {
    for (colour_type, depth) in KINDS {
        for (width, height) in [(1, 1), (2, 3), (3, 2), (5, 9), (33, 17), (64, 40)] {
            let plain = random_png(width, height, colour_type, depth);
            for (png, interlaced) in
                [(plain.file(), false), (random_png(width, height, colour_type, depth).interlaced().file(), true)]
            {
                let (_, picture) = at_full_size(&png);
                let what = format!("type {colour_type}, {depth} bits, {width} x {height}, interlaced: {interlaced}");
                let shown = blank_where_transparent(picture.as_bytes(), plain.channels(), colour_type);
                let wanted = blank_where_transparent(&expanded(&plain), plain.channels(), colour_type);
                assert!(shown == wanted, "{what}");
            }
        }
    }
}

/// Where alpha is zero there is no colour to compare.
fn blank_where_transparent(samples: &[u8], channels: usize, colour_type: u8) -> Vec<u8> {
    if colour_type != 4 && colour_type != 6 {
        return samples.to_vec();
    }
    let blank = |pixel: &[u8]| if pixel[channels - 1] == 0 { vec![0; channels] } else { pixel.to_vec() };
    samples.chunks(channels).flat_map(blank).collect()
}

#[test]
fn transparent_colours_are_compared_at_full_depth() {
    let table: [(Png, &[u8], Vec<u8>, &str); 6] = [
        (Png::new(3, 1, 0, 2, vec![0, 1, 3]), &[0, 1], vec![0, 255, 85, 0, 255, 255], "gray, 2 bits"),
        (Png::new(2, 1, 0, 8, vec![10, 11]), &[0, 11], vec![10, 255, 11, 0], "gray, 8 bits"),
        (
            Png::new(3, 1, 0, 16, vec![0x1234, 0x1235, 0x1236]),
            &[0x12, 0x35],
            vec![0x12, 255, 0x12, 0, 0x12, 255],
            "gray, 16 bits that differ in the low byte alone",
        ),
        (
            Png::new(2, 1, 2, 8, vec![1, 2, 3, 1, 2, 4]),
            &[0, 1, 0, 2, 0, 3],
            vec![1, 2, 3, 0, 1, 2, 4, 255],
            "RGB, 8 bits",
        ),
        (
            Png::new(2, 1, 2, 16, vec![0x0100, 0x0200, 0x0300, 0x0100, 0x0200, 0x0301]),
            &[1, 0, 2, 0, 3, 1],
            vec![1, 2, 3, 255, 1, 2, 3, 0],
            "RGB, 16 bits",
        ),
        (
            Png::new(3, 1, 3, 2, vec![0, 1, 2]).before(b"PLTE", &[9, 8, 7, 6, 5, 4, 3, 2, 1]),
            &[0, 128],
            vec![9, 8, 7, 0, 6, 5, 4, 128, 3, 2, 1, 255],
            "palette, shorter list",
        ),
    ];
    for (png, trns, expected, why) in table {
        let (_, picture) = at_full_size(&png.before(b"tRNS", trns).file());
        assert_eq!(picture.as_bytes(), expected, "{why}");
    }
}

#[test]
fn no_colour_leaks_out_of_transparent_pixels() {
    // A red disc; around it transparent green, which must never be seen.
    let samples = (0..600 * 600).flat_map(|i: i32| {
        let (x, y) = (i % 600 - 300, i / 600 - 300);
        if x * x + y * y < 250 * 250 { [255, 0, 0, 255] } else { [0, 255, 0, 0] }
    });
    let disc = Png::new(600, 600, 6, 8, samples.collect());
    for (name, file) in [("rows", disc.file()), ("interlaced", disc.interlaced().file())] {
        // Resampled alone, and reduced by boxes first.
        for side in [250, 150, 90, 20] {
            let (_, picture) = made(&file, &Options { width: side, height: side, ..Options::default() });
            let picture = picture.to_rgba8();
            let edge = picture.pixels().filter(|pixel| (1..255).contains(&pixel.0[3])).count();
            assert!(edge > 20, "{name}, {side}: the edge is soft");
            for pixel in picture.pixels().filter(|pixel| pixel.0[3] > 8) {
                assert!(pixel.0[0] >= 250 && pixel.0[1] <= 5, "{name}, {side}: {pixel:?}");
            }
        }
    }
}

#[test]
fn reducing_by_rows_can_not_be_told_from_lanczos_alone() {
    let picture = scenery(1500, 1100);
    let reference = image::imageops::resize(&picture, 150, 110, image::imageops::FilterType::Lanczos3);
    let (_, by_rows) = made(&Png::rgb(&picture).file(), &Options::default());
    let (mean, worst) = crate::fixtures::difference(by_rows.as_bytes(), reference.as_raw());
    assert!(mean < 0.6 && worst <= 8, "{mean} on average, {worst} at most");

    let (_, interlaced) = made(&Png::rgb(&picture).interlaced().file(), &Options::default());
    assert_eq!(by_rows, interlaced);
}

#[test]
fn an_animation_shows_its_default_picture() {
    let still = Png::rgb(&scenery(30, 20));
    let (_, expected) = at_full_size(&still.file());
    let control = |sequence: u8, width: u8| {
        let mut data = vec![0, 0, 0, sequence, 0, 0, 0, width, 0, 0, 0, 20];
        data.extend([0; 8]);
        data.extend([0, 1, 0, 10, 0, 0]);
        data
    };
    let frame = [&[0, 0, 0, 2][..], &zlib_stored(&vec![0; 20 * 91])].concat();
    let animated = Png::rgb(&scenery(30, 20))
        .before(b"acTL", &[0, 0, 0, 2, 0, 0, 0, 0])
        .before(b"fcTL", &control(0, 30))
        .after(b"fcTL", &control(1, 30))
        .after(b"fdAT", &frame);
    assert_eq!(at_full_size(&animated.file()).1, expected);

    let broken = Png::rgb(&scenery(30, 20))
        .before(b"acTL", &[0, 0])
        .before(b"fcTL", &control(7, 12))
        .after(b"fdAT", b"\0\0\0\x02 no zlib at all");
    assert_eq!(at_full_size(&broken.file()).1, expected, "frames that are not shown can't fail");
}

#[test]
fn damaged_metadata_is_ignored() {
    let (_, expected) = at_full_size(&Png::rgb(&scenery(30, 20)).file());
    let mut bad_crc = chunk(b"gAMA", &[0, 0, 0, 1]);
    *bad_crc.last_mut().unwrap() ^= 1;
    let mut bad_trns = chunk(b"tRNS", &[0, 0, 0, 0, 0, 0]);
    *bad_trns.last_mut().unwrap() ^= 1;
    let table: [(Vec<u8>, &str); 7] = [
        (bad_crc, "gAMA with a bad CRC"),
        (bad_trns, "tRNS with a bad CRC"),
        (chunk(b"tRNS", &[0]), "tRNS of the wrong length"),
        (chunk(b"iCCP", b"name\0\0 no zlib at all"), "iCCP that can't be unpacked"),
        (chunk(b"zTXt", b"name\0\x07 ?"), "zTXt of an unknown method"),
        (chunk(b"cHRM", &[]), "an empty cHRM"),
        (chunk(b"quUx", &[1, 2, 3]), "an unknown chunk"),
    ];
    for (chunk, why) in table {
        let mut png = Png::rgb(&scenery(30, 20));
        png.before = chunk.clone();
        assert_eq!(at_full_size(&png.file()).1, expected, "{why}, before the picture");
        (png.before, png.after) = (Vec::new(), chunk);
        assert_eq!(at_full_size(&png.file()).1, expected, "{why}, after the picture");
    }
}

#[test]
fn only_the_picture_is_written() {
    let file = Png::rgb(&scenery(60, 40)).before(b"tEXt", b"Comment\0secret").before(b"gAMA", &[0, 0, 1, 0]).file();
    let (made, _) = at_full_size(&[&file[..], b"trailing secret"].concat());
    let kinds: Vec<[u8; 4]> = chunks(&made.bytes).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, [*b"IHDR", *b"IDAT", *b"IEND"]);
}
