//! Undoing the filters of eight rows at once. Within a row each pixel waits for the one on its left, and that wait is
//! most of the time; a row may follow the one above it two pixels behind, so that it waits for its left neighbour
//! alone. So two vectors hold a pixel of each of eight rows, along a diagonal:
//!
//! ```text
//! row 0   · · · · · · a    step t: pixel t of row 0, t - 2 of row 1, t - 4 of row 2, to t - 14 of row 7
//! row 1   · · · · b
//! row 2   · · c            left of each: what the step before gave
//! row 3   d                above each: what the step before that gave, one lane further down
//! ```

use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch, i16x16, u8x16, u8x32, u16x16, u32x4, u32x8};

/// Rows that are done at once.
pub(super) const ROWS: usize = 8;

/// How far each row is behind the one above, in pixels.
const LAG: usize = 2;

/// Steps without a look at where rows end. All rows have begun after the first so many.
const STEPS: usize = 16;

/// Bytes before and after a row that are written to without meaning: where its pixels would be in the steps before it
/// begins and after it ends.
pub(super) const BEFORE: usize = (ROWS - 1) * LAG * 4;
pub(super) const AFTER: usize = ((ROWS - 1) * LAG + STEPS) * 4;

/// Eight rows as they are stored, one behind the other, each with its filter in front.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    filters: [u8; ROWS],
    rows: &'a [u8],
    /// Bytes of a row without its filter.
    len: usize,
}

impl<'a> Stored<'a> {
    /// Rows of `len` bytes each; none where there are fewer than eight, or one has an unknown filter.
    pub(super) fn of(rows: &'a [u8], len: usize) -> Option<Self> {
        let mut filters = [0; ROWS];
        for (row, filter) in filters.iter_mut().enumerate() {
            *filter = *rows.get(row * (len + 1)).filter(|filter| **filter <= 4)?;
        }
        (rows.len() == ROWS * (len + 1)).then_some(Self { filters, rows, len })
    }

    /// Whether no pixel of any row waits for its left neighbour: then there is nothing to gain.
    pub(super) fn is_quick(&self) -> bool {
        self.filters.iter().all(|filter| matches!(filter, 0 | 2))
    }

    /// The bytes of a row from a pixel on; what lies before or behind it has no meaning.
    #[inline(always)]
    fn read<const N: usize, const LEN: usize>(&self, row: usize, step: usize, out: &mut [u8; LEN]) {
        let start = row * (self.len + 1) + 1 + step * N;
        let lag = row * LAG * N;
        match start.checked_sub(lag).and_then(|start| self.rows.get(start..)).and_then(|rest| rest.first_chunk()) {
            Some(bytes) => *out = *bytes,
            None => self.read_what_is_there(start, lag, out),
        }
    }

    #[cold]
    fn read_what_is_there(&self, start: usize, lag: usize, out: &mut [u8]) {
        let rest = self.rows.get(start.saturating_sub(lag)..).unwrap_or_default();
        out.iter_mut().skip(lag.saturating_sub(start)).zip(rest).for_each(|(out, byte)| *out = *byte);
    }
}

/// Writes the eight rows without their filters, each from [`BEFORE`] on and with [`AFTER`] bytes of room behind it.
/// `above` is the row above them, of the same form, all zeros for the first. A pixel has three or four bytes.
pub(super) fn unfilter(stored: Stored, above: &[u8], rows: [&mut [u8]; ROWS], pixel_bytes: usize) {
    unfilter_at(Level::new(), stored, above, rows, pixel_bytes);
}

fn unfilter_at(level: Level, stored: Stored, above: &[u8], rows: [&mut [u8]; ROWS], pixel_bytes: usize) {
    let has_average = stored.filters.contains(&3);
    dispatch!(level, simd => match (pixel_bytes, has_average) {
        (3, false) => run::<_, 3, { 3 * STEPS + 1 }, false>(simd, stored, above, rows),
        (3, true) => run::<_, 3, { 3 * STEPS + 1 }, true>(simd, stored, above, rows),
        (_, false) => run::<_, 4, { 4 * STEPS }, false>(simd, stored, above, rows),
        (_, true) => run::<_, 4, { 4 * STEPS }, true>(simd, stored, above, rows),
    });
}

/// All steps, as many at a time as need no look at where rows end. Everything in it has to be inlined, or it would not
/// be compiled for the processor it runs on; so no closures with vectors either.
#[inline(always)]
fn run<S: Simd, const N: usize, const LEN: usize, const AVERAGE: bool>(
    simd: S,
    stored: Stored,
    above: &[u8],
    mut rows: [&mut [u8]; ROWS],
) {
    let mut wave = Wave::<S>::new(simd, &stored.filters);
    let steps = stored.len / N + (ROWS - 1) * LAG;
    for first in (0..steps).step_by(STEPS) {
        let mut own = [[0; LEN]; ROWS];
        for (row, own) in own.iter_mut().enumerate() {
            stored.read::<N, LEN>(row, first, own);
        }
        let at = BEFORE + first * N;
        let Some(top) = above.get(at..).and_then(|top| top.first_chunk::<LEN>()) else { return };
        let Some(out) = places::<N, LEN>(&mut rows, at) else { return };
        for step in 0..STEPS {
            let mut pixels = [0; ROWS];
            for row in 0..ROWS {
                pixels[row] = pixel(&own[row], step * N);
            }
            let mut done = wave.advance::<AVERAGE>(simd, pixels, pixel(top, step * N));
            if first == 0 {
                done = wave.hold_back(simd, step);
            }
            for row in 0..ROWS {
                // Of pixels of three bytes, the fourth is overwritten by the next.
                out[row][step * N..step * N + 4].copy_from_slice(&done[row].to_ne_bytes());
            }
        }
    }
}

/// Where the rows' next pixels go: each row's are behind those of the one above.
#[inline(always)]
fn places<'a, const N: usize, const LEN: usize>(
    rows: &'a mut [&mut [u8]; ROWS],
    at: usize,
) -> Option<[&'a mut [u8; LEN]; ROWS]> {
    let [a, b, c, d, e, f, g, h] = rows;
    let lag = LAG * N;
    Some([
        place(a, at)?,
        place(b, at - lag)?,
        place(c, at - lag * 2)?,
        place(d, at - lag * 3)?,
        place(e, at - lag * 4)?,
        place(f, at - lag * 5)?,
        place(g, at - lag * 6)?,
        place(h, at - lag * 7)?,
    ])
}

#[inline(always)]
fn place<const LEN: usize>(row: &mut [u8], at: usize) -> Option<&mut [u8; LEN]> {
    row.get_mut(at..)?.first_chunk_mut()
}

#[inline(always)]
fn pixel<const LEN: usize>(bytes: &[u8; LEN], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Pixels of eight rows, a sample in 16 bits: four rows in each vector.
type Pixels<S> = [u16x16<S>; 2];

/// Where all rows are.
struct Wave<S: Simd> {
    left: Pixels<S>,
    before_left: Pixels<S>,
    corner: Pixels<S>,
    /// All bits for the rows whose filter looks at that neighbour. Where the others are zero, Paeth's choice is the
    /// one that is left, so it does for all filters but the mean.
    with_left: Pixels<S>,
    with_above: Pixels<S>,
    with_corner: Pixels<S>,
    averages: Pixels<S>,
}

impl<S: Simd> Wave<S> {
    #[inline(always)]
    fn new(simd: S, filters: &[u8; ROWS]) -> Self {
        let zeros = [u16x16::splat(simd, 0); 2];
        Self {
            left: zeros,
            before_left: zeros,
            corner: zeros,
            with_left: lanes(simd, filters.map(|filter| matches!(filter, 1 | 3 | 4))),
            with_above: lanes(simd, filters.map(|filter| matches!(filter, 2..=4))),
            with_corner: lanes(simd, filters.map(|filter| filter == 4)),
            averages: lanes(simd, filters.map(|filter| filter == 3)),
        }
    }

    /// One step: `own` are the stored pixels, `top` is the pixel above the first row's.
    #[inline(always)]
    fn advance<const AVERAGE: bool>(&mut self, simd: S, own: [u32; ROWS], top: u32) -> [u32; ROWS] {
        let (first, second) = simd.widen_u8x32(u32x8::simd_from(simd, own).bitcast());
        let own = [first, second];
        let top: u8x16<S> = u32x4::simd_from(simd, [0, 0, 0, top]).bitcast();
        let (low, high) = simd.widen_u8x16(top);
        let top = low.combine(high);
        let [first, second] = self.before_left;
        let above = [top.slide::<12>(first), first.slide::<12>(second)];
        let mut now = self.left;
        for half in 0..2 {
            let (a, b) = (self.left[half] & self.with_left[half], above[half] & self.with_above[half]);
            let mut guess = paeth(a, b, self.corner[half]);
            if AVERAGE {
                let averages = self.averages[half];
                guess = (((a + b) >> 1) & averages) | (guess & !averages);
            }
            // As bytes, so that what overflows is gone.
            let sum: u8x32<S> = own[half].bitcast::<u8x32<S>>() + guess.bitcast::<u8x32<S>>();
            now[half] = sum.bitcast();
            self.corner[half] = above[half] & self.with_corner[half];
        }
        self.before_left = self.left;
        self.left = now;
        simd.relaxed_narrow_u16x16(now[0], now[1]).bitcast::<u32x8<S>>().into()
    }

    /// Rows that have not begun at a step stay zero, as what is left of a row counts.
    #[inline(always)]
    fn hold_back(&mut self, simd: S, step: usize) -> [u32; ROWS] {
        let mut rows = [false; ROWS];
        for (row, begun) in rows.iter_mut().enumerate() {
            *begun = step >= row * LAG;
        }
        let [first, second] = lanes(simd, rows);
        self.left = [self.left[0] & first, self.left[1] & second];
        simd.relaxed_narrow_u16x16(self.left[0], self.left[1]).bitcast::<u32x8<S>>().into()
    }
}

/// All bits of the lanes of those rows.
#[inline(always)]
fn lanes<S: Simd>(simd: S, of: [bool; ROWS]) -> Pixels<S> {
    let mut bits = [[0; 16]; 2];
    for lane in 0..32 {
        bits[lane / 16][lane % 16] = if of[lane / 4] { u16::MAX } else { 0 };
    }
    [u16x16::simd_from(simd, bits[0]), u16x16::simd_from(simd, bits[1])]
}

/// The neighbour nearest to left + above - corner, by comparing with a threshold: see `unfilter::paeth`.
#[inline(always)]
fn paeth<S: Simd>(left: u16x16<S>, above: u16x16<S>, corner: u16x16<S>) -> u16x16<S> {
    let [a, b, c]: [i16x16<S>; 3] = [left.bitcast(), above.bitcast(), corner.bitcast()];
    let threshold = (c + c + c - b) - a;
    let (low, high) = (a.min(b), a.max(b));
    let middle = high.simd_gt(threshold).select(c, low);
    threshold.simd_gt(low).select(middle, high).bitcast()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::png::unfilter::unfilter as one_by_one;

    fn check<const N: usize>(filters: [u8; ROWS], pixels: usize, seed: u64) {
        check_at::<N>(Level::new(), filters, pixels, seed);
    }

    fn check_at<const N: usize>(level: Level, filters: [u8; ROWS], pixels: usize, seed: u64) {
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
        let above = [&[0x55; BEFORE], &above[..], &[0x55; AFTER]].concat();
        let mut rows: [Vec<u8>; ROWS] = std::array::from_fn(|_| vec![0xaa; BEFORE + len + AFTER]);
        let eight = Stored::of(&stored, len).expect("eight rows");
        unfilter_at(level, eight, &above, rows.each_mut().map(Vec::as_mut_slice), N);
        for (row, (made, expected)) in rows.iter().zip(&expected[1..]).enumerate() {
            assert_eq!(
                &made[BEFORE..BEFORE + len],
                expected,
                "row {row} of filters {filters:?}, {pixels} pixels of {N} bytes"
            );
        }
    }

    #[test]
    fn eight_rows_are_as_one_by_one() {
        // Every filter in every row below and above every other one, and all pixels near both ends.
        for seed in 1..400_u64 {
            let filters =
                std::array::from_fn(|row| (seed / 5_u64.pow(row as u32 % 4) + seed * row as u64 / 7) as u8 % 5);
            for pixels in [1, 2, 3, 7, 8, 15, 16, 17, 18, 33] {
                check::<3>(filters, pixels, seed);
                check::<4>(filters, pixels, seed);
            }
        }
        for filter in 0..5 {
            check::<3>([filter; ROWS], 5_000, 7);
            check::<4>([filter; ROWS], 5_000, 8);
        }
    }

    /// On a processor that has more, what others run has to be tried as well.
    #[test]
    fn every_level_gives_the_same() {
        let level = Level::new();
        let levels =
            [level, level.as_sse2().map_or(level, Level::Sse2), level.as_sse4_2().map_or(level, Level::Sse4_2)];
        for level in levels {
            for pixels in [1, 16, 100] {
                check_at::<3>(level, [4, 3, 2, 1, 0, 4, 3, 1], pixels, 3);
                check_at::<4>(level, [4, 3, 2, 1, 0, 4, 4, 1], pixels, 4);
            }
        }
    }

    #[test]
    fn what_is_no_eight_rows_is_left_alone() {
        assert!(Stored::of(&[0; 35], 4).is_none(), "seven rows");
        assert!(Stored::of(&[5; 40], 4).is_none(), "an unknown filter");
        assert!(Stored::of(&[4; 40], 4).is_some());
    }
}
