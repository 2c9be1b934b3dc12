//! Boxes of pixels that come in the order of an interlaced file.

use super::{Grid, add_pixel_with_alpha};
use crate::Error;
use crate::memory::Budget;
use crate::raster::{Model, Raster};

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
