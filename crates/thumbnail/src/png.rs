//! PNG, row by row into a reduced picture: no full-size buffer, interlaced or not. Only the chunks that carry the
//! picture are read, so damaged or huge metadata can neither fail nor cost anything.
//!
//! ```text
//! source ─▶ chunks (header, palette) ─▶ rows (inflate) ─▶ unfilter ─▶ expand ─▶ reduce
//! ```

mod chunks;
mod expand;
mod rows;
mod unfilter;

use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Decoded, Raster};
use crate::reduce::{Grid, RowReducer, ScatterReducer};
use crate::{Error, resample};
use expand::Expansion;
use rows::Rows;

pub(crate) use chunks::{Header, header};

/// The inflate tables, and those of the palette.
const DECODER_BYTES: u64 = 64 << 10;

/// First column, first row, column step and row step of each pass of an interlaced picture (Adam7).
const PASSES: [(u32, u32, u32, u32); 7] =
    [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];

/// Bytes that decoding and resampling hold at once, at most.
pub(crate) fn memory(header: &Header, target: &Target) -> u64 {
    let grid = Grid::new((header.width, header.height), header.model, target);
    let reduced = if header.interlaced { ScatterReducer::memory(&grid) } else { RowReducer::memory(&grid) };
    decoder_memory(header) + reduced + resample::memory((grid.columns, grid.rows), header.model, target)
}

/// The picture, reduced by whole factors to no less than three times the target.
pub(crate) fn decode(source: &[u8], header: &Header, target: &Target, budget: &mut Budget) -> Result<Decoded, Error> {
    let grid = Grid::new((header.width, header.height), header.model, target);
    let window = target.crop.shrunk(f64::from(grid.x_factor), f64::from(grid.y_factor));
    let mut reader = PixelReader::new(source, header, budget)?;
    let raster =
        if header.interlaced { scatter(&mut reader, &grid, budget)? } else { by_rows(&mut reader, &grid, budget)? };
    reader.rows.finish()?;
    Ok(Decoded { raster, window })
}

fn by_rows(reader: &mut PixelReader, grid: &Grid, budget: &mut Budget) -> Result<Raster, Error> {
    let mut reducer = RowReducer::new(grid, budget)?;
    for _ in 0..grid.height {
        reducer.push(reader.next(grid.width)?);
    }
    Ok(reducer.finish())
}

fn scatter(reader: &mut PixelReader, grid: &Grid, budget: &mut Budget) -> Result<Raster, Error> {
    let mut reducer = ScatterReducer::new(grid, budget)?;
    for (first_x, first_y, step_x, step_y) in PASSES {
        if first_x >= grid.width {
            continue; // a pass without columns has no rows in the file either
        }
        reader.start_pass();
        let columns = (grid.width - first_x).div_ceil(step_x);
        for y in (first_y..grid.height).step_by(step_y as usize) {
            reducer.push(reader.next(columns)?, y, first_x, step_x);
        }
    }
    reducer.finish(budget)
}

/// Bytes of a row of so many pixels, as stored, its filter not counted.
fn row_bytes(header: &Header, columns: u32) -> u64 {
    (u64::from(columns) * u64::from(header.bits_per_pixel)).div_ceil(8)
}

/// Rows as stored, two as they were before the filter, one with all samples as bytes.
fn decoder_memory(header: &Header) -> u64 {
    let row = row_bytes(header, header.width);
    let expanded = u64::from(header.width) * header.model.channels() as u64;
    Rows::memory(row + 1) + row * 2 + expanded + DECODER_BYTES
}

/// Gives rows as pixels of the header's model.
struct PixelReader<'a> {
    header: &'a Header<'a>,
    rows: Rows<'a>,
    expansion: Expansion,
    /// The row above, and the one being read.
    above: Vec<u8>,
    row: Vec<u8>,
    expanded: Vec<u8>,
}

impl<'a> PixelReader<'a> {
    fn new(source: &'a [u8], header: &'a Header<'a>, budget: &mut Budget) -> Result<Self, Error> {
        budget.take(DECODER_BYTES)?;
        let row_len = row_bytes(header, header.width);
        let rows = Rows::new(source, header, row_len + 1, budget)?;
        let (above, row) = (budget.zeros(row_len)?, budget.zeros(row_len)?);
        let expanded = budget.zeros(u64::from(header.width) * header.model.channels() as u64)?;
        Ok(Self { header, rows, expansion: Expansion::of(header), above, row, expanded })
    }

    /// The first row of a pass has none above it.
    fn start_pass(&mut self) {
        self.row.fill(0);
    }

    fn next(&mut self, columns: u32) -> Result<&[u8], Error> {
        std::mem::swap(&mut self.above, &mut self.row);
        // Never above the whole width's, which fits the memory.
        let len = row_bytes(self.header, columns) as usize;
        let stored = self.rows.next(len + 1)?;
        let pixel_bytes = self.header.bits_per_pixel.div_ceil(8) as usize;
        let row = &mut self.row[..len];
        unfilter::unfilter(stored, &self.above[..len], row, pixel_bytes)?;
        if matches!(self.expansion, Expansion::None) {
            return Ok(row);
        }
        let expanded = &mut self.expanded[..columns as usize * self.header.model.channels()];
        self.expansion.expand(row, self.header.model, expanded);
        Ok(expanded)
    }
}
