//! From planes of different sizes straight to a picture of the target's size.

use super::colour::{ColourModel, to_inks, ycbcr_to_rgb};
use super::planes::{Plane, Planes};
use super::scale::Scale;
use super::sharpen::sharpen;
use crate::Error;
use crate::fit::Target;
use crate::resample::lanczos3;
use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{PixelType, ResizeOptions, Resizer};

/// A picture of three components as RGB, three bytes a pixel.
pub(super) fn to_rgb(planes: &mut Planes, target: &Target) -> Result<Vec<u8>, Error> {
    let colour = planes.colour;
    match resample(planes, target)?.as_slice() {
        [r, g, b] if colour == ColourModel::Rgb => Ok(merge3(r, g, b, |rgb| rgb)),
        [y, cb, cr] => Ok(merge3(y, cb, cr, ycbcr_to_rgb)),
        _ => Err(wrong_planes()),
    }
}

/// A picture of one component, one byte a pixel.
pub(super) fn to_gray(planes: &mut Planes, target: &Target) -> Result<Vec<u8>, Error> {
    resample(planes, target)?.pop().ok_or_else(wrong_planes)
}

/// A CMYK or YCCK picture as amounts of ink (255 is full), four bytes a pixel.
pub(super) fn to_cmyk(planes: &mut Planes, target: &Target) -> Result<Vec<u8>, Error> {
    let colour = planes.colour;
    match resample(planes, target)?.as_slice() {
        [c, m, y, k] => Ok(merge4([c, m, y, k], |stored| to_inks(colour, stored))),
        _ => Err(wrong_planes()),
    }
}

fn merge3(a: &[u8], b: &[u8], c: &[u8], convert: impl Fn([u8; 3]) -> [u8; 3]) -> Vec<u8> {
    let samples = a.iter().zip(b).zip(c);
    samples.flat_map(|((&a, &b), &c)| convert([a, b, c])).collect()
}

fn merge4([a, b, c, d]: [&[u8]; 4], convert: impl Fn([u8; 4]) -> [u8; 4]) -> Vec<u8> {
    let samples = a.iter().zip(b).zip(c).zip(d);
    samples.flat_map(|(((&a, &b), &c), &d)| convert([a, b, c, d])).collect()
}

/// Each plane's part of the region, all of the same size now. Chroma samples lie at the centre of the area they cover
/// (JFIF), so every plane shows the region between the same relative bounds.
fn resample(planes: &mut Planes, target: &Target) -> Result<Vec<Vec<u8>>, Error> {
    let (full_width, full_height) = (f64::from(planes.width), f64::from(planes.height));
    let mut resizer = Resizer::new();
    let scale = planes.scale;
    let resample_one = |plane: &mut Plane| {
        let window = target.crop.shrunk(full_width / plane.window_width, full_height / plane.window_height);
        if scale == Scale::Eighth {
            sharpen(plane, window.width / f64::from(target.width));
        }
        // Rounding may put the window a hair outside.
        let (left, top) = (window.left.max(0.0), window.top.max(0.0));
        let width = window.width.min(f64::from(plane.width) - left);
        let height = window.height.min(f64::from(plane.height) - top);
        let options = ResizeOptions::new().resize_alg(lanczos3()?).crop(left, top, width, height);
        let source = ImageRef::new(plane.width, plane.height, &plane.samples, PixelType::U8).map_err(internal)?;
        let mut small = Image::new(target.width, target.height, PixelType::U8);
        resizer.resize(&source, &mut small, &options).map_err(internal)?;
        Ok(small.into_vec())
    };
    planes.planes.iter_mut().map(resample_one).collect()
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("resampling a plane: {error}"))
}

fn wrong_planes() -> Error {
    Error::internal("the planes do not fit the colour model")
}
