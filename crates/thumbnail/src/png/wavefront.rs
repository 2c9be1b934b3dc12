//! Undoing the filters of four rows at once. Within a row each pixel waits for the one on its left, and that wait is
//! most of the time; a row may follow the one above it one pixel behind. So one vector holds a pixel of each of four
//! rows, along a diagonal:
//!
//! ```text
//! row 0   · · · · a        step t: pixel t of row 0, t - 1 of row 1, t - 2 of row 2, t - 3 of row 3
//! row 1   · · · b
//! row 2   · · c            left of each: what the step before gave
//! row 3   · d              above each: the same, one lane further down
//! ```

use bytemuck::cast;
use wide::{u8x16, u16x8, u64x2};

/// Rows that are done at once.
pub(super) const ROWS: usize = 4;

/// Four rows as they are stored, one behind the other, each with its filter in front.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    filters: [u8; ROWS],
    samples: [&'a [u8]; ROWS],
}

impl<'a> Stored<'a> {
    /// Rows of `len` bytes each; none where there are fewer than four, or one has an unknown filter.
    pub(super) fn of(rows: &'a [u8], len: usize) -> Option<Self> {
        let mut rows = rows.chunks_exact(len + 1);
        let mut next = || rows.next().and_then(<[u8]>::split_first).filter(|(filter, _)| **filter <= 4);
        let four = [next()?, next()?, next()?, next()?];
        Some(Self { filters: four.map(|(filter, _)| *filter), samples: four.map(|(_, samples)| samples) })
    }

    /// Whether no pixel of any row waits for its left neighbour: then there is nothing to gain.
    pub(super) fn is_quick(&self) -> bool {
        self.filters.iter().all(|filter| matches!(filter, 0 | 2))
    }
}

/// Writes the four rows without their filters. `above` is the row above them, all zeros for the first. A pixel has `N`
/// bytes, three or four; all rows are of one length.
pub(super) fn unfilter<const N: usize>(stored: Stored, above: &[u8], rows: [&mut [u8]; ROWS]) {
    if stored.filters == [4; ROWS] {
        return run::<N>(stored, above, rows, paeth);
    }
    let [sub, up, average, paeth_rows] = [1, 2, 3, 4].map(|filter| lanes(stored.filters.map(|own| own == filter)));
    run::<N>(stored, above, rows, |left, above, corner| {
        (left & sub) | (above & up) | (mean(left, above) & average) | (paeth(left, above, corner) & paeth_rows)
    });
}

/// All steps. The first and the last few, in which some rows have not begun or have ended, are walked with care.
#[inline(always)]
fn run<const N: usize>(
    stored: Stored,
    above: &[u8],
    mut rows: [&mut [u8]; ROWS],
    predict: impl Fn(u8x16, u8x16, u8x16) -> u8x16,
) {
    let pixels = stored.samples[0].len() / N;
    let mut wave = Wave { now: u8x16::default(), above: u8x16::default() };
    // Pixels of three bytes are read and written as four, which the last of a row can't be.
    let middle = (ROWS - 1)..pixels.saturating_sub(1).max(ROWS - 1);
    for step in 0..middle.start {
        careful::<N>(&mut wave, stored, above, &mut rows, step, &predict);
    }
    for step in middle.clone() {
        let own: [u32; ROWS] = std::array::from_fn(|row| lane(stored.samples[row], (step - row) * N));
        wave.advance(cast(own), lane(above, step * N), &predict);
        let done: [u32; ROWS] = cast(wave.now);
        for (row, pixel) in done.iter().enumerate() {
            let at = (step - row) * N;
            if let Some(place) = rows[row].get_mut(at..at + 4) {
                place.copy_from_slice(&pixel.to_ne_bytes());
            }
        }
    }
    for step in middle.end..pixels + ROWS - 1 {
        careful::<N>(&mut wave, stored, above, &mut rows, step, &predict);
    }
}

/// A pixel of each row, and what lies above each.
struct Wave {
    now: u8x16,
    above: u8x16,
}

impl Wave {
    /// One step: `own` are the stored pixels, `top` is the pixel above the first row's.
    #[inline(always)]
    fn advance(&mut self, own: u8x16, top: u32, predict: impl Fn(u8x16, u8x16, u8x16) -> u8x16) {
        let (left, corner) = (self.now, self.above);
        self.above = one_lane_down(self.now, top);
        self.now = own + predict(left, self.above, corner);
    }
}

/// Every lane of four bytes where the next one was, `top` in the first. By shifts of halves: as an array it would go
/// through memory, and be waited for.
#[inline(always)]
fn one_lane_down(lanes: u8x16, top: u32) -> u8x16 {
    let halves: u64x2 = cast(lanes);
    let [second, _]: [u64; 2] = cast(halves >> 32_u32);
    cast::<u64x2, u8x16>(halves << 32_u32) | cast::<[u64; 2], u8x16>([u64::from(top), second])
}

/// One step near the ends: rows that have not begun stay zero, as what is left of a row counts.
fn careful<const N: usize>(
    wave: &mut Wave,
    stored: Stored,
    above: &[u8],
    rows: &mut [&mut [u8]; ROWS],
    step: usize,
    predict: &impl Fn(u8x16, u8x16, u8x16) -> u8x16,
) {
    let pixels = stored.samples[0].len() / N;
    let column = |row: usize| step.checked_sub(row).filter(|column| *column < pixels);
    let pixel = |samples: &[u8], column: Option<usize>| {
        let mut pixel = [0; 4];
        if let Some(found) = column.and_then(|column| samples.get(column * N..(column + 1) * N)) {
            pixel[..N].copy_from_slice(found);
        }
        pixel
    };
    let own: [[u8; 4]; ROWS] = std::array::from_fn(|row| pixel(stored.samples[row], column(row)));
    wave.advance(cast(own), u32::from_ne_bytes(pixel(above, column(0))), predict);
    wave.now &= lanes(std::array::from_fn(|row| step >= row));
    let done: [[u8; 4]; ROWS] = cast(wave.now);
    for row in 0..ROWS {
        if let Some(place) = column(row).and_then(|column| rows[row].get_mut(column * N..(column + 1) * N)) {
            place.copy_from_slice(&done[row][..N]);
        }
    }
}

/// Four bytes, of which the last may belong to the next pixel: it has a lane of its own, which nobody looks at.
#[inline(always)]
fn lane(samples: &[u8], at: usize) -> u32 {
    samples.get(at..at + 4).and_then(|four| four.try_into().ok()).map_or(0, u32::from_ne_bytes)
}

/// All bits of the lanes of those rows.
fn lanes(of: [bool; ROWS]) -> u8x16 {
    cast(of.map(|is_on| if is_on { u32::MAX } else { 0 }))
}

/// Rounded down, as PNG wants it.
#[inline(always)]
fn mean(a: u8x16, b: u8x16) -> u8x16 {
    let halves: u16x8 = cast::<u8x16, u16x8>(a ^ b) >> 1_u32;
    (a & b) + (cast::<u16x8, u8x16>(halves) & u8x16::splat(0x7f))
}

/// The neighbour nearest to left + above - corner, a tie going to the left one, then to the one above. Where corner
/// lies between the two, its distance is the difference of theirs; else their sum, so that it is never the nearest.
#[inline(always)]
fn paeth(left: u8x16, above: u8x16, corner: u8x16) -> u8x16 {
    let (left_over, left_under) = (left.saturating_sub(corner), corner.saturating_sub(left));
    let (above_over, above_under) = (above.saturating_sub(corner), corner.saturating_sub(above));
    // The distance of the one is the other's difference to the corner.
    let (of_left, of_above) = (above_over | above_under, left_over | left_under);
    let opposite = left_over.min(above_under) | left_under.min(above_over);
    let is_outside = opposite.simd_eq(u8x16::default());
    let of_corner = of_left.saturating_sub(of_above) | of_above.saturating_sub(of_left) | is_outside;
    let nearer = of_left.min(of_above);
    let best = of_left.simd_eq(nearer).bitselect(left, above);
    nearer.min(of_corner).simd_eq(nearer).bitselect(best, corner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::png::unfilter::unfilter as one_by_one;

    fn check<const N: usize>(filters: [u8; ROWS], pixels: usize, seed: u64) {
        let len = pixels * N;
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Small steps and extremes both: ties and saturation are where mistakes would be.
            [(state >> 40) as u8, (state >> 40) as u8 & 3, 255, 0][(state >> 60) as usize & 3]
        };
        let above: Vec<u8> = (0..len).map(|_| byte()).collect();
        let mut stored = Vec::new();
        for filter in filters {
            stored.push(filter);
            stored.extend((0..len).map(|_| byte()));
        }
        let mut expected = vec![above[..len].to_vec()];
        for row in stored.chunks(len + 1) {
            let mut out = vec![0; len];
            one_by_one(row, &expected[expected.len() - 1], &mut out, N).expect("good filters");
            expected.push(out);
        }
        let mut rows: [Vec<u8>; ROWS] = std::array::from_fn(|_| vec![0xaa; len]);
        let four = Stored::of(&stored, len).expect("four rows");
        unfilter::<N>(four, &above, rows.each_mut().map(Vec::as_mut_slice));
        for (row, (made, expected)) in rows.iter().zip(&expected[1..]).enumerate() {
            assert_eq!(made, expected, "row {row} of filters {filters:?}, {pixels} pixels of {N} bytes");
        }
    }

    #[test]
    fn four_rows_are_as_one_by_one() {
        let mut seed = 1;
        for number in 0..5_u32.pow(4) {
            let filters = std::array::from_fn(|row| (number / 5_u32.pow(row as u32) % 5) as u8);
            for pixels in [1, 2, 3, 4, 5, 6, 17] {
                seed += 1;
                check::<3>(filters, pixels, seed);
                check::<4>(filters, pixels, seed);
            }
        }
        check::<3>([4; ROWS], 5_000, 7);
        check::<4>([4; ROWS], 5_000, 8);
        check::<4>([3; ROWS], 5_000, 9);
    }

    #[test]
    fn what_is_no_four_rows_is_left_alone() {
        assert!(Stored::of(&[0; 15], 4).is_none(), "three rows");
        assert!(Stored::of(&[5; 20], 4).is_none(), "an unknown filter");
    }
}
