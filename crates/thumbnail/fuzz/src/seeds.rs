//! Writes a few small pictures of each kind into `corpus/`, for the fuzzer to start from.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{DynamicImage, ImageFormat, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let picture =
        RgbaImage::from_fn(40, 28, |x, y| image::Rgba([(x * 6) as u8, (y * 9) as u8, (x * y) as u8, 255 - x as u8]));
    let mut seeds = Vec::new();
    for (sampling, progressive, restarts) in [
        (SamplingFactor::F_1_1, false, 0),
        (SamplingFactor::F_2_2, false, 2),
        (SamplingFactor::F_2_1, true, 0),
        (SamplingFactor::F_4_1, true, 3),
    ] {
        for colours in [ColorType::Rgba, ColorType::CmykAsYcck] {
            let mut bytes = Vec::new();
            let mut encoder = Encoder::new(&mut bytes, 70);
            encoder.set_sampling_factor(sampling);
            encoder.set_progressive(progressive);
            encoder.set_restart_interval(restarts);
            encoder.encode(picture.as_raw(), 40, 28, colours)?;
            seeds.push(("jpeg", bytes));
        }
    }
    let any = DynamicImage::from(picture);
    for kind in
        [any.clone(), any.to_rgb8().into(), any.to_luma8().into(), any.to_luma_alpha8().into(), any.to_rgb16().into()]
    {
        let mut bytes = Cursor::new(Vec::new());
        kind.write_to(&mut bytes, ImageFormat::Png)?;
        seeds.push(("png", bytes.into_inner()));
    }
    for (i, (target, bytes)) in seeds.iter().enumerate() {
        for folder in [*target, "thumbnail"] {
            fs::create_dir_all(corpus.join(folder))?;
            fs::write(corpus.join(folder).join(format!("seed-{i}")), bytes)?;
        }
    }
    Ok(())
}
