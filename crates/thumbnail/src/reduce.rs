//! Reducing a picture by whole factors while its rows arrive: each box of pixels becomes their mean.
//!
//! Boxes are an exact and cheap first step; what remains, a factor of three to six, is left to Lanczos, so that the
//! result can't be told from one resampled in a single step.

mod rows;
mod scatter;

use crate::fit::Target;
use crate::raster::{Model, Raster};

pub(crate) use rows::RowReducer;
pub(crate) use scatter::ScatterReducer;

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

#[inline]
fn add_pixel_with_alpha<const N: usize>(pixel: &[u8; N], sums: &mut [u32; N]) {
    let alpha = u32::from(pixel[N - 1]);
    for i in 0..N - 1 {
        sums[i] += u32::from(pixel[i]) * alpha;
    }
    sums[N - 1] += alpha;
}
