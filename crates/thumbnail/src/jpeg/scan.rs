//! The scan header (T.81 B.2.3).

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
