//! Pixels between decoding and the finished picture.

use crate::fit::Window;

/// 8-bit pixels, row by row without gaps. (`image`'s types know no CMYK.)
pub(crate) struct Raster {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) model: Model,
    pub(crate) data: Vec<u8>,
}

/// What the channels of a [`Raster`] mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Model {
    Gray,
    GrayAlpha,
    Rgb,
    Rgba,
    /// Amounts of ink: 255 is full.
    Cmyk,
}

impl Model {
    pub(crate) fn channels(self) -> usize {
        match self {
            Self::Gray => 1,
            Self::GrayAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba | Self::Cmyk => 4,
        }
    }

    pub(crate) fn with_alpha(self) -> Self {
        match self {
            Self::Gray => Self::GrayAlpha,
            _ => Self::Rgba,
        }
    }

    /// Whether the last channel is alpha.
    pub(crate) fn has_alpha(self) -> bool {
        matches!(self, Self::GrayAlpha | Self::Rgba)
    }
}

/// A decoded picture, possibly reduced, and the part of it that the thumbnail shows.
pub(crate) struct Decoded {
    pub(crate) raster: Raster,
    pub(crate) window: Window,
}
