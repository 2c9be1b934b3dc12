//! Thumbnails against the golden pictures in `tests/golden`, by measures that allow for other encoders and resampling
//! but not for a shift by half a pixel or a cast of colour.
//!
//! `cargo test -p thumbnail golden -- --ignored` writes them anew: from the pixels themselves, resampled by `image` in
//! one step, without any reader or writer of ours.

use std::path::{Path, PathBuf};

use image::imageops::{FilterType, crop_imm, resize};
use image::{DynamicImage, GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};

use crate::fixtures::drawing::{Drawing, planes};
use crate::fixtures::jpeg::{segment, with_segments};
use crate::fixtures::png::Png;
use crate::fixtures::quality::{cast, psnr, shown, ssim};
use crate::fixtures::view::{alpha, view};
use crate::fixtures::{exif, jpeg, made};
use thumbnail::{Fit, Format, Options};

/// The least PSNR in dB and the least SSIM. JPEG thumbnails have the default quality.
const OF_JPEG: (f64, f64) = (30.5, 0.993);
const OF_PNG: (f64, f64) = (45.0, 0.999);
/// The most that a channel may be brighter or darker in the mean.
const MOST_CAST: f64 = 2.0;

/// The size of each scale: 1/8, 1/4, 1/2, 1/1.
const SIZES: [(u32, u32); 4] = [(768, 512), (384, 256), (192, 128), (96, 64)];

const YUV444: &[(u8, u8, u8)] = &[(1, 1, 1), (2, 1, 1), (3, 1, 1)];
const YUV420: &[(u8, u8, u8)] = &[(1, 2, 2), (2, 1, 1), (3, 1, 1)];
const FOUR: &[(u8, u8, u8)] = &[(1, 1, 1), (2, 1, 1), (3, 1, 1), (4, 1, 1)];

/// A golden picture, a file that has to look like it, the box, and what it is.
type Row = (&'static str, Vec<u8>, Options, String);

fn inside() -> Options {
    Options { width: 48, height: 48, ..Options::default() }
}

fn jpeg_rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for (width, height) in SIZES {
        let picture = view(width, height);
        let mut row = |golden, drawing: &Drawing, what| {
            rows.push((golden, drawing.write(), inside(), format!("{what}, {width} x {height}")));
        };
        let adobe = |transform| segment(0xee, &[&b"Adobe\0\x64\0\0\0\0"[..], &[transform]].concat());
        let colour = Drawing::of_planes(&picture, YUV420, planes::ycbcr);
        row("colour", &colour, "4:2:0");
        row("colour", &Drawing { progressive: true, ..colour.clone() }, "progressive 4:2:0");
        row("colour", &Drawing { scans: vec![vec![1], vec![0], vec![2]], ..colour }, "three scans");
        row("colour", &Drawing::of_planes(&picture, YUV444, planes::ycbcr), "4:4:4");
        row("gray", &Drawing::of_planes(&picture, &[(1, 1, 1)], planes::ycbcr), "gray");
        let cmyk = Drawing::of_planes(&picture, FOUR, planes::cmyk);
        row("colour", &Drawing { extra: adobe(0), ..cmyk }, "CMYK");
        let ycck = Drawing::of_planes(&picture, FOUR, planes::ycck);
        row("colour", &Drawing { extra: adobe(2), ..ycck }, "YCCK");
    }
    rows
}

/// Samples of any depth, from the picture's pixels with alpha.
fn png(width: u32, height: u32, colour_type: u8, depth: u8) -> Png {
    let picture = view(width, height);
    let samples = picture.enumerate_pixels().flat_map(|(x, y, pixel)| {
        let [r, g, b] = pixel.0;
        let a = alpha(width, height, x, y);
        match colour_type {
            0 => vec![luma(pixel)],
            2 => vec![r, g, b],
            3 => vec![r / 64 * 16 + g / 64 * 4 + b / 64],
            4 => vec![luma(pixel), a],
            _ => vec![r, g, b, a],
        }
    });
    let deep = |sample: u8| match depth {
        16 => u16::from(sample) << 8 | 0x5a,
        2 => u16::from(sample) / 64,
        _ => u16::from(sample),
    };
    let png = Png::new(width, height, colour_type, depth, samples.map(deep).collect());
    let levels = |index: u8, shift: u8| (index >> shift & 3) * 64 + 32;
    let palette: Vec<u8> = (0..64).flat_map(|i| [levels(i, 4), levels(i, 2), levels(i, 0)]).collect();
    if colour_type == 3 { png.before(b"PLTE", &palette) } else { png }
}

fn png_rows() -> Vec<Row> {
    let kinds = [
        ("colour", 2, 8, "RGB"),
        ("colour", 2, 16, "RGB of 16 bits"),
        ("gray", 0, 8, "gray"),
        ("gray", 0, 16, "gray of 16 bits"),
        ("two-bits", 0, 2, "gray of 2 bits"),
        ("palette", 3, 8, "palette"),
        ("alpha", 6, 8, "RGBA"),
        ("alpha", 6, 16, "RGBA of 16 bits"),
        ("gray-alpha", 4, 8, "gray with alpha"),
    ];
    let mut rows = Vec::new();
    for (golden, colour_type, depth, what) in kinds {
        let plain = png(768, 512, colour_type, depth);
        rows.push((golden, plain.file(), inside(), format!("{what} PNG")));
        rows.push((golden, plain.interlaced().file(), inside(), format!("interlaced {what} PNG")));
    }
    rows
}

fn box_rows() -> Vec<Row> {
    let picture = view(768, 512);
    let jpeg = jpeg::rgb(&picture, 95);
    let app1 = segment(0xe1, &[b"Exif\0\0", &exif(6, 3, true)[..]].concat());
    let cover = Options { width: 40, height: 40, fit: Fit::Cover, ..Options::default() };
    let png = Png::rgb(&picture);
    vec![
        ("cover", jpeg.clone(), cover, "a JPEG that fills its box".into()),
        ("cover", png.file(), cover, "a PNG that fills its box".into()),
        ("turned", with_segments(&jpeg, &app1), inside(), "a JPEG on its side".into()),
        ("turned", png.before(b"eXIf", &exif(6, 3, true)).file(), inside(), "a PNG on its side".into()),
    ]
}

/// BT.601, as JPEG has it.
fn luma(pixel: &Rgb<u8>) -> u8 {
    planes::ycbcr(pixel)[0].round() as u8
}

/// What the golden pictures are.
fn goldens() -> Vec<(&'static str, DynamicImage)> {
    let picture = view(768, 512);
    let small = |picture: &RgbImage| resize(picture, 48, 32, FilterType::Lanczos3);
    let of_pixels = |change: &dyn Fn(&Rgb<u8>) -> [u8; 3]| {
        let changed = RgbImage::from_fn(768, 512, |x, y| Rgb(change(picture.get_pixel(x, y))));
        DynamicImage::from(small(&changed))
    };
    let with_alpha = |change: &dyn Fn(&Rgb<u8>) -> [u8; 3]| DynamicImage::from(small_with_alpha(&picture, change));
    let gray = |pixel: &Rgb<u8>| [luma(pixel); 3];
    let middle = crop_imm(&picture, 128, 0, 512, 512).to_image();
    vec![
        ("colour", of_pixels(&|pixel| pixel.0)),
        ("gray", of_pixels(&gray)),
        ("two-bits", of_pixels(&|pixel| [luma(pixel) / 64 * 85; 3])),
        ("palette", of_pixels(&|pixel| pixel.0.map(|value| value / 64 * 64 + 32))),
        ("alpha", with_alpha(&|pixel| pixel.0)),
        ("gray-alpha", with_alpha(&gray)),
        ("cover", resize(&middle, 40, 40, FilterType::Lanczos3).into()),
        ("turned", DynamicImage::from(small(&picture)).rotate90()),
    ]
}

/// Premultiplied while it is resampled.
fn small_with_alpha(picture: &RgbImage, change: &dyn Fn(&Rgb<u8>) -> [u8; 3]) -> RgbaImage {
    let premultiplied = image::Rgba32FImage::from_fn(768, 512, |x, y| {
        let a = f32::from(alpha(768, 512, x, y)) / 255.0;
        let [r, g, b] = change(picture.get_pixel(x, y)).map(|value| f32::from(value) / 255.0 * a);
        Rgba([r, g, b, a])
    });
    let small = resize(&premultiplied, 48, 32, FilterType::Lanczos3);
    RgbaImage::from_fn(48, 32, |x, y| {
        let [r, g, b, a] = small.get_pixel(x, y).0;
        Rgba([r / a, g / a, b / a, a].map(|value| (value * 255.0).round().clamp(0.0, 255.0) as u8))
    })
}

fn path(golden: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{golden}.png"))
}

fn load(golden: &str) -> DynamicImage {
    image::open(path(golden)).unwrap()
}

/// Why a picture is not like another, if it is not.
fn unlike(one: &DynamicImage, golden: &DynamicImage, (least_psnr, least_ssim): (f64, f64)) -> Option<String> {
    if one.dimensions() != golden.dimensions() {
        return Some(format!("{:?} instead of {:?}", one.dimensions(), golden.dimensions()));
    }
    let (one, golden) = (shown(one), shown(golden));
    let (psnr, ssim, cast) = (psnr(&one, &golden), ssim(&one, &golden), cast(&one, &golden));
    let alike = psnr >= least_psnr && ssim >= least_ssim && cast.iter().all(|cast| cast.abs() <= MOST_CAST);
    (!alike).then(|| format!("{psnr:.1} dB, SSIM {ssim:.4}, cast {cast:.1?}"))
}

#[test]
fn thumbnails_look_like_the_golden_pictures() {
    for (golden, file, options, what) in [jpeg_rows(), png_rows(), box_rows()].concat() {
        let (made, small) = made(&file, &options);
        let bounds = if made.format == Format::Jpeg { OF_JPEG } else { OF_PNG };
        assert_eq!(unlike(&small, &load(golden), bounds), None, "{what} is not like {golden}");
    }
}

#[test]
fn small_faults_are_seen() {
    let (picture, golden) = (view(768, 512), load("colour"));
    let of_pixels = |pixel: &dyn Fn(u32, u32) -> [u8; 3]| {
        let changed = RgbImage::from_fn(768, 512, |x, y| Rgb(pixel(x, y)));
        DynamicImage::from(resize(&changed, 48, 32, FilterType::Lanczos3))
    };
    let at = |x: u32, y: u32| picture.get_pixel(x.min(767), y.min(511)).0;
    let chroma_from = |x: u32, y: u32, from: [u8; 3]| {
        let (here, there) = (f32::from(luma(&Rgb(at(x, y)))), f32::from(luma(&Rgb(from))));
        from.map(|value| (f32::from(value) - there + here).round().clamp(0.0, 255.0) as u8)
    };
    assert_eq!(unlike(&of_pixels(&at), &golden, OF_JPEG), None, "without a fault");
    let faults: [(&str, DynamicImage); 9] = [
        ("half a pixel to the left", of_pixels(&|x, y| at(x + 8, y))),
        ("half a pixel up", of_pixels(&|x, y| at(x, y + 8))),
        ("its colours a pixel to the left", of_pixels(&|x, y| chroma_from(x, y, at(x + 16, y)))),
        ("three too red", of_pixels(&|x, y| [at(x, y)[0].saturating_add(3), at(x, y)[1], at(x, y)[2]])),
        ("three too dark", of_pixels(&|x, y| at(x, y).map(|value| value.saturating_sub(3)))),
        ("red and blue exchanged", of_pixels(&|x, y| [at(x, y)[2], at(x, y)[1], at(x, y)[0]])),
        ("one block of colours", of_pixels(&|x, y| if x < 128 && y < 128 { at(64, 64) } else { at(x, y) })),
        (
            "blurred",
            DynamicImage::from(resize(&golden.to_rgb8(), 24, 16, FilterType::Lanczos3)).resize_exact(
                48,
                32,
                FilterType::Triangle,
            ),
        ),
        ("one pixel less", golden.crop_imm(0, 0, 48, 31)),
    ];
    for (fault, picture) in faults {
        assert!(unlike(&picture, &golden, OF_JPEG).is_some(), "{fault}: not seen");
    }
}

#[test]
#[ignore = "writes tests/golden"]
fn write_the_golden_pictures() {
    for (name, picture) in goldens() {
        picture.save(path(name)).unwrap();
    }
}
