//! Pictures to start from: every structure, colour model, colour type and depth, in sizes that meet every scale.

use image::{DynamicImage, ImageFormat};

use crate::fixtures::drawing::{Content, Drawing, Tables, planes};
use crate::fixtures::jpeg::{Flat, segment, with_segments};
use crate::fixtures::png::Png;
use crate::fixtures::{exif, scenery};
use crate::walk;

/// Each with the target it is for.
pub fn all() -> Vec<(&'static str, Vec<u8>)> {
    let jpegs = small_jpegs().into_iter().chain(large_jpegs()).map(|file| ("jpeg", file));
    let pngs = pngs().into_iter().map(|file| ("png", file));
    jpegs.chain(pngs).chain(walk::seeds().into_iter().map(|seed| ("walk", seed))).collect()
}

const YUV420: &[(u8, u8, u8)] = &[(1, 2, 2), (2, 1, 1), (3, 1, 1)];
const SAMPLINGS: [&[(u8, u8, u8)]; 6] = [
    &[(1, 1, 1)],
    &[(1, 1, 1), (2, 1, 1), (3, 1, 1)],
    YUV420,
    &[(1, 2, 1), (2, 1, 2), (3, 1, 1)],
    &[(1, 4, 1), (2, 1, 1), (3, 3, 1)],
    &[(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)],
];

/// Few blocks, so that a change reaches the parts of a file that are not picture data.
fn small_jpegs() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for components in SAMPLINGS {
        let plain = Drawing { content: Content::Photo, tables: Tables::Typical, ..Drawing::new(40, 28, components) };
        let scans = (0..components.len()).map(|component| vec![component]).collect();
        files.extend([
            plain.write(),
            Drawing { restart_interval: 2, ..plain.clone() }.write(),
            Drawing { scans, ..plain.clone() }.write(),
            Drawing { progressive: true, ..plain.clone() }.write(),
            Drawing { progressive: true, restart_interval: 3, content: Content::Mixed, ..plain }.write(),
        ]);
    }
    let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap_or_default();
    let icc = segment(0xe2, &[b"ICC_PROFILE\0\x01\x01", &profile[..]].concat());
    let app1 = segment(0xe1, &[b"Exif\0\0", &exif(6, 3, true)[..]].concat());
    let adobe = |transform| Flat { adobe: Some(transform), ..Flat::new(&[10, 200, 30, 99]) }.file();
    files.extend([adobe(0), adobe(2), with_segments(&files[5], &[icc, app1].concat())]);
    files
}

/// Enough blocks for a scan to be walked in several places at once.
fn large_jpegs() -> Vec<Vec<u8>> {
    let plain = Drawing::of_planes(&scenery(320, 240), YUV420, planes::ycbcr);
    let full = Drawing { content: Content::Full, ..Drawing::new(300, 200, YUV420) };
    let files = [
        plain.clone(),
        Drawing { restart_interval: 20, ..plain.clone() },
        Drawing { progressive: true, ..plain },
        Drawing { content: Content::Islands, tables: Tables::Short, ..full.clone() },
        Drawing { tables: Tables::Even, ..full.clone() },
        full,
    ];
    files.map(|drawing| drawing.write()).to_vec()
}

fn pngs() -> Vec<Vec<u8>> {
    let mut files = Vec::new();
    for (colour_type, depths) in
        [(0, &[1, 2, 4, 8, 16][..]), (2, &[8, 16]), (3, &[1, 2, 4, 8]), (4, &[8, 16]), (6, &[8, 16])]
    {
        for depth in depths {
            let channels = [1, 0, 3, 1, 2, 0, 4][usize::from(colour_type)];
            let samples = (0..33 * 17 * channels).map(|i: u32| (i * 40_503 % (1 << depth)) as u16).collect();
            let png = Png::new(33, 17, colour_type, *depth, samples);
            let png =
                if colour_type == 3 { png.before(b"PLTE", &[77; 48]).before(b"tRNS", &[0, 50, 100]) } else { png };
            files.push(png.file());
            files.push(png.interlaced().file());
        }
    }
    files.extend(compressed_pngs());
    files
}

/// With Huffman tables and filters, as an encoder writes them.
fn compressed_pngs() -> Vec<Vec<u8>> {
    let any = DynamicImage::from(scenery(200, 150));
    let small = any.thumbnail(48, 40);
    let kinds = [any.clone(), any.to_rgba8().into(), small.to_luma8().into(), small.to_rgba16().into()];
    let file = |picture: &DynamicImage| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).is_ok().then(|| bytes.into_inner())
    };
    kinds.iter().filter_map(file).collect()
}
