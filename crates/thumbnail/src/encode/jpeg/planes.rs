//! A picture as planes of samples, padded to whole MCUs by repeating its edges.

/// One component.
pub(super) struct Component {
    samples: Vec<u8>,
    /// Samples in a row, a multiple of 8.
    width: usize,
    height: usize,
    /// Blocks of an MCU across and down.
    pub(super) sampling: usize,
}

/// Luma alone of gray pictures; luma and two colours of others, the colours at half the size where that is wanted.
pub(super) fn split(pixels: &[u8], width: usize, height: usize, channels: usize, halved: bool) -> Vec<Component> {
    let sampling = if halved { 2 } else { 1 };
    let (wide, high) = (width.next_multiple_of(8 * sampling), height.next_multiple_of(8 * sampling));
    if channels == 1 {
        let samples = padded(width, height, wide, high, |at| pixels[at]);
        return vec![Component { samples, width: wide, height: high, sampling }];
    }
    let (pixels, _) = pixels.as_chunks::<3>();
    let converted: Vec<[u8; 3]> = pixels.iter().map(ycbcr).collect();
    let component = |number: usize| padded(width, height, wide, high, |at| converted[at][number]);
    let mut components = vec![Component { samples: component(0), width: wide, height: high, sampling }];
    for number in [1, 2] {
        let full = component(number);
        components.push(match halved {
            true => Component { samples: halve(&full, wide), width: wide / 2, height: high / 2, sampling: 1 },
            false => Component { samples: full, width: wide, height: high, sampling: 1 },
        });
    }
    components
}

impl Component {
    pub(super) fn blocks_wide(&self) -> usize {
        self.width / 8
    }

    pub(super) fn blocks_high(&self) -> usize {
        self.height / 8
    }

    /// The samples of a block, level-shifted (T.81 A.3.1).
    pub(super) fn block(&self, column: usize, row: usize) -> [[f32; 8]; 8] {
        std::array::from_fn(|y| {
            let start = (row * 8 + y) * self.width + column * 8;
            let line = &self.samples[start..start + 8];
            std::array::from_fn(|x| f32::from(line[x]) - 128.0)
        })
    }
}

fn padded(width: usize, height: usize, wide: usize, high: usize, sample: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut samples = Vec::with_capacity(wide * high);
    for y in 0..high {
        let start = y.min(height - 1) * width;
        samples.extend((0..width).map(|x| sample(start + x)));
        samples.extend(std::iter::repeat_n(sample(start + width - 1), wide - width));
    }
    samples
}

/// Means of two by two samples. Halves are rounded up and down by turns, so that the picture gets no brighter.
fn halve(samples: &[u8], width: usize) -> Vec<u8> {
    let mut half = Vec::with_capacity(samples.len() / 4);
    for rows in samples.chunks_exact(width * 2) {
        let (upper, lower) = rows.split_at(width);
        let pairs = upper.as_chunks::<2>().0.iter().zip(lower.as_chunks::<2>().0);
        half.extend(pairs.enumerate().map(|(x, ([a, b], [c, d]))| {
            let sum = u16::from(*a) + u16::from(*b) + u16::from(*c) + u16::from(*d);
            ((sum + 1 + (x as u16 & 1)) / 4) as u8
        }));
    }
    half
}

/// JFIF's conversion (ITU-R BT.601, full range), in 16 bits behind the point, rounded.
fn ycbcr(&[r, g, b]: &[u8; 3]) -> [u8; 3] {
    let (r, g, b) = (i32::from(r), i32::from(g), i32::from(b));
    let y = 19_595 * r + 38_470 * g + 7_471 * b;
    let cb = -11_059 * r - 21_709 * g + 32_768 * b + (128 << 16);
    let cr = 32_768 * r - 27_439 * g - 5_329 * b + (128 << 16);
    [y, cb, cr].map(|sum| ((sum + (1 << 15)) >> 16).clamp(0, 255) as u8)
}
