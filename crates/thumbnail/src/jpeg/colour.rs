//! What the components of a picture mean, and the conversion to RGB and CMYK.

/// The meaning of a picture's components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColourModel {
    /// One component.
    Gray,
    /// Luma and two chroma differences (JFIF, ITU-R BT.601 full range).
    YCbCr,
    /// Red, green, blue.
    Rgb,
    /// Four inks; `inverted` means 255 is no ink (Adobe).
    Cmyk {
        /// Whether 255 stands for no ink.
        inverted: bool,
    },
    /// The CMY inks coded as YCbCr of their complement, and K; `inverted` as for [`Self::Cmyk`].
    Ycck {
        /// Whether 255 stands for no ink.
        inverted: bool,
    },
}

impl ColourModel {
    /// The colour model of a frame with these component identifiers, given the transform byte of
    /// its Adobe segment and whether it has a JFIF segment.
    pub(super) fn of(ids: &[u8], adobe: Option<u8>, jfif: bool) -> Self {
        match (ids.len(), adobe) {
            (1, _) => Self::Gray,
            (3, Some(0)) => Self::Rgb,
            (3, None) if !jfif && ids == b"RGB" => Self::Rgb,
            (3, _) => Self::YCbCr,
            (_, Some(2)) => Self::Ycck { inverted: true },
            (_, adobe) => Self::Cmyk { inverted: adobe.is_some() },
        }
    }
}

/// RGB of one full-range YCbCr sample.
#[inline]
pub(super) fn ycbcr_to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let luma = (i32::from(y) << 16) + HALF;
    let (cb, cr) = (i32::from(cb) - 128, i32::from(cr) - 128);
    let red = luma + 91_881 * cr;
    let green = luma - 22_554 * cb - 46_802 * cr;
    let blue = luma + 116_130 * cb;
    [red, green, blue].map(|value| (value >> 16).clamp(0, 255) as u8)
}

/// Ink amounts (255 = full) of one stored four-component sample.
#[inline]
pub(super) fn to_inks(model: ColourModel, [a, b, c, k]: [u8; 4]) -> [u8; 4] {
    let (stored, inverted) = match model {
        ColourModel::Ycck { inverted } => {
            let [r, g, b] = ycbcr_to_rgb([a, b, c]);
            ([255 - r, 255 - g, 255 - b, k], inverted)
        }
        ColourModel::Cmyk { inverted } => ([a, b, c, k], inverted),
        ColourModel::Gray | ColourModel::YCbCr | ColourModel::Rgb => ([a, b, c, k], false),
    };
    if inverted { stored.map(|ink| 255 - ink) } else { stored }
}
