//! Undoing the filters of PNG rows (PNG 9): one loop for each filter and pixel size, so that the compiler unrolls it.

use crate::Error;

/// Writes the row `stored` (its filter first) without its filter. `above` is the row above it, all zeros for the first.
/// All rows have the same length, a whole number of pixels of `pixel_bytes`.
pub(crate) fn unfilter(stored: &[u8], above: &[u8], row: &mut [u8], pixel_bytes: usize) -> Result<(), Error> {
    let Some((filter, stored)) = stored.split_first() else { return Err(Error::internal("a PNG row without filter")) };
    match filter {
        0 => row.copy_from_slice(stored),
        2 => row.iter_mut().zip(stored).zip(above).for_each(|((x, s), b)| *x = s.wrapping_add(*b)),
        1 | 3 | 4 => match pixel_bytes {
            1 => with_left::<1>(*filter, stored, above, row),
            2 => with_left::<2>(*filter, stored, above, row),
            3 => with_left::<3>(*filter, stored, above, row),
            4 => with_left::<4>(*filter, stored, above, row),
            6 => with_left::<6>(*filter, stored, above, row),
            _ => with_left::<8>(*filter, stored, above, row),
        },
        _ => return Err(Error::malformed(format!("PNG: a row with the unknown filter {filter}"))),
    }
    Ok(())
}

/// The filters that look at the pixel on the left, which stays in registers.
fn with_left<const N: usize>(filter: u8, stored: &[u8], above: &[u8], row: &mut [u8]) {
    match filter {
        1 => each_pixel::<N>(stored, above, row, |left, _, _| left),
        3 => each_pixel::<N>(stored, above, row, |left, above, _| ((u16::from(left) + u16::from(above)) >> 1) as u8),
        _ => each_pixel::<N>(stored, above, row, paeth),
    }
}

/// `predict` gets the samples left, above, and above left.
#[inline(always)]
fn each_pixel<const N: usize>(stored: &[u8], above: &[u8], row: &mut [u8], predict: impl Fn(u8, u8, u8) -> u8) {
    let (mut left, mut corner) = ([0; N], [0; N]);
    let pixels = row.as_chunks_mut::<N>().0.iter_mut().zip(stored.as_chunks::<N>().0).zip(above.as_chunks::<N>().0);
    for ((pixel, stored), above) in pixels {
        let mut now = [0; N];
        for i in 0..N {
            now[i] = stored[i].wrapping_add(predict(left[i], above[i], corner[i]));
        }
        *pixel = now;
        (left, corner) = (now, *above);
    }
}

/// The neighbour nearest to left + above - corner. Three comparisons of distances come down to two with a threshold,
/// and to no branch: which one it is can't be foreseen.
#[inline(always)]
fn paeth(left: u8, above: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(above), i16::from(corner));
    let threshold = c * 3 - (a + b);
    let (low, high) = (a.min(b), a.max(b));
    let middle = if high <= threshold { low } else { c };
    (if threshold <= low { high } else { middle }) as u8
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test should stop")]

    use super::*;

    /// PNG 9.4, word for word.
    fn paeth_by_the_book(a: u8, b: u8, c: u8) -> u8 {
        let p = i32::from(a) + i32::from(b) - i32::from(c);
        let [pa, pb, pc] = [a, b, c].map(|sample| (p - i32::from(sample)).abs());
        if pa <= pb && pa <= pc {
            a
        } else if pb <= pc {
            b
        } else {
            c
        }
    }

    #[test]
    fn every_filter_at_every_pixel_size() {
        for pixel_bytes in [1, 2, 3, 4, 6, 8] {
            let len = pixel_bytes * 31;
            let byte = |i: usize, salt: usize| (i * i * 7 + i * salt * 13 + salt * 101) as u8;
            let above: Vec<u8> = (0..len).map(|i| byte(i, 3)).collect();
            for filter in 0..5 {
                let stored: Vec<u8> = std::iter::once(filter).chain((0..len).map(|i| byte(i, 5))).collect();
                let mut expected = vec![0; len];
                for i in 0..len {
                    let before = |row: &[u8]| i.checked_sub(pixel_bytes).map_or(0, |at| row[at]);
                    let (a, b, c) = (before(&expected), above[i], before(&above));
                    let average = ((u16::from(a) + u16::from(b)) / 2) as u8;
                    let predicted = [0, a, b, average, paeth_by_the_book(a, b, c)][usize::from(filter)];
                    expected[i] = stored[i + 1].wrapping_add(predicted);
                }
                let mut row = vec![0; len];
                unfilter(&stored, &above, &mut row, pixel_bytes).unwrap();
                assert_eq!(row, expected, "filter {filter}, {pixel_bytes} bytes a pixel");
            }
        }
        assert!(unfilter(&[5, 0], &[0], &mut [0], 1).is_err());
    }
}
