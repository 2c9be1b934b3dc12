//! How large the thumbnail is, and which part of the picture it shows.

use image::metadata::Orientation;

use crate::{Fit, Options};

/// What is to be made, in the picture's stored orientation (the thumbnail is turned last, when it is small).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Target {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// The part of the picture to show, in its pixels.
    pub(crate) crop: Window,
}

/// A part of a picture; edges may lie inside pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Window {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Window {
    /// The same part after the picture has shrunk by the two factors.
    pub(crate) fn shrunk(self, x: f64, y: f64) -> Self {
        Self { left: self.left / x, top: self.top / y, width: self.width / x, height: self.height / y }
    }
}

/// The box applies to the picture as shown; the answer is in the stored orientation.
pub(crate) fn target(stored: (u32, u32), orientation: Orientation, options: &Options) -> Target {
    let (width, height) = turned(stored, orientation);
    let bounds = options.clamped_box();
    let (size, crop) = match options.fit {
        Fit::Inside => (inside((width, height), bounds), (f64::from(width), f64::from(height))),
        Fit::Cover => (bounds, cover((width, height), bounds)),
    };
    // A centred crop stays centred however the picture is turned.
    let (width, height) = turned(size, orientation);
    let (crop_width, crop_height) = turned(crop, orientation);
    let left = (f64::from(stored.0) - crop_width) / 2.0;
    let top = (f64::from(stored.1) - crop_height) / 2.0;
    Target { width, height, crop: Window { left, top, width: crop_width, height: crop_height } }
}

/// Swaps the sides where the orientation lays the picture on its side.
pub(crate) fn turned<T>((width, height): (T, T), orientation: Orientation) -> (T, T) {
    match orientation {
        Orientation::Rotate90 | Orientation::Rotate270 | Orientation::Rotate90FlipH | Orientation::Rotate270FlipH => {
            (height, width)
        }
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    }
}

fn inside((width, height): (u32, u32), (max_width, max_height): (u32, u32)) -> (u32, u32) {
    if width <= max_width && height <= max_height {
        return (width, height);
    }
    // Compares width/height with max_width/max_height without dividing.
    if u64::from(width) * u64::from(max_height) >= u64::from(height) * u64::from(max_width) {
        (max_width, scaled(height, max_width, width))
    } else {
        (scaled(width, max_height, height), max_height)
    }
}

/// `side * numerator / denominator`, rounded half up, at least 1. The caller sees to it that the result fits.
fn scaled(side: u32, numerator: u32, denominator: u32) -> u32 {
    let (side, numerator, denominator) = (u64::from(side), u64::from(numerator), u64::from(denominator));
    let rounded = (2 * side * numerator + denominator) / (2 * denominator);
    u32::try_from(rounded).unwrap_or(u32::MAX).max(1)
}

/// The size of the largest part of the picture that has the box's aspect.
fn cover((width, height): (u32, u32), (box_width, box_height): (u32, u32)) -> (f64, f64) {
    let (width, height) = (f64::from(width), f64::from(height));
    let aspect = f64::from(box_width) / f64::from(box_height);
    if width > height * aspect { (height * aspect, height) } else { (width, width / aspect) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(stored: (u32, u32), exif: u8, width: u32, height: u32, fit: Fit) -> (u32, u32, Window) {
        let orientation = Orientation::from_exif(exif).unwrap_or(Orientation::NoTransforms);
        let made = target(stored, orientation, &Options { width, height, fit, ..Options::default() });
        (made.width, made.height, made.crop)
    }

    #[test]
    fn inside_rounds_half_up_and_never_enlarges() {
        type Size = (u32, u32);
        let table: [(Size, u8, Size, Size, &str); 10] = [
            ((4000, 3000), 1, (150, 150), (150, 113), "112.5 rounds up"),
            ((3000, 4000), 1, (150, 150), (113, 150), "the same upright"),
            ((4000, 3000), 6, (150, 150), (150, 113), "turned: stored on its side"),
            ((4000, 3000), 6, (100, 50), (50, 38), "turned: the box is for what is shown"),
            ((150, 150), 1, (150, 150), (150, 150), "exactly the box"),
            ((149, 20), 1, (150, 150), (149, 20), "smaller: left alone"),
            ((65500, 1), 1, (150, 150), (150, 1), "a line keeps one pixel"),
            ((1, 65500), 1, (150, 150), (1, 150), "the same upright"),
            ((151, 150), 1, (150, 150), (150, 149), "149.006 rounds down"),
            ((200, 100), 1, (0, 0), (1, 1), "an empty box counts as one pixel"),
        ];
        for (stored, exif, (width, height), expected, why) in table {
            let (w, h, _) = shown(stored, exif, width, height, Fit::Inside);
            assert_eq!((w, h), expected, "{why}");
        }
    }

    #[test]
    fn cover_fills_the_box_from_the_middle() {
        let (width, height, crop) = shown((400, 200), 1, 100, 100, Fit::Cover);
        assert_eq!((width, height), (100, 100));
        assert_eq!(crop, Window { left: 100.0, top: 0.0, width: 200.0, height: 200.0 });

        let (width, height, crop) = shown((400, 200), 8, 50, 100, Fit::Cover);
        assert_eq!((width, height), (100, 50), "stored on its side");
        assert_eq!(crop, Window { left: 0.0, top: 0.0, width: 400.0, height: 200.0 });
    }
}
