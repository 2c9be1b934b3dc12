//! The size of the thumbnail, for any picture and any box.

use proptest::prelude::*;
use thumbnail::{Fit, Options, thumbnail};

use crate::fixtures::drawing::Drawing;
use crate::fixtures::jpeg::Flat;
use crate::fixtures::png::black;

/// Sizes up to 65,500 on one side, and few enough pixels to decode many.
fn sizes() -> impl Strategy<Value = (u16, u16)> {
    let long = (1_u16..=65_500, 1_u16..=4);
    prop_oneof![(1_u16..=300, 1_u16..=300), long.clone(), long.prop_map(|(long, short)| (short, long))]
}

fn boxes() -> impl Strategy<Value = (u32, u32)> {
    let side = prop_oneof![0_u32..=8, 1_u32..=400];
    (side.clone(), side)
}

/// Sampling factors that a scan of all components can hold.
fn factors() -> impl Strategy<Value = Vec<(u8, u8, u8)>> {
    let count = prop_oneof![Just(1_usize), Just(3), Just(4)];
    let pairs = count.prop_flat_map(|count| prop::collection::vec((1_u8..=4, 1_u8..=4), count));
    let blocks = |pairs: &[(u8, u8)]| pairs.iter().map(|(h, v)| h * v).sum::<u8>();
    let fitting = pairs.prop_filter("at most ten blocks", move |pairs| pairs.len() == 1 || blocks(pairs) <= 10);
    fitting.prop_map(|pairs| (1..).zip(pairs).map(|(id, (h, v))| (id, h, v)).collect())
}

/// The two files of a size: neither codec may bend it.
fn files((width, height): (u16, u16)) -> [Vec<u8>; 2] {
    [Flat { width, height, ..Flat::new(&[90]) }.file(), black(u32::from(width), u32::from(height))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inside_fits_and_keeps_the_aspect(size in sizes(), (box_width, box_height) in boxes()) {
        for file in files(size) {
            let options = Options { width: box_width, height: box_height, ..Options::default() };
            let made = thumbnail(&file, &options).unwrap();
            let (width, height) = (u32::from(size.0), u32::from(size.1));
            let (box_width, box_height) = (box_width.max(1), box_height.max(1));
            prop_assert_eq!((made.source.width, made.source.height), (width, height));
            prop_assert!(made.width <= box_width && made.height <= box_height, "fits the box");
            prop_assert!(made.width <= width && made.height <= height, "never enlarged");
            prop_assert!(
                made.width == box_width || made.height == box_height || (made.width, made.height) == (width, height),
                "as large as it can be"
            );
            let scale = (f64::from(made.width) / f64::from(width)).max(f64::from(made.height) / f64::from(height));
            let off = |made: u32, side: u32| (f64::from(made) - (f64::from(side) * scale).max(1.0)).abs();
            prop_assert!(off(made.width, width) <= 0.5 || off(made.height, height) <= 0.5, "aspect");
        }
    }

    #[test]
    fn cover_is_exactly_the_box(size in sizes(), (box_width, box_height) in boxes()) {
        for file in files(size) {
            let options = Options { width: box_width, height: box_height, fit: Fit::Cover, ..Options::default() };
            let made = thumbnail(&file, &options).unwrap();
            prop_assert_eq!((made.width, made.height), (box_width.max(1), box_height.max(1)));
        }
    }

    #[test]
    fn a_jpeg_is_the_same_in_every_structure(
        components in factors(),
        (width, height) in (1_u16..=150, 1_u16..=150),
        restart_interval in 0_u16..=12,
        (box_width, box_height) in boxes(),
        fit in prop_oneof![Just(Fit::Inside), Just(Fit::Cover)],
    ) {
        let plain = Drawing::new(width, height, &components);
        let scans = (0..components.len()).map(|component| vec![component]).collect();
        let others = [
            Drawing { progressive: true, restart_interval, ..plain.clone() },
            Drawing { scans, restart_interval, ..plain.clone() },
        ];
        let options = Options { width: box_width, height: box_height, fit, ..Options::default() };
        let expected = thumbnail(&plain.write(), &options).unwrap();
        for other in others {
            prop_assert!(thumbnail(&other.write(), &options).unwrap().bytes == expected.bytes, "{:?}", other);
        }
    }
}

#[test]
fn the_longest_lines_there_are() {
    for size in [(65_500, 1), (1, 65_500), (1, 1)] {
        for file in files(size) {
            let made = thumbnail(&file, &Options::default()).unwrap();
            assert_eq!((made.width, made.height), (size.0.min(150).into(), size.1.min(150).into()));
        }
    }
}
