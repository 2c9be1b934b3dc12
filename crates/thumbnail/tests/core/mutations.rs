//! Damage at random, the same on every run: an answer for everything, never a panic, never our own fault.

use crate::fixtures::jpeg::{self, Flat};
use crate::fixtures::png::{Png, SIGNATURE, chunk, chunks};
use crate::fixtures::{Random, exif, scenery};
use thumbnail::{Error, Options, probe, thumbnail};

const ROUNDS: usize = 400;

fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let picture = scenery(48, 40);
    let app1 = jpeg::segment(0xe1, &[b"Exif\0\0", &exif(6, 3, true)[..]].concat());
    let rgba = picture.pixels().flat_map(|p| [p.0[0].into(), p.0[1].into(), p.0[2].into(), u16::from(p.0[0])]);
    let palette = Png::new(16, 16, 3, 4, (0..256).map(|i| i % 16).collect());
    vec![
        ("baseline JPEG", jpeg::with_segments(&jpeg::rgb(&picture, 80), &app1)),
        ("progressive JPEG", Flat { frame: 0xc2, ..Flat::new(&[10, 200, 30]) }.file()),
        ("CMYK JPEG", Flat { adobe: Some(2), ..Flat::new(&[10, 200, 30, 99]) }.file()),
        ("RGB PNG", Png::rgb(&picture).before(b"eXIf", &exif(5, 4, false)).file()),
        ("interlaced RGBA PNG", Png::new(48, 40, 6, 8, rgba.collect()).interlaced().file()),
        ("palette PNG", palette.before(b"PLTE", &[77; 48]).before(b"tRNS", &[0, 50, 100]).file()),
    ]
}

/// Changes a few places: a bit, a byte, a piece cut out, doubled or zeroed.
fn damaged(file: &[u8], random: &mut Random) -> Vec<u8> {
    let mut file = file.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(file.len());
        let end = (at + 1 + random.below(24)).min(file.len());
        match random.below(6) {
            0 => file[at] ^= 1 << random.below(8),
            1 => file[at] = random.next() as u8,
            2 => file[at] = [0, 0xff, 0x7f, 0x80][random.below(4)],
            3 => drop(file.drain(at..end)),
            4 => file.splice(at..at, file[at..end].to_vec()).for_each(drop),
            _ => file[at..end].fill(0),
        }
        if file.is_empty() {
            return file;
        }
    }
    file
}

/// Makes the chunks' CRCs right again, so that the damage gets past them.
fn with_right_crcs(file: &[u8]) -> Option<Vec<u8>> {
    let mut rest = file.strip_prefix(SIGNATURE)?;
    while !rest.is_empty() {
        let length = u32::from_be_bytes(*rest.first_chunk()?) as usize;
        rest = rest.get(length.checked_add(12)?..)?;
    }
    let fixed = chunks(file).iter().flat_map(|(kind, data)| chunk(kind, data)).collect();
    Some([SIGNATURE.to_vec(), fixed].concat())
}

#[test]
fn damage_is_answered() {
    let mut random = Random(42);
    let (mut accepted, mut refused) = (0, 0);
    for (name, seed) in seeds() {
        assert!(thumbnail(&seed, &Options::default()).is_ok(), "{name} is fine as it is");
        for round in 0..ROUNDS {
            let file = damaged(&seed, &mut random);
            let file = with_right_crcs(&file).unwrap_or(file);
            let outcome = thumbnail(&file, &Options::default());
            match outcome {
                Ok(made) => {
                    accepted += 1;
                    assert_eq!(probe(&file), Ok(made.source), "{name}, round {round}");
                }
                Err(Error::Internal { detail }) => panic!("{name}, round {round}: {detail}"),
                Err(_) => refused += 1,
            }
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} accepted, {refused} refused: the damage is of both kinds");
}
