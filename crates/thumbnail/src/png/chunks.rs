//! The chunks of a PNG file: which there are, and those that carry the picture data.

use image::metadata::Orientation;

use crate::profile::Embedded;
use crate::raster::Model;
use crate::sniff::PNG_SIGNATURE;
use crate::{Error, exif};

/// Length and kind before a chunk's data, CRC after it.
const FRAME_BYTES: usize = 12;

/// What the chunks say before the picture is decoded.
pub(crate) struct Header<'a> {
    /// As stored, before orientation; 1 to 2^31 - 1.
    pub(crate) width: u32,
    /// As stored, before orientation; 1 to 2^31 - 1.
    pub(crate) height: u32,
    pub(crate) orientation: Orientation,
    pub(crate) profile: Embedded<'a>,
    /// What the pixels are at most, once palette, low depths and transparent colours are expanded.
    pub(crate) model: Model,
    /// As stored.
    pub(crate) bits_per_pixel: u32,
    pub(crate) interlaced: bool,
    pub(super) colour_type: u8,
    /// Bits a sample.
    pub(super) depth: u8,
    /// Colours of three bytes; not empty where the colour type needs them.
    pub(super) palette: &'a [u8],
    /// What is transparent; of the length that goes with the colour type.
    pub(super) trns: Option<&'a [u8]>,
    first_idat: usize,
}

/// Reads the header and walks over all chunks, so a file cut off anywhere is an error. The data is not looked at.
pub(crate) fn header(source: &[u8]) -> Result<Header<'_>, Error> {
    let mut header = read_ihdr(&Chunk::read(source, PNG_SIGNATURE.len())?)?;
    let mut at = PNG_SIGNATURE.len() + FRAME_BYTES + 13;
    let (mut orientation, mut code_points, mut iccp) = (None, None, None);
    let mut idat = Idat::Before;
    loop {
        let chunk = Chunk::read(source, at)?;
        at = chunk.end();
        if idat == Idat::Inside && chunk.kind != *b"IDAT" {
            idat = Idat::After;
        }
        match &chunk.kind {
            b"IDAT" if idat == Idat::After => return Err(chunk.malformed("is not consecutive with the others")),
            b"IDAT" if idat == Idat::Before => (idat, header.first_idat) = (Idat::Inside, chunk.at),
            b"IDAT" => (),
            b"IEND" if idat == Idat::Before => return Err(Error::malformed("PNG without picture data (IDAT chunk)")),
            b"IEND" => break chunk.check_crc()?,
            b"IHDR" => return Err(chunk.malformed("is there twice")),
            b"PLTE" => read_plte(&mut header, &chunk, idat)?,
            b"tRNS" if idat == Idat::Before && is_usable_trns(&chunk, header.colour_type) => {
                (header.model, header.trns) = (header.model.with_alpha(), Some(chunk.data));
            }
            b"eXIf" if chunk.crc_matches() => orientation = orientation.or_else(|| exif::orientation(chunk.data)),
            b"cICP" if idat == Idat::Before && chunk.crc_matches() => code_points = Embedded::from_cicp(chunk.data),
            b"iCCP" if idat == Idat::Before && iccp.is_none() => iccp = Some(read_iccp(&chunk)),
            kind if is_critical(kind) => {
                return Err(chunk.malformed("is of an unknown kind that the picture depends on"));
            }
            _ => (),
        }
    }
    header.orientation = orientation.unwrap_or(Orientation::NoTransforms);
    if header.colour_type == 3 && header.palette.is_empty() {
        return Err(Error::malformed("PNG: the palette (PLTE chunk) is missing"));
    }
    header.profile = code_points.or(iccp).unwrap_or(Embedded::None);
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

    fn check_crc(&self) -> Result<(), Error> {
        if self.crc_matches() { Ok(()) } else { Err(self.malformed("has a bad CRC")) }
    }

    fn malformed(&self, what: &str) -> Error {
        Error::malformed(format!("{} chunk at byte {} {what}", self.kind.escape_ascii(), self.at))
    }
}

/// The fifth bit of the first letter is clear.
fn is_critical(kind: &[u8; 4]) -> bool {
    kind[0] & 0x20 == 0
}

fn read_ihdr<'a>(chunk: &Chunk) -> Result<Header<'a>, Error> {
    match &chunk.kind {
        b"IHDR" => (),
        b"CgBI" => return Err(Error::unsupported("a PNG in Apple's own variant (CgBI), made for iOS applications")),
        _ => return Err(chunk.malformed("stands where the header (IHDR chunk) should")),
    }
    let Ok(fields) = <[u8; 13]>::try_from(chunk.data) else { return Err(chunk.malformed("has the wrong length")) };
    chunk.check_crc()?;
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
    let Some((samples, model)) = samples_and_model(colour_type, depth) else {
        return Err(chunk.malformed(&format!("gives the colour type {colour_type} with {depth} bits")));
    };
    let (bits_per_pixel, interlaced) = (samples * u32::from(depth), interlace == 1);
    Ok(Header {
        width,
        height,
        orientation: Orientation::NoTransforms,
        profile: Embedded::None,
        model,
        bits_per_pixel,
        interlaced,
        colour_type,
        depth,
        palette: &[],
        trns: None,
        first_idat: 0,
    })
}

fn read_iccp<'a>(chunk: &Chunk<'a>) -> Embedded<'a> {
    if chunk.crc_matches() { Embedded::from_iccp(chunk.data) } else { Embedded::Unusable }
}

/// Samples a pixel as stored, and what the pixels are once expanded.
fn samples_and_model(colour_type: u8, depth: u8) -> Option<(u32, Model)> {
    match (colour_type, depth) {
        (0, 1 | 2 | 4 | 8 | 16) => Some((1, Model::Gray)),
        (2, 8 | 16) => Some((3, Model::Rgb)),
        (3, 1 | 2 | 4 | 8) => Some((1, Model::Rgb)),
        (4, 8 | 16) => Some((2, Model::GrayAlpha)),
        (6, 8 | 16) => Some((4, Model::Rgba)),
        _ => None,
    }
}

fn read_plte<'a>(header: &mut Header<'a>, chunk: &Chunk<'a>, idat: Idat) -> Result<(), Error> {
    chunk.check_crc()?;
    if header.colour_type != 3 {
        return Ok(()); // at most a suggestion
    }
    if idat != Idat::Before || !header.palette.is_empty() {
        return Err(chunk.malformed("is there twice, or too late"));
    }
    if chunk.data.is_empty() || !chunk.data.len().is_multiple_of(3) || chunk.data.len() > 768 {
        return Err(chunk.malformed("has the wrong length"));
    }
    header.palette = chunk.data;
    Ok(())
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

/// The IDAT chunks of a PNG file that [`header`] has accepted.
pub(super) struct PictureData<'a> {
    source: &'a [u8],
    next: usize,
}

impl<'a> PictureData<'a> {
    pub(super) fn new(source: &'a [u8], header: &Header) -> Self {
        Self { source, next: header.first_idat }
    }

    /// The data of the next chunk, whose CRC is right.
    pub(super) fn next(&mut self) -> Result<Option<&'a [u8]>, Error> {
        let chunk = Chunk::read(self.source, self.next)?;
        if chunk.kind != *b"IDAT" {
            return Ok(None);
        }
        chunk.check_crc()?;
        self.next = chunk.end();
        Ok(Some(chunk.data))
    }
}
