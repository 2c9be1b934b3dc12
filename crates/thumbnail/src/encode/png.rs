//! PNG thumbnails, in the fewest bytes that take little time: with a palette where the picture has few colours, without
//! the channels that say nothing, by a compressor made for them.
//!
//! ```text
//! picture ─▶ pixels (what has to be said) ─▶ filter ─▶ deflate (matches, blocks) ─▶ chunks
//! ```

mod block;
mod deflate;
mod filter;
mod huffman;
mod matches;
mod pixels;
mod symbols;

use image::DynamicImage;

use crate::Error;
use crate::sniff::PNG_SIGNATURE;
use deflate::Draft;
use pixels::Pixels;

pub(super) fn encode(picture: &DynamicImage) -> Result<Vec<u8>, Error> {
    let pixels = Pixels::of(picture)?;
    let plain = file(picture, &pixels, &truecolour(&pixels));
    let indexed = pixels.indexed().map(|indexed| {
        // Indices say nothing of their neighbours.
        let rows = filter::unfiltered(&indexed.samples, indexed.row_len());
        file(picture, &indexed, &Draft::of(&rows).compress())
    });
    Ok(indexed.filter(|indexed| indexed.len() < plain.len()).unwrap_or(plain))
}

fn truecolour(pixels: &Pixels) -> Vec<u8> {
    let rows = filter::filtered(&pixels.samples, pixels.row_len(), pixels.bits_per_pixel() / 8);
    let filtered = Draft::of(&rows);
    if !filtered.repeats() {
        return filtered.compress();
    }
    // Drawings often repeat better as they are.
    let rows = filter::unfiltered(&pixels.samples, pixels.row_len());
    filtered.or_smaller(Draft::of(&rows)).compress()
}

fn file(picture: &DynamicImage, pixels: &Pixels, data: &[u8]) -> Vec<u8> {
    let mut ihdr = [picture.width().to_be_bytes(), picture.height().to_be_bytes()].concat();
    ihdr.extend([pixels.depth, pixels.colour_type, 0, 0, 0]);
    let mut out = PNG_SIGNATURE.to_vec();
    put_chunk(&mut out, b"IHDR", &ihdr);
    for (kind, data) in [(b"PLTE", &pixels.palette), (b"tRNS", &pixels.transparency)] {
        if !data.is_empty() {
            put_chunk(&mut out, kind, data);
        }
    }
    put_chunk(&mut out, b"IDAT", data);
    put_chunk(&mut out, b"IEND", &[]);
    out
}

fn put_chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(data);
    out.extend(crc32fast::hash(&out[start..]).to_be_bytes());
}
