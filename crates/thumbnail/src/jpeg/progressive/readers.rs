//! The four kinds of progressive scan (T.81 G.1.2, G.2).

use super::coefficients::{BlockAc, Coefficients};
use crate::jpeg::entropy::{Bits, Damage, EntropyReader, Window};
use crate::jpeg::found::{Finder, Found, FoundReader};
use crate::jpeg::huffman::{DcValues, SymbolTable};
use crate::jpeg::walk::BlockReader;

/// A first scan of DC coefficients.
pub(super) struct DcFirst<'a> {
    /// Each component with its values and its prediction.
    pub(crate) outputs: &'a mut [(Coefficients, DcValues, i32)],
    /// Bits left out.
    pub(crate) low: u8,
    /// Of some blocks, in the order of the scan.
    pub(crate) values: Vec<i16>,
}

impl FoundReader for DcFirst<'_> {
    fn restart(&mut self) {
        self.outputs.iter_mut().for_each(|(_, _, prediction)| *prediction = 0);
    }

    fn read(&mut self, found: &Found) {
        for (slot, (coefficients, codes, prediction)) in self.outputs.iter_mut().enumerate() {
            let mut dc = *prediction;
            found.values_of(slot, &mut self.values, |start| {
                dc = dc.wrapping_add(codes.at(found.window, start));
                (dc as i16) << self.low
            });
            *prediction = dc;
            found.place(slot, &self.values, coefficients.dc(), |place, value| *place = value);
        }
    }
}

/// A refinement scan of DC coefficients: one bit a block.
pub(super) struct DcRefinement<'a> {
    pub(crate) outputs: &'a mut [Coefficients],
    /// Bits left out.
    pub(crate) low: u8,
    /// Of some blocks, in the order of the scan.
    pub(crate) values: Vec<i16>,
}

impl FoundReader for DcRefinement<'_> {
    fn read(&mut self, found: &Found) {
        for (slot, coefficients) in self.outputs.iter_mut().enumerate() {
            found.values_of(slot, &mut self.values, |bit| {
                let byte = found.window.get((bit / 8) as usize).copied().unwrap_or_default();
                i16::from(byte >> (7 - bit % 8) & 1) << self.low
            });
            found.place(slot, &self.values, coefficients.dc(), |place, value| *place |= value);
        }
    }
}

/// Each block is a single bit: where it begins is no question.
pub(super) struct SingleBits;

impl Finder for SingleBits {
    const WINDOW: usize = 4096;

    fn find(&mut self, reader: &EntropyReader, bit: u32, starts: &mut Vec<u32>) -> Result<(), Damage> {
        starts.extend(bit..=reader.filled().0 as u32 * 8);
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
    fn block(&mut self, window: &Window, bits: &mut Bits, (column, row): (usize, usize)) -> Result<(), Damage> {
        if self.end_of_band_run > 0 {
            self.end_of_band_run -= 1;
            return Ok(());
        }
        let Some(mut block) = self.output.ac(column, row) else {
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
    fn block(&mut self, window: &Window, bits: &mut Bits, (column, row): (usize, usize)) -> Result<(), Damage> {
        let Some(mut block) = self.output.ac(column, row) else {
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
