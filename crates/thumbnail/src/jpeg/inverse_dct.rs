//! Inverse DCTs of a block's lowest coefficients (T.81 A.3.3), at sizes 1, 2, 4 and 8.
//!
//! A smaller transform of the lowest coefficients gives the block's picture at a smaller size.
//! Coefficients come dequantised and in natural order, eight to a row; samples are level-shifted
//! and clamped to 8 bits. Sums wrap: damaged coefficients give a wrong picture, never a panic.

use std::num::Wrapping;

/// Natural index of each coefficient in zigzag order.
pub(super) const NATURAL: [u8; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The mean of a block, from its dequantised DC coefficient.
#[inline(always)]
pub(super) fn sample_of_dc(dc: i32) -> u8 {
    to_sample(dc.wrapping_add(4) >> 3)
}

/// Means of blocks from their DC coefficients and the step those are in, as [`sample_of_dc`] gives them.
pub(super) struct Means {
    step: i16,
    most: i16,
}

impl Means {
    pub(super) fn new(step: u16) -> Self {
        // From 1,032 on means are black or white: what is clamped here is so anyway, and products fit 16 bits, of which
        // processors take eight at a time.
        let step = step.clamp(1, 2048) as i16;
        Self { step, most: 1032 / step + 1 }
    }

    #[inline(always)]
    pub(super) fn sample(&self, dc: i16) -> u8 {
        (((dc.clamp(-self.most, self.most) * self.step + 4) >> 3) + 128).clamp(0, 255) as u8
    }
}

/// 2x2 samples from the lowest 2x2 coefficients.
pub(super) fn to_2x2(c: &[i32; 64], target: &mut [u8], stride: usize) {
    let (left_sum, right_sum) = (c[0].wrapping_add(c[8]), c[1].wrapping_add(c[9]));
    let (left_difference, right_difference) = (c[0].wrapping_sub(c[8]), c[1].wrapping_sub(c[9]));
    for (row, (left, right)) in [(left_sum, right_sum), (left_difference, right_difference)].into_iter().enumerate() {
        let pair = [left.wrapping_add(right), left.wrapping_sub(right)];
        store(target, row * stride, pair.map(sample_of_dc));
    }
}

/// 4x4 samples from the lowest 4x4 coefficients.
pub(super) fn to_4x4(c: &[i32; 64], target: &mut [u8], stride: usize) {
    let mut rows = [[Wrapping(0); 4]; 4];
    for x in 0..4 {
        let column = four_point([c[x], c[8 + x], c[16 + x], c[24 + x]].map(Wrapping));
        for (row, value) in rows.iter_mut().zip(column) {
            row[x] = descale(value, FRACTION - KEPT);
        }
    }
    for (y, row) in rows.into_iter().enumerate() {
        let line = four_point(row);
        store(target, y * stride, line.map(|value| to_sample(descale(value, FRACTION + KEPT + 3).0)));
    }
}

/// 8x8 samples.
pub(super) fn to_8x8(c: &[i32; 64], target: &mut [u8], stride: usize) {
    let mut rows = [[Wrapping(0); 8]; 8];
    for x in 0..8 {
        let column = eight_point(std::array::from_fn(|y| Wrapping(c[8 * y + x])));
        for (row, value) in rows.iter_mut().zip(column) {
            row[x] = descale(value, FRACTION - KEPT);
        }
    }
    for (y, row) in rows.into_iter().enumerate() {
        let line = eight_point(row);
        store(target, y * stride, line.map(|value| to_sample(descale(value, FRACTION + KEPT + 3).0)));
    }
}

/// Bits after the point of the constants below.
const FRACTION: usize = 13;
/// Bits after the point kept between the two passes.
const KEPT: usize = 2;

type Wide = Wrapping<i32>;

const fn constant(thousand_millionths: i64) -> Wide {
    Wrapping((((thousand_millionths << FRACTION) + 500_000_000) / 1_000_000_000) as i32)
}

const C_0_298: Wide = constant(298_631_336);
const C_0_390: Wide = constant(390_180_644);
const C_0_541: Wide = constant(541_196_100);
const C_0_765: Wide = constant(765_366_865);
const C_0_899: Wide = constant(899_976_223);
const C_1_175: Wide = constant(1_175_875_602);
const C_1_306: Wide = constant(1_306_562_965);
const C_1_501: Wide = constant(1_501_321_110);
const C_1_847: Wide = constant(1_847_759_065);
const C_1_961: Wide = constant(1_961_570_560);
const C_2_053: Wide = constant(2_053_119_869);
const C_2_562: Wide = constant(2_562_915_447);
const C_3_072: Wide = constant(3_072_711_026);

/// The four-point inverse DCT, scaled so that two passes give eight times the samples.
#[inline(always)]
fn four_point(c: [Wide; 4]) -> [Wide; 4] {
    let (sum, difference) = ((c[0] + c[2]) << FRACTION, (c[0] - c[2]) << FRACTION);
    let outer = c[1] * C_1_306 + c[3] * C_0_541;
    let inner = c[1] * C_0_541 - c[3] * C_1_306;
    [sum + outer, difference + inner, difference - inner, sum - outer]
}

/// The eight-point inverse DCT of Loeffler, Ligtenberg and Moschytz with 12 multiplications,
/// scaled so that two passes give eight times the samples.
#[inline(always)]
fn eight_point(c: [Wide; 8]) -> [Wide; 8] {
    let shared = (c[2] + c[6]) * C_0_541;
    let (low, high) = (shared - c[6] * C_1_847, shared + c[2] * C_0_765);
    let (sum, difference) = ((c[0] + c[4]) << FRACTION, (c[0] - c[4]) << FRACTION);
    let even = [sum + high, difference + low, difference - low, sum - high];

    let shared = (c[7] + c[3] + c[5] + c[1]) * C_1_175;
    let outer = (c[7] + c[1]) * C_0_899;
    let inner = (c[5] + c[3]) * C_2_562;
    let first = shared - (c[7] + c[3]) * C_1_961;
    let second = shared - (c[5] + c[1]) * C_0_390;
    let odd = [
        c[1] * C_1_501 - outer + second,
        c[3] * C_3_072 - inner + first,
        c[5] * C_2_053 - inner + second,
        c[7] * C_0_298 - outer + first,
    ];
    std::array::from_fn(|x| if x < 4 { even[x] + odd[x] } else { even[7 - x] - odd[7 - x] })
}

#[inline(always)]
fn descale(value: Wide, bits: usize) -> Wide {
    (value + (Wrapping(1) << (bits - 1))) >> bits
}

#[inline(always)]
fn to_sample(value: i32) -> u8 {
    value.saturating_add(128).clamp(0, 255) as u8
}

#[inline(always)]
fn store<const N: usize>(target: &mut [u8], start: usize, samples: [u8; N]) {
    if let Some(place) = target.get_mut(start..start + N) {
        place.copy_from_slice(&samples);
    }
}
