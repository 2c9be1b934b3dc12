//! JPEG (ITU-T T.81) read for small pictures: only what a thumbnail needs is decoded.
//!
//! ```text
//! source ─▶ segments ─▶ header (frame, colour model, EXIF, ICC)
//!                  └──▶ scans: entropy (bits) ─▶ lockstep (where blocks begin) ─▶ sequential, progressive ─▶ inverse_dct
//!                                                                                  planes ─▶ sharpen ─▶ resample
//! ```
//!
//! Baseline, extended sequential (8 bits) and progressive Huffman-coded pictures of 1, 3 or 4 components. The reader
//! is strict: a file cut anywhere is malformed, and so is entropy-coded data that is too short or too long for its
//! picture. What lies after EOI is not looked at. Scans of a progressive picture that carry nothing the scale needs
//! are stepped over: damage inside those goes unseen, as does damage that still reads as Huffman codes.

mod colour;
mod entropy;
mod error;
mod found;
mod frame;
mod header;
mod huffman;
mod inverse_dct;
mod lockstep;
mod planes;
mod progression;
mod progressive;
mod resample;
mod scale;
mod scan;
mod segments;
mod sequential;
mod sharpen;
mod tables;
mod walk;

use crate::Error;
use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Model, Raster};
use colour::ColourModel;
use frame::Process;
use planes::Planes;
pub use scale::Scale;
use segments::Segments;

pub(crate) use header::Header;

/// Reads what stands before the first scan, and refuses what can't be decoded.
pub(crate) fn header(source: &[u8]) -> Result<Header<'_>, Error> {
    header::read_header(source)
}

/// Bytes that decoding and resampling hold at once, at most.
pub(crate) fn memory(header: &Header, target: &Target) -> u64 {
    header.memory(scale(target)) + resampling_memory(header, target)
}

/// The picture at the target's size. Reads up to the end of the picture, ignores what follows it.
pub(crate) fn thumbnail(source: &[u8], header: &Header, target: &Target, budget: &mut Budget) -> Result<Raster, Error> {
    let scale = scale(target);
    budget.take(memory(header, target))?;
    let mut planes = decode(Segments::new(source, budget.permission())?, header, scale)?;
    let data = match planes.colour {
        ColourModel::Gray => resample::to_gray(&mut planes, target),
        ColourModel::YCbCr | ColourModel::Rgb => resample::to_rgb(&mut planes, target),
        ColourModel::Cmyk { .. } | ColourModel::Ycck { .. } => resample::to_cmyk(&mut planes, target),
    }?;
    Ok(Raster { width: target.width, height: target.height, model: model(header), data })
}

/// The smallest that still gives as good a thumbnail as a full decode would.
pub(crate) fn scale(target: &Target) -> Scale {
    // `as` saturates and rounds down, as is safe here.
    Scale::for_target(target.crop.width as u32, target.crop.height as u32, target.width, target.height)
}

fn decode(segments: Segments, header: &Header, scale: Scale) -> Result<Planes, Error> {
    match header.process {
        Process::Baseline | Process::ExtendedSequential => sequential::decode(segments, header, scale),
        Process::Progressive => progressive::decode(segments, header, scale),
    }
}

fn model(header: &Header) -> Model {
    match header.colour {
        ColourModel::Gray => Model::Gray,
        ColourModel::YCbCr | ColourModel::Rgb => Model::Rgb,
        ColourModel::Cmyk { .. } | ColourModel::Ycck { .. } => Model::Cmyk,
    }
}

fn resampling_memory(header: &Header, target: &Target) -> u64 {
    let side = |full: u32| (u64::from(full) * scale(target).block_side() as u64).div_ceil(8);
    let as_u32 = |side: u64| u32::try_from(side).unwrap_or(u32::MAX);
    let largest_plane = (as_u32(side(header.width)), as_u32(side(header.height)));
    crate::resample::memory(largest_plane, model(header), target)
}
