//! Scans whose blocks are found first and read then: once it is known where they begin, no block has to wait for the one
//! before it.

use super::entropy::{Damage, EntropyReader, Window};
use super::error::Error;
use super::walk::{Slot, Walk};

/// Finds where blocks begin.
pub(super) trait Finder {
    /// Unstuffed data that is to be at hand.
    const WINDOW: usize;

    /// Finds blocks from a bit of the reader's window on: as many as it holds, or fewer. Puts into `starts` where they
    /// begin and where the last one ends, in bits of the window. There may be damage after them.
    fn find(&mut self, reader: &EntropyReader, bit: u32, starts: &mut Vec<u32>) -> Result<(), Damage>;
}

/// What is done with the blocks of a scan.
pub(super) trait FoundReader {
    /// A restart interval begins: forget predictions.
    fn restart(&mut self) {}

    /// Reads some blocks. They are sound: their finder has been over them.
    fn read(&mut self, found: &Found);
}

/// Blocks whose beginnings are known: those of some whole MCUs.
pub(super) struct Found<'a> {
    pub(crate) window: &'a Window,
    walk: &'a Walk,
    first_mcu: usize,
    starts: &'a [u32],
}

impl Found<'_> {
    /// Makes a value of each block of a slot, given the bit of the window at which it begins, in the order of the scan.
    #[inline(always)]
    pub(crate) fn values_of<T: Copy + Default>(&self, slot: usize, values: &mut Vec<T>, read: impl FnMut(u32) -> T) {
        let slot = self.walk.slot(slot);
        values.clear();
        values.resize(self.starts.len() / self.walk.blocks_per_mcu() * slot.blocks(), T::default());
        // The usual numbers of blocks, known to the compiler.
        match slot.blocks() {
            1 => self.write_values(slot.first, values, 1, read),
            2 => self.write_values(slot.first, values, 2, read),
            4 => self.write_values(slot.first, values, 4, read),
            blocks => self.write_values(slot.first, values, blocks, read),
        }
    }

    #[inline(always)]
    fn write_values<T>(&self, first: usize, values: &mut [T], blocks: usize, mut read: impl FnMut(u32) -> T) {
        let mcus = self.starts.chunks_exact(self.walk.blocks_per_mcu());
        for (values, mcu) in values.chunks_exact_mut(blocks).zip(mcus) {
            let Some(starts) = mcu.get(first..first + blocks) else { return };
            values.iter_mut().zip(starts).for_each(|(value, start)| *value = read(*start));
        }
    }

    /// Brings such values to their blocks in a plane of one item a block and so many in a row.
    #[inline(always)]
    pub(crate) fn place<T: Copy>(
        &self,
        slot: usize,
        values: &[T],
        (plane, stride): (&mut [T], usize),
        put: impl Fn(&mut T, T) + Copy,
    ) {
        let slot = self.walk.slot(slot);
        for (row, column, values) in self.walk.rows(self.first_mcu, values, slot.blocks()) {
            for line in 0..slot.high {
                let start = (row * slot.high + line) * stride + column * slot.wide;
                let (to, from) = (plane.get_mut(start..).unwrap_or_default(), &values[line * slot.wide..]);
                match slot {
                    Slot { high: 1, .. } => to.iter_mut().zip(from).for_each(|(to, from)| put(to, *from)),
                    Slot { wide: 2, high: 2, .. } => place_line(to, from, 2, 4, put),
                    Slot { wide, .. } => place_line(to, from, wide, slot.blocks(), put),
                }
            }
        }
    }

    /// Hands out column, row and value of each block of a slot, in the order of the scan.
    pub(crate) fn each<T: Copy>(&self, slot: usize, values: &[T], mut take: impl FnMut(usize, usize, T)) {
        let slot = self.walk.slot(slot);
        for (row, column, values) in self.walk.rows(self.first_mcu, values, slot.blocks()) {
            for (column, mcu) in (column..).zip(values.chunks_exact(slot.blocks())) {
                for (line, blocks) in mcu.chunks_exact(slot.wide).enumerate() {
                    let columns = column * slot.wide..;
                    columns.zip(blocks).for_each(|(column, value)| take(column, row * slot.high + line, *value));
                }
            }
        }
    }
}

/// The first `wide` of each MCU's values.
#[inline(always)]
fn place_line<T: Copy>(to: &mut [T], from: &[T], wide: usize, per_mcu: usize, put: impl Fn(&mut T, T)) {
    for (to, from) in to.chunks_exact_mut(wide).zip(from.chunks(per_mcu)) {
        to.iter_mut().zip(from).for_each(|(to, from)| put(to, *from));
    }
}

/// Reads a whole scan; gives the position of the marker after it.
pub(super) fn read_scan<F: Finder>(
    walk: &Walk,
    mut finder: F,
    (source, start): (&[u8], usize),
    blocks: &mut impl FoundReader,
) -> Result<usize, Error> {
    let mut reader = EntropyReader::with_window(source, start, F::WINDOW);
    match read_intervals(walk, &mut finder, &mut reader, blocks) {
        Ok(()) => Ok(reader.end()),
        Err(damage) => Err(reader.damaged(damage)),
    }
}

fn read_intervals<F: Finder>(
    walk: &Walk,
    finder: &mut F,
    reader: &mut EntropyReader,
    blocks: &mut impl FoundReader,
) -> Result<(), Damage> {
    let mut starts = Vec::new();
    let mut intervals = walk.intervals();
    while let Some(interval) = intervals.next() {
        let mut bits = reader.start();
        let (mut mcu, mut bit) = (interval.start, 0);
        while mcu < interval.end {
            starts.clear();
            let outcome = finder.find(reader, bit, &mut starts);
            let found = starts.len().saturating_sub(1);
            let whole = (found / walk.blocks_per_mcu()).min(interval.end - mcu);
            if whole == 0 {
                return Err(outcome.err().unwrap_or(Damage::TooShort));
            }
            let count = whole * walk.blocks_per_mcu();
            blocks.read(&Found { window: reader.window(), walk, first_mcu: mcu, starts: &starts[..count] });
            mcu += whole;
            (bits, bit) = reader.go_to(starts[count], F::WINDOW / 2);
        }
        if intervals.len() == 0 {
            return reader.finish(bits);
        }
        reader.restart(bits)?;
        blocks.restart();
    }
    Ok(())
}
