//! What of a picture has to be said: no alpha where all is opaque, no colours where all is gray, and indices of a
//! palette where there are few colours.

use std::borrow::Cow;
use std::collections::BTreeMap;

use image::DynamicImage;

use crate::Error;

/// The most colours of a palette.
const MOST_COLOURS: usize = 256;

/// Samples in the order of a PNG file, rows padded to whole bytes, and what they mean.
pub(super) struct Pixels<'a> {
    width: usize,
    /// Whether the picture had no colours to begin with.
    was_gray: bool,
    /// As PNG numbers them.
    pub(super) colour_type: u8,
    /// Bits a sample.
    pub(super) depth: u8,
    pub(super) samples: Cow<'a, [u8]>,
    /// Colours of three bytes, and the alpha of the first of them.
    pub(super) palette: Vec<u8>,
    pub(super) transparency: Vec<u8>,
}

impl<'a> Pixels<'a> {
    pub(super) fn of(picture: &'a DynamicImage) -> Result<Self, Error> {
        let width = picture.width() as usize;
        let plain = |colour_type, samples| Pixels {
            width,
            was_gray: matches!(picture, DynamicImage::ImageLuma8(_) | DynamicImage::ImageLumaA8(_)),
            colour_type,
            depth: 8,
            samples,
            palette: Vec::new(),
            transparency: Vec::new(),
        };
        let bytes = picture.as_bytes();
        Ok(match picture {
            DynamicImage::ImageLuma8(_) => plain(GRAY, bytes.into()),
            DynamicImage::ImageLumaA8(_) if is_opaque::<2>(bytes) => plain(GRAY, first_of::<2, 1>(bytes)),
            DynamicImage::ImageLumaA8(_) => plain(GRAY_ALPHA, bytes.into()),
            DynamicImage::ImageRgb8(_) if is_gray::<3>(bytes) => plain(GRAY, first_of::<3, 1>(bytes)),
            DynamicImage::ImageRgb8(_) => plain(RGB, bytes.into()),
            DynamicImage::ImageRgba8(_) => match (is_gray::<4>(bytes), is_opaque::<4>(bytes)) {
                (true, true) => plain(GRAY, first_of::<4, 1>(bytes)),
                (true, false) => {
                    let pixels = bytes.as_chunks::<4>().0.iter();
                    plain(GRAY_ALPHA, pixels.flat_map(|[gray, _, _, alpha]| [*gray, *alpha]).collect())
                }
                (false, true) => plain(RGB, first_of::<4, 3>(bytes)),
                (false, false) => plain(RGBA, bytes.into()),
            },
            other => return Err(Error::internal(format!("a PNG of {:?} can't be written", other.color()))),
        })
    }

    pub(super) fn bits_per_pixel(&self) -> usize {
        usize::from(self.depth) * self.channels()
    }

    /// Bytes of a row, its filter not counted.
    pub(super) fn row_len(&self) -> usize {
        (self.width * self.bits_per_pixel()).div_ceil(8)
    }

    fn channels(&self) -> usize {
        match self.colour_type {
            GRAY_ALPHA => 2,
            RGB => 3,
            RGBA => 4,
            _ => 1,
        }
    }

    /// With a palette; `None` where there are too many colours for one, and for gray pictures, which are small already and
    /// would come back with colours.
    pub(super) fn indexed(&self) -> Option<Pixels<'static>> {
        if self.was_gray {
            return None;
        }
        let colours = |pixel: &[u8]| match *pixel {
            [gray] => [255, gray, gray, gray],
            [gray, alpha] => [alpha, gray, gray, gray],
            [red, green, blue] => [255, red, green, blue],
            _ => [pixel[3], pixel[0], pixel[1], pixel[2]],
        };
        // In order, alpha before the colour, so that those with transparency come first, as tRNS wants them.
        let mut places = BTreeMap::new();
        let mut last = None;
        for pixel in self.samples.chunks_exact(self.channels()) {
            // Where there are few colours, the same one often follows itself.
            if last.replace(pixel) == Some(pixel) {
                continue;
            }
            places.entry(colours(pixel)).or_insert(0_u8);
            if places.len() > MOST_COLOURS {
                return None;
            }
        }
        places.values_mut().zip(0..=u8::MAX).for_each(|(place, index)| *place = index);
        let index = |pixel: &[u8]| places.get(&colours(pixel)).copied().unwrap_or_default();
        let indices: Vec<u8> = self.samples.chunks_exact(self.channels()).map(index).collect();
        let depth = match places.len() {
            0..=2 => 1,
            3..=4 => 2,
            5..=16 => 4,
            _ => 8,
        };
        Some(Pixels {
            width: self.width,
            was_gray: false,
            colour_type: INDEXED,
            depth,
            samples: packed(&indices, self.width, depth).into(),
            palette: places.keys().flat_map(|[_, rgb @ ..]| *rgb).collect(),
            transparency: places.keys().map(|[alpha, ..]| *alpha).take_while(|alpha| *alpha < 255).collect(),
        })
    }
}

const GRAY: u8 = 0;
const RGB: u8 = 2;
const INDEXED: u8 = 3;
const GRAY_ALPHA: u8 = 4;
const RGBA: u8 = 6;

/// Whether alpha, the last of `N` samples, is 255 throughout.
fn is_opaque<const N: usize>(bytes: &[u8]) -> bool {
    bytes.as_chunks::<N>().0.iter().all(|pixel| pixel[N - 1] == 255)
}

/// Whether the first three of `N` samples are always the same.
fn is_gray<const N: usize>(bytes: &[u8]) -> bool {
    bytes.as_chunks::<N>().0.iter().all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
}

/// The first `M` of `N` samples.
fn first_of<const N: usize, const M: usize>(bytes: &[u8]) -> Cow<'static, [u8]> {
    let pixels = bytes.as_chunks::<N>().0.iter();
    let mut out = Vec::with_capacity(bytes.len() / N * M);
    pixels.for_each(|pixel| out.extend_from_slice(&pixel[..M]));
    out.into()
}

/// Rows of indices of so many bits, each padded to whole bytes.
fn packed(indices: &[u8], width: usize, depth: u8) -> Vec<u8> {
    let in_byte = usize::from(8 / depth);
    let rows = indices.chunks(width.max(1)).flat_map(|row| row.chunks(in_byte));
    let pack = |group: &[u8]| {
        (0..in_byte).fold(0_u16, |byte, i| byte << depth | u16::from(group.get(i).copied().unwrap_or_default())) as u8
    };
    rows.map(pack).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{GrayAlphaImage, GrayImage, RgbImage, RgbaImage};

    #[test]
    fn channels_that_say_nothing_are_left_out() {
        let rgba = |bytes: &[u8]| RgbaImage::from_raw(2, 1, bytes.to_vec()).map(DynamicImage::from);
        let rgb = |bytes: &[u8]| RgbImage::from_raw(2, 1, bytes.to_vec()).map(DynamicImage::from);
        let gray_alpha = |bytes: &[u8]| GrayAlphaImage::from_raw(2, 1, bytes.to_vec()).map(DynamicImage::from);
        let gray = GrayImage::from_raw(2, 1, vec![1, 2]).map(DynamicImage::from);
        let cases: [(&str, Option<DynamicImage>, u8, &[u8]); 9] = [
            ("gray", gray, GRAY, &[1, 2]),
            ("gray, transparent", gray_alpha(&[1, 255, 2, 254]), GRAY_ALPHA, &[1, 255, 2, 254]),
            ("gray, opaque", gray_alpha(&[1, 255, 2, 255]), GRAY, &[1, 2]),
            ("colours", rgb(&[1, 1, 1, 2, 2, 3]), RGB, &[1, 1, 1, 2, 2, 3]),
            ("colours that are gray", rgb(&[1, 1, 1, 2, 2, 2]), GRAY, &[1, 2]),
            ("transparent colours", rgba(&[1, 1, 2, 0, 2, 2, 2, 255]), RGBA, &[1, 1, 2, 0, 2, 2, 2, 255]),
            ("opaque colours", rgba(&[1, 1, 2, 255, 2, 2, 2, 255]), RGB, &[1, 1, 2, 2, 2, 2]),
            ("transparent grays", rgba(&[1, 1, 1, 7, 2, 2, 2, 255]), GRAY_ALPHA, &[1, 7, 2, 255]),
            ("opaque grays", rgba(&[1, 1, 1, 255, 2, 2, 2, 255]), GRAY, &[1, 2]),
        ];
        for (what, picture, colour_type, samples) in cases {
            let picture = picture.expect("the right length");
            let pixels = Pixels::of(&picture).expect("a known kind");
            assert_eq!((pixels.colour_type, &*pixels.samples), (colour_type, samples), "{what}");
        }
    }

    #[test]
    fn a_palette_takes_the_depth_it_needs() {
        for (colours, depth) in [(1, 1), (2, 1), (3, 2), (4, 2), (5, 4), (16, 4), (17, 8), (256, 8)] {
            let picture = RgbImage::from_fn(300, 2, |x, _| image::Rgb([(x % colours) as u8, 7, 9])).into();
            let indexed = Pixels::of(&picture).ok().and_then(|pixels| pixels.indexed()).expect("few colours");
            assert_eq!(indexed.depth, depth, "{colours} colours");
            assert_eq!(indexed.palette.len(), colours as usize * 3);
            assert_eq!(indexed.samples.len(), (300 * usize::from(depth)).div_ceil(8) * 2);
            assert!(indexed.transparency.is_empty());
        }
        let icon = RgbaImage::from_fn(300, 2, |x, _| image::Rgba([0, 0, 0, (x % 200) as u8])).into();
        let indexed = Pixels::of(&icon).ok().and_then(|pixels| pixels.indexed()).expect("few colours");
        assert_eq!((indexed.palette.len(), indexed.transparency.len()), (600, 200), "black of 200 opacities");
        let many = RgbImage::from_fn(257, 1, |x, _| image::Rgb([x as u8, (x >> 8) as u8, 9])).into();
        assert!(Pixels::of(&many).is_ok_and(|pixels| pixels.indexed().is_none()), "257 colours");
        let gray = GrayImage::new(9, 9).into();
        assert!(Pixels::of(&gray).is_ok_and(|pixels| pixels.indexed().is_none()), "a gray picture stays one");
    }
}
