//! What the caller asks for.

use crate::source::SourceInfo;
use crate::{Error, Measure};

/// How large the thumbnail is to be, and what making it may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Width of the box, in pixels of the picture as shown; 1 to 65,535, other values are clamped.
    pub width: u32,
    /// Height of the box, in pixels of the picture as shown; 1 to 65,535, other values are clamped.
    pub height: u32,
    /// How the picture meets the box.
    pub fit: Fit,
    /// Quality of a JPEG thumbnail; 1 to 100, other values are clamped.
    pub jpeg_quality: u8,
    /// What one picture may cost.
    pub limits: Limits,
}

impl Default for Options {
    /// Inside 150 x 150, JPEG quality 80, the default limits.
    fn default() -> Self {
        Self { width: 150, height: 150, fit: Fit::default(), jpeg_quality: 80, limits: Limits::default() }
    }
}

impl Options {
    /// The box with the values in range.
    pub(crate) fn clamped_box(&self) -> (u32, u32) {
        let side = |n: u32| n.clamp(1, u32::from(u16::MAX));
        (side(self.width), side(self.height))
    }
}

/// How the picture meets the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fit {
    /// The largest size that fits the box with the aspect kept; a smaller picture is never enlarged.
    #[default]
    Inside,
    /// Exactly the box: cut evenly on two sides, and enlarged where the picture is smaller than the box.
    Cover,
}

/// What one picture may cost. Checked from the header, before any pixel is allocated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most pixels (width times height) a picture may have.
    pub max_pixels: u64,
    /// The most bytes one call may hold at once, the source not counted.
    pub max_memory: u64,
}

impl Default for Limits {
    /// 100 million pixels, 512 MiB.
    fn default() -> Self {
        Self { max_pixels: 100_000_000, max_memory: 512 << 20 }
    }
}

impl Limits {
    /// Refuses a picture whose header says that it is over a limit.
    ///
    /// # Errors
    /// [`Error::TooLarge`] with the limit and the actual number.
    pub fn check(&self, info: &SourceInfo) -> Result<(), Error> {
        let pixels = u64::from(info.width) * u64::from(info.height);
        if pixels > self.max_pixels {
            return Err(Error::TooLarge { measure: Measure::Pixels, limit: self.max_pixels, actual: pixels });
        }
        if info.decode_memory > self.max_memory {
            let (limit, actual) = (self.max_memory, info.decode_memory);
            return Err(Error::TooLarge { measure: Measure::MemoryBytes, limit, actual });
        }
        Ok(())
    }
}
