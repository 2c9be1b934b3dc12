//! What a file is, by its first bytes.

use crate::{Error, Format};

pub(crate) const PNG_SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";

/// The format of a file, by its first bytes; its name plays no part.
///
/// # Errors
/// [`Error::Unsupported`] for everything else, saying what it seems to be; [`Error::Malformed`] for a PNG whose
/// signature was damaged on the way.
pub fn sniff(source: &[u8]) -> Result<Format, Error> {
    match source {
        [] => Err(Error::unsupported("the file is empty")),
        [0xff, 0xd8, ..] => Ok(Format::Jpeg),
        _ if source.starts_with(&PNG_SIGNATURE) => Ok(Format::Png),
        // Line ends converted or the eighth bit cut off: what the odd bytes of the signature are there to show.
        [0x89 | 0x09, b'P', b'N', b'G', _, ..] => {
            Err(Error::malformed("PNG signature damaged, as by a transfer in text mode"))
        }
        _ => Err(Error::unsupported(format!("{}, neither a JPEG nor a PNG picture", other_kind(source)))),
    }
}

/// First bytes of what people send instead of a JPEG or PNG.
const SIGNATURES: [(&[u8], &str); 17] = [
    (b"GIF8", "a GIF picture"),
    (b"BM", "a BMP picture"),
    (b"II\x2a\0", "a TIFF picture (or a camera's raw file)"),
    (b"MM\0\x2a", "a TIFF picture (or a camera's raw file)"),
    (b"8BPS", "a Photoshop document"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 picture"),
    (b"\0\0\x01\0", "a Windows icon"),
    (b"%PDF", "a PDF document"),
    (b"%!PS", "a PostScript document"),
    (b"PK\x03\x04", "a ZIP archive or an office document"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
    (b"<?php", "a PHP script"),
];

fn other_kind(source: &[u8]) -> &'static str {
    if source.get(..4) == Some(b"RIFF") && source.get(8..12) == Some(b"WEBP") {
        return "a WebP picture";
    }
    if source.get(4..8) == Some(b"ftyp") {
        return iso_media_kind(source.get(8..12).unwrap_or_default());
    }
    let found = SIGNATURES.iter().find(|(signature, _)| source.starts_with(signature));
    found.map_or_else(|| text_kind(source), |(_, kind)| kind)
}

fn iso_media_kind(brand: &[u8]) -> &'static str {
    match brand {
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"mif1" | b"msf1" => "a HEIC picture",
        b"avif" | b"avis" => "an AVIF picture",
        _ => "a video",
    }
}

fn text_kind(source: &[u8]) -> &'static str {
    let start = source.get(..512).unwrap_or(source);
    let control = |byte: &u8| *byte < b' ' && !matches!(*byte, b'\t' | b'\n' | b'\r' | b'\x0c' | b'\x1b');
    if start.iter().any(control) {
        return "of an unknown kind";
    }
    let valid = match str::from_utf8(start) {
        Ok(text) => text,
        // The last character may be cut in half by our own limit.
        Err(error) if error.error_len().is_none() => str::from_utf8(&start[..error.valid_up_to()]).unwrap_or_default(),
        Err(_) => return "of an unknown kind",
    };
    let text = valid.to_ascii_lowercase();
    let text = text.trim_start_matches('\u{feff}').trim_start();
    match text {
        _ if text.starts_with("<!doctype html") || text.starts_with("<html") => "an HTML page",
        _ if text.starts_with('<') && text.contains("<svg") => "an SVG drawing",
        _ if text.starts_with("<?xml") => "an XML document",
        _ => "text",
    }
}
