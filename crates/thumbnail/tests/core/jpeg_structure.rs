//! JPEG: the same coefficients in files of every structure give the same thumbnail, to the byte.

use crate::fixtures::Random;
use crate::fixtures::drawing::Drawing;
use thumbnail::{Error, Options, thumbnail};

const COLOUR: [(u8, u8, u8); 3] = [(1, 2, 2), (2, 1, 1), (3, 1, 1)];

/// At the size of each scale: 1/8, 1/4, 1/2 and the whole.
fn thumbnails(file: &[u8], width: u16, height: u16) -> Vec<Vec<u8>> {
    let sides = [17, 9, 4, 1].map(|part| u32::from(width.max(height)).div_ceil(part));
    let made = sides.map(|side| {
        thumbnail(file, &Options { width: side, height: side, jpeg_quality: 95, ..Options::default() }).unwrap().bytes
    });
    made.to_vec()
}

#[test]
fn progressive_is_sequential_in_another_order() {
    let factors: [&[(u8, u8, u8)]; 9] = [
        &[(1, 1, 1)],
        &[(1, 3, 2)],
        &[(1, 1, 1), (2, 1, 1), (3, 1, 1)],
        &COLOUR,
        &[(1, 2, 1), (2, 1, 2), (3, 1, 1)],
        &[(1, 4, 1), (2, 1, 1), (3, 2, 1)],
        &[(1, 3, 2), (2, 2, 1), (3, 1, 1)],
        &[(1, 1, 1), (2, 2, 2), (3, 2, 2)],
        &[(1, 2, 1), (2, 1, 1), (3, 1, 1), (4, 2, 1)],
    ];
    for components in factors {
        for (width, height) in [(1, 1), (8, 8), (9, 17), (67, 35), (300, 200)] {
            let sequential = Drawing::new(width, height, components);
            let progressive = Drawing { progressive: true, ..sequential.clone() };
            let expected = thumbnails(&sequential.write(), width, height);
            assert!(thumbnails(&progressive.write(), width, height) == expected, "{components:?}, {width} x {height}");
        }
    }
}

#[test]
fn neither_scans_nor_restarts_nor_missing_tables_change_a_picture() {
    let plain = Drawing::new(150, 61, &COLOUR);
    let expected = thumbnails(&plain.write(), 150, 61);
    let mut others = vec![Drawing { without_tables: true, ..plain.clone() }];
    for scans in [vec![vec![0], vec![1], vec![2]], vec![vec![2], vec![0, 1]], vec![vec![1, 2], vec![0]]] {
        others.push(Drawing { scans, ..plain.clone() });
    }
    for restart_interval in [1, 2, 7, 1000] {
        for progressive in [false, true] {
            others.push(Drawing { restart_interval, progressive, ..plain.clone() });
        }
    }
    for other in others {
        assert!(thumbnails(&other.write(), 150, 61) == expected, "{other:?}");
    }
}

#[test]
fn damage_of_every_structure_is_answered() {
    let plain = Drawing::new(40, 30, &COLOUR);
    let drawings = [
        Drawing { restart_interval: 2, ..plain.clone() },
        Drawing { scans: vec![vec![2], vec![0], vec![1]], ..plain.clone() },
        Drawing { progressive: true, ..plain },
    ];
    let mut random = Random(3);
    for drawing in drawings {
        let file = drawing.write();
        for end in 0..file.len() {
            assert!(thumbnail(&file[..end], &Options::default()).is_err(), "cut at {end} of {drawing:?}");
        }
        for round in 0..600 {
            let mut damaged = file.clone();
            for _ in 0..=random.below(4) {
                let at = random.below(damaged.len());
                damaged[at] = random.next() as u8;
            }
            let side = [4, 9, 18, 40][round % 4];
            let outcome = thumbnail(&damaged, &Options { width: side, height: side, ..Options::default() });
            assert!(!matches!(outcome, Err(Error::Internal { .. })), "{outcome:?}");
        }
    }
}
