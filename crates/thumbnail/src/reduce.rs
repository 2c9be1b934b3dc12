//! Reducing a picture by whole factors while its rows arrive: each box of pixels becomes their mean.
//!
//! Boxes are an exact and cheap first step; what remains, a factor of three to six, is left to Lanczos, so that the
//! result can't be told from one resampled in a single step.

use crate::Error;
use crate::fit::Target;
use crate::memory::Budget;
use crate::raster::{Model, Raster};

/// How many times the target the reduced picture stays, at least.
const KEEP: f64 = 3.0;

/// Sums of a box are u32: 256 x 256 pixels of 255 x 255 (colour times alpha), with half a divisor, just fit.
const MAX_FACTOR: u32 = 256;

/// The boxes of a picture. Those at the right and bottom edge may be cut off.
#[derive(Debug, Clone)]
pub(crate) struct Grid {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) x_factor: u32,
    pub(crate) y_factor: u32,
    /// Boxes in a row: the width of the reduced picture.
    pub(crate) columns: u32,
    /// The height of the reduced picture.
    pub(crate) rows: u32,
    model: Model,
}

impl Grid {
    pub(crate) fn new((width, height): (u32, u32), model: Model, target: &Target) -> Self {
        // `as` saturates, and rounds down.
        let factor = |shown: f64, wanted: u32| ((shown / f64::from(wanted) / KEEP) as u32).clamp(1, MAX_FACTOR);
        let x_factor = factor(target.crop.width, target.width);
        let y_factor = factor(target.crop.height, target.height);
        let (columns, rows) = (width.div_ceil(x_factor), height.div_ceil(y_factor));
        Self { width, height, x_factor, y_factor, columns, rows, model }
    }

    fn is_whole(&self) -> bool {
        self.x_factor == 1 && self.y_factor == 1
    }

    /// Samples in a row of the reduced picture.
    fn row_len(&self) -> u64 {
        u64::from(self.columns) * self.model.channels() as u64
    }

    /// Samples in a row of the picture itself.
    fn full_row_len(&self) -> u64 {
        u64::from(self.width) * self.model.channels() as u64
    }

    fn len(&self) -> u64 {
        self.row_len() * u64::from(self.rows)
    }

    /// Writes the means of one row of boxes, `rows_in_box` pixels high.
    fn write_means(&self, sums: &[u32], rows_in_box: u32, out: &mut [u8]) {
        let channels = self.model.channels();
        let boxes = sums.chunks_exact(channels).zip(out.chunks_exact_mut(channels));
        for (column, (sums, out)) in (0..self.columns).zip(boxes) {
            let columns_in_box = self.x_factor.min(self.width - column * self.x_factor);
            let area = columns_in_box * rows_in_box;
            match sums {
                [colours @ .., alpha] if self.model.has_alpha() => {
                    let colour_out = out.iter_mut().zip(colours);
                    colour_out.for_each(|(out, sum)| *out = mean(*sum, *alpha));
                    out[channels - 1] = mean(*alpha, area);
                }
                _ => out.iter_mut().zip(sums).for_each(|(out, sum)| *out = mean(*sum, area)),
            }
        }
    }

    fn raster(&self, data: Vec<u8>) -> Raster {
        Raster { width: self.columns, height: self.rows, model: self.model, data }
    }
}

/// Rounded; of nothing (the colour where all is transparent), nothing.
fn mean(sum: u32, count: u32) -> u8 {
    match count {
        0 => 0,
        _ => u8::try_from((sum + count / 2) / count).unwrap_or(u8::MAX),
    }
}

/// Takes a picture's rows from top to bottom.
pub(crate) struct RowReducer<'a> {
    grid: &'a Grid,
    /// Of the row of boxes being filled; alpha-weighted colours where there is alpha.
    sums: Vec<u32>,
    /// The opaque rows of the same, added up column by column, which the compiler turns into a few wide additions.
    columns: Vec<u16>,
    rows_in_box: u32,
    out: Vec<u8>,
    written: usize,
}

impl<'a> RowReducer<'a> {
    pub(crate) fn memory(grid: &Grid) -> u64 {
        grid.len() + grid.row_len() * size_of::<u32>() as u64 + grid.full_row_len() * size_of::<u16>() as u64
    }

    pub(crate) fn new(grid: &'a Grid, budget: &mut Budget) -> Result<Self, Error> {
        let (out, sums) = (budget.zeros(grid.len())?, budget.zeros(grid.row_len())?);
        let columns = budget.zeros(grid.full_row_len())?;
        Ok(Self { grid, sums, columns, rows_in_box: 0, out, written: 0 })
    }

    /// Rows beyond the picture's height are ignored.
    pub(crate) fn push(&mut self, row: &[u8]) {
        if self.grid.is_whole() {
            let Some(out) = self.out.get_mut(self.written..self.written + row.len()) else { return };
            out.copy_from_slice(row);
            self.written += row.len();
            return;
        }
        match self.grid.model {
            Model::GrayAlpha if !is_opaque::<2>(row) => add_with_alpha::<2>(self.grid, row, &mut self.sums),
            Model::Rgba if !is_opaque::<4>(row) => add_with_alpha::<4>(self.grid, row, &mut self.sums),
            // At most 256 rows of 255: it just fits.
            _ => self.columns.iter_mut().zip(row).for_each(|(sum, sample)| *sum += u16::from(*sample)),
        }
        self.rows_in_box += 1;
        if self.rows_in_box == self.grid.y_factor {
            self.write_row();
        }
    }

    pub(crate) fn finish(mut self) -> Raster {
        if self.rows_in_box > 0 {
            self.write_row();
        }
        self.grid.raster(self.out)
    }

    fn write_row(&mut self) {
        let len = self.sums.len();
        add_columns(self.grid, &self.columns, &mut self.sums);
        if let Some(out) = self.out.get_mut(self.written..self.written + len) {
            self.grid.write_means(&self.sums, self.rows_in_box, out);
        }
        self.written += len;
        self.rows_in_box = 0;
        self.sums.fill(0);
        self.columns.fill(0);
    }
}

/// Adds sums of columns of opaque pixels to the sums of boxes.
fn add_columns(grid: &Grid, columns: &[u16], sums: &mut [u32]) {
    match grid.model {
        Model::Gray => add_boxes::<1>(grid, columns, sums, 1),
        Model::GrayAlpha => add_boxes::<2>(grid, columns, sums, 255),
        Model::Rgb => add_boxes::<3>(grid, columns, sums, 1),
        Model::Rgba => add_boxes::<4>(grid, columns, sums, 255),
        Model::Cmyk => add_boxes::<4>(grid, columns, sums, 1),
    }
}

/// `weight` is that of colours; alpha, the last of the samples where there is one, has none.
fn add_boxes<const N: usize>(grid: &Grid, columns: &[u16], sums: &mut [u32], weight: u32) {
    let boxes = columns.chunks(grid.x_factor as usize * N);
    for (columns, sums) in boxes.zip(sums.as_chunks_mut::<N>().0) {
        let mut total = [0; N];
        for column in columns.as_chunks::<N>().0 {
            for (total, sum) in total.iter_mut().zip(column) {
                *total += u32::from(*sum);
            }
        }
        for (i, (sum, total)) in sums.iter_mut().zip(total).enumerate() {
            *sum += if grid.model.has_alpha() && i == N - 1 { total } else { total * weight };
        }
    }
}

/// Whether alpha, the last of `N` samples, is 255 throughout.
fn is_opaque<const N: usize>(row: &[u8]) -> bool {
    row.as_chunks::<N>().0.iter().fold(255, |all, pixel| all & pixel[N - 1]) == 255
}

/// Alpha is the last of `N` samples and weighs the others.
fn add_with_alpha<const N: usize>(grid: &Grid, row: &[u8], sums: &mut [u32]) {
    let boxes = row.chunks(grid.x_factor as usize * N);
    for (pixels, sums) in boxes.zip(sums.as_chunks_mut::<N>().0) {
        for pixel in pixels.as_chunks::<N>().0 {
            add_pixel_with_alpha(pixel, sums);
        }
    }
}

#[inline]
fn add_pixel_with_alpha<const N: usize>(pixel: &[u8; N], sums: &mut [u32; N]) {
    let alpha = u32::from(pixel[N - 1]);
    for i in 0..N - 1 {
        sums[i] += u32::from(pixel[i]) * alpha;
    }
    sums[N - 1] += alpha;
}

/// Takes a picture's pixels in the order of an interlaced file: all boxes are open until the end.
pub(crate) struct ScatterReducer<'a> {
    grid: &'a Grid,
    sums: Vec<u32>,
}

impl<'a> ScatterReducer<'a> {
    pub(crate) fn memory(grid: &Grid) -> u64 {
        grid.len() + grid.len() * size_of::<u32>() as u64
    }

    pub(crate) fn new(grid: &'a Grid, budget: &mut Budget) -> Result<Self, Error> {
        Ok(Self { grid, sums: budget.zeros(grid.len())? })
    }

    /// Takes pixels of the row `y`: the first at `first_x`, each further one `step_x` to the right.
    pub(crate) fn push(&mut self, pixels: &[u8], y: u32, first_x: u32, step_x: u32) {
        let row_len = self.sums.len() / self.grid.rows as usize;
        let start = (y / self.grid.y_factor) as usize * row_len;
        let Some(sums) = self.sums.get_mut(start..start + row_len) else { return };
        match self.grid.model {
            Model::Gray => scatter::<1>(self.grid, pixels, sums, first_x, step_x, add_pixel),
            Model::GrayAlpha => scatter::<2>(self.grid, pixels, sums, first_x, step_x, add_pixel_with_alpha),
            Model::Rgb => scatter::<3>(self.grid, pixels, sums, first_x, step_x, add_pixel),
            Model::Rgba => scatter::<4>(self.grid, pixels, sums, first_x, step_x, add_pixel_with_alpha),
            Model::Cmyk => scatter::<4>(self.grid, pixels, sums, first_x, step_x, add_pixel),
        }
    }

    pub(crate) fn finish(self, budget: &mut Budget) -> Result<Raster, Error> {
        let grid = self.grid;
        let mut out: Vec<u8> = budget.zeros(grid.len())?;
        let row_len = self.sums.len() / grid.rows as usize;
        let rows = self.sums.chunks_exact(row_len).zip(out.chunks_exact_mut(row_len));
        for (row, (sums, out)) in (0..grid.rows).zip(rows) {
            let rows_in_box = grid.y_factor.min(grid.height - row * grid.y_factor);
            grid.write_means(sums, rows_in_box, out);
        }
        Ok(grid.raster(out))
    }
}

fn scatter<const N: usize>(
    grid: &Grid,
    pixels: &[u8],
    sums: &mut [u32],
    first_x: u32,
    step_x: u32,
    add: impl Fn(&[u8; N], &mut [u32; N]),
) {
    let sums = sums.as_chunks_mut::<N>().0;
    for (x, pixel) in (first_x..grid.width).step_by(step_x as usize).zip(pixels.as_chunks::<N>().0) {
        add(pixel, &mut sums[(x / grid.x_factor) as usize]);
    }
}

#[inline]
fn add_pixel<const N: usize>(pixel: &[u8; N], sums: &mut [u32; N]) {
    for (sum, sample) in sums.iter_mut().zip(pixel) {
        *sum += u32::from(*sample);
    }
}
