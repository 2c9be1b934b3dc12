//! The coefficients of one component that a scale needs, over all scans.

use crate::jpeg::frame::BlockGrid;
use crate::jpeg::inverse_dct::{NATURAL, sample_of_dc};
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
        let history = if scale == Scale::Eighth { 0 } else { blocks };
        let (values, nonzero) = (vec![0; blocks * kept], vec![0; history]);
        Self { grid, scale, quantisation, kept, kept_positions: scale.coefficients(), values, nonzero, places }
    }

    /// The DC coefficient of a block.
    #[inline(always)]
    pub(crate) fn dc(&mut self, column: usize, row: usize) -> Option<&mut i16> {
        let block = row * self.grid.stored_wide + column;
        self.values.get_mut(block * self.kept)
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
        let places = self.places.iter().zip(NATURAL).zip(self.quantisation);
        let used: Vec<_> = places
            .filter(|((place, _), _)| **place != NOT_KEPT)
            .map(|((&place, natural), factor)| (usize::from(place), usize::from(natural), i32::from(factor)))
            .collect();
        for row in 0..self.grid.high {
            let start = row * self.grid.stored_wide * self.kept;
            let blocks = self.values[start..].chunks_exact(self.kept).take(self.grid.wide);
            for (column, block) in blocks.enumerate() {
                if let &[dc] = block {
                    canvas.set(column, row, sample_of_dc(i32::from(dc) * i32::from(self.quantisation[0])));
                    continue;
                }
                let mut coefficients = [0; 64];
                for &(place, natural, factor) in &used {
                    coefficients[natural] = i32::from(block[place]) * factor;
                }
                canvas.put(column, row, &coefficients);
            }
        }
        canvas
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
