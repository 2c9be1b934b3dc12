//! From the decoded picture to the thumbnail's size.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

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
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(model.has_alpha())
        .crop(left, top, width, height);
    Resizer::new().resize(&source, &mut small, &options).map_err(internal)?;
    Ok(Raster { width: target.width, height: target.height, model, data: small.into_vec() })
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
