//! From the source's colours to sRGB, on the small picture: by the embedded profile where there is a sound one. What
//! has none is sRGB by convention, and its CMYK is converted by the plain formula.

use std::panic::{AssertUnwindSafe, catch_unwind};

use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use crate::Error;
use crate::profile::{Colour, Embedded};
use crate::raster::{Model, Raster};

/// The picture in sRGB, and whether its profile was of use.
pub(crate) fn to_srgb(raster: Raster, embedded: &Embedded) -> Result<(DynamicImage, Colour), Error> {
    let by_profile = match embedded.colour() {
        Colour::Profile => embedded.read().and_then(|profile| converted(&raster, &profile)),
        Colour::Assumed | Colour::ProfileIgnored => None,
    };
    let colour = match (&by_profile, embedded.colour()) {
        (None, Colour::Profile) => Colour::ProfileIgnored,
        (_, said) => said,
    };
    Ok((to_picture(by_profile.unwrap_or(raster))?, colour))
}

/// `None` where the profile is not one for these colours, or the library can't use it.
fn converted(raster: &Raster, profile: &ColorProfile) -> Option<Raster> {
    let convert = |source: &[u8], layout, to| transformed(source, layout, to, profile);
    let (model, data) = match (raster.model, profile.color_space) {
        (Model::Rgb, DataColorSpace::Rgb) => (Model::Rgb, convert(&raster.data, Layout::Rgb, Layout::Rgb)?),
        (Model::Rgba, DataColorSpace::Rgb) => (Model::Rgba, convert(&raster.data, Layout::Rgba, Layout::Rgba)?),
        (Model::Cmyk, DataColorSpace::Cmyk) => (Model::Rgb, convert(&raster.data, Layout::Rgba, Layout::Rgb)?),
        // Gray is converted as a colour, of which one channel says all.
        (Model::Gray | Model::GrayAlpha, DataColorSpace::Gray) => {
            let rgb = convert(&grays(raster), Layout::Gray, Layout::Rgb)?;
            (raster.model, with_grays(raster, &rgb))
        }
        (Model::Gray | Model::GrayAlpha, DataColorSpace::Rgb) => {
            let neutral: Vec<u8> = grays(raster).iter().flat_map(|&gray| [gray; 3]).collect();
            let rgb = convert(&neutral, Layout::Rgb, Layout::Rgb)?;
            (raster.model, with_grays(raster, &rgb))
        }
        _ => return None,
    };
    Some(Raster { model, data, ..*raster })
}

/// The library is given untrusted numbers; a panic there must not reach the caller.
fn transformed(source: &[u8], from: Layout, to: Layout, profile: &ColorProfile) -> Option<Vec<u8>> {
    let channels = |layout| match layout {
        Layout::Gray => 1,
        Layout::Rgba => 4,
        _ => 3,
    };
    let attempt = || {
        let srgb = ColorProfile::new_srgb();
        let transform = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
        let mut out = vec![0; source.len() / channels(from) * channels(to)];
        transform.transform(source, &mut out).ok()?;
        Some(out)
    };
    catch_unwind(AssertUnwindSafe(attempt)).ok().flatten()
}

fn grays(raster: &Raster) -> Vec<u8> {
    raster.data.iter().step_by(raster.model.channels()).copied().collect()
}

/// The raster's own alpha, with the green of `rgb` as gray.
fn with_grays(raster: &Raster, rgb: &[u8]) -> Vec<u8> {
    let pixels = raster.data.chunks_exact(raster.model.channels()).zip(rgb.as_chunks::<3>().0);
    pixels.flat_map(|(old, rgb)| std::iter::once(rgb[1]).chain(old.get(1).copied())).collect()
}

fn to_picture(raster: Raster) -> Result<DynamicImage, Error> {
    let Raster { width, height, model, data } = raster;
    let picture = match model {
        Model::Gray => GrayImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::GrayAlpha => GrayAlphaImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::Rgb => RgbImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::Rgba => RgbaImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::Cmyk => {
            let rgb = data.as_chunks::<4>().0.iter().flat_map(|inks| inks_to_rgb(*inks)).collect();
            RgbImage::from_raw(width, height, rgb).map(DynamicImage::from)
        }
    };
    picture.ok_or_else(|| Error::internal("the resampled picture has the wrong length"))
}

/// Without any colour management: what is left of white light after the coloured inks and black.
fn inks_to_rgb([c, m, y, k]: [u8; 4]) -> [u8; 3] {
    let light = 255 - u32::from(k);
    [c, m, y].map(|ink| (((255 - u32::from(ink)) * light + 127) / 255) as u8)
}
