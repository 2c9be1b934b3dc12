//! The order of a scan's blocks (T.81 A.2.2, A.2.3, E.1.4).

use super::entropy::{Bits, Damage, EntropyReader, Window};
use super::error::Error;
use super::frame::Frame;
use super::scan::ScanComponent;
use std::ops::Range;

/// The order of a scan's blocks.
pub(super) struct Walk {
    /// MCUs across and down.
    mcus: (usize, usize),
    /// What an MCU has of each slot, a component by its place in the scan header.
    slots: Vec<Slot>,
    /// MCUs between restart markers.
    restart_interval: usize,
}

/// The blocks of one component in each MCU.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    /// Those of other slots before them.
    pub(crate) first: usize,
    /// Across and down.
    pub(crate) wide: usize,
    pub(crate) high: usize,
}

impl Slot {
    /// How many there are.
    pub(crate) fn blocks(self) -> usize {
        self.wide * self.high
    }
}

/// What is done with each block of a scan of one component.
pub(super) trait BlockReader {
    /// A restart interval begins: forget end-of-band runs.
    fn restart(&mut self);

    /// Reads the block at a column and row. The window holds all a block can take.
    fn block(&mut self, window: &Window, bits: &mut Bits, place: (usize, usize)) -> Result<(), Damage>;
}

impl Walk {
    /// The walk of a scan over these components. A scan of a single component goes block by block
    /// without filling up MCUs (T.81 A.2.2).
    pub(crate) fn new(frame: &Frame, components: &[ScanComponent], restart_interval: u16) -> Self {
        let (mut mcus, mut slots) = (frame.mcus(), Vec::with_capacity(4));
        if let [only] = components {
            let grid = frame.grid(&frame.components[only.index]);
            mcus = (grid.wide, grid.high);
            slots.push(Slot { first: 0, wide: 1, high: 1 });
        } else {
            let mut first = 0;
            for scanned in components {
                let component = &frame.components[scanned.index];
                let (wide, high) = (usize::from(component.horizontal), usize::from(component.vertical));
                slots.push(Slot { first, wide, high });
                first += wide * high;
            }
        }
        let restart_interval = if restart_interval == 0 { mcus.0 * mcus.1 } else { usize::from(restart_interval) };
        Self { mcus, slots, restart_interval }
    }

    /// How many blocks the scan has.
    pub(crate) fn blocks(&self) -> u64 {
        self.mcus.0 as u64 * self.mcus.1 as u64 * self.blocks_per_mcu() as u64
    }

    /// How many blocks an MCU has.
    pub(crate) fn blocks_per_mcu(&self) -> usize {
        self.slots.iter().map(|slot| slot.blocks()).sum()
    }

    /// A slot by its number.
    pub(crate) fn slot(&self, number: usize) -> Slot {
        self.slots[number]
    }

    /// The number of the slot of each block of an MCU.
    pub(crate) fn slot_numbers(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().enumerate().flat_map(|(number, slot)| std::iter::repeat_n(number, slot.blocks()))
    }

    /// The MCUs between restart markers.
    pub(crate) fn intervals(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        let (all, length) = (self.mcus.0 * self.mcus.1, self.restart_interval);
        (0..all.div_ceil(length)).map(move |index| index * length..all.min((index + 1) * length))
    }

    /// Items of some consecutive MCUs, so many each, by rows: row and column of the first MCU, and the items.
    pub(crate) fn rows<'a, T>(
        &self,
        first_mcu: usize,
        items: &'a [T],
        per_mcu: usize,
    ) -> impl Iterator<Item = (usize, usize, &'a [T])> {
        let (mut mcu, mut rest) = (first_mcu, items);
        std::iter::from_fn(move || {
            let (row, column) = (mcu / self.mcus.0, mcu % self.mcus.0);
            let count = (self.mcus.0 - column).min(rest.len() / per_mcu);
            let these;
            (these, rest) = rest.split_at(count * per_mcu);
            mcu += count;
            (count > 0).then_some((row, column, these))
        })
    }

    /// Reads a whole scan of one component; gives the position of the marker after it.
    pub(crate) fn run(&self, mut reader: EntropyReader, blocks: &mut impl BlockReader) -> Result<usize, Error> {
        match self.read_blocks(&mut reader, blocks) {
            Ok(()) => Ok(reader.end()),
            Err(damage) => Err(reader.damaged(damage)),
        }
    }

    #[inline(always)]
    fn read_blocks(&self, reader: &mut EntropyReader, blocks: &mut impl BlockReader) -> Result<(), Damage> {
        let mut bits = reader.start();
        let mut left = self.restart_interval;
        for row in 0..self.mcus.1 {
            for column in 0..self.mcus.0 {
                if left == 0 {
                    reader.restart(bits)?;
                    bits = reader.start();
                    blocks.restart();
                    left = self.restart_interval;
                }
                left -= 1;
                if reader.is_low(bits) {
                    let result;
                    (bits, result) = reader.more(bits);
                    result?;
                }
                blocks.block(reader.window(), &mut bits, (column, row))?;
            }
        }
        reader.finish(bits)
    }
}
