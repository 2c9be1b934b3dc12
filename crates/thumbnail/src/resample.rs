//! From the decoded picture to the thumbnail's size.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{Filter, FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use std::f64::consts::PI;

use crate::Error;
use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Decoded, Model, Raster};

/// What the steps after resampling hold, whatever the picture: the encoder's tables and the library's own.
pub(crate) const FINISH_BYTES: u64 = 2 << 20;

/// Bytes that resampling a picture of `size` and finishing it hold at once, at most, the picture itself not counted.
pub(crate) fn memory((width, height): (u32, u32), model: Model, target: &Target) -> u64 {
    let channels = model.channels() as u64;
    let premultiplied = if model.has_alpha() { u64::from(width) * u64::from(height) * channels } else { 0 };
    // The library resamples one way, then the other.
    let half_way = u64::from(width) * u64::from(target.height) * channels;
    // The result, turned, as sRGB, then for the encoder: without idle channels, filtered and not, encoded twice.
    let result = u64::from(target.width) * u64::from(target.height) * channels;
    // Six lobes' worth of weights per pixel of the longer side, as f64 and again as i16.
    let weights = (u64::from(width.max(target.width)) + u64::from(height.max(target.height))) * 6 * 16;
    premultiplied + half_way + result * 8 + weights
}

/// Lanczos with three lobes, alpha premultiplied: the colours of transparent pixels leak nowhere.
pub(crate) fn to_target(decoded: Decoded, target: &Target, budget: &mut Budget) -> Result<Raster, Error> {
    let Decoded { raster, window } = decoded;
    budget.take(memory((raster.width, raster.height), raster.model, target))?;

    let model = raster.model;
    let pixel_type = pixel_type(model);
    let source = ImageRef::new(raster.width, raster.height, &raster.data, pixel_type).map_err(internal)?;
    let mut small = Image::new(target.width, target.height, pixel_type);
    // Rounding may put the window a hair outside.
    let (left, top) = (window.left.max(0.0), window.top.max(0.0));
    let width = window.width.min(f64::from(raster.width) - left);
    let height = window.height.min(f64::from(raster.height) - top);
    let options =
        ResizeOptions::new().resize_alg(lanczos3()?).use_alpha(model.has_alpha()).crop(left, top, width, height);
    Resizer::new().resize(&source, &mut small, &options).map_err(internal)?;
    Ok(Raster { width: target.width, height: target.height, model, data: small.into_vec() })
}

/// Lanczos with three lobes, as the library has it, by one sine instead of two: the weights of a thumbnail take as long
/// as a tenth of the rest. With s and t as sine and value of a third of the angle, sin(3t) = 3s - 4s^3.
pub(crate) fn lanczos3() -> Result<ResizeAlg, Error> {
    let weight = |x: f64| {
        let third = x.abs() * PI / 3.0;
        if third < 1e-9 {
            return 1.0;
        }
        let sine = third.sin();
        if third < PI { (sine / third).powi(2) * (1.0 - sine * sine * 4.0 / 3.0) } else { 0.0 }
    };
    Ok(ResizeAlg::Convolution(FilterType::Custom(Filter::new("Lanczos3", weight, 3.0).map_err(internal)?)))
}

fn pixel_type(model: Model) -> PixelType {
    match model.channels() {
        1 => PixelType::U8,
        2 => PixelType::U8x2,
        3 => PixelType::U8x3,
        _ => PixelType::U8x4,
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("resampling: {error}"))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test should stop")]

    use super::*;

    #[test]
    fn one_sine_gives_the_weights_of_two() {
        let ResizeAlg::Convolution(FilterType::Custom(filter)) = lanczos3().unwrap() else { panic!("another filter") };
        // The library's own filter is not public: a row of one bright pixel shows its weights.
        let mut row = vec![0_u8; 64];
        row[32] = 255;
        let source = ImageRef::new(64, 1, &row, PixelType::U8).unwrap();
        let resized = |filter: FilterType| {
            let mut small = Image::new(23, 1, PixelType::U8);
            let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter));
            Resizer::new().resize(&source, &mut small, &options).unwrap();
            small.into_vec()
        };
        assert_eq!(resized(FilterType::Custom(filter)), resized(FilterType::Lanczos3));
    }
}
