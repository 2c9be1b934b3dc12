//! The coefficients of one component that a scale needs, over all scans.

use crate::jpeg::frame::BlockGrid;
use crate::jpeg::inverse_dct::{Means, NATURAL};
use crate::jpeg::planes::Canvas;
use crate::jpeg::scale::Scale;
use crate::jpeg::tables::Quantisation;

/// Coefficients of one component.
pub(super) struct Coefficients {
    grid: BlockGrid,
    scale: Scale,
    quantisation: Quantisation,
    /// How many coefficients of a block are kept: those in the top left corner that the scale uses.
    kept: usize,
    /// One bit for each of them, in zigzag order.
    kept_positions: u64,
    dc: Vec<i16>,
    /// The AC coefficients that are kept, and an unused place where DC would be. Empty at scale 1/8.
    values: Vec<i16>,
    /// For each block the AC coefficients that are nonzero so far, one bit each in zigzag order,
    /// also those not kept: refinement scans depend on them. Empty at scale 1/8.
    nonzero: Vec<u64>,
    /// For each coefficient in zigzag order its place among the kept ones, or [`NOT_KEPT`].
    places: [u8; 64],
}

const NOT_KEPT: u8 = 255;

impl Coefficients {
    pub(crate) fn new(grid: BlockGrid, scale: Scale, quantisation: Quantisation) -> Self {
        let side = scale.block_side() as u8;
        let blocks = grid.stored_wide * grid.stored_high;
        let kept = usize::from(side * side);
        let places = NATURAL.map(|natural| {
            let (row, column) = (natural / 8, natural % 8);
            if row < side && column < side { row * side + column } else { NOT_KEPT }
        });
        let with_ac = if scale == Scale::Eighth { 0 } else { blocks };
        let (dc, values, nonzero) = (vec![0; blocks], vec![0; with_ac * kept], vec![0; with_ac]);
        Self { grid, scale, quantisation, kept, kept_positions: scale.coefficients(), dc, values, nonzero, places }
    }

    /// The DC coefficients, and how many there are in a row: one for each block.
    pub(crate) fn dc(&mut self) -> (&mut [i16], usize) {
        (&mut self.dc, self.grid.stored_wide)
    }

    /// The AC coefficients of a block.
    #[inline(always)]
    pub(crate) fn ac(&mut self, column: usize, row: usize) -> Option<BlockAc<'_>> {
        let block = row * self.grid.stored_wide + column;
        let values = self.values.get_mut(block * self.kept..(block + 1) * self.kept)?;
        Some(BlockAc { values, nonzero: self.nonzero.get_mut(block)?, places: &self.places, kept: self.kept_positions })
    }

    /// The samples.
    pub(crate) fn into_canvas(self) -> Canvas {
        let mut canvas = Canvas::new(self.grid, self.scale);
        match self.scale {
            Scale::Eighth => self.write_means(canvas.means().0),
            _ => self.write_blocks(&mut canvas),
        }
        canvas
    }

    fn write_means(&self, samples: &mut [u8]) {
        let means = Means::new(self.quantisation[0]);
        samples.iter_mut().zip(&self.dc).for_each(|(sample, dc)| *sample = means.sample(*dc));
    }

    fn write_blocks(&self, canvas: &mut Canvas) {
        let places = self.places.iter().zip(NATURAL).zip(self.quantisation).skip(1);
        let used: Vec<_> = places
            .filter(|((place, _), _)| **place != NOT_KEPT)
            .map(|((&place, natural), factor)| (usize::from(place), usize::from(natural), i32::from(factor)))
            .collect();
        let blocks = self.dc.iter().zip(self.values.chunks_exact(self.kept));
        for (number, (dc, ac)) in blocks.enumerate() {
            let mut coefficients = [0; 64];
            coefficients[0] = i32::from(*dc) * i32::from(self.quantisation[0]);
            for &(place, natural, factor) in &used {
                coefficients[natural] = i32::from(ac[place]) * factor;
            }
            canvas.put(number % self.grid.stored_wide, number / self.grid.stored_wide, &coefficients);
        }
    }
}

/// The AC coefficients of one block.
pub(super) struct BlockAc<'a> {
    values: &'a mut [i16],
    nonzero: &'a mut u64,
    places: &'a [u8; 64],
    /// The coefficients that are kept, one bit each in zigzag order.
    pub(crate) kept: u64,
}

#[inline(always)]
fn positions(from: u32, to: u32) -> u64 {
    (u64::MAX << (from & 63)) & (u64::MAX >> (63 - (to & 63)))
}

impl BlockAc<'_> {
    /// The nonzero coefficients from `from` to `to`.
    #[inline(always)]
    pub(crate) fn nonzero_in(&self, from: u32, to: u32) -> u64 {
        *self.nonzero & positions(from, to)
    }

    /// The zero coefficients from `from` to `to`.
    #[inline(always)]
    pub(crate) fn zero_in(&self, from: u32, to: u32) -> u64 {
        !*self.nonzero & positions(from, to)
    }

    /// Gives a coefficient its first nonzero value.
    #[inline(always)]
    pub(crate) fn begin(&mut self, position: u32, value: i16) {
        *self.nonzero |= 1 << (position & 63);
        if let Some(kept) = self.kept(position) {
            *kept = value;
        }
    }

    /// Moves a nonzero coefficient away from zero by `bit`.
    #[inline(always)]
    pub(crate) fn refine(&mut self, position: u32, bit: i16) {
        if let Some(kept) = self.kept(position) {
            *kept = if *kept < 0 { kept.wrapping_sub(bit) } else { kept.wrapping_add(bit) };
        }
    }

    #[inline(always)]
    fn kept(&mut self, position: u32) -> Option<&mut i16> {
        self.values.get_mut(usize::from(self.places[(position & 63) as usize]))
    }
}
