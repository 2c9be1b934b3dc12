//! The marker structure of a source (T.81 B.1): markers, segments, and the way past
//! entropy-coded data.

use super::error::{Error, malformed, truncated};
use crate::permission::Permission;
use memchr::memchr_iter;

/// Marker codes (T.81 table B.1): the byte after 0xFF.
pub(super) mod marker {
    pub(crate) const TEM: u8 = 0x01;
    pub(crate) const SOF0: u8 = 0xC0;
    pub(crate) const SOF15: u8 = 0xCF;
    pub(crate) const DHT: u8 = 0xC4;
    pub(crate) const JPG: u8 = 0xC8;
    pub(crate) const DAC: u8 = 0xCC;
    pub(crate) const RST0: u8 = 0xD0;
    pub(crate) const RST7: u8 = 0xD7;
    pub(crate) const SOI: u8 = 0xD8;
    pub(crate) const EOI: u8 = 0xD9;
    pub(crate) const SOS: u8 = 0xDA;
    pub(crate) const DQT: u8 = 0xDB;
    pub(crate) const DRI: u8 = 0xDD;
    pub(crate) const DHP: u8 = 0xDE;
    pub(crate) const EXP: u8 = 0xDF;
    pub(crate) const APP0: u8 = 0xE0;
    pub(crate) const APP1: u8 = 0xE1;
    pub(crate) const APP2: u8 = 0xE2;
    pub(crate) const APP14: u8 = 0xEE;
}

/// One marker with its parameters.
#[derive(Clone, Copy)]
pub(super) struct Segment<'a> {
    pub(crate) marker: u8,
    /// The bytes after the length field; empty for markers that stand alone.
    pub(crate) body: &'a [u8],
    /// Where `body` begins in the source.
    pub(crate) offset: usize,
}

impl Segment<'_> {
    /// Whether the marker is one of the frame headers SOF0 to SOF15.
    pub(crate) fn is_frame_header(&self) -> bool {
        (marker::SOF0..=marker::SOF15).contains(&self.marker)
            && !matches!(self.marker, marker::DHT | marker::JPG | marker::DAC)
    }

    /// A [`Error::Malformed`] about this segment.
    pub(crate) fn malformed(&self, what: &str) -> Error {
        malformed(what, self.offset)
    }
}

/// Reads segments one after another.
#[derive(Clone)]
pub(super) struct Segments<'a> {
    source: &'a [u8],
    position: usize,
    permission: Permission<'a>,
    /// How many there may still be.
    left: u32,
}

/// Pictures have a few dozen; millions of empty ones are there to take time.
const MOST_SEGMENTS: u32 = 100_000;

impl<'a> Segments<'a> {
    /// Starts after the SOI every source must begin with.
    pub(crate) fn new(source: &'a [u8], permission: Permission<'a>) -> Result<Self, Error> {
        if !source.starts_with(&[0xFF, marker::SOI]) {
            return Err(malformed("no SOI", 0));
        }
        Ok(Self { source, position: 2, permission, left: MOST_SEGMENTS })
    }

    /// All of the source.
    pub(crate) fn source(&self) -> &'a [u8] {
        self.source
    }

    /// Where the next marker is expected.
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Goes on at `position`, the end of entropy-coded data.
    pub(crate) fn seek(&mut self, position: usize) {
        self.position = position;
    }

    /// The next segment, EOI included.
    pub(crate) fn next(&mut self) -> Result<Segment<'a>, Error> {
        self.permission.ask()?;
        self.left = self.left.checked_sub(1).ok_or_else(|| malformed("far too many segments", self.position))?;
        let marker = self.marker()?;
        if stands_alone(marker) {
            return Ok(Segment { marker, body: &[], offset: self.position });
        }
        let start = self.position;
        let length = match self.source.get(start..start + 2) {
            Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
            _ => return Err(truncated(self.source, "inside a segment")),
        };
        if length < 2 {
            return Err(malformed("a segment of impossible length", start));
        }
        let Some(body) = self.source.get(start + 2..start + length) else {
            return Err(truncated(self.source, "inside a segment"));
        };
        self.position = start + length;
        Ok(Segment { marker, body, offset: start + 2 })
    }

    fn marker(&mut self) -> Result<u8, Error> {
        let start = self.position;
        let rest = self.source.get(start..).unwrap_or_default();
        if rest.first().is_some_and(|&byte| byte != 0xFF) {
            return Err(malformed("no marker where one is due", start));
        }
        // Any number of 0xFF fill bytes may come before a marker (T.81 B.1.1.2).
        let Some(fill) = rest.iter().position(|&byte| byte != 0xFF) else {
            return Err(truncated(self.source, "before the picture does"));
        };
        self.position = start + fill + 1;
        match rest[fill] {
            0 => Err(malformed("entropy-coded data outside a scan", start)),
            marker => Ok(marker),
        }
    }
}

/// Where the entropy-coded data that starts at `start` ends: at the first marker other than RSTn.
pub(super) fn end_of_entropy(source: &[u8], start: usize) -> Result<usize, Error> {
    let data = source.get(start..).unwrap_or_default();
    for found in memchr_iter(0xFF, data) {
        match data.get(found + 1) {
            // 0xFF before 0xFF is a fill byte; the search comes to the second one next.
            Some(0 | 0xFF | marker::RST0..=marker::RST7) => {}
            Some(_) => return Ok(start + found),
            None => break,
        }
    }
    Err(truncated(source, "inside a scan"))
}

fn stands_alone(marker: u8) -> bool {
    matches!(marker, marker::TEM | marker::RST0..=marker::RST7 | marker::SOI | marker::EOI)
}
