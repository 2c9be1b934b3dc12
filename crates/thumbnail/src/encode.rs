//! The finished thumbnail as a file: pixels and size, no metadata.

mod jpeg;
mod png;

use image::DynamicImage;

use crate::{Error, Format};

/// Writes a picture of eight bits a channel.
pub(crate) fn encode(picture: &DynamicImage, format: Format, jpeg_quality: u8) -> Result<Vec<u8>, Error> {
    match format {
        Format::Jpeg => jpeg(picture, jpeg_quality.clamp(1, 100)),
        Format::Png => png::encode(picture),
    }
}

/// Colours at half the resolution below quality 90, as everyone has it.
fn jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Error> {
    let channels = match picture {
        DynamicImage::ImageLuma8(_) => 1,
        DynamicImage::ImageRgb8(_) => 3,
        other => return Err(Error::internal(format!("a JPEG of {:?} can't be written", other.color()))),
    };
    let side = |n: u32| u16::try_from(n).map_err(|_| Error::internal("a JPEG thumbnail of more than 65535 pixels"));
    Ok(jpeg::write(picture.as_bytes(), (side(picture.width())?, side(picture.height())?), channels, quality))
}
