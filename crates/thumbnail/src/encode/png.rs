//! PNG thumbnails: as they are, or with a palette where the picture has few colours, whichever is smaller.

use std::collections::BTreeMap;

use image::DynamicImage;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

use crate::Error;

/// The most colours of a palette.
const MOST_COLOURS: usize = 256;

pub(super) fn encode(picture: &DynamicImage) -> Result<Vec<u8>, Error> {
    let plain = truecolour(picture)?;
    match Palette::of(picture) {
        Some(palette) => {
            let indexed = palette.encode(picture.width(), picture.height()).map_err(internal)?;
            Ok(if indexed.len() < plain.len() { indexed } else { plain })
        }
        None => Ok(plain),
    }
}

fn truecolour(picture: &DynamicImage) -> Result<Vec<u8>, Error> {
    let colour_type = match picture {
        DynamicImage::ImageLuma8(_) => ColorType::Grayscale,
        DynamicImage::ImageLumaA8(_) => ColorType::GrayscaleAlpha,
        DynamicImage::ImageRgb8(_) => ColorType::Rgb,
        DynamicImage::ImageRgba8(_) => ColorType::Rgba,
        other => return Err(Error::internal(format!("a PNG of {:?} can't be written", other.color()))),
    };
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(colour_type);
    encoder.set_filter(Filter::Adaptive);
    write(encoder, picture.as_bytes()).map_err(internal)?;
    Ok(bytes)
}

/// The slowest level takes twice as long for one or two percent.
fn write(mut encoder: Encoder<&mut Vec<u8>>, data: &[u8]) -> Result<(), EncodingError> {
    encoder.set_compression(Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()
}

/// A picture's colours, and which of them each pixel has.
struct Palette {
    /// Alpha, red, green, blue. In order, so that those with transparency come first, as tRNS wants them.
    colours: Vec<[u8; 4]>,
    indices: Vec<u8>,
}

impl Palette {
    /// `None` for grays, which are small already, and for pictures of too many colours.
    fn of(picture: &DynamicImage) -> Option<Self> {
        let pixels: Vec<[u8; 4]> = match picture {
            DynamicImage::ImageRgb8(rgb) => rgb.pixels().map(|p| [255, p.0[0], p.0[1], p.0[2]]).collect(),
            DynamicImage::ImageRgba8(rgba) => rgba.pixels().map(|p| [p.0[3], p.0[0], p.0[1], p.0[2]]).collect(),
            _ => return None,
        };
        let mut places = BTreeMap::new();
        for pixel in &pixels {
            places.entry(*pixel).or_insert(0_u8);
            if places.len() > MOST_COLOURS {
                return None;
            }
        }
        places.values_mut().zip(0..=u8::MAX).for_each(|(place, index)| *place = index);
        let indices = pixels.iter().filter_map(|pixel| places.get(pixel)).copied().collect();
        Some(Self { colours: places.into_keys().collect(), indices })
    }

    fn encode(&self, width: u32, height: u32) -> Result<Vec<u8>, EncodingError> {
        let (depth, bits) = match self.colours.len() {
            0..=2 => (BitDepth::One, 1),
            3..=4 => (BitDepth::Two, 2),
            5..=16 => (BitDepth::Four, 4),
            _ => (BitDepth::Eight, 8),
        };
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, width, height);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(depth);
        encoder.set_palette(self.colours.iter().flat_map(|[_, rgb @ ..]| *rgb).collect::<Vec<u8>>());
        let transparency: Vec<u8> = self.colours.iter().map(|[alpha, ..]| *alpha).take_while(|&a| a < 255).collect();
        if !transparency.is_empty() {
            encoder.set_trns(transparency);
        }
        // Neighbouring indices say nothing of each other.
        encoder.set_filter(Filter::NoFilter);
        let rows = self.indices.chunks(width as usize).flat_map(|row| row.chunks(8 / bits));
        let pack =
            |group: &[u8]| (0..8 / bits).fold(0_u16, |byte, i| byte << bits | u16::from(*group.get(i).unwrap_or(&0)));
        let packed: Vec<u8> = rows.map(|group| pack(group) as u8).collect();
        write(encoder, &packed)?;
        Ok(bytes)
    }
}

fn internal(error: impl std::fmt::Display) -> Error {
    Error::internal(format!("encoding: {error}"))
}
