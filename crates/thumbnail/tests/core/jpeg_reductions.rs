//! JPEGs read at every scale against a full decode by another reader, resampled by Lanczos.

use image::imageops::{FilterType, resize};

use crate::fixtures::drawing::{Drawing, Tables, planes};
use crate::fixtures::quality::{cast, psnr};
use crate::fixtures::{made, scenery};
use thumbnail::Options;

/// Sampling factors, the least PSNR in dB, and the usual name. With chroma four times as wide as luma, the other reader
/// blurs it in its own way.
type Sampling = (&'static [(u8, u8, u8)], f64, &'static str);
const SAMPLINGS: [Sampling; 7] = [
    (&[(1, 1, 1)], 50.0, "gray"),
    (&[(1, 1, 1), (2, 1, 1), (3, 1, 1)], 45.0, "4:4:4"),
    (&[(1, 2, 1), (2, 1, 1), (3, 1, 1)], 44.0, "4:2:2"),
    (&[(1, 2, 2), (2, 1, 1), (3, 1, 1)], 43.0, "4:2:0"),
    (&[(1, 1, 2), (2, 1, 1), (3, 1, 1)], 45.0, "4:4:0"),
    (&[(1, 4, 1), (2, 1, 1), (3, 1, 1)], 34.0, "4:1:1"),
    (&[(1, 2, 2), (2, 2, 1), (3, 1, 2)], 44.0, "one way for each chroma"),
];

/// The longer side of the thumbnail for each scale of a picture 800 pixels wide.
const SCALES: [(u32, &str); 4] = [(50, "1/8"), (100, "1/4"), (200, "1/2"), (400, "1/1")];

#[test]
fn every_scale_is_a_full_decode_made_smaller() {
    let picture = scenery(800, 501);
    for (components, least, name) in SAMPLINGS {
        let plain = Drawing { tables: Tables::Typical, ..Drawing::of_planes(&picture, components, planes::ycbcr) };
        let across = 800_u16.div_ceil(8 * u16::from(components[0].1));
        let structures = [(0, false), (0, true), (3, false), (across, false), (across + 3, true)];
        let files = structures
            .map(|(restart_interval, progressive)| Drawing { restart_interval, progressive, ..plain.clone() }.write());
        let whole = image::load_from_memory(&files[0]).unwrap().to_rgb8();
        for (side, scale) in SCALES {
            let options = Options { width: side, height: side, jpeg_quality: 100, ..Options::default() };
            let height = made(&files[0], &options).0.height;
            let reference = resize(&whole, side, height, FilterType::Lanczos3);
            for (file, structure) in files.iter().zip(structures) {
                let small = made(file, &options).1.to_rgb8();
                let (psnr, cast) = (psnr(&small, &reference), cast(&small, &reference));
                let what = format!("{name}, scale {scale}, restart interval and progressive: {structure:?}");
                assert!(psnr >= least, "{what}: {psnr} dB");
                assert!(cast.iter().all(|cast| cast.abs() < 1.0), "{what}: {cast:?}");
            }
        }
    }
}
