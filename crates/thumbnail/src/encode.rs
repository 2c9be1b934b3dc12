//! The finished picture as a file.

use image::DynamicImage;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};

use crate::{Error, Format};

/// Writes pixels and size, no metadata.
pub(crate) fn encode(picture: &DynamicImage, format: Format, jpeg_quality: u8) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    let written = match format {
        Format::Jpeg => {
            picture.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, jpeg_quality.clamp(1, 100)))
        }
        // A thumbnail is small and read often: the slowest level costs a few milliseconds.
        Format::Png => picture.write_with_encoder(PngEncoder::new_with_quality(
            &mut bytes,
            CompressionType::Best,
            FilterType::Adaptive,
        )),
    };
    match written {
        Ok(()) => Ok(bytes),
        Err(error) => Err(Error::internal(format!("encoding: {error}"))),
    }
}
