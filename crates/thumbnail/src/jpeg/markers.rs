//! The structure of a JPEG file: a first part with tables, metadata and the frame header, then scans up to EOI.

use image::metadata::Orientation;

use crate::{Error, exif};

const SOI: u8 = 0xd8;
const EOI: u8 = 0xd9;
const SOS: u8 = 0xda;
const APP0: u8 = 0xe0;
const APP1: u8 = 0xe1;
const APP14: u8 = 0xee;
const APP15: u8 = 0xef;

/// The most segments before the end of the picture. Real files have some hundred at most (extended XMP); the decoder
/// takes more than linear time over them.
const MAX_SEGMENTS: usize = 4096;

/// What the part before the first scan says.
pub(crate) struct Header {
    /// As stored, before orientation; not zero.
    pub(crate) width: u32,
    /// As stored, before orientation; not zero.
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    pub(crate) progressive: bool,
    /// One, three or four of them.
    pub(crate) components: Vec<Component>,
    pub(crate) max_h: u8,
    pub(crate) max_v: u8,
    /// The colour transform of the Adobe segment: 0 RGB or CMYK, 1 YCbCr, 2 YCCK.
    pub(crate) adobe_transform: Option<u8>,
    /// The first scan does not carry all components, so others follow.
    pub(crate) several_scans: bool,
    /// Lengths of the segments that the decoder may copy.
    pub(crate) metadata_bytes: u64,
    first_scan: usize,
}

/// A component, and how it is sampled, relative to `max_h` and `max_v`.
pub(crate) struct Component {
    id: u8,
    pub(super) h: u8,
    pub(super) v: u8,
}

impl Header {
    /// Columns and rows of MCUs.
    pub(crate) fn mcus(&self) -> (u64, u64) {
        let count = |side: u32, factor: u8| u64::from(side.div_ceil(8 * u32::from(factor)));
        (count(self.width, self.max_h), count(self.height, self.max_v))
    }

    /// 8x8 blocks of all components together, padding included.
    pub(crate) fn blocks(&self) -> u64 {
        let (columns, rows) = self.mcus();
        let in_mcu: u64 = self.components.iter().map(|c| u64::from(c.h) * u64::from(c.v)).sum();
        columns * rows * in_mcu
    }
}

/// Reads up to the first scan.
pub(super) fn header(source: &[u8]) -> Result<Header, Error> {
    let mut at = 2;
    let mut frame: Option<Header> = None;
    let (mut orientation, mut adobe_transform, mut metadata_bytes) = (None, None, 0);
    for _ in 0..MAX_SEGMENTS {
        let segment = next_segment(source, at)?;
        match segment.marker {
            SOS => {
                let Some(frame) = frame else { return Err(segment.malformed("a scan before the frame header")) };
                let scan_components = usize::from(segment.byte(0)?);
                let several_scans = scan_components < frame.components.len();
                let orientation = orientation.unwrap_or(Orientation::NoTransforms);
                let first_scan = at;
                return Ok(Header { orientation, adobe_transform, several_scans, metadata_bytes, first_scan, ..frame });
            }
            EOI => return Err(segment.malformed("the picture ends before any scan")),
            APP1 => orientation = orientation.or_else(|| exif::orientation(segment.data.strip_prefix(b"Exif\0\0")?)),
            APP14 if segment.data.starts_with(b"Adobe") => adobe_transform = segment.data.get(11).copied(),
            marker if is_frame(marker) && frame.is_some() => return Err(segment.malformed("a second frame header")),
            marker if is_frame(marker) => frame = Some(read_frame(&segment)?),
            _ => (),
        }
        if (APP0..=APP15).contains(&segment.marker) {
            metadata_bytes += segment.data.len() as u64;
        }
        at = segment.end;
    }
    Err(Error::malformed(format!("more than {MAX_SEGMENTS} segments before the first scan")))
}

/// Follows the file from the first scan to the end of the picture, without decoding; so a file cut off anywhere is
/// an error, and so is a component that no scan begins. What comes after the end (further pictures, a film) is left
/// alone.
pub(super) fn count_scans(source: &[u8], header: &Header) -> Result<u64, Error> {
    let mut at = header.first_scan;
    let (mut scans, mut others) = (0, 0);
    let mut begun = vec![false; header.components.len()];
    loop {
        let segment = next_segment(source, at)?;
        at = segment.end;
        match segment.marker {
            EOI if begun.contains(&false) => return Err(segment.malformed("a channel without data")),
            EOI => return Ok(scans),
            SOS => {
                check_scan(&segment, header, &mut begun)?;
                scans += 1;
                at = end_of_scan_data(source, segment.end)?;
            }
            marker if is_frame(marker) => return Err(segment.malformed("a second frame header")),
            _ if others == MAX_SEGMENTS => return Err(segment.malformed("too many segments between the scans")),
            _ => others += 1,
        }
    }
}

/// Checks which part of which components a scan claims to carry, and notes those that it begins.
fn check_scan(segment: &Segment, header: &Header, begun: &mut [bool]) -> Result<(), Error> {
    let count = usize::from(segment.byte(0)?);
    let after = 1 + 2 * count;
    let (start, end, precision) = (segment.byte(after)?, segment.byte(after + 1)?, segment.byte(after + 2)?);
    let (high, low) = (precision >> 4, precision & 15);
    if header.progressive {
        // DC and AC values come in different scans, each refinement brings one bit more.
        let wrong_part = end > 63 || start > end || (start == 0 && end != 0) || (start != 0 && count != 1);
        if wrong_part || low > 13 || (high != 0 && high != low + 1) {
            return Err(segment.malformed(&format!("an impossible scan: {start} to {end}, bits {high} to {low}")));
        }
    }
    for i in 0..count {
        let id = segment.byte(1 + 2 * i)?;
        let Some(index) = header.components.iter().position(|component| component.id == id) else {
            return Err(segment.malformed("a scan of an unknown channel"));
        };
        begun[index] |= start == 0;
    }
    Ok(())
}

/// A marker, its contents, and where both are.
struct Segment<'a> {
    marker: u8,
    data: &'a [u8],
    /// Offset of the marker.
    at: usize,
    /// Offset of the first byte after the segment.
    end: usize,
}

impl Segment<'_> {
    fn malformed(&self, what: &str) -> Error {
        Error::malformed(format!("{what} (marker FF{:02X} at byte {})", self.marker, self.at))
    }

    fn byte(&self, index: usize) -> Result<u8, Error> {
        self.data.get(index).copied().ok_or_else(|| self.malformed("a segment is too short"))
    }

    fn two_bytes(&self, index: usize) -> Result<u16, Error> {
        Ok(u16::from_be_bytes([self.byte(index)?, self.byte(index + 1)?]))
    }
}

/// The next marker from `at` on, with its segment where it has one. Other bytes before it are skipped, as all
/// decoders do.
fn next_segment(source: &[u8], mut at: usize) -> Result<Segment<'_>, Error> {
    let (marker, after) = loop {
        let found = source.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff));
        let Some(found) = found else { return Err(cut_off(source)) };
        at += found;
        match source.get(at + 1) {
            None => return Err(cut_off(source)),
            Some(0) => at += 2,
            Some(0xff) => at += 1,
            // Without contents: TEM and restarts that have lost their scan.
            Some(0x01 | 0xd0..=0xd7) => at += 2,
            Some(&marker) => break (marker, at + 2),
        }
    };
    match marker {
        EOI => return Ok(Segment { marker, data: &[], at, end: after }),
        SOI => return Err(Error::malformed(format!("a second picture starts inside the first, at byte {at}"))),
        _ => (),
    }
    let Some(length) = source.get(after..).and_then(|rest| rest.first_chunk()) else { return Err(cut_off(source)) };
    let length = usize::from(u16::from_be_bytes(*length));
    if length < 2 {
        return Err(Error::malformed(format!("a segment of impossible length (marker FF{marker:02X} at byte {at})")));
    }
    let Some(data) = source.get(after + 2..after + length) else { return Err(cut_off(source)) };
    Ok(Segment { marker, data, at, end: after + length })
}

/// Skips Huffman-coded data, in which only stuffed zeros, fill bytes and restart markers may follow 0xFF.
fn end_of_scan_data(source: &[u8], mut at: usize) -> Result<usize, Error> {
    loop {
        let found = source.get(at..).and_then(|rest| rest.iter().position(|&b| b == 0xff));
        let Some(found) = found else {
            return Err(Error::malformed(format!("truncated in scan data at byte {}", source.len())));
        };
        at += found;
        match source.get(at + 1) {
            None => return Err(Error::malformed(format!("truncated in scan data at byte {}", source.len()))),
            Some(0 | 0xd0..=0xd7) => at += 2,
            Some(0xff) => at += 1,
            Some(_) => return Ok(at),
        }
    }
}

fn cut_off(source: &[u8]) -> Error {
    Error::malformed(format!("truncated: the file ends at byte {} before the picture does", source.len()))
}

/// Start of frame, of whatever kind; C4, C8 and CC are Huffman tables, a reserved code and arithmetic conditioning.
fn is_frame(marker: u8) -> bool {
    matches!(marker, 0xc0..=0xcf | 0xde) && !matches!(marker, 0xc4 | 0xc8 | 0xcc)
}

fn read_frame(segment: &Segment) -> Result<Header, Error> {
    let kind = match segment.marker {
        0xc0..=0xc2 => None,
        0xc3 => Some("lossless"),
        0xc5..=0xc7 | 0xde => Some("hierarchical"),
        0xc9 | 0xca => Some("with arithmetic coding"),
        0xcb => Some("lossless, with arithmetic coding"),
        _ => Some("hierarchical, with arithmetic coding"),
    };
    if let Some(kind) = kind {
        return Err(Error::unsupported(format!("a JPEG of a rare kind: {kind}")));
    }
    match segment.byte(0)? {
        8 => (),
        12 => return Err(Error::unsupported("a JPEG of a rare kind: 12 bits a channel")),
        bits => return Err(segment.malformed(&format!("{bits} bits a channel"))),
    }
    let (height, width) = (u32::from(segment.two_bytes(1)?), u32::from(segment.two_bytes(3)?));
    if width == 0 || height == 0 {
        return Err(segment.malformed(&format!("the size is {width} x {height}: no pixels")));
    }
    let components = read_components(segment)?;
    let max = |factor: fn(&Component) -> u8| components.iter().map(factor).max().unwrap_or(1);
    let (max_h, max_v) = (max(|c| c.h), max(|c| c.v));
    Ok(Header {
        width,
        height,
        orientation: Orientation::NoTransforms,
        progressive: segment.marker == 0xc2,
        components,
        max_h,
        max_v,
        adobe_transform: None,
        several_scans: false,
        metadata_bytes: 0,
        first_scan: 0,
    })
}

fn read_components(segment: &Segment) -> Result<Vec<Component>, Error> {
    let count = match segment.byte(5)? {
        count @ (1 | 3 | 4) => usize::from(count),
        2 => return Err(Error::unsupported("a JPEG of a rare kind: two channels")),
        count => return Err(segment.malformed(&format!("{count} channels"))),
    };
    let mut components = Vec::with_capacity(count);
    for i in 0..count {
        let (id, factors) = (segment.byte(6 + i * 3)?, segment.byte(6 + i * 3 + 1)?);
        let (h, v) = (factors >> 4, factors & 15);
        if !(1..=4).contains(&h) || !(1..=4).contains(&v) {
            return Err(segment.malformed(&format!("sampling factors {h} x {v}")));
        }
        // A picture of one component has no MCUs: its factors mean nothing.
        components.push(if count == 1 { Component { id, h: 1, v: 1 } } else { Component { id, h, v } });
    }
    Ok(components)
}
