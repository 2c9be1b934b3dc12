//! Baseline and extended sequential pictures (T.81 Annex F.2).

use super::entropy::{Bits, Window};
use super::error::{Error, malformed, truncated};
use super::found::{Found, FoundReader, read_scan};
use super::frame::Frame;
use super::header::Header;
use super::huffman::{DcTable, DcValues, HuffmanSpec, SymbolTable};
use super::inverse_dct::{self, NATURAL};
use super::lockstep::{Lockstep, Program};
use super::planes::{Canvas, Planes, picture};
use super::scale::Scale;
use super::scan::ScanHeader;
use super::segments::{Segment, Segments, marker};
use super::tables::{Quantisation, Tables};
use super::walk::Walk;

/// Decodes a sequential picture whose header has been read.
pub(super) fn decode(mut segments: Segments, header: &Header, scale: Scale) -> Result<Planes, Error> {
    let (source, frame) = (segments.source(), &header.frame);
    let mut tables = Tables::typical();
    let mut canvases: Vec<Option<Canvas>> = frame.components.iter().map(|_| None).collect();
    loop {
        let segment = segments.next()?;
        match segment.marker {
            marker::EOI => break,
            marker::SOS => {
                let scan = Scan::parse(source, &segment, frame, &tables)?;
                let end = scan.decode((source, segments.position()), scale, &mut canvases)?;
                segments.seek(end);
            }
            marker::SOI => return Err(segment.malformed("a second picture starts inside the first")),
            _ if segment.is_frame_header() && segment.offset != frame.offset => {
                return Err(segment.malformed("a second frame header"));
            }
            _ => tables.take(&segment)?,
        }
    }
    let mut planes = Vec::with_capacity(frame.components.len());
    for (canvas, component) in canvases.into_iter().zip(&frame.components) {
        let canvas = canvas.ok_or_else(|| malformed("a channel without data", segments.position()))?;
        planes.push(canvas.into_plane(frame, component, scale));
    }
    Ok(picture(header, scale, planes))
}

/// A scan with what it refers to.
struct Scan<'a> {
    frame: &'a Frame,
    header: ScanHeader,
    tables: &'a Tables,
    walk: Walk,
    offset: usize,
}

impl<'a> Scan<'a> {
    fn parse(source: &[u8], segment: &Segment, frame: &'a Frame, tables: &'a Tables) -> Result<Self, Error> {
        let header = ScanHeader::parse(segment, frame)?;
        let walk = Walk::new(frame, &header.components, tables.restart_interval);
        // Each block takes two codes of at least one bit: a short file that claims a huge picture
        // is refused before anything is allocated for it.
        let left = source.len() - segment.offset;
        if walk.blocks() / 4 > left as u64 {
            return Err(truncated(source, "too early for a picture of its size"));
        }
        Ok(Self { frame, header, tables, walk, offset: segment.offset })
    }

    /// Decodes the scan into its components' canvases; gives the position of the marker after it.
    fn decode(&self, data: (&[u8], usize), scale: Scale, canvases: &mut [Option<Canvas>]) -> Result<usize, Error> {
        match scale {
            Scale::Eighth => {
                let mut outputs = self.outputs(scale, canvases, |dc, _| DcValues::new(dc))?;
                let program = self.program()?;
                let end = read_scan(
                    &self.walk,
                    Lockstep::new(&program),
                    data,
                    &mut Means { outputs: &mut outputs, samples: Vec::new() },
                )?;
                self.keep(outputs, canvases);
                Ok(end)
            }
            Scale::Quarter => self.decode_blocks::<4>(data, scale, canvases),
            Scale::Half => self.decode_blocks::<24>(data, scale, canvases),
            Scale::Full => self.decode_blocks::<63>(data, scale, canvases),
        }
    }

    fn program(&self) -> Result<Box<Program>, Error> {
        let mut blocks = Vec::with_capacity(10);
        for slot in self.walk.slot_numbers() {
            let scanned = &self.header.components[slot];
            let (Some(dc), Some(ac)) = (&self.tables.dc[scanned.dc], &self.tables.ac[scanned.ac]) else {
                return Err(malformed("a Huffman table is missing", self.offset));
            };
            blocks.push((&**dc, Some(&**ac)));
        }
        Program::new(&blocks).ok_or_else(|| malformed("a DC category above 15", self.offset))
    }

    fn decode_blocks<const LAST: u32>(
        &self,
        data: (&[u8], usize),
        scale: Scale,
        canvases: &mut [Option<Canvas>],
    ) -> Result<usize, Error> {
        let mut outputs = self.outputs(scale, canvases, Codes::new)?;
        let program = self.program()?;
        let end = read_scan(
            &self.walk,
            Lockstep::new(&program),
            data,
            &mut Blocks::<LAST> { outputs: &mut outputs, starts: Vec::new() },
        )?;
        self.keep(outputs, canvases);
        Ok(end)
    }

    /// An empty output for each component, with tables made by `make`.
    fn outputs<C>(
        &self,
        scale: Scale,
        canvases: &[Option<Canvas>],
        make: impl Fn(&HuffmanSpec, &HuffmanSpec) -> Option<C>,
    ) -> Result<Vec<Output<C>>, Error> {
        let mut outputs = Vec::with_capacity(self.header.components.len());
        for scanned in &self.header.components {
            if canvases[scanned.index].is_some() {
                return Err(malformed("a second scan of one component", self.offset));
            }
            let component = &self.frame.components[scanned.index];
            let quantisation = self.tables.quantisation[usize::from(component.quantisation)]
                .ok_or_else(|| malformed("a quantisation table is missing", self.offset))?;
            let (Some(dc), Some(ac)) = (&self.tables.dc[scanned.dc], &self.tables.ac[scanned.ac]) else {
                return Err(malformed("a Huffman table is missing", self.offset));
            };
            let codes = make(dc, ac).ok_or_else(|| malformed("a DC category above 15", self.offset))?;
            let canvas = Canvas::new(self.frame.grid(component), scale);
            outputs.push(Output { canvas, quantisation, prediction: 0, codes });
        }
        Ok(outputs)
    }

    fn keep<C>(&self, outputs: Vec<Output<C>>, canvases: &mut [Option<Canvas>]) {
        for (scanned, output) in self.header.components.iter().zip(outputs) {
            canvases[scanned.index] = Some(output.canvas);
        }
    }
}

/// What the other scales read blocks with.
struct Codes {
    dc: DcTable,
    symbols: SymbolTable,
}

impl Codes {
    fn new(dc: &HuffmanSpec, ac: &HuffmanSpec) -> Option<Self> {
        Some(Self { dc: DcTable::new(dc)?, symbols: SymbolTable::new(ac) })
    }
}

/// Where a component of the scan goes, and what it is read with.
struct Output<C> {
    canvas: Canvas,
    quantisation: Quantisation,
    prediction: i32,
    codes: C,
}

/// Scale 1/8: block means; AC coefficients are skipped.
struct Means<'a> {
    outputs: &'a mut [Output<DcValues>],
    /// Of some blocks, in the order of the scan.
    samples: Vec<u8>,
}

impl FoundReader for Means<'_> {
    fn restart(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.prediction = 0);
    }

    fn read(&mut self, found: &Found) {
        for (slot, Output { canvas, quantisation, prediction, codes }) in self.outputs.iter_mut().enumerate() {
            let means = inverse_dct::Means::new(quantisation[0]);
            let mut dc = *prediction;
            found.values_of(slot, &mut self.samples, |start| {
                dc = dc.wrapping_add(codes.at(found.window, start));
                means.sample(dc as i16)
            });
            *prediction = dc;
            found.place(slot, &self.samples, canvas.means(), |place, sample| *place = sample);
        }
    }
}

/// The other scales: coefficients up to `LAST` in zigzag order are read.
struct Blocks<'a, const LAST: u32> {
    outputs: &'a mut [Output<Codes>],
    /// Where some blocks begin, in the order of the scan.
    starts: Vec<u32>,
}

impl<const LAST: u32> FoundReader for Blocks<'_, LAST> {
    fn restart(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.prediction = 0);
    }

    fn read(&mut self, found: &Found) {
        let window = found.window;
        for (slot, Output { canvas, quantisation, prediction, codes }) in self.outputs.iter_mut().enumerate() {
            found.values_of(slot, &mut self.starts, |start| start);
            found.each(slot, &self.starts, |column, row, start| {
                let mut bits = Bits::at(window, start);
                let mut coefficients = [0; 64];
                let difference = codes.dc.difference(window, &mut bits).unwrap_or_default();
                *prediction = prediction.wrapping_add(difference);
                coefficients[0] = i32::from(*prediction as i16) * i32::from(quantisation[0]);
                read_ac(&codes.symbols, window, &mut bits, LAST, quantisation, &mut coefficients);
                canvas.put(column, row, &coefficients);
            });
        }
    }
}

/// Reads AC coefficients until one after `last` is next, or the block ends.
#[inline(always)]
fn read_ac(
    symbols: &SymbolTable,
    window: &Window,
    bits: &mut Bits,
    last: u32,
    quantisation: &Quantisation,
    coefficients: &mut [i32; 64],
) {
    let mut position = 1;
    while position <= last {
        bits.refill(window);
        let Ok((symbol, length)) = symbols.symbol(bits) else { return };
        let (run, size) = (symbol >> 4, symbol & 15);
        if size == 0 {
            bits.consume(length);
            if run < 15 {
                return;
            }
            position += 16;
            continue;
        }
        let value = bits.signed_after(length, size);
        bits.consume(length + size);
        position += run;
        let Some(&natural) = NATURAL.get(position as usize) else { return };
        coefficients[usize::from(natural & 63)] = value * i32::from(quantisation[position as usize & 63]);
        position += 1;
    }
}
