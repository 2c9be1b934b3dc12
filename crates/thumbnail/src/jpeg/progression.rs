//! Which scans of a progressive picture there are and which ones a scale needs (T.81 G.1.1.1).

use super::error::{Error, malformed};
use super::frame::Frame;
use super::scale::Scale;
use super::scan::ScanHeader;
use super::segments::{Segment, Segments, end_of_entropy, marker};
use crate::Measure;

/// Files of more scans are refused: their cost would bear no relation to their size.
const MOST_SCANS: u64 = 100;

/// One scan of a progressive picture.
pub(super) struct ScanSite {
    pub(crate) header: ScanHeader,
    /// Where its header lies in the source.
    pub(crate) offset: usize,
    /// Where the marker after its data is.
    pub(crate) end: usize,
    /// Whether the scale needs it.
    pub(crate) needed: bool,
}

/// Follows the structure of `source` to EOI: lists its scans and marks those that carry
/// coefficients a picture at `scale` needs.
pub(super) fn survey(mut segments: Segments, frame: &Frame, scale: Scale) -> Result<Vec<ScanSite>, Error> {
    let mut sites: Vec<ScanSite> = Vec::new();
    let mut scans = 0;
    let mut progress = vec![Progress::default(); frame.components.len()];
    loop {
        let segment = segments.next()?;
        match segment.marker {
            marker::EOI => break,
            marker::SOS => {
                let header = ScanHeader::parse(&segment, frame)?;
                for scanned in &header.components {
                    progress[scanned.index].advance(&segment, &header)?;
                }
                let end = end_of_entropy(segments.source(), segments.position())?;
                segments.seek(end);
                scans += 1;
                if scans <= MOST_SCANS {
                    sites.push(ScanSite { header, offset: segment.offset, end, needed: false });
                }
            }
            marker::SOI => return Err(segment.malformed("a second picture starts inside the first")),
            _ if segment.is_frame_header() && segment.offset != frame.offset => {
                return Err(segment.malformed("a second frame header"));
            }
            _ => {}
        }
    }
    if progress.iter().any(|progress| progress.left_out[0].is_none()) {
        return Err(malformed("a channel without data", segments.position()));
    }
    if scans > MOST_SCANS {
        return Err(Error::TooLarge { measure: Measure::Scans, limit: MOST_SCANS, actual: scans });
    }
    mark_needed(&mut sites, frame, scale);
    Ok(sites)
}

/// What the scans so far have given of one component.
#[derive(Clone)]
struct Progress {
    /// For each coefficient the bits still left out; `None` before its first scan.
    left_out: [Option<u8>; 64],
}

impl Default for Progress {
    fn default() -> Self {
        Self { left_out: [None; 64] }
    }
}

impl Progress {
    /// Checks a scan's parameters against the scans before it (T.81 G.1.1.1.1, G.1.1.1.2).
    fn advance(&mut self, segment: &Segment, scan: &ScanHeader) -> Result<(), Error> {
        let (start, end) = (usize::from(scan.band_start), usize::from(scan.band_end));
        let one_kind = if start == 0 { end == 0 } else { start <= end && end < 64 && scan.components.len() == 1 };
        if !one_kind {
            return Err(segment.malformed("an impossible scan: its band of coefficients"));
        }
        let (high, low) = (scan.approximation_high, scan.approximation_low);
        if low > 13 || (high != 0 && high != low + 1) {
            return Err(segment.malformed("an impossible scan: its bits"));
        }
        if start > 0 && self.left_out[0].is_none() {
            return Err(segment.malformed("an AC scan before the DC scan"));
        }
        for left_out in &mut self.left_out[start..=end] {
            if left_out.unwrap_or(0) != high || (high == 0 && left_out.is_some()) {
                return Err(segment.malformed("a scan that does not follow from those before it"));
            }
            *left_out = Some(low);
        }
        Ok(())
    }
}

/// A refinement scan can only be read knowing which coefficients of its band are nonzero, so what
/// it covers is needed too: hence backwards.
fn mark_needed(sites: &mut [ScanSite], frame: &Frame, scale: Scale) {
    let wanted = scale.coefficients();
    let mut needed = vec![wanted; frame.components.len()];
    for site in sites.iter_mut().rev() {
        let header = &site.header;
        let band = (u64::MAX >> (63 - header.band_end)) & (u64::MAX << header.band_start);
        for scanned in &header.components {
            let needed = &mut needed[scanned.index];
            if band & *needed != 0 {
                site.needed = true;
                *needed |= if header.approximation_high > 0 { band } else { 0 };
            }
        }
    }
}
