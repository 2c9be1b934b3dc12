//! JPEG through zune-jpeg in strict mode. What that crate does not promise is done here: kinds and limits from the
//! header before anything is allocated, the structure followed to the end of the picture, CMYK the right way up.
//!
//! What stays unseen is damage that still reads as Huffman codes, and scan data cut short where a proper end follows it.

mod markers;

use std::panic::{AssertUnwindSafe, catch_unwind};

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Decoded, Model, Raster};
use crate::{Error, resample};

use markers::Component;

pub(crate) use markers::Header;

/// The most scans a picture may have. Each costs a walk over all blocks, so thousands of empty ones are a bomb;
/// encoders write about ten.
const MAX_SCANS: u64 = 100;

/// Decoder state, Huffman tables, the odd small buffer.
const DECODER_BYTES: u64 = 256 << 10;

/// Reads what stands before the first scan, and refuses what can't be decoded.
pub(crate) fn header(source: &[u8]) -> Result<Header, Error> {
    let header = markers::header(source)?;
    match misread(&header) {
        Some(kind) => Err(Error::unsupported(format!("a JPEG of a rare kind: {kind}"))),
        None => Ok(header),
    }
}

/// Kinds that zune-jpeg 0.5 takes and gets wrong (cross-checked against libjpeg-turbo): other colours, or a panic.
fn misread(header: &Header) -> Option<&'static str> {
    let (max_h, max_v) = (header.max_h, header.max_v);
    let uneven = |c: &Component| c.h == 3 || !max_h.is_multiple_of(c.h) || !max_v.is_multiple_of(c.v);
    if header.components.iter().any(uneven) {
        return Some("channels sampled in odd proportions");
    }
    if header.components.first().is_some_and(|c| c.h != max_h || c.v != max_v) {
        return Some("the first channel coarser than another");
    }
    if !header.progressive && header.several_scans && max_v > 1 {
        return Some("sequential, in several scans, with subsampled colours");
    }
    None
}

/// Bytes that decoding and resampling hold at once, at most.
pub(crate) fn memory(header: &Header, target: &Target) -> u64 {
    let model = model(header);
    let pixels = u64::from(header.width) * u64::from(header.height);
    pixels * model.channels() as u64
        + library_memory(header)
        + resample::memory((header.width, header.height), model, target)
}

/// The whole picture at full size; reads up to the end of the picture, ignores what follows it.
pub(crate) fn decode(source: &[u8], header: &Header, target: &Target, budget: &mut Budget) -> Result<Decoded, Error> {
    let scans = markers::count_scans(source, header)?;
    if scans > MAX_SCANS {
        return Err(Error::TooLarge { measure: crate::Measure::Scans, limit: MAX_SCANS, actual: scans });
    }
    let model = model(header);
    let len = u64::from(header.width) * u64::from(header.height) * model.channels() as u64;
    budget.take(library_memory(header))?;
    let mut data = budget.zeros(len)?;

    // The decoder has panicked on damaged files before. That must not take a server's thread with it.
    let outcome = catch_unwind(AssertUnwindSafe(|| decode_into(source, header, model, &mut data)));
    match outcome {
        Ok(decoded) => decoded?,
        Err(_) => return Err(Error::internal("the JPEG decoder panicked")),
    }
    let raster = Raster { width: header.width, height: header.height, model, data };
    Ok(Decoded { raster, window: target.crop })
}

fn decode_into(source: &[u8], header: &Header, model: Model, data: &mut [u8]) -> Result<(), Error> {
    let options = DecoderOptions::new_fast()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_max_scans(usize::MAX) // counted above, with the number
        .jpeg_set_out_colorspace(match model {
            Model::Gray | Model::GrayAlpha => ColorSpace::Luma,
            Model::Rgb | Model::Rgba => ColorSpace::RGB,
            // Four channels come as they are stored: they are converted when the picture is small.
            Model::Cmyk { .. } => ColorSpace::CMYK,
            Model::Ycck => ColorSpace::YCCK,
        });
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(source), options);
    decoder.decode_headers().map_err(to_error)?;
    if decoder.dimensions() != Some((header.width as usize, header.height as usize)) {
        return Err(Error::malformed("the frame header is not where it is expected"));
    }
    decoder.decode_into(data).map_err(to_error)
}

fn model(header: &Header) -> Model {
    match (header.components.len(), header.adobe_transform) {
        (1, _) => Model::Gray,
        (4, Some(2)) => Model::Ycck,
        (4, adobe) => Model::Cmyk { inverted: adobe.is_some() },
        _ => Model::Rgb,
    }
}

/// What zune-jpeg allocates besides the picture.
fn library_memory(header: &Header) -> u64 {
    let blocks = header.blocks();
    // 16-bit coefficients of the whole picture, unless one scan carries all.
    let coefficients = if header.progressive || header.several_scans { blocks * 64 * 2 } else { 0 };
    // 16-bit samples of a row of MCUs, as they are, upsampled, and three rows at its seam.
    let (columns, _) = header.mcus();
    let row = columns * u64::from(header.max_h) * u64::from(header.max_v) * 64 * 2;
    coefficients + row * header.components.len() as u64 * 4 + header.metadata_bytes + DECODER_BYTES
}

fn to_error(error: DecodeErrors) -> Error {
    match error {
        DecodeErrors::Unsupported(scheme) => Error::unsupported(format!("a JPEG of kind {scheme:?}")),
        DecodeErrors::ExhaustedData | DecodeErrors::IoErrors(_) => Error::malformed("the picture data ends too early"),
        DecodeErrors::TooSmallOutput(..) => Error::internal(error.to_string()),
        other => Error::malformed(format!("JPEG data: {}", other.to_string().trim_matches('"'))),
    }
}
