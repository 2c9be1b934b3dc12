//! The four kinds of progressive scan (T.81 G.1.2, G.2).

use super::coefficients::{BlockAc, Coefficients};
use crate::jpeg::entropy::{Bits, Damage, Window};
use crate::jpeg::huffman::{DcTable, SymbolTable};
use crate::jpeg::scan::{BlockReader, Place};

/// A first scan of DC coefficients.
pub(super) struct DcFirst<'a> {
    /// Each component with its table and its prediction.
    pub(crate) outputs: &'a mut [(Coefficients, DcTable, i32)],
    /// Bits left out.
    pub(crate) low: u8,
}

impl BlockReader for DcFirst<'_> {
    fn restart(&mut self) {
        self.outputs.iter_mut().for_each(|(_, _, prediction)| *prediction = 0);
    }

    #[inline(always)]
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage> {
        let (coefficients, codes, prediction) = &mut self.outputs[place.slot];
        let difference = codes.difference(window, bits)?;
        *prediction = prediction.wrapping_add(difference);
        if let Some(dc) = coefficients.dc(place.column, place.row) {
            *dc = (*prediction as i16) << self.low;
        }
        Ok(())
    }
}

/// A refinement scan of DC coefficients: one bit a block.
pub(super) struct DcRefinement<'a> {
    pub(crate) outputs: &'a mut [Coefficients],
    /// The value of the bit.
    pub(crate) bit: i16,
}

impl BlockReader for DcRefinement<'_> {
    fn restart(&mut self) {}

    #[inline(always)]
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage> {
        bits.refill(window);
        let set = bits.take(1) as i16;
        if let Some(dc) = self.outputs[place.slot].dc(place.column, place.row) {
            *dc |= self.bit * set;
        }
        Ok(())
    }

    /// An MCU's ten bits at most come with one refill.
    #[inline(always)]
    fn mcu(&mut self, window: &Window, bits: &mut Bits, places: impl Iterator<Item = Place>) -> Result<(), Damage> {
        bits.refill(window);
        for place in places {
            let set = bits.take(1) as i16;
            if let Some(dc) = self.outputs[place.slot].dc(place.column, place.row) {
                *dc |= self.bit * set;
            }
        }
        Ok(())
    }
}

/// A first scan of a band of AC coefficients.
pub(super) struct AcFirst<'a> {
    pub(crate) output: &'a mut Coefficients,
    pub(crate) symbols: SymbolTable,
    pub(crate) band: (u32, u32),
    /// Bits left out.
    pub(crate) low: u8,
    /// Further blocks whose band is empty.
    pub(crate) end_of_band_run: u32,
}

impl BlockReader for AcFirst<'_> {
    fn restart(&mut self) {
        self.end_of_band_run = 0;
    }

    #[inline(always)]
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage> {
        if self.end_of_band_run > 0 {
            self.end_of_band_run -= 1;
            return Ok(());
        }
        let Some(mut block) = self.output.ac(place.column, place.row) else {
            return Ok(());
        };
        let (mut position, last) = self.band;
        while position <= last {
            bits.refill(window);
            let (symbol, length) = self.symbols.symbol(bits)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 {
                bits.consume(length);
                if run < 15 {
                    self.end_of_band_run = (1 << run) - 1 + bits.take(run);
                    return Ok(());
                }
                position += 16;
                continue;
            }
            let value = bits.signed_after(length, size);
            bits.consume(length + size);
            position += run;
            if position > last {
                return Err(Damage::BlockOverrun);
            }
            block.begin(position, (value as i16) << self.low);
            position += 1;
        }
        if position > last + 1 { Err(Damage::BlockOverrun) } else { Ok(()) }
    }
}

/// A refinement scan of a band of AC coefficients.
pub(super) struct AcRefinement<'a> {
    pub(crate) output: &'a mut Coefficients,
    pub(crate) symbols: SymbolTable,
    pub(crate) band: (u32, u32),
    /// The value of the bit.
    pub(crate) bit: i16,
    /// Blocks, this one included, whose band gets no new coefficients.
    pub(crate) end_of_band_run: u32,
}

impl BlockReader for AcRefinement<'_> {
    fn restart(&mut self) {
        self.end_of_band_run = 0;
    }

    #[inline(always)]
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage> {
        let Some(mut block) = self.output.ac(place.column, place.row) else {
            return Ok(());
        };
        let (mut position, last) = self.band;
        while self.end_of_band_run == 0 && position <= last {
            bits.refill(window);
            let (symbol, length) = self.symbols.symbol(bits)?;
            bits.consume(length);
            let (run, size) = (symbol >> 4, symbol & 15);
            if size == 0 && run < 15 {
                self.end_of_band_run = (1 << run) + bits.take(run);
                break;
            }
            let value = match size {
                0 => None,
                1 if bits.take(1) == 1 => Some(self.bit),
                1 => Some(-self.bit),
                _ => return Err(Damage::NoSuchSymbol),
            };
            let place = refine_over_zeros(&mut block, window, bits, (position, last), run, self.bit);
            if let Some(value) = value {
                if place > last {
                    return Err(Damage::BlockOverrun);
                }
                block.begin(place, value);
            }
            position = place + 1;
        }
        if self.end_of_band_run > 0 {
            self.end_of_band_run -= 1;
            if position <= last {
                refine(&mut block, window, bits, (position, last), self.bit);
            }
        }
        Ok(())
    }
}

/// Reads the correction bits of nonzero coefficients up to the zero one that follows `run` other
/// zero ones; gives its position, past the band's end if there is none.
#[inline(always)]
fn refine_over_zeros(
    block: &mut BlockAc,
    window: &Window,
    bits: &mut Bits,
    (from, last): (u32, u32),
    run: u32,
    bit: i16,
) -> u32 {
    let mut zeros = block.zero_in(from, last);
    for _ in 0..run {
        zeros &= zeros.wrapping_sub(1);
    }
    let reached = if zeros == 0 { last + 1 } else { zeros.trailing_zeros() };
    if reached > from {
        refine(block, window, bits, (from, reached - 1), bit);
    }
    reached
}

/// Reads the correction bits of every nonzero coefficient of a part of the band.
#[inline(always)]
fn refine(block: &mut BlockAc, window: &Window, bits: &mut Bits, (from, last): (u32, u32), bit: i16) {
    let mut left = block.nonzero_in(from, last);
    let mut kept = left & block.kept;
    // The bits of coefficients that are not kept are stepped over, all at once after the last
    // kept one.
    while kept != 0 {
        let position = left.trailing_zeros();
        bits.refill(window);
        if bits.take(1) == 1 {
            block.refine(position, bit);
        }
        left &= left - 1;
        kept &= left;
    }
    let rest = left.count_ones();
    bits.refill(window);
    bits.consume(rest.min(32));
    bits.refill(window);
    bits.consume(rest.saturating_sub(32));
}
