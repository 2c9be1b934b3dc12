//! The scan header (T.81 B.2.3) and the walk over a scan's blocks (A.2.2, A.2.3, E.1.4).

use super::entropy::{Bits, Damage, EntropyReader, Window};
use super::error::Error;
use super::frame::Frame;
use super::segments::Segment;

/// One component of a scan.
#[derive(Clone, Copy)]
pub(super) struct ScanComponent {
    /// Its place in the frame header.
    pub(crate) index: usize,
    /// Its DC table's destination Tdj.
    pub(crate) dc: usize,
    /// Its AC table's destination Taj.
    pub(crate) ac: usize,
}

/// A scan header.
pub(super) struct ScanHeader {
    pub(crate) components: Vec<ScanComponent>,
    /// First coefficient of the band, in zigzag order (Ss).
    pub(crate) band_start: u8,
    /// Last coefficient of the band (Se).
    pub(crate) band_end: u8,
    /// Bits of the coefficients that earlier scans left out (Ah).
    pub(crate) approximation_high: u8,
    /// Bits of the coefficients that this scan leaves out (Al).
    pub(crate) approximation_low: u8,
}

impl ScanHeader {
    /// Reads an SOS segment.
    pub(crate) fn parse(segment: &Segment, frame: &Frame) -> Result<Self, Error> {
        let Some((&count, rest)) = segment.body.split_first() else {
            return Err(segment.malformed("an empty scan header"));
        };
        let Some((specs, &[band_start, band_end, approximation])) = rest.split_at_checked(2 * usize::from(count))
        else {
            return Err(segment.malformed("the scan header's length does not fit its component count"));
        };
        let components = parse_components(segment, frame, specs)?;
        let (approximation_high, approximation_low) = (approximation >> 4, approximation & 15);
        Ok(Self { components, band_start, band_end, approximation_high, approximation_low })
    }
}

fn parse_components(segment: &Segment, frame: &Frame, specs: &[u8]) -> Result<Vec<ScanComponent>, Error> {
    let (specs, _) = specs.as_chunks::<2>();
    if !(1..=4).contains(&specs.len()) {
        return Err(segment.malformed("a scan of no or of more than 4 components"));
    }
    let mut components: Vec<ScanComponent> = Vec::with_capacity(4);
    for &[id, tables] in specs {
        let Some(index) = frame.components.iter().position(|component| component.id == id) else {
            return Err(segment.malformed("a scan of a component the frame does not have"));
        };
        if components.iter().any(|other| other.index == index) {
            return Err(segment.malformed("a component twice in one scan"));
        }
        let (dc, ac) = (usize::from(tables >> 4), usize::from(tables & 15));
        if dc > 3 || ac > 3 {
            return Err(segment.malformed("a Huffman table selector above 3"));
        }
        components.push(ScanComponent { index, dc, ac });
    }
    let blocks = |scanned: &ScanComponent| {
        let component = &frame.components[scanned.index];
        u32::from(component.horizontal) * u32::from(component.vertical)
    };
    if components.len() > 1 && components.iter().map(blocks).sum::<u32>() > 10 {
        return Err(segment.malformed("more than 10 blocks in an MCU"));
    }
    Ok(components)
}

/// Which block of which component.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The component's place in the scan header.
    pub(crate) slot: usize,
    pub(crate) column: usize,
    pub(crate) row: usize,
}

/// What is done with each block of a scan.
pub(super) trait BlockReader {
    /// A restart interval begins: forget predictions and end-of-band runs.
    fn restart(&mut self);

    /// Reads the block at `place`. The window holds all a block can take.
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage>;

    /// Reads the blocks of one MCU. The window holds all that they can take.
    #[inline(always)]
    fn mcu(&mut self, window: &Window, bits: &mut Bits, places: impl Iterator<Item = Place>) -> Result<(), Damage> {
        for place in places {
            self.block(window, bits, place)?;
        }
        Ok(())
    }
}

/// The order of a scan's blocks.
pub(super) struct Walk {
    /// MCUs across and down.
    mcus: (usize, usize),
    units: Vec<Unit>,
    restart_interval: u32,
}

/// One block of each MCU.
#[derive(Clone, Copy)]
struct Unit {
    slot: usize,
    /// The block's place within the MCU.
    column: usize,
    row: usize,
    /// Blocks of the component an MCU has across and down.
    wide: usize,
    high: usize,
}

impl Walk {
    /// The walk of a scan over these components. A scan of a single component goes block by block
    /// without filling up MCUs (T.81 A.2.2).
    pub(crate) fn new(frame: &Frame, components: &[ScanComponent], restart_interval: u16) -> Self {
        let restart_interval = u32::from(restart_interval);
        if let [only] = components {
            let grid = frame.grid(&frame.components[only.index]);
            let units = vec![Unit { slot: 0, column: 0, row: 0, wide: 1, high: 1 }];
            return Self { mcus: (grid.wide, grid.high), units, restart_interval };
        }
        let mut units = Vec::with_capacity(10);
        for (slot, scanned) in components.iter().enumerate() {
            let component = &frame.components[scanned.index];
            let (wide, high) = (usize::from(component.horizontal), usize::from(component.vertical));
            let places = (0..high).flat_map(|row| (0..wide).map(move |column| (row, column)));
            units.extend(places.map(|(row, column)| Unit { slot, column, row, wide, high }));
        }
        Self { mcus: frame.mcus(), units, restart_interval }
    }

    /// How many blocks the scan has.
    pub(crate) fn blocks(&self) -> u64 {
        self.mcus.0 as u64 * self.mcus.1 as u64 * self.units.len() as u64
    }

    /// Reads the whole scan; gives the position of the marker after it.
    pub(crate) fn run(&self, mut reader: EntropyReader, blocks: &mut impl BlockReader) -> Result<usize, Error> {
        match self.read_mcus(&mut reader, blocks) {
            Ok(()) => Ok(reader.end()),
            Err(damage) => Err(reader.damaged(damage)),
        }
    }

    #[inline(always)]
    fn read_mcus(&self, reader: &mut EntropyReader, blocks: &mut impl BlockReader) -> Result<(), Damage> {
        let mut bits = reader.start();
        let interval = if self.restart_interval == 0 { u32::MAX } else { self.restart_interval };
        let mut left = interval;
        for row in 0..self.mcus.1 {
            for column in 0..self.mcus.0 {
                if left == 0 {
                    reader.restart(bits)?;
                    bits = reader.start();
                    blocks.restart();
                    left = interval;
                }
                left -= u32::from(interval != u32::MAX);
                if reader.is_low(bits) {
                    let result;
                    (bits, result) = reader.more(bits);
                    result?;
                }
                let places = self.units.iter().map(|unit| Place {
                    slot: unit.slot,
                    column: column * unit.wide + unit.column,
                    row: row * unit.high + unit.row,
                });
                blocks.mcu(reader.window(), &mut bits, places)?;
            }
        }
        reader.finish(bits)
    }
}
