//! Block means made sharper before they are resampled.
//!
//! A mean over a block weakens fine detail, the more the finer (its response is that of a box, sin(x)/x). Where means are
//! many times the target's size, nothing of that is left to see; where they are few, three taps undo most of it: their
//! response rises as the box's falls, up to the fourth power of the frequency, with a weight of 1/24.

use super::planes::Plane;

/// From so many means to a pixel on, resampling leaves none of the detail that they weaken: 0.1 dB, before encoding.
const ENOUGH: f64 = 3.0;

/// The weight of a neighbour, in 64ths: 1/21, by which means of 1.3 to 2.1 times the target's size came closest.
const WEIGHT: i16 = 3;

/// Sharpens a plane of block means, of which so many make a pixel of the target.
pub(super) fn sharpen(plane: &mut Plane, means_per_pixel: f64) {
    let width = plane.width as usize;
    if means_per_pixel >= ENOUGH || width < 2 {
        return;
    }
    let mut above = plane.samples[..width].to_vec();
    let mut current = above.clone();
    for start in (0..plane.samples.len()).step_by(width) {
        let (rows, after) = plane.samples[start..].split_at_mut(width);
        current.copy_from_slice(rows);
        sharpen_row(&above, &current, after.get(..width).unwrap_or(&current), rows);
        std::mem::swap(&mut above, &mut current);
    }
}

/// Edges count as their own neighbours.
fn sharpen_row(above: &[u8], row: &[u8], below: &[u8], out: &mut [u8]) {
    let last = row.len() - 1;
    out[0] = sharper(row[0], [row[0], row[1], above[0], below[0]]);
    out[last] = sharper(row[last], [row[last - 1], row[last], above[last], below[last]]);
    let beside = row.iter().zip(&row[1..]).zip(&row[2..]);
    let around = beside.zip(above[1..].iter().zip(&below[1..]));
    for (out, (((left, middle), right), (above, below))) in out[1..].iter_mut().zip(around) {
        *out = sharper(*middle, [*left, *right, *above, *below]);
    }
}

#[inline(always)]
fn sharper(middle: u8, neighbours: [u8; 4]) -> u8 {
    let middle = i16::from(middle);
    let difference = neighbours.iter().fold(4 * middle, |rest, neighbour| rest - i16::from(*neighbour));
    ((middle * 64 + difference * WEIGHT + 32) >> 6).clamp(0, 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sharpened(width: u32, samples: &[u8], means_per_pixel: f64) -> Vec<u8> {
        let (height, samples) = (samples.len() as u32 / width, samples.to_vec());
        let (window_width, window_height) = (f64::from(width), f64::from(height));
        let mut plane = Plane { samples, width, height, window_width, window_height };
        sharpen(&mut plane, means_per_pixel);
        plane.samples
    }

    #[test]
    fn an_edge_gets_steeper_and_what_is_even_stays() {
        let edge = [100, 100, 164, 164].repeat(3);
        assert_eq!(sharpened(4, &edge, 1.3), [100, 97, 167, 164].repeat(3));
        assert_eq!(sharpened(4, &edge, 3.0), edge, "many means to a pixel");
        assert_eq!(sharpened(3, &[7; 15], 1.0), [7; 15]);
        assert_eq!(sharpened(1, &[0, 255, 0], 1.0), [0, 255, 0], "nothing to the side: left alone");
        assert_eq!(sharpened(2, &[0, 255], 1.0), [0, 255], "black and white are the ends");
    }
}
