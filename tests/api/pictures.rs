//! Pictures to upload, good and bad, made here.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, Rgb, RgbImage};

/// A JPEG that looks like something.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 85).encode_image(&picture(width, height)).unwrap();
    bytes
}

/// A PNG of the same.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(width, height).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

/// A JPEG of exactly so many bytes: what follows the end of the picture is allowed, and kept.
pub fn jpeg_of(bytes: usize) -> Vec<u8> {
    let mut picture = jpeg(64, 48);
    assert!(picture.len() <= bytes);
    picture.resize(bytes, 0);
    picture
}

/// A PNG whose header says this size; its data is whatever `png` made.
pub fn png_claiming(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = png(8, 8);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// A JPEG whose header says this size.
pub fn jpeg_claiming(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = jpeg(8, 8);
    let frame = bytes.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    bytes[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    bytes
}

/// A black PNG of about so many bytes whose data has Huffman tables of its own for every 7 bytes: no more data than
/// picture, but hundreds of times the work.
pub fn png_of_tables(bytes: usize) -> Vec<u8> {
    // Not the last block, dynamic; the fewest codes; lengths of 18 and 1 have one bit; 0 and "end of block" are one bit.
    let fields = [(0b100, 3), (0, 5), (0, 5), (14, 4), (0, 6), (1, 3), (0, 30), (0, 12), (1, 3)];
    let lengths = [(0, 1), (127 << 1 | 1, 8), (106 << 1 | 1, 8), (0, 2), (0, 7), (1, 1)];
    let block: Vec<bool> = fields
        .iter()
        .chain(&lengths)
        .flat_map(|(value, bits)| (0..*bits).map(move |bit| value >> bit & 1 == 1))
        .collect();
    let eight: Vec<u8> = block
        .repeat(8)
        .chunks(8)
        .map(|bits| bits.iter().rev().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect();
    let rows = bytes / eight.len() * 8;
    let adler = ((rows * 7 % 65521) as u32) << 16 | 1;
    let data = [&[0x78, 1][..], &eight.repeat(rows / 8), &[1, 0, 0, 0xff, 0xff], &adler.to_be_bytes()].concat();
    let header = [&6u32.to_be_bytes()[..], &(rows as u32).to_be_bytes(), &[8, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunk(b"IHDR", &header), chunk(b"IDAT", &data), chunk(b"IEND", b"")].concat()
}

/// The first so many percent of a file.
pub fn cut(bytes: &[u8], percent: usize) -> Vec<u8> {
    bytes[..bytes.len() * percent / 100].to_vec()
}

/// The width and height of a picture.
pub fn size(bytes: &[u8]) -> (u32, u32) {
    let picture = image::load_from_memory(bytes).unwrap();
    (picture.width(), picture.height())
}

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        let in_circle = (i64::from(x) - i64::from(width) / 2).pow(2) + (i64::from(y) - i64::from(height) / 2).pow(2)
            < (i64::from(width.min(height)) / 3).pow(2);
        if in_circle { Rgb([200, 40, 60]) } else { Rgb([(x * 255 / width) as u8, (y * 255 / height) as u8, 128]) }
    })
}

fn chunk(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let named = [kind, content].concat();
    [&(content.len() as u32).to_be_bytes()[..], &named, &crc32(&named).to_be_bytes()].concat()
}

/// PNG's CRC, bit by bit: short, and another than the one under test.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc: u32, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1)))
    })
}
