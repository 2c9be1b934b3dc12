//! PNG through the png crate, row by row into a reduced picture: no full-size buffer, interlaced or not. The decoder
//! is handed only the chunks that carry the picture, so damaged or huge metadata can neither fail nor cost anything.

mod chunks;

use std::io::{BufRead, Seek};

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Reader, Transformations};

use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Decoded, Model, Raster};
use crate::reduce::{Grid, RowReducer, ScatterReducer};
use crate::{Error, resample};
use chunks::PictureChunks;

pub(crate) use chunks::{Header, header};

/// The decoder's state: inflate tables, its window and read-ahead, palette look-up.
const DECODER_BYTES: u64 = 768 << 10;

/// Adam7: first column, first row, column step, row step of each pass.
const PASSES: [(u32, u32, u32, u32); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

/// Bytes that decoding and resampling hold at once, at most.
pub(crate) fn memory(header: &Header, target: &Target) -> u64 {
    let grid = Grid::new((header.width, header.height), header.model, target);
    let reduced = if header.interlaced { ScatterReducer::memory(&grid) } else { RowReducer::memory(&grid) };
    library_memory(header) + reduced + resample::memory((grid.columns, grid.rows), header.model, target)
}

/// The picture, reduced by whole factors to no less than three times the target.
pub(crate) fn decode(source: &[u8], header: &Header, target: &Target, budget: &mut Budget) -> Result<Decoded, Error> {
    budget.take(library_memory(header))?;
    let mut options = DecodeOptions::default();
    options.set_ignore_checksums(false);
    let mut decoder = Decoder::new_with_options(PictureChunks::new(source, header), options);
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    // The decoder counts single rows and its own chunks; both are in `library_memory`.
    decoder.set_limits(png::Limits { bytes: usize::try_from(library_memory(header)).unwrap_or(usize::MAX) });
    let mut reader = decoder.read_info().map_err(to_error)?;
    let model = model(reader.output_color_type().0)?;
    if model.channels() > header.model.channels() {
        return Err(Error::internal("PNG rows have more channels than were counted"));
    }

    let grid = Grid::new((header.width, header.height), model, target);
    let window = target.crop.shrunk(f64::from(grid.x_factor), f64::from(grid.y_factor));
    let raster =
        if header.interlaced { scatter(&mut reader, &grid, budget)? } else { by_rows(&mut reader, &grid, budget)? };
    reader.finish().map_err(to_error)?;
    Ok(Decoded { raster, window })
}

fn by_rows<R: BufRead + Seek>(reader: &mut Reader<R>, grid: &Grid, budget: &mut Budget) -> Result<Raster, Error> {
    let mut reducer = RowReducer::new(grid, budget)?;
    while let Some(row) = reader.next_row().map_err(to_error)? {
        reducer.push(row.data());
    }
    Ok(reducer.finish())
}

fn scatter<R: BufRead + Seek>(reader: &mut Reader<R>, grid: &Grid, budget: &mut Budget) -> Result<Raster, Error> {
    let mut reducer = ScatterReducer::new(grid, budget)?;
    for (first_x, first_y, step_x, step_y) in PASSES {
        if first_x >= grid.width {
            continue; // a pass without columns has no rows in the file either
        }
        for y in (first_y..grid.height).step_by(step_y as usize) {
            let row = reader.next_row().map_err(to_error)?;
            let Some(row) = row else {
                return Err(Error::malformed("IDAT: rows of the interlaced picture are missing"));
            };
            reducer.push(row.data(), y, first_x, step_x);
        }
    }
    match reader.next_row().map_err(to_error)? {
        None => reducer.finish(budget),
        Some(_) => Err(Error::internal("the interlaced PNG has more rows than expected")),
    }
}

/// What the png crate allocates: some rows as stored (it keeps four before it moves them back), one as it gives it.
fn library_memory(header: &Header) -> u64 {
    let stored = u64::from(header.width) * u64::from(header.bits_per_pixel).div_ceil(8);
    stored * 8 + u64::from(header.width) * header.model.channels() as u64 + DECODER_BYTES
}

fn to_error(error: DecodingError) -> Error {
    match error {
        DecodingError::IoError(_) => Error::malformed("truncated: the file ends before the picture does"),
        DecodingError::Format(error) => Error::malformed(format!("PNG: {error}")),
        DecodingError::Parameter(error) => Error::internal(format!("PNG: {error}")),
        DecodingError::LimitsExceeded => Error::internal("PNG: the decoder needs more memory than was counted"),
    }
}

/// What the decoder gives. It drops a transparent colour that it does not like, so the header can't tell for sure.
fn model(colours: ColorType) -> Result<Model, Error> {
    match colours {
        ColorType::Grayscale => Ok(Model::Gray),
        ColorType::GrayscaleAlpha => Ok(Model::GrayAlpha),
        ColorType::Rgb => Ok(Model::Rgb),
        ColorType::Rgba => Ok(Model::Rgba),
        ColorType::Indexed => Err(Error::internal("PNG rows still have palette indices")),
    }
}
