//! The chunks of a PNG file: which there are, and those of the picture alone as a stream.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use image::metadata::Orientation;

use crate::raster::Model;
use crate::sniff::PNG_SIGNATURE;
use crate::{Error, exif};

/// Length and kind before a chunk's data, CRC after it.
const FRAME_BYTES: usize = 12;

/// What the chunks say before the picture is decoded.
pub(crate) struct Header {
    /// As stored, before orientation; 1 to 2^31 - 1.
    pub(crate) width: u32,
    /// As stored, before orientation; 1 to 2^31 - 1.
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    /// What the pixels are at most, once palette, low depths and transparent colours are expanded.
    pub(crate) model: Model,
    /// As stored.
    pub(crate) bits_per_pixel: u32,
    pub(crate) interlaced: bool,
    colour_type: u8,
}

/// Reads the header and walks over all chunks, so a file cut off anywhere is an error. The data is not looked at.
pub(crate) fn header(source: &[u8]) -> Result<Header, Error> {
    let mut header = read_ihdr(&Chunk::read(source, PNG_SIGNATURE.len())?)?;
    let mut at = PNG_SIGNATURE.len() + FRAME_BYTES + 13;
    let mut orientation = None;
    let mut idat = Idat::Before;
    loop {
        let chunk = Chunk::read(source, at)?;
        at = chunk.end();
        if idat == Idat::Inside && chunk.kind != *b"IDAT" {
            idat = Idat::After;
        }
        match &chunk.kind {
            b"IDAT" if idat == Idat::After => return Err(chunk.malformed("is not consecutive with the others")),
            b"IDAT" => idat = Idat::Inside,
            b"IEND" if idat == Idat::Before => return Err(Error::malformed("PNG without picture data (IDAT chunk)")),
            b"IEND" => break,
            b"IHDR" => return Err(chunk.malformed("is there twice")),
            b"PLTE" => (),
            b"tRNS" if idat == Idat::Before && is_usable_trns(&chunk, header.colour_type) => {
                header.model = with_alpha(header.model);
            }
            b"eXIf" if chunk.crc_matches() => orientation = orientation.or_else(|| exif::orientation(chunk.data)),
            kind if is_critical(kind) => {
                return Err(chunk.malformed("is of an unknown kind that the picture depends on"));
            }
            _ => (),
        }
    }
    header.orientation = orientation.unwrap_or(Orientation::NoTransforms);
    Ok(header)
}

/// Where a walk over the chunks is, relative to the picture data.
#[derive(Clone, Copy, PartialEq)]
enum Idat {
    Before,
    Inside,
    After,
}

struct Chunk<'a> {
    kind: [u8; 4],
    data: &'a [u8],
    /// With the kind before it: what the CRC covers.
    kind_and_data: &'a [u8],
    crc: [u8; 4],
    /// Offset of the length field.
    at: usize,
}

impl<'a> Chunk<'a> {
    fn read(source: &'a [u8], at: usize) -> Result<Self, Error> {
        let whole = || -> Option<Self> {
            let rest = source.get(at..)?;
            let (length, rest) = rest.split_first_chunk::<4>()?;
            let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
            let (kind_and_data, rest) = rest.split_at_checked(length.checked_add(4)?)?;
            let (kind, data) = kind_and_data.split_first_chunk::<4>()?;
            Some(Self { kind: *kind, data, kind_and_data, crc: *rest.first_chunk()?, at })
        };
        whole().ok_or_else(|| {
            let end = source.len();
            Error::malformed(format!("truncated: the file ends at byte {end}, inside the PNG chunk at byte {at}"))
        })
    }

    fn end(&self) -> usize {
        self.at + FRAME_BYTES + self.data.len()
    }

    fn crc_matches(&self) -> bool {
        crc32fast::hash(self.kind_and_data).to_be_bytes() == self.crc
    }

    fn malformed(&self, what: &str) -> Error {
        Error::malformed(format!("{} chunk at byte {} {what}", self.kind.escape_ascii(), self.at))
    }
}

/// The fifth bit of the first letter is clear.
fn is_critical(kind: &[u8; 4]) -> bool {
    kind[0] & 0x20 == 0
}

fn read_ihdr(chunk: &Chunk) -> Result<Header, Error> {
    match &chunk.kind {
        b"IHDR" => (),
        b"CgBI" => return Err(Error::unsupported("a PNG in Apple's own variant (CgBI), made for iOS applications")),
        _ => return Err(chunk.malformed("stands where the header (IHDR chunk) should")),
    }
    let Ok(fields) = <[u8; 13]>::try_from(chunk.data) else { return Err(chunk.malformed("has the wrong length")) };
    if !chunk.crc_matches() {
        return Err(chunk.malformed("has a bad CRC"));
    }
    let [w0, w1, w2, w3, h0, h1, h2, h3, depth, colour_type, compression, filter, interlace] = fields;
    let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
    if width == 0 || height == 0 {
        return Err(chunk.malformed(&format!("gives the size {width} x {height}: no pixels")));
    }
    if width.max(height) > i32::MAX as u32 {
        return Err(chunk.malformed(&format!("gives the impossible size {width} x {height}")));
    }
    if compression != 0 || filter != 0 || interlace > 1 {
        return Err(chunk.malformed("names an unknown compression, filter or interlace method"));
    }
    let (samples, model) = match (colour_type, depth) {
        (0, 1 | 2 | 4 | 8 | 16) => (1, Model::Gray),
        (2, 8 | 16) => (3, Model::Rgb),
        (3, 1 | 2 | 4 | 8) => (1, Model::Rgb),
        (4, 8 | 16) => (2, Model::GrayAlpha),
        (6, 8 | 16) => (4, Model::Rgba),
        _ => return Err(chunk.malformed(&format!("gives the colour type {colour_type} with {depth} bits"))),
    };
    let (bits_per_pixel, interlaced) = (samples * u32::from(depth), interlace == 1);
    Ok(Header { width, height, orientation: Orientation::NoTransforms, model, bits_per_pixel, interlaced, colour_type })
}

fn with_alpha(model: Model) -> Model {
    match model {
        Model::Gray => Model::GrayAlpha,
        _ => Model::Rgba,
    }
}

/// A damaged one is ignored, like any damaged chunk that is not critical.
fn is_usable_trns(chunk: &Chunk, colour_type: u8) -> bool {
    let fits = match colour_type {
        0 => chunk.data.len() == 2,
        2 => chunk.data.len() == 6,
        3 => (1..=256).contains(&chunk.data.len()),
        _ => false,
    };
    fits && chunk.crc_matches()
}

/// A PNG file's signature and the chunks of its default picture, as if there were no others.
///
/// Made only for files that [`header`] has accepted.
pub(super) struct PictureChunks<'a> {
    source: &'a [u8],
    /// What is being read, up to the offset `next`.
    current: &'a [u8],
    next: usize,
    colour_type: u8,
    seen_idat: bool,
}

impl<'a> PictureChunks<'a> {
    pub(super) fn new(source: &'a [u8], header: &Header) -> Self {
        let start = PNG_SIGNATURE.len();
        let (current, next) = (source.get(..start).unwrap_or_default(), start);
        Self { source, current, next, colour_type: header.colour_type, seen_idat: false }
    }

    fn keeps(&self, chunk: &Chunk) -> bool {
        match &chunk.kind {
            b"IHDR" | b"PLTE" | b"IDAT" | b"IEND" => true,
            b"tRNS" => !self.seen_idat && is_usable_trns(chunk, self.colour_type),
            _ => false,
        }
    }
}

impl BufRead for PictureChunks<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() {
            let Ok(chunk) = Chunk::read(self.source, self.next) else { break };
            if self.keeps(&chunk) {
                self.current = self.source.get(self.next..chunk.end()).unwrap_or_default();
                self.seen_idat |= chunk.kind == *b"IDAT";
            }
            self.next = chunk.end();
        }
        Ok(self.current)
    }

    fn consume(&mut self, amount: usize) {
        self.current = self.current.get(amount..).unwrap_or_default();
    }
}

impl Read for PictureChunks<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.fill_buf()?.read(buffer)?;
        self.consume(read);
        Ok(read)
    }
}

/// The decoder asks for this trait but never seeks.
impl Seek for PictureChunks<'_> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
