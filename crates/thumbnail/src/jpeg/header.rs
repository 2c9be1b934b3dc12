//! What a source says of itself before its first scan.

use super::colour::ColourModel;
use super::entropy;
use super::error::Error;
use super::frame::{Component, Frame, Process};
use super::scale::Scale;
use super::segments::{Segment, Segments, marker};
use crate::permission::Permission;
use crate::profile::Embedded;

/// The header of a source: everything before the first scan that a caller may need.
#[derive(Debug, Clone)]
pub(crate) struct Header<'a> {
    /// Width in pixels as stored, before any EXIF orientation.
    pub(crate) width: u32,
    /// Height in pixels as stored.
    pub(crate) height: u32,
    /// The coding process.
    pub(crate) process: Process,
    /// What the components mean.
    pub(crate) colour: ColourModel,
    /// The components with their sampling factors, in frame order.
    pub(crate) components: Vec<Component>,
    /// The first EXIF block: the TIFF structure after `Exif\0\0`.
    pub(crate) exif: Option<&'a [u8]>,
    /// The ICC profile.
    pub(crate) profile: Embedded<'a>,
    pub(super) frame: Frame,
}

/// Reads the header of `source`; nothing after the start of its first scan is looked at.
///
/// # Errors
/// [`Error::Unsupported`] or [`Error::Malformed`], as for [`decode`](super::decode).
pub(crate) fn read_header(source: &[u8]) -> Result<Header<'_>, Error> {
    let mut segments = Segments::new(source, Permission::given())?;
    let mut found = Found::default();
    loop {
        let segment = segments.next()?;
        match segment.marker {
            marker::SOS => return found.into_header(&segment),
            marker::EOI => return Err(segment.malformed("the picture ends before any scan")),
            marker::SOI => return Err(segment.malformed("a second picture starts inside the first")),
            marker::DHP | marker::EXP => {
                return Err(super::error::unsupported("hierarchical"));
            }
            _ if segment.is_frame_header() => found.frame(&segment)?,
            _ => found.application(&segment),
        }
    }
}

impl Header<'_> {
    /// The memory [`decode`](super::decode) needs at `scale`, in bytes, at its peak.
    #[must_use]
    pub(crate) fn memory(&self, scale: Scale) -> u64 {
        let samples = (scale.block_side() * scale.block_side()) as u64;
        let per_block = match (self.process, scale) {
            (Process::Baseline | Process::ExtendedSequential, _) => samples,
            // Coefficients of two bytes each, DC apart; AC history of eight bytes a block.
            (Process::Progressive, Scale::Eighth) => 2 + samples,
            (Process::Progressive, _) => 2 + 2 * samples + 8 + samples,
        };
        let blocks: u64 = self.components.iter().map(|component| self.frame.grid(component).stored()).sum();
        blocks * per_block + entropy::WORKING_MEMORY
    }
}

#[derive(Default)]
struct Found<'a> {
    frame: Option<Frame>,
    adobe: Option<u8>,
    jfif: bool,
    exif: Option<&'a [u8]>,
    icc: Vec<&'a [u8]>,
}

impl<'a> Found<'a> {
    fn frame(&mut self, segment: &Segment) -> Result<(), Error> {
        if self.frame.is_some() {
            return Err(segment.malformed("a second frame header"));
        }
        self.frame = Some(Frame::parse(segment)?);
        Ok(())
    }

    fn application(&mut self, segment: &Segment<'a>) {
        let body = segment.body;
        match segment.marker {
            marker::APP0 if body.starts_with(b"JFIF\0") => self.jfif = true,
            marker::APP1 if self.exif.is_none() => self.exif = body.strip_prefix(b"Exif\0\0"),
            marker::APP2 if self.icc.len() < 255 => self.icc.extend(body.strip_prefix(b"ICC_PROFILE\0")),
            marker::APP14 if body.starts_with(b"Adobe") => self.adobe = body.get(11).copied().or(self.adobe),
            _ => {}
        }
    }

    fn into_header(self, scan: &Segment) -> Result<Header<'a>, Error> {
        let Some(frame) = self.frame else {
            return Err(scan.malformed("a scan before the frame header"));
        };
        let ids: Vec<u8> = frame.components.iter().map(|component| component.id).collect();
        Ok(Header {
            width: u32::from(frame.width),
            height: u32::from(frame.height),
            process: frame.process,
            colour: ColourModel::of(&ids, self.adobe, self.jfif),
            components: frame.components.clone(),
            exif: self.exif,
            profile: Embedded::from_jpeg(self.icc),
            frame,
        })
    }
}
