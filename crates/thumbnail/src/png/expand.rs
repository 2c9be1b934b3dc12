//! PNG samples of all kinds as eight bits a channel: palette and low depths by table, sixteen bits by their high byte,
//! transparent colours compared at their full depth.

use super::chunks::Header;
use crate::raster::Model;

/// How the rows of a picture are expanded.
pub(super) enum Expansion {
    /// They are what they should be.
    None,
    /// Sixteen bits a sample: the high bytes.
    HighBytes,
    /// Every value of a sample has its pixel.
    Table { depth: u8, pixels: Box<[[u8; 4]; 256]> },
    /// One colour, as stored, is transparent.
    Transparent { colour: Vec<u8>, wide: bool },
}

impl Expansion {
    pub(super) fn of(header: &Header) -> Self {
        let depth = header.depth;
        match (header.colour_type, depth, header.trns) {
            (3, ..) => Self::Table { depth, pixels: palette(header) },
            (0, 1..8, _) | (0, 8, Some(_)) => Self::Table { depth, pixels: grays(header) },
            // The values are written in two bytes each whatever the depth.
            (_, 16, Some(trns)) => Self::Transparent { colour: trns.to_vec(), wide: true },
            (_, _, Some(trns)) => {
                let colour = trns.iter().skip(1).step_by(2).copied().collect();
                Self::Transparent { colour, wide: false }
            }
            (_, 16, None) => Self::HighBytes,
            _ => Self::None,
        }
    }

    /// Expands a row into `out`, as many pixels of `model` as it holds. Not for [`Self::None`].
    pub(super) fn expand(&self, row: &[u8], model: Model, out: &mut [u8]) {
        match self {
            Self::None => out.copy_from_slice(row),
            Self::HighBytes => out.iter_mut().zip(row.as_chunks::<2>().0).for_each(|(out, sample)| *out = sample[0]),
            Self::Table { depth, pixels } => match model {
                Model::Gray => by_table::<1>(row, *depth, pixels, out),
                Model::GrayAlpha => by_table::<2>(row, *depth, pixels, out),
                Model::Rgb => by_table::<3>(row, *depth, pixels, out),
                Model::Rgba | Model::Cmyk => by_table::<4>(row, *depth, pixels, out),
            },
            Self::Transparent { colour, wide } => {
                let pixels = row.chunks_exact(colour.len()).zip(out.chunks_exact_mut(model.channels()));
                for (stored, out) in pixels {
                    let samples = stored.iter().step_by(if *wide { 2 } else { 1 });
                    let alpha = if stored == colour { 0 } else { 255 };
                    out.iter_mut().zip(samples.copied().chain([alpha])).for_each(|(out, sample)| *out = sample);
                }
            }
        }
    }
}

/// Samples of one, two, four or eight bits, from the high bits down.
fn by_table<const N: usize>(row: &[u8], depth: u8, pixels: &[[u8; 4]; 256], out: &mut [u8]) {
    let in_byte = usize::from(8 / depth);
    let mask = u8::MAX >> (8 - depth);
    for (byte, out) in row.iter().zip(out.chunks_mut(in_byte * N)) {
        for (i, out) in (1..).zip(out.as_chunks_mut::<N>().0) {
            let sample = byte >> (8 - depth * i) & mask;
            out.copy_from_slice(&pixels[usize::from(sample)][..N]);
        }
    }
}

/// Indices past the end of the palette are black, as browsers have them.
fn palette(header: &Header) -> Box<[[u8; 4]; 256]> {
    let mut pixels = Box::new([[0, 0, 0, 255]; 256]);
    for (pixel, rgb) in pixels.iter_mut().zip(header.palette.as_chunks::<3>().0) {
        pixel[..3].copy_from_slice(rgb);
    }
    for (pixel, alpha) in pixels.iter_mut().zip(header.trns.unwrap_or_default()) {
        pixel[3] = *alpha;
    }
    pixels
}

fn grays(header: &Header) -> Box<[[u8; 4]; 256]> {
    let mask = u8::MAX >> (8 - header.depth);
    let transparent = header.trns.and_then(|trns| trns.get(1)).map(|value| value & mask);
    let pixel = |value: usize| {
        let value = value as u8 & mask;
        let gray = (u32::from(value) * 255 / u32::from(mask)) as u8;
        [gray, if transparent == Some(value) { 0 } else { 255 }, 0, 0]
    };
    Box::new(std::array::from_fn(pixel))
}
