//! The finished thumbnail as a file: pixels and size, no metadata.

mod png;

use image::DynamicImage;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder};

use crate::{Error, Format};

/// The fewest there can be, the means of the blocks and the rest: each costs a header and a table.
const PROGRESSIVE_SCANS: u8 = 2;

/// Writes a picture of eight bits a channel.
pub(crate) fn encode(picture: &DynamicImage, format: Format, jpeg_quality: u8) -> Result<Vec<u8>, Error> {
    match format {
        Format::Jpeg => jpeg(picture, jpeg_quality.clamp(1, 100)),
        Format::Png => png::encode(picture),
    }
}

/// Progressive, Huffman tables made for the picture; colours at half the resolution below quality 90, as everyone has
/// it. (For a baseline file with tables of its own, this encoder writes each channel as a scan of its own, which some
/// decoders get wrong.)
fn jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Error> {
    let colours = match picture {
        DynamicImage::ImageLuma8(_) => ColorType::Luma,
        DynamicImage::ImageRgb8(_) => ColorType::Rgb,
        other => return Err(Error::internal(format!("a JPEG of {:?} can't be written", other.color()))),
    };
    let side = |n: u32| u16::try_from(n).map_err(|_| Error::internal("a JPEG thumbnail of more than 65535 pixels"));
    let (width, height) = (side(picture.width())?, side(picture.height())?);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_progressive_scans(PROGRESSIVE_SCANS);
    encoder.set_optimized_huffman_tables(true);
    encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
    let written = encoder.encode(picture.as_bytes(), width, height, colours);
    written.map_err(|error| Error::internal(format!("encoding: {error}")))?;
    Ok(bytes)
}
