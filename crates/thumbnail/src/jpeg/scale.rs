//! The sizes a picture can be decoded at.

use super::inverse_dct::NATURAL;

/// How many times the target's size a reduced picture must have on each side, in quarters.
///
/// Measured against full-size Lanczos: sharpened block means of 1.33 times the size are at 51 to 52 dB, of 1.67 times at
/// 55 to 57, of exactly the size at 45, where Pillow is at 47 to 49. The two larger scales are better throughout.
const RESERVE: u64 = 5;

/// How much smaller than the picture it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scale {
    /// 1/8: block means, from the DC coefficients alone.
    Eighth,
    /// 1/4: from the lowest 2x2 coefficients of each block.
    Quarter,
    /// 1/2: from the lowest 4x4 coefficients of each block.
    Half,
    /// 1/1: every coefficient.
    Full,
}

impl Scale {
    /// Every scale, smallest first.
    pub(crate) const ALL: [Self; 4] = [Self::Eighth, Self::Quarter, Self::Half, Self::Full];

    /// The smallest scale whose picture still gives a thumbnail of the target size as good as a
    /// full decode would, given the sizes of the source and of the target in pixels.
    ///
    /// `width` and `height` are those of the region of the source that fills the target.
    #[must_use]
    pub(crate) fn for_target(width: u32, height: u32, target_width: u32, target_height: u32) -> Self {
        let reduced = |side: u32, scale: Self| u64::from(side) * scale.block_side() as u64;
        let enough = |side: u32, target: u32, scale: Self| 4 * reduced(side, scale) >= 8 * RESERVE * u64::from(target);
        let suffices = |&scale: &Self| enough(width, target_width, scale) && enough(height, target_height, scale);
        Self::ALL.into_iter().find(suffices).unwrap_or(Self::Full)
    }

    /// Samples along one side of a block's picture at this scale.
    #[must_use]
    pub(crate) fn block_side(self) -> usize {
        match self {
            Self::Eighth => 1,
            Self::Quarter => 2,
            Self::Half => 4,
            Self::Full => 8,
        }
    }

    /// The coefficients a block's picture at this scale is made of: one bit for each, in zigzag
    /// order.
    pub(super) fn coefficients(self) -> u64 {
        let side = self.block_side() as u8;
        let inside = |natural: u8| natural % 8 < side && natural / 8 < side;
        (0..64).filter(|&index| inside(NATURAL[index])).map(|index| 1 << index).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn the_smallest_that_leaves_a_reserve() {
        let cases = [
            (1500, 1000, 150, 100, Scale::Eighth),
            (1499, 1000, 150, 100, Scale::Quarter),
            (2400, 100, 150, 100, Scale::Full),
            (800, 600, 150, 113, Scale::Quarter),
            (600, 450, 150, 113, Scale::Half),
            (300, 300, 150, 150, Scale::Full),
            (1, 1, 1, 1, Scale::Full),
            (u32::MAX, u32::MAX, 1, 1, Scale::Eighth),
        ];
        for (width, height, target_width, target_height, scale) in cases {
            assert_eq!(Scale::for_target(width, height, target_width, target_height), scale);
        }
    }
}
