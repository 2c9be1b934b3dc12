//! The frame header (T.81 B.2.2) and the block geometry that follows from it (A.1, A.2).

use super::error::{Error, unsupported};
use super::scale::Scale;
use super::segments::Segment;

/// The coding process of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// SOF0: baseline sequential.
    Baseline,
    /// SOF1: extended sequential, Huffman-coded, 8 bits.
    ExtendedSequential,
    /// SOF2: progressive, Huffman-coded, 8 bits.
    Progressive,
}

/// One component of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Component {
    /// The component identifier Ci.
    pub(crate) id: u8,
    /// The horizontal sampling factor Hi.
    pub(crate) horizontal: u8,
    /// The vertical sampling factor Vi.
    pub(crate) vertical: u8,
    /// The quantisation table's destination Tqi.
    pub(crate) quantisation: u8,
}

/// A frame header with its derived sizes.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(crate) process: Process,
    pub(crate) width: u16,
    pub(crate) height: u16,
    pub(crate) components: Vec<Component>,
    /// Where the header lies in the source.
    pub(crate) offset: usize,
    horizontal_max: u8,
    vertical_max: u8,
}

/// The size of one component in 8x8 blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BlockGrid {
    /// Blocks that hold part of the picture, horizontally.
    pub(crate) wide: usize,
    /// Blocks that hold part of the picture, vertically.
    pub(crate) high: usize,
    /// `wide` filled up to whole MCUs.
    pub(crate) stored_wide: usize,
    /// `high` filled up to whole MCUs.
    pub(crate) stored_high: usize,
}

impl BlockGrid {
    /// How many blocks are stored.
    pub(crate) fn stored(&self) -> u64 {
        self.stored_wide as u64 * self.stored_high as u64
    }
}

impl Frame {
    /// Reads an SOFn segment.
    pub(crate) fn parse(segment: &Segment) -> Result<Self, Error> {
        let process = process_of(segment.marker)?;
        let &[precision, y1, y0, x1, x0, count, ref specs @ ..] = segment.body else {
            return Err(segment.malformed("the frame header is too short"));
        };
        check_precision(segment, process, precision)?;
        if specs.len() != 3 * usize::from(count) {
            return Err(segment.malformed("the frame header's length does not fit its component count"));
        }
        let (width, height) = (u16::from_be_bytes([x1, x0]), u16::from_be_bytes([y1, y0]));
        if width == 0 {
            return Err(segment.malformed(&format!("the size is {width} x {height}: no pixels")));
        }
        if height == 0 {
            return Err(unsupported("its height comes after the picture (DNL)"));
        }
        let components = parse_components(segment, specs)?;
        let horizontal_max = components.iter().map(|component| component.horizontal).max().unwrap_or(1);
        let vertical_max = components.iter().map(|component| component.vertical).max().unwrap_or(1);
        Ok(Self { process, width, height, components, offset: segment.offset, horizontal_max, vertical_max })
    }

    /// The MCUs of an interleaved scan: across and down.
    pub(crate) fn mcus(&self) -> (usize, usize) {
        (
            usize::from(self.width).div_ceil(8 * usize::from(self.horizontal_max)),
            usize::from(self.height).div_ceil(8 * usize::from(self.vertical_max)),
        )
    }

    /// The blocks of one component.
    pub(crate) fn grid(&self, component: &Component) -> BlockGrid {
        let samples =
            |side: u16, factor: u8, max: u8| (usize::from(side) * usize::from(factor)).div_ceil(usize::from(max));
        let (across, down) = self.mcus();
        BlockGrid {
            wide: samples(self.width, component.horizontal, self.horizontal_max).div_ceil(8),
            high: samples(self.height, component.vertical, self.vertical_max).div_ceil(8),
            stored_wide: across * usize::from(component.horizontal),
            stored_high: down * usize::from(component.vertical),
        }
    }

    /// The exact size of the picture in samples of the component's plane at `scale`.
    pub(crate) fn window(&self, component: &Component, scale: Scale) -> (f64, f64) {
        let exact = |side: u16, factor: u8, max: u8| {
            f64::from(side) * f64::from(factor) * scale.block_side() as f64 / (8.0 * f64::from(max))
        };
        (
            exact(self.width, component.horizontal, self.horizontal_max),
            exact(self.height, component.vertical, self.vertical_max),
        )
    }
}

fn process_of(marker: u8) -> Result<Process, Error> {
    match marker & 0x0F {
        0 => Ok(Process::Baseline),
        1 => Ok(Process::ExtendedSequential),
        2 => Ok(Process::Progressive),
        3 => Err(unsupported("lossless")),
        9 | 10 => Err(unsupported("with arithmetic coding")),
        11 => Err(unsupported("lossless, with arithmetic coding")),
        _ => Err(unsupported("hierarchical")),
    }
}

fn check_precision(segment: &Segment, process: Process, precision: u8) -> Result<(), Error> {
    match (process, precision) {
        (_, 8) => Ok(()),
        (Process::ExtendedSequential | Process::Progressive, 12) => Err(unsupported("12 bits a channel")),
        _ => Err(segment.malformed(&format!("{precision} bits a channel"))),
    }
}

fn parse_components(segment: &Segment, specs: &[u8]) -> Result<Vec<Component>, Error> {
    let (specs, _) = specs.as_chunks::<3>();
    let mut components: Vec<Component> = Vec::with_capacity(4);
    match specs.len() {
        1 | 3 | 4 => {}
        2 => return Err(unsupported("two channels")),
        count => return Err(segment.malformed(&format!("{count} channels"))),
    }
    for &[id, factors, quantisation] in specs {
        let (horizontal, vertical) = (factors >> 4, factors & 15);
        if !(1..=4).contains(&horizontal) || !(1..=4).contains(&vertical) {
            return Err(segment.malformed("a sampling factor outside 1 to 4"));
        }
        if quantisation > 3 {
            return Err(segment.malformed("a quantisation table selector above 3"));
        }
        if components.iter().any(|other| other.id == id) {
            return Err(segment.malformed("two components with one identifier"));
        }
        components.push(Component { id, horizontal, vertical, quantisation });
    }
    // A single component is never interleaved, so its factors mean nothing (T.81 A.2.2).
    if let [only] = components.as_mut_slice() {
        (only.horizontal, only.vertical) = (1, 1);
    }
    Ok(components)
}
