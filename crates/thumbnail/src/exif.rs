//! The one EXIF field that matters here.

use image::metadata::Orientation;

const TAG_ORIENTATION: u16 = 0x0112;
const TYPE_SHORT: u16 = 3;
const TYPE_LONG: u16 = 4;

/// The orientation in a TIFF block (EXIF without the `Exif\0\0` of JPEG). `None` when there is none, or the block is
/// broken: a picture is never refused for its metadata.
pub(crate) fn orientation(tiff: &[u8]) -> Option<Orientation> {
    let order = match tiff.get(..4)? {
        [b'I', b'I', 42, 0] => Order::Little,
        [b'M', b'M', 0, 42] => Order::Big,
        _ => return None,
    };
    let directory = usize::try_from(order.u32(tiff, 4)?).ok()?;
    let entries = usize::from(order.u16(tiff, directory)?);
    let first = directory.checked_add(2)?;
    // An entry is tag, type, count and value: 2 + 2 + 4 + 4 bytes.
    let entry = (0..entries)
        .map_while(|i| tiff.get(first.checked_add(i * 12)?..)?.get(..12))
        .find(|entry| order.u16(entry, 0) == Some(TAG_ORIENTATION))?;
    let value = match order.u16(entry, 2)? {
        TYPE_SHORT => u32::from(order.u16(entry, 8)?),
        TYPE_LONG => order.u32(entry, 8)?,
        _ => return None,
    };
    Orientation::from_exif(u8::try_from(value).ok()?)
}

#[derive(Clone, Copy)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let two = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u16::from_le_bytes(two),
            Self::Big => u16::from_be_bytes(two),
        })
    }

    fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let four = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Self::Little => u32::from_le_bytes(four),
            Self::Big => u32::from_be_bytes(four),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_blocks_give_nothing() {
        let good = b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0";
        assert_eq!(orientation(good), Some(Orientation::Rotate90));
        for cut in 0..good.len() {
            assert_eq!(orientation(&good[..cut]), None, "cut at {cut}");
        }
        let table: [(usize, u8, &str); 6] = [
            (0, b'X', "no byte order"),
            (2, 43, "not TIFF (BigTIFF)"),
            (4, 0xff, "the directory lies past the end"),
            (10, 0x13, "another tag"),
            (12, 2, "stored as text"),
            (18, 9, "no such orientation"),
        ];
        for (at, byte, why) in table {
            let mut broken = *good;
            broken[at] = byte;
            assert_eq!(orientation(&broken), None, "{why}");
        }
    }
}
