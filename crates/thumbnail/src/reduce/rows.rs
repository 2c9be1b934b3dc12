//! Boxes of rows that come from top to bottom.

use fearless_simd::{Level, dispatch};

use super::{Grid, add_pixel_with_alpha};
use crate::Error;
use crate::memory::Budget;
use crate::raster::{Model, Raster};

/// Takes a picture's rows from top to bottom.
pub(crate) struct RowReducer<'a> {
    grid: &'a Grid,
    /// Of the row of boxes being filled: alpha-weighted colours. All zeros as long as all is opaque.
    sums: Vec<u32>,
    is_opaque: bool,
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
        Ok(Self { grid, sums, is_opaque: true, columns, rows_in_box: 0, out, written: 0 })
    }

    /// Rows beyond the picture's height are ignored.
    pub(crate) fn push(&mut self, row: &[u8]) {
        if self.grid.is_whole() {
            let Some(out) = self.out.get_mut(self.written..self.written + row.len()) else { return };
            out.copy_from_slice(row);
            self.written += row.len();
            return;
        }
        let is_opaque = match self.grid.model {
            Model::GrayAlpha => is_opaque::<2>(row),
            Model::Rgba => is_opaque::<4>(row),
            Model::Gray | Model::Rgb | Model::Cmyk => true,
        };
        match self.grid.model {
            _ if is_opaque => add_row(&mut self.columns, row),
            Model::GrayAlpha => add_with_alpha::<2>(self.grid, row, &mut self.sums),
            _ => add_with_alpha::<4>(self.grid, row, &mut self.sums),
        }
        self.is_opaque &= is_opaque;
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

    /// The means of a row of boxes, `N` samples a pixel.
    fn means<const N: usize>(&mut self, out: &mut [u8]) {
        let boxes = self.columns.chunks(self.grid.x_factor as usize * N);
        if self.is_opaque {
            let whole = Area::new(self.grid.x_factor * self.rows_in_box);
            for (columns, out) in boxes.zip(out.as_chunks_mut::<N>().0) {
                let width = (columns.len() / N) as u32;
                let area = if width == self.grid.x_factor { whole } else { Area::new(width * self.rows_in_box) };
                *out = totals::<N>(columns).map(|total| area.mean(total));
            }
            return;
        }
        // Opaque rows among others: their pixels' colours weigh as much as can be.
        for (columns, sums) in boxes.zip(self.sums.as_chunks_mut::<N>().0) {
            for (i, (sum, total)) in sums.iter_mut().zip(totals::<N>(columns)).enumerate() {
                *sum += if i == N - 1 { total } else { total * 255 };
            }
        }
        self.grid.write_means(&self.sums, self.rows_in_box, out);
        self.sums.fill(0);
    }

    fn write_row(&mut self) {
        let len = self.sums.len();
        let mut out = std::mem::take(&mut self.out);
        if let Some(out) = out.get_mut(self.written..self.written + len) {
            match self.grid.model.channels() {
                1 => self.means::<1>(out),
                2 => self.means::<2>(out),
                3 => self.means::<3>(out),
                _ => self.means::<4>(out),
            }
        }
        self.out = out;
        self.written += len;
        self.rows_in_box = 0;
        self.is_opaque = true;
        self.columns.fill(0);
    }
}

/// Adds up columns. At most 256 rows of 255: it just fits.
fn add_row(columns: &mut [u16], row: &[u8]) {
    #[inline(always)]
    fn add(columns: &mut [u16], row: &[u8]) {
        columns.iter_mut().zip(row).for_each(|(sum, sample)| *sum += u16::from(*sample));
    }
    dispatch!(Level::new(), _ => add(columns, row));
}

/// What the columns of a box of `N` samples a pixel come to.
#[inline]
fn totals<const N: usize>(columns: &[u16]) -> [u32; N] {
    let mut totals = [0; N];
    for column in columns.as_chunks::<N>().0 {
        for (total, sum) in totals.iter_mut().zip(column) {
            *total += u32::from(*sum);
        }
    }
    totals
}

/// A box's area, to divide by without a division: for sums of up to 2^24 and areas of up to 2^16 it is exact.
#[derive(Clone, Copy)]
struct Area {
    half: u32,
    reciprocal: u64,
}

impl Area {
    fn new(area: u32) -> Self {
        Self { half: area / 2, reciprocal: (1_u64 << 40).div_ceil(u64::from(area.max(1))) }
    }

    /// Rounded, as [`mean`] does it.
    #[inline]
    fn mean(self, sum: u32) -> u8 {
        ((u64::from(sum + self.half) * self.reciprocal) >> 40) as u8
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test should stop")]

    use super::*;
    use crate::permission::Permission;
    use crate::reduce::mean;

    /// The mean of every box by the book, alpha-weighted where there is alpha.
    fn by_the_book(grid: &Grid, data: &[u8]) -> Vec<u8> {
        let channels = grid.model.channels();
        let mut out = Vec::new();
        for (row, column) in (0..grid.rows).flat_map(|row| (0..grid.columns).map(move |column| (row, column))) {
            let rows = row * grid.y_factor..((row + 1) * grid.y_factor).min(grid.height);
            let columns = column * grid.x_factor..((column + 1) * grid.x_factor).min(grid.width);
            let pixels = rows.flat_map(|y| columns.clone().map(move |x| (y * grid.width + x) as usize * channels));
            let pixels: Vec<&[u8]> = pixels.map(|at| &data[at..at + channels]).collect();
            for i in 0..channels {
                let is_colour = grid.model.has_alpha() && i < channels - 1;
                let weight = |pixel: &[u8]| if is_colour { u64::from(pixel[channels - 1]) } else { 1 };
                let sum: u64 = pixels.iter().map(|pixel| u64::from(pixel[i]) * weight(pixel)).sum();
                let count: u64 = pixels.iter().map(|pixel| weight(pixel)).sum();
                out.push((sum + count / 2).checked_div(count).unwrap_or(0) as u8);
            }
        }
        out
    }

    #[test]
    fn boxes_become_their_means() {
        for model in [Model::Gray, Model::GrayAlpha, Model::Rgb, Model::Rgba, Model::Cmyk] {
            for (width, height, x_factor, y_factor) in
                [(7, 5, 2, 2), (33, 20, 5, 3), (600, 300, 256, 256), (9, 9, 1, 4)]
            {
                let (columns, rows) = (u32::div_ceil(width, x_factor), u32::div_ceil(height, y_factor));
                let grid = Grid { width, height, x_factor, y_factor, columns, rows, model };
                let channels = model.channels();
                let len = (width * height) as usize * channels;
                for alpha in ["any", "in some rows", "opaque"] {
                    let mut data: Vec<u8> = (0..len).map(|i| (i * i / 5 + i / 3) as u8 | (i >> 9) as u8).collect();
                    let opaque_from = match alpha {
                        "any" => len,
                        "in some rows" => len / 3,
                        _ => 0,
                    };
                    if model.has_alpha() {
                        data[opaque_from / channels * channels..]
                            .chunks_mut(channels)
                            .for_each(|p| p[channels - 1] = 255);
                    }
                    let mut budget = Budget::new(1 << 30, Permission::given());
                    let mut reducer = RowReducer::new(&grid, &mut budget).unwrap();
                    data.chunks(width as usize * channels).for_each(|row| reducer.push(row));
                    let made = reducer.finish().data;
                    assert!(made == by_the_book(&grid, &data), "{model:?}, {alpha}, {grid:?}");
                }
            }
        }
    }

    #[test]
    fn division_by_an_area_is_exact() {
        for area in [1, 2, 3, 5, 7, 255, 256, 257, 4_095, 65_025, 65_535, 65_536] {
            for sum in (0..=area * 255).step_by((area * 255 / 999 + 1) as usize).chain([area * 255]) {
                assert_eq!(Area::new(area).mean(sum), mean(sum, area), "{sum} / {area}");
            }
        }
    }
}
