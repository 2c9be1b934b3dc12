//! Thumbnails of JPEG and PNG pictures: bytes in, bytes out, pure and synchronous.
//!
//! ```text
//! sniff ▶ header and limits ▶ fit ▶ decode small ▶ resample ▶ colour ▶ orient ▶ encode
//!         source, options     fit   jpeg, png      resample   colour           encode
//! ```
//!
//! The thumbnail has the source's format, 8 bits a channel, no metadata. Nothing here panics or aborts on any bytes,
//! and no memory is taken whose size the header gives before that size has met [`Limits`].

mod colour;
mod encode;
mod error;
mod exif;
mod fit;
mod jpeg;
mod memory;
mod options;
mod permission;
mod png;
mod profile;
mod raster;
mod reduce;
mod resample;
mod sniff;
mod source;

use memory::Budget;
use permission::Permission;

pub use error::{Error, Measure};
pub use jpeg::Scale;
pub use options::{Fit, Limits, Options};
pub use profile::Colour;
pub use sniff::sniff;
pub use source::{Format, SourceInfo};

/// A finished thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The encoded file.
    pub bytes: Vec<u8>,
    /// The format of `bytes`: always the source's.
    pub format: Format,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// What it was made from.
    pub source: SourceInfo,
}

/// Makes the thumbnail of a JPEG or PNG file. Takes the calling thread for as long as decoding lasts.
///
/// # Errors
/// [`Error::Unsupported`] and [`Error::Malformed`] for what the bytes are, [`Error::TooLarge`] for what is over
/// [`Options::limits`], [`Error::Internal`] for our own faults.
pub fn thumbnail(source: &[u8], options: &Options) -> Result<Thumbnail, Error> {
    thumbnail_while(source, options, &|| true)
}

/// [`thumbnail`], for as long as `keep_going` says so: it is asked every few milliseconds, by this thread, so that it can
/// look at the thread's CPU time. A picture made to be slow is given up within a tenth of a second.
///
/// # Errors
/// As [`thumbnail`], and [`Error::Stopped`].
pub fn thumbnail_while(source: &[u8], options: &Options, keep_going: &dyn Fn() -> bool) -> Result<Thumbnail, Error> {
    let header = source::Header::read(source)?;
    let target = header.target(options);
    let mut info = header.info(&target);
    options.limits.check(&info)?;

    let mut budget = Budget::new(options.limits.max_memory, Permission::of(keep_going));
    let small = header.small(source, &target, &mut budget)?;
    budget.take(header.profile().memory())?;
    let (mut picture, colour) = colour::to_srgb(small, header.profile())?;
    info.colour = colour;
    picture.apply_orientation(header.orientation());

    let bytes = encode::encode(&picture, info.format, options.jpeg_quality)?;
    Ok(Thumbnail { bytes, format: info.format, width: picture.width(), height: picture.height(), source: info })
}

/// What a file's header says, with the memory that [`thumbnail`] would need for [`Options::default`]. Checks no limit
/// and looks at no pixel, so success does not mean that the picture is intact.
///
/// # Errors
/// [`Error::Unsupported`] and [`Error::Malformed`], as far as the header shows.
pub fn probe(source: &[u8]) -> Result<SourceInfo, Error> {
    let header = source::Header::read(source)?;
    Ok(header.info(&header.target(&Options::default())))
}

/// [`probe`] for the given options; refuses at once what [`thumbnail`] would refuse by its header.
///
/// # Errors
/// As [`probe`], and [`Error::TooLarge`].
pub fn probe_with(source: &[u8], options: &Options) -> Result<SourceInfo, Error> {
    let header = source::Header::read(source)?;
    let info = header.info(&header.target(options));
    options.limits.check(&info)?;
    Ok(info)
}
