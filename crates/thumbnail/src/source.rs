//! What is known of a picture before it is decoded: the one place that tells the two formats apart.

use image::metadata::Orientation;

use crate::fit::{self, Target};
use crate::jpeg::Scale;
use crate::memory::Budget;
use crate::profile::{Colour, Embedded};
use crate::raster::Raster;
use crate::{Error, Options, exif, jpeg, png, resample, sniff};

/// A picture format that is both read and written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JPEG: baseline, extended and progressive with Huffman coding, 8 bits a channel.
    Jpeg,
    /// PNG, all colour types and depths; of an APNG the default picture.
    Png,
}

impl Format {
    /// The media type, for a `Content-Type` header.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// What the header of a picture says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct SourceInfo {
    /// By the bytes, whatever the file is called.
    pub format: Format,
    /// Width in pixels of the picture as shown, after orientation.
    pub width: u32,
    /// Height in pixels of the picture as shown, after orientation.
    pub height: u32,
    /// The most bytes that making the thumbnail holds at once, the source itself not counted: an upper estimate.
    pub decode_memory: u64,
    /// How much smaller it is decoded: PNG always as it is.
    pub scale: Scale,
    /// Whether the file's own colour profile is used.
    pub colour: Colour,
}

/// A header that has been read and found decodable.
pub(crate) enum Header<'a> {
    Jpeg(jpeg::Header<'a>),
    Png(png::Header<'a>),
}

impl<'a> Header<'a> {
    pub(crate) fn read(source: &'a [u8]) -> Result<Self, Error> {
        match sniff(source)? {
            Format::Jpeg => jpeg::header(source).map(Self::Jpeg),
            Format::Png => png::header(source).map(Self::Png),
        }
    }

    pub(crate) fn orientation(&self) -> Orientation {
        match self {
            Self::Jpeg(header) => header.exif.and_then(exif::orientation).unwrap_or(Orientation::NoTransforms),
            Self::Png(header) => header.orientation,
        }
    }

    pub(crate) fn profile(&self) -> &Embedded<'a> {
        match self {
            Self::Jpeg(header) => &header.profile,
            Self::Png(header) => &header.profile,
        }
    }

    pub(crate) fn target(&self, options: &Options) -> Target {
        fit::target(self.stored_size(), self.orientation(), options)
    }

    pub(crate) fn info(&self, target: &Target) -> SourceInfo {
        let (width, height) = fit::turned(self.stored_size(), self.orientation());
        let (format, scale, decode_memory) = match self {
            Self::Jpeg(header) => (Format::Jpeg, jpeg::scale(target), jpeg::memory(header, target)),
            Self::Png(header) => (Format::Png, Scale::Full, png::memory(header, target)),
        };
        let profile = self.profile();
        let decode_memory = decode_memory.saturating_add(profile.memory() + resample::FINISH_BYTES);
        SourceInfo { format, width, height, decode_memory, scale, colour: profile.colour() }
    }

    /// The picture at the target's size, in its own colours.
    pub(crate) fn small<'b>(
        &'b self,
        source: &'b [u8],
        target: &Target,
        budget: &mut Budget<'b>,
    ) -> Result<Raster, Error> {
        match self {
            Self::Jpeg(header) => jpeg::thumbnail(source, header, target, budget),
            Self::Png(header) => resample::to_target(png::decode(source, header, target, budget)?, target, budget),
        }
    }

    fn stored_size(&self) -> (u32, u32) {
        match self {
            Self::Jpeg(header) => (header.width, header.height),
            Self::Png(header) => (header.width, header.height),
        }
    }
}
