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
mod wavefront;

use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Decoded, Raster};
use crate::reduce::{Grid, RowReducer, ScatterReducer};
use crate::{Error, resample};
use expand::Expansion;
use rows::Rows;
use wavefront::{AFTER, BEFORE, ROWS, Stored};

pub(crate) use chunks::{Header, header};
pub(crate) use unfilter::unfilter;

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
pub(crate) fn decode<'a>(
    source: &'a [u8],
    header: &'a Header<'a>,
    target: &Target,
    budget: &mut Budget<'a>,
) -> Result<Decoded, Error> {
    let grid = Grid::new((header.width, header.height), header.model, target);
    let window = target.crop.shrunk(f64::from(grid.x_factor), f64::from(grid.y_factor));
    let mut reader = PixelReader::new(source, header, budget)?;
    let raster =
        if header.interlaced { scatter(&mut reader, &grid, budget)? } else { by_rows(&mut reader, &grid, budget)? };
    reader.stored.finish()?;
    Ok(Decoded { raster, window })
}

fn by_rows(reader: &mut PixelReader, grid: &Grid, budget: &mut Budget) -> Result<Raster, Error> {
    let mut reducer = RowReducer::new(grid, budget)?;
    let mut left = grid.height;
    while left > 0 {
        let rows = reader.next_few(grid.width, left)?;
        for row in 0..rows {
            reducer.push(reader.pixels(row, grid.width));
        }
        left -= rows as u32;
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
            reader.next_one(columns)?;
            reducer.push(reader.pixels(0, columns), y, first_x, step_x);
        }
    }
    reducer.finish(budget)
}

/// Bytes of a row of so many pixels, as stored, its filter not counted.
fn row_bytes(header: &Header, columns: u32) -> u64 {
    (u64::from(columns) * u64::from(header.bits_per_pixel)).div_ceil(8)
}

/// How many rows are unfiltered at once at best: of pixels of three or four bytes, unless they are so wide that it would
/// take megabytes.
fn rows_at_once(header: &Header) -> usize {
    let is_fit =
        !header.interlaced && matches!(header.bits_per_pixel, 24 | 32) && row_bytes(header, header.width) <= WIDE;
    if is_fit { ROWS } else { 1 }
}

const WIDE: u64 = 128 << 10;

/// A row as it was before the filter, with the room that unfiltering wants around it.
fn row_room(header: &Header) -> u64 {
    BEFORE as u64 + row_bytes(header, header.width) + AFTER as u64
}

/// Rows as stored, those before the filter and the one above, one with all samples as bytes.
fn decoder_memory(header: &Header) -> u64 {
    let expanded = u64::from(header.width) * header.model.channels() as u64;
    let rows = rows_at_once(header) as u64;
    let stored = Rows::memory((row_bytes(header, header.width) + 1) * rows);
    stored + row_room(header) * (rows + 1) + expanded + DECODER_BYTES
}

/// Gives rows as pixels of the header's model.
struct PixelReader<'a> {
    header: &'a Header<'a>,
    stored: Rows<'a>,
    expansion: Expansion,
    /// The row above the ones being read, and those; but for the first they are empty where one at a time is read.
    above: Vec<u8>,
    rows: [Vec<u8>; ROWS],
    /// How many of them are there.
    filled: usize,
    expanded: Vec<u8>,
}

impl<'a> PixelReader<'a> {
    fn new(source: &'a [u8], header: &'a Header<'a>, budget: &mut Budget<'a>) -> Result<Self, Error> {
        budget.take(DECODER_BYTES)?;
        let at_once = rows_at_once(header);
        let longest = (row_bytes(header, header.width) + 1) * at_once as u64;
        let stored = Rows::new(source, header, longest, budget)?;
        let above = budget.zeros(row_room(header))?;
        let mut rows = std::array::from_fn(|_| Vec::new());
        for row in &mut rows[..at_once] {
            *row = budget.zeros(row_room(header))?;
        }
        let expanded = budget.zeros(u64::from(header.width) * header.model.channels() as u64)?;
        Ok(Self { header, stored, expansion: Expansion::of(header), above, rows, filled: 0, expanded })
    }

    /// The first row of a pass has none above it.
    fn start_pass(&mut self) {
        self.filled = 0;
        self.above.fill(0);
    }

    /// Reads eight rows at once where that is of use, else one; says how many.
    fn next_few(&mut self, columns: u32, left: u32) -> Result<usize, Error> {
        if left < ROWS as u32 || rows_at_once(self.header) < ROWS {
            return self.next_one(columns);
        }
        let len = row_bytes(self.header, columns) as usize;
        let Some(eight) = Stored::of(self.stored.peek((len + 1) * ROWS)?, len).filter(|eight| !eight.is_quick()) else {
            return self.next_one(columns);
        };
        swap_last(&mut self.above, &mut self.rows, self.filled);
        let rows = self.rows.each_mut().map(Vec::as_mut_slice);
        wavefront::unfilter(eight, &self.above, rows, self.header.bits_per_pixel as usize / 8);
        self.stored.pass((len + 1) * ROWS);
        self.filled = ROWS;
        Ok(ROWS)
    }

    fn next_one(&mut self, columns: u32) -> Result<usize, Error> {
        swap_last(&mut self.above, &mut self.rows, self.filled);
        // Never above the whole width's, which fits the memory.
        let len = row_bytes(self.header, columns) as usize;
        let stored = self.stored.peek(len + 1)?;
        let pixel_bytes = self.header.bits_per_pixel.div_ceil(8) as usize;
        let place = BEFORE..BEFORE + len;
        unfilter(stored, &self.above[place.clone()], &mut self.rows[0][place], pixel_bytes)?;
        self.stored.pass(len + 1);
        self.filled = 1;
        Ok(1)
    }

    /// One of the rows that were read last.
    fn pixels(&mut self, row: usize, columns: u32) -> &[u8] {
        let len = row_bytes(self.header, columns) as usize;
        let row = &self.rows[row][BEFORE..BEFORE + len];
        if matches!(self.expansion, Expansion::None) {
            return row;
        }
        let expanded = &mut self.expanded[..columns as usize * self.header.model.channels()];
        self.expansion.expand(row, self.header.model, expanded);
        expanded
    }
}

/// The last of the rows that were read is above the next.
fn swap_last(above: &mut Vec<u8>, rows: &mut [Vec<u8>; ROWS], filled: usize) {
    if let Some(last) = filled.checked_sub(1) {
        std::mem::swap(above, &mut rows[last]);
    }
}
