//! The colour profile that a file carries (ICC, or the code points of PNG's cICP), and reading it.
//!
//! A picture is never refused for its profile: what can't be used is ignored, which [`Colour`] says.

use std::panic::{AssertUnwindSafe, catch_unwind};

use moxcms::{CicpColorPrimaries, CicpProfile, ColorProfile, MatrixCoefficients, TransferCharacteristics};

/// What became of a picture's colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Colour {
    /// The file holds no profile (or names sRGB): its colours are taken for sRGB, its CMYK is converted by a plain
    /// formula.
    Assumed,
    /// The file holds a profile, by which the colours are converted to sRGB.
    Profile,
    /// The file holds a profile that is broken, too large or made for other colours, and is ignored. Some of these are
    /// only found when the thumbnail is made.
    ProfileIgnored,
}

/// The most bytes of an ICC profile. Those of printers have up to three million.
const MAX_PROFILE: u64 = 4 << 20;

/// What the conversion itself holds: its tables, and for four inks a grid of 17 points along each.
const TRANSFORM_BYTES: u64 = 4 << 20;

/// A profile as the file holds it.
#[derive(Debug, Clone)]
pub(crate) enum Embedded<'a> {
    None,
    /// The parts of a JPEG's profile in order.
    Parts(Vec<&'a [u8]>),
    /// A PNG's profile, compressed.
    Zlib(&'a [u8]),
    /// Colour primaries and transfer function (ITU-T H.273).
    CodePoints(CicpColorPrimaries, TransferCharacteristics),
    /// It can be seen from outside that it is of no use.
    Unusable,
}

impl<'a> Embedded<'a> {
    /// From the bodies of a JPEG's ICC segments: each begins with its number and the count of all.
    pub(crate) fn from_jpeg(mut segments: Vec<&'a [u8]>) -> Self {
        if segments.is_empty() {
            return Self::None;
        }
        segments.sort_by_key(|segment| segment.first().copied());
        let count = segments.len();
        let in_order = (1..).zip(&segments).all(|(number, segment)| {
            segment.first().is_some_and(|&n| usize::from(n) == number)
                && segment.get(1).is_some_and(|&n| usize::from(n) == count)
        });
        let parts: Vec<&[u8]> = segments.iter().filter_map(|segment| segment.get(2..)).collect();
        let len: u64 = parts.iter().map(|part| part.len() as u64).sum();
        if in_order && len <= MAX_PROFILE { Self::Parts(parts) } else { Self::Unusable }
    }

    /// From the data of a PNG's iCCP chunk: a name, a zero, the method of compression, a zlib stream.
    pub(crate) fn from_iccp(data: &'a [u8]) -> Self {
        let end_of_name = data.iter().take(80).position(|&byte| byte == 0);
        match end_of_name.and_then(|end| data.get(end + 1..)) {
            Some([0, stream @ ..]) if stream.len() as u64 <= MAX_PROFILE => Self::Zlib(stream),
            _ => Self::Unusable,
        }
    }

    /// From the data of a PNG's cICP chunk. `None` where it says nothing that can be converted: HDR needs more than a
    /// profile.
    pub(crate) fn from_cicp(data: &[u8]) -> Option<Self> {
        let &[primaries, transfer, 0, 1] = data else { return None };
        let primaries = CicpColorPrimaries::try_from(primaries).ok()?;
        let transfer = TransferCharacteristics::try_from(transfer).ok()?;
        let hdr = matches!(transfer, TransferCharacteristics::Smpte2084 | TransferCharacteristics::Hlg);
        let says_nothing = matches!(primaries, CicpColorPrimaries::Reserved | CicpColorPrimaries::Unspecified)
            || matches!(transfer, TransferCharacteristics::Reserved | TransferCharacteristics::Unspecified);
        match (primaries, transfer) {
            _ if hdr || says_nothing => None,
            (CicpColorPrimaries::Bt709, TransferCharacteristics::Srgb) => Some(Self::None),
            _ => Some(Self::CodePoints(primaries, transfer)),
        }
    }

    /// As far as it can be told without reading it.
    pub(crate) fn colour(&self) -> Colour {
        match self {
            Self::None => Colour::Assumed,
            Self::Unusable => Colour::ProfileIgnored,
            Self::Parts(_) | Self::Zlib(_) | Self::CodePoints(..) => Colour::Profile,
        }
    }

    /// Bytes that reading it and converting by it hold at once, at most.
    pub(crate) fn memory(&self) -> u64 {
        match self {
            Self::None | Self::Unusable => 0,
            // The profile in one piece, and its tables as wider numbers.
            _ => self.max_len() * 5 + TRANSFORM_BYTES,
        }
    }

    /// `None` if it is broken.
    pub(crate) fn read(&self) -> Option<ColorProfile> {
        match self {
            Self::None | Self::Unusable => None,
            Self::Parts(parts) => parse(&parts.concat()),
            Self::Zlib(stream) => {
                let max_len = usize::try_from(self.max_len()).ok()?;
                parse(&fdeflate::decompress_to_vec_bounded(stream, max_len).ok()?)
            }
            Self::CodePoints(color_primaries, transfer_characteristics) => {
                Some(ColorProfile::new_from_cicp(CicpProfile {
                    color_primaries: *color_primaries,
                    transfer_characteristics: *transfer_characteristics,
                    matrix_coefficients: MatrixCoefficients::Identity,
                    full_range: true,
                }))
            }
        }
    }

    /// The most bytes of the profile. One that claims more than sixteen times
    /// what it takes in the file is a bomb.
    fn max_len(&self) -> u64 {
        match self {
            Self::Parts(parts) => parts.iter().map(|part| part.len() as u64).sum(),
            Self::Zlib(stream) => (stream.len() as u64 * 16 + (64 << 10)).min(MAX_PROFILE),
            Self::None | Self::CodePoints(..) | Self::Unusable => 0,
        }
    }
}

/// The library reads untrusted numbers in many places; a panic there must not reach the caller.
fn parse(bytes: &[u8]) -> Option<ColorProfile> {
    catch_unwind(AssertUnwindSafe(|| ColorProfile::new_from_slice(bytes).ok())).ok().flatten()
}
