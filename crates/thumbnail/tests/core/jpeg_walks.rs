//! Large baseline JPEGs at scale 1/8, where AC codes are walked over: whatever the tables, the contents and the
//! restarts, the block means are those of a plain reader, and so is the verdict on damage.

use image::imageops::{FilterType, resize};
use image::{Rgb, RgbImage};

use crate::fixtures::drawing::{Content, Drawing, Tables};
use crate::fixtures::walk::{check, data_start, small};
use crate::fixtures::{Random, difference, made};
use thumbnail::Options;

const ALL_TABLES: [Tables; 5] = [Tables::Luma, Tables::Typical, Tables::Short, Tables::Even, Tables::Long];

type Factors = &'static [(u8, u8, u8)];

const GRAY: Factors = &[(1, 1, 1)];
const YUV420: Factors = &[(1, 2, 2), (2, 1, 1), (3, 1, 1)];
const SAMPLINGS: [Factors; 8] = [
    GRAY,
    YUV420,
    &[(1, 1, 1), (2, 1, 1), (3, 1, 1)],
    &[(1, 2, 1), (2, 1, 1), (3, 1, 1)],
    &[(1, 1, 2), (2, 1, 1), (3, 1, 1)],
    &[(1, 4, 1), (2, 1, 1), (3, 1, 1)],
    &[(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)],
    &[(1, 2, 2), (2, 1, 1), (3, 1, 1), (4, 2, 2)],
];

#[test]
fn every_content_with_every_table() {
    let mut samplings = SAMPLINGS.iter().cycle();
    for content in Content::ALL {
        for tables in ALL_TABLES {
            let plain = Drawing::new(1501, 1203, samplings.next().unwrap());
            let drawing = Drawing { content: content.clone(), tables, ..plain };
            assert!(check(&drawing.write(), &drawing, "whole"), "the plain reader reads it");
        }
    }
}

#[test]
fn block_means_are_those_of_a_full_decode() {
    // The other reader makes chroma smooth over the edges of blocks.
    let table =
        [(GRAY, 1.0, "gray"), (SAMPLINGS[2], 1.0, "4:4:4"), (YUV420, 2.5, "4:2:0"), (SAMPLINGS[5], 2.5, "4:1:1")];
    for (components, bound, name) in table {
        for content in [Content::Photo, Content::Flat] {
            let drawing = Drawing { content, ..Drawing::new(1504, 1200, components) };
            let file = drawing.write();
            // So small that means are not sharpened.
            let options = Options { width: 60, height: 60, jpeg_quality: 100, ..Options::default() };
            let made = made(&file, &options).1.to_rgb8();
            let whole = image::load_from_memory(&file).unwrap().to_rgb8();
            let reference = resize(&block_means(&whole), made.width(), made.height(), FilterType::Lanczos3);
            let (mean, most) = difference(&made, &reference);
            assert!(mean < bound && most < 24, "{name}, {drawing:?}: {mean}, at most {most}");
        }
    }
}

fn block_means(whole: &RgbImage) -> RgbImage {
    RgbImage::from_fn(whole.width() / 8, whole.height() / 8, |column, row| {
        let sum = |channel: usize| -> u32 {
            let pixels = (0..64).map(|i| whole.get_pixel(8 * column + i % 8, 8 * row + i / 8));
            pixels.map(|pixel| u32::from(pixel.0[channel])).sum()
        };
        Rgb([0, 1, 2].map(|channel| ((sum(channel) + 32) / 64) as u8))
    })
}

#[test]
fn every_sampling_with_every_restart_interval() {
    for components in SAMPLINGS {
        let plain = Drawing { content: Content::Photo, ..Drawing::new(1100, 900, components) };
        let expected = small(&plain.write(), &plain).unwrap();
        let across = 1100_u16.div_ceil(8 * u16::from(components[0].1));
        let down = 900_u16.div_ceil(8 * u16::from(components[0].2));
        for restart_interval in [1, 3, across, across + 1, 5 * across, across * down - 1, across * down, 0xFFFF] {
            let drawing = Drawing { restart_interval, ..plain.clone() };
            assert!(small(&drawing.write(), &drawing).as_ref() == Ok(&expected), "{drawing:?}");
        }
    }
}

#[test]
fn scans_of_their_own_for_each_component() {
    for (content, tables) in [(Content::Photo, Tables::Typical), (Content::Full, Tables::Luma)] {
        for scans in [vec![vec![0], vec![1], vec![2]], vec![vec![2, 1], vec![0]]] {
            for restart_interval in [0, 50] {
                let plain = Drawing::new(1501, 1203, YUV420);
                let drawing =
                    Drawing { content: content.clone(), tables, scans: scans.clone(), restart_interval, ..plain };
                assert!(check(&drawing.write(), &drawing, "whole"));
            }
        }
    }
}

fn damaging() -> Vec<Drawing> {
    let plain = Drawing { content: Content::Photo, ..Drawing::new(1101, 903, YUV420) };
    vec![
        plain.clone(),
        Drawing { content: Content::Full, tables: Tables::Typical, ..plain.clone() },
        Drawing { content: Content::Islands, tables: Tables::Short, ..plain.clone() },
        Drawing { content: Content::Ones, tables: Tables::Long, width: 600, ..plain.clone() },
        Drawing {
            content: Content::Mixed,
            tables: Tables::Even,
            components: GRAY.to_vec(),
            scans: vec![vec![0]],
            ..plain.clone()
        },
        Drawing { restart_interval: 69, ..plain.clone() },
        Drawing { restart_interval: 1, ..plain },
    ]
}

#[test]
fn damaged_bits_are_read_as_a_plain_reader_does() {
    let mut random = Random(11);
    let (mut accepted, mut refused) = (0, 0);
    for drawing in damaging() {
        let file = drawing.write();
        let start = data_start(&file);
        for round in 0..24 {
            let mut damaged = file.clone();
            for _ in 0..=round % 3 {
                let at = start + random.below(file.len() - 2 - start);
                damaged[at] ^= 1 << random.below(8);
            }
            let outcome = check(&damaged, &drawing, &format!("damaged, round {round}"));
            *(if outcome { &mut accepted } else { &mut refused }) += 1;
        }
    }
    assert!(accepted > 20 && refused > 20, "{accepted} accepted, {refused} refused: the damage is of both kinds");
}

#[test]
fn pieces_that_are_missing_or_there_twice_are_read_as_a_plain_reader_does() {
    let mut random = Random(12);
    for drawing in damaging() {
        let file = drawing.write();
        let start = data_start(&file);
        for round in 0..8 {
            let at = start + random.below(file.len() - 2000 - start);
            let end = at + 1 + random.below(if round % 2 == 0 { 3 } else { 1500 });
            let without = [&file[..at], &file[end..]].concat();
            check(&without, &drawing, &format!("without bytes {at} to {end}"));
            let twice = [&file[..end], &file[at..]].concat();
            check(&twice, &drawing, &format!("bytes {at} to {end} twice"));
        }
    }
}

#[test]
fn a_large_file_cut_anywhere_is_refused() {
    let mut random = Random(13);
    for drawing in damaging() {
        let file = drawing.write();
        let places = (0..60).map(|_| random.below(file.len())).chain(file.len() - 40..file.len());
        for end in places {
            assert!(small(&file[..end], &drawing).is_err(), "cut at {end} of {}, {drawing:?}", file.len());
        }
    }
}

#[test]
fn bytes_before_a_marker() {
    /// Bytes that stand before the marker, whether it is still the picture, why.
    type Row = (&'static [u8], bool, &'static str);
    let table: [Row; 6] = [
        (b"\xff", true, "a fill byte"),
        (b"\xff\xff\xff", true, "fill bytes"),
        (b"\x7f", true, "a byte of padding, as some encoders write"),
        (b"\0\0\0", false, "stray bytes"),
        (&[0x5a; 40_000], false, "many stray bytes"),
        (b"\xff\0\xff\0\xff\0", false, "stray bytes, stuffed"),
    ];
    for drawing in damaging() {
        let file = drawing.write();
        let whole = small(&file, &drawing).unwrap();
        let middle = file.len() / 2;
        let restart = file[middle..].windows(2).position(|two| two[0] == 0xFF && (0xD0..0xD8).contains(&two[1]));
        for at in restart.map(|offset| middle + offset).into_iter().chain([file.len() - 2]) {
            for (bytes, good, why) in table {
                let with = [&file[..at], bytes, &file[at..]].concat();
                assert_eq!(check(&with, &drawing, why), good, "{why}: {drawing:?}");
                assert!(!good || small(&with, &drawing).as_ref() == Ok(&whole), "{why}: {drawing:?}");
            }
        }
    }
}
