//! From the source's colours to sRGB, on the small picture. Profiles are not looked at: what has none of its own is
//! sRGB by convention, CMYK is converted by the plain formula.

use image::{DynamicImage, GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

use crate::Error;
use crate::raster::{Model, Raster};

pub(crate) fn to_srgb(raster: Raster) -> Result<DynamicImage, Error> {
    let Raster { width, height, model, data } = raster;
    let picture = match model {
        Model::Gray => GrayImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::GrayAlpha => GrayAlphaImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::Rgb => RgbImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::Rgba => RgbaImage::from_raw(width, height, data).map(DynamicImage::from),
        Model::Cmyk { inverted } => {
            let light = |ink: u8| if inverted { ink } else { 255 - ink };
            let rgb = four_to_three(&data, |[c, m, y, k]| lit([light(c), light(m), light(y)], light(k)));
            RgbImage::from_raw(width, height, rgb).map(DynamicImage::from)
        }
        Model::Ycck => {
            let rgb = four_to_three(&data, |[y, cb, cr, k]| lit(ycc_to_light(y, cb, cr), k));
            RgbImage::from_raw(width, height, rgb).map(DynamicImage::from)
        }
    };
    picture.ok_or_else(|| Error::internal("the resampled picture has the wrong length"))
}

fn four_to_three(data: &[u8], convert: impl Fn([u8; 4]) -> [u8; 3]) -> Vec<u8> {
    data.as_chunks::<4>().0.iter().flat_map(|pixel| convert(*pixel)).collect()
}

/// What is left of white light after the coloured inks and black, each given as the light it lets through.
fn lit(inks: [u8; 3], black: u8) -> [u8; 3] {
    inks.map(|ink| {
        let product = u32::from(ink) * u32::from(black);
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    })
}

/// YCCK holds the YCbCr form of 255 - stored ink (JFIF's formula), and the stored ink is the light it lets through.
fn ycc_to_light(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    let rgb = [y + 1.402 * cr, y - 0.344_136 * cb - 0.714_136 * cr, y + 1.772 * cb];
    // `as` saturates: what lies outside 0 to 255 is cut off, as it should be.
    rgb.map(|value| 255 - value.round() as u8)
}
