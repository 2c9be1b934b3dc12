//! JPEG files written for thumbnails (ITU-T T.81, JFIF 1.01): baseline, one interleaved scan, which every decoder
//! reads, and Huffman tables made for the very picture.
//!
//! ```text
//! pixels ─▶ planes (YCbCr, colours halved) ─▶ forward DCT ─▶ quantised blocks ─▶ symbols: counted, then written
//! ```

mod bits;
mod forward_dct;
mod huffman;
mod planes;
mod tables;

use bits::BitWriter;
use forward_dct::ForwardDct;
use huffman::{Codes, Frequencies};
use planes::Component;
use tables::{Quantisation, ZIGZAG};

/// From this quality on colours keep their resolution.
const FULL_COLOUR: u8 = 90;

/// Symbols of run lengths (T.81 F.1.2.2).
const END_OF_BLOCK: u8 = 0;
const SIXTEEN_ZEROS: u8 = 0xF0;

/// A block's quantised coefficients in zigzag order, and the tables it is written with: 0 for luma, 1 for colours.
struct Block {
    class: usize,
    component: usize,
    coefficients: [i16; 64],
}

/// Writes a picture of one (gray) or three (RGB) bytes a pixel, at most 65,535 pixels wide and high.
pub(super) fn write(pixels: &[u8], (width, height): (u16, u16), channels: usize, quality: u8) -> Vec<u8> {
    let halved = channels == 3 && quality < FULL_COLOUR;
    let components = planes::split(pixels, usize::from(width), usize::from(height), channels, halved);
    let quantisation = Quantisation::both(quality);
    let blocks = blocks_of(&components, &quantisation);
    let codes = codes_for(&blocks);
    let mut file = Vec::with_capacity(1024 + blocks.len() * 16);
    tables::write_header(&mut file, (width, height), &components, &quantisation, &codes);
    write_scan(&mut file, &blocks, &codes);
    file.extend([0xFF, 0xD9]);
    file
}

/// All blocks in the order of the scan, MCU by MCU.
fn blocks_of(components: &[Component], quantisation: &[Quantisation; 2]) -> Vec<Block> {
    let dct = ForwardDct::new();
    let Some(first) = components.first() else { return Vec::new() };
    let (mcus_wide, mcus_high) = (first.blocks_wide() / first.sampling, first.blocks_high() / first.sampling);
    let mut blocks = Vec::with_capacity(mcus_wide * mcus_high * 6);
    for (mcu_row, mcu_column) in (0..mcus_high).flat_map(|row| (0..mcus_wide).map(move |column| (row, column))) {
        for (number, component) in components.iter().enumerate() {
            let side = component.sampling;
            for (row, column) in (0..side).flat_map(|row| (0..side).map(move |column| (row, column))) {
                let samples = component.block(mcu_column * side + column, mcu_row * side + row);
                let class = usize::from(number > 0);
                let coefficients = quantisation[class].apply(&dct.transform(&samples));
                blocks.push(Block { class, component: number, coefficients });
            }
        }
    }
    blocks
}

/// Codes as short as the picture lets them be: DC and AC of each class.
fn codes_for(blocks: &[Block]) -> [[Codes; 2]; 2] {
    let mut counted: [[Frequencies; 2]; 2] = Default::default();
    each_symbol(blocks, |class, kind, symbol, _| counted[class][kind].count(symbol));
    counted.map(|kinds| kinds.map(Frequencies::into_codes))
}

fn write_scan(file: &mut Vec<u8>, blocks: &[Block], codes: &[[Codes; 2]; 2]) {
    let mut writer = BitWriter::new(file);
    each_symbol(blocks, |class, kind, symbol, value| {
        let (code, length) = codes[class][kind].of(symbol);
        writer.put(code, length);
        writer.put_value(value, symbol & 15);
    });
    writer.finish();
}

/// Hands out each symbol with its class, its kind (0 for DC, 1 for AC) and the value whose bits follow it.
fn each_symbol(blocks: &[Block], mut take: impl FnMut(usize, usize, u8, i16)) {
    let mut before = [0_i16; 3];
    for Block { class, component, coefficients } in blocks {
        let difference = coefficients[0] - before[*component];
        before[*component] = coefficients[0];
        take(*class, 0, category(difference), difference);
        let mut run = 0;
        for &value in &coefficients[1..] {
            if value == 0 {
                run += 1;
                continue;
            }
            while run > 15 {
                take(*class, 1, SIXTEEN_ZEROS, 0);
                run -= 16;
            }
            take(*class, 1, run << 4 | category(value), value);
            run = 0;
        }
        if run > 0 {
            take(*class, 1, END_OF_BLOCK, 0);
        }
    }
}

/// How many bits a value has (T.81 F.1.2.1).
fn category(value: i16) -> u8 {
    (16 - value.unsigned_abs().leading_zeros()) as u8
}

/// The places of zigzag order, for those who fill blocks.
fn zigzag() -> [usize; 64] {
    ZIGZAG.map(usize::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: u32) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len).map(|_| next()).collect()
    }

    fn decoded(file: &[u8]) -> image::DynamicImage {
        image::load_from_memory_with_format(file, image::ImageFormat::Jpeg).expect("a file that decodes")
    }

    fn psnr(one: &[u8], other: &[u8]) -> f64 {
        let error: f64 = one.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        10.0 * (255.0 * 255.0 * one.len() as f64 / error.max(1e-9)).log10()
    }

    #[test]
    fn every_small_size_decodes_to_what_it_was() {
        for width in (1..=18).chain([33, 150]) {
            for height in [1, 2, 7, 8, 9, 15, 16, 17, 100] {
                for channels in [1, 3] {
                    // A ramp: smooth, so that it comes back nearly as it was.
                    let pixels: Vec<u8> = (0..height * width)
                        .flat_map(|at| {
                            let shade = (at % width + at / width) as u8 / 2 + 60;
                            [shade, shade / 2 + 40, 200 - shade].into_iter().take(channels)
                        })
                        .collect();
                    for quality in [50, 80, 95] {
                        let file = write(&pixels, (width as u16, height as u16), channels, quality);
                        let back = decoded(&file);
                        assert_eq!((back.width(), back.height()), (width as u32, height as u32));
                        let found = psnr(&pixels, back.as_bytes());
                        assert!(
                            found > 33.0,
                            "{width}x{height}, {channels} channels, quality {quality}: {found:.1} dB"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_extremes_decode() {
        let board: Vec<u8> = (0..64 * 64).map(|at| if (at % 64 + at / 64) % 2 == 0 { 255 } else { 0 }).collect();
        let stripes: Vec<u8> = (0..64 * 64).map(|at| if at / 8 % 2 == 0 { 255 } else { 0 }).collect();
        for (pixels, least) in [(board, 35.0), (stripes, 35.0), (noise(64 * 64, 1), 35.0)] {
            let file = write(&pixels, (64, 64), 1, 100);
            let found = psnr(&pixels, decoded(&file).as_bytes());
            assert!(found > least, "{found:.1} dB");
        }
        for quality in [1, 2, 100] {
            decoded(&write(&noise(301 * 203 * 3, 2), (301, 203), 3, quality));
        }
    }

    #[test]
    fn better_quality_is_closer_and_larger() {
        let pixels = noise(64 * 48 * 3, 3);
        let (mut last, mut bytes) = (0.0, 0);
        for quality in [5, 30, 60, 85, 97] {
            let file = write(&pixels, (64, 48), 3, quality);
            let found = psnr(&pixels, decoded(&file).as_bytes());
            assert!(found > last && file.len() > bytes, "quality {quality}: {found:.1} dB, {} bytes", file.len());
            (last, bytes) = (found, file.len());
        }
    }
}
