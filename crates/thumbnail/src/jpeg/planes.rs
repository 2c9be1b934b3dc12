//! The decoded planes of a picture.

use super::colour::ColourModel;
use super::frame::{BlockGrid, Component, Frame};
use super::header::Header;
use super::inverse_dct;
use super::scale::Scale;

/// A picture decoded at a scale: one plane for each component, in frame order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Planes {
    /// Width of the whole picture in pixels.
    pub(crate) width: u32,
    /// Height of the whole picture in pixels.
    pub(crate) height: u32,
    /// The scale of the planes.
    pub(crate) scale: Scale,
    /// What the components mean.
    pub(crate) colour: ColourModel,
    /// The planes.
    pub(crate) planes: Vec<Plane>,
}

/// The samples of one component, in rows without gaps.
///
/// The plane holds whole blocks: it is up to a block larger than the picture, whose exact size in
/// samples of this plane is `window_width` by `window_height`, measured from the top left corner.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plane {
    /// Samples, row by row.
    pub(crate) samples: Vec<u8>,
    /// Samples in a row.
    pub(crate) width: u32,
    /// Rows.
    pub(crate) height: u32,
    /// The picture's exact width in samples.
    pub(crate) window_width: f64,
    /// The picture's exact height in samples.
    pub(crate) window_height: f64,
}

/// A plane while it is written, block by block.
pub(super) struct Canvas {
    samples: Vec<u8>,
    stride: usize,
    /// Samples along a block's side.
    side: usize,
}

impl Canvas {
    pub(crate) fn new(grid: BlockGrid, scale: Scale) -> Self {
        let side = scale.block_side();
        let stride = grid.stored_wide * side;
        Self { samples: vec![0; stride * grid.stored_high * side], stride, side }
    }

    /// All samples, and how many there are in a row: at scale 1/8 one for each block.
    pub(crate) fn means(&mut self) -> (&mut [u8], usize) {
        (&mut self.samples, self.stride)
    }

    /// Writes a block of coefficients, dequantised and in natural order, as samples, at a scale other than 1/8.
    #[inline]
    pub(crate) fn put(&mut self, column: usize, row: usize, coefficients: &[i32; 64]) {
        let start = row * self.side * self.stride + column * self.side;
        let target = self.samples.get_mut(start..).unwrap_or_default();
        match self.side {
            2 => inverse_dct::to_2x2(coefficients, target, self.stride),
            4 => inverse_dct::to_4x4(coefficients, target, self.stride),
            _ => inverse_dct::to_8x8(coefficients, target, self.stride),
        }
    }

    /// The finished plane, without the blocks that only fill up MCUs.
    pub(crate) fn into_plane(self, frame: &Frame, component: &Component, scale: Scale) -> Plane {
        let grid = frame.grid(component);
        let (width, height) = (grid.wide * self.side, grid.high * self.side);
        let (window_width, window_height) = frame.window(component, scale);
        let mut samples = self.samples;
        if width < self.stride {
            for row in 1..height {
                let from = row * self.stride;
                samples.copy_within(from..from + width, row * width);
            }
        }
        samples.truncate(width * height);
        Plane { samples, width: width as u32, height: height as u32, window_width, window_height }
    }
}

/// The picture of finished planes.
pub(super) fn picture(header: &Header, scale: Scale, planes: Vec<Plane>) -> Planes {
    Planes { width: header.width, height: header.height, scale, colour: header.colour, planes }
}
