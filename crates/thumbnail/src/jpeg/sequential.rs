//! Baseline and extended sequential pictures (T.81 Annex F.2).

use super::entropy::{Bits, Damage, EntropyReader, Window};
use super::error::{Error, malformed, truncated};
use super::frame::Frame;
use super::header::Header;
use super::huffman::{DcTable, HuffmanSpec, SkipTable, SymbolTable};
use super::inverse_dct::{NATURAL, sample_of_dc};
use super::planes::{Canvas, Planes, picture};
use super::scale::Scale;
use super::scan::{BlockReader, Place, ScanHeader, Walk};
use super::segments::{Segment, Segments, marker};
use super::tables::{Quantisation, Tables};

/// Decodes a sequential picture whose header has been read.
pub(super) fn decode(source: &[u8], header: &Header, scale: Scale) -> Result<Planes, Error> {
    let frame = &header.frame;
    let mut segments = Segments::new(source)?;
    let mut tables = Tables::typical();
    let mut canvases: Vec<Option<Canvas>> = frame.components.iter().map(|_| None).collect();
    loop {
        let segment = segments.next()?;
        match segment.marker {
            marker::EOI => break,
            marker::SOS => {
                let scan = Scan::parse(source, &segment, frame, &tables)?;
                let end = scan.decode(source, segments.position(), scale, &mut canvases)?;
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
    fn decode(
        &self,
        source: &[u8],
        start: usize,
        scale: Scale,
        canvases: &mut [Option<Canvas>],
    ) -> Result<usize, Error> {
        let reader = EntropyReader::new(source, start);
        match scale {
            Scale::Eighth => {
                let mut outputs = self.outputs(scale, canvases, SkipCodes::new)?;
                let end = self.walk.run(reader, &mut Means { outputs: &mut outputs })?;
                self.keep(outputs, canvases);
                Ok(end)
            }
            Scale::Quarter => self.decode_blocks::<4>(reader, scale, canvases),
            Scale::Half => self.decode_blocks::<24>(reader, scale, canvases),
            Scale::Full => self.decode_blocks::<63>(reader, scale, canvases),
        }
    }

    fn decode_blocks<const LAST: u32>(
        &self,
        reader: EntropyReader,
        scale: Scale,
        canvases: &mut [Option<Canvas>],
    ) -> Result<usize, Error> {
        let mut outputs = self.outputs(scale, canvases, Codes::new)?;
        let end = self.walk.run(reader, &mut Blocks::<LAST> { outputs: &mut outputs })?;
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

/// What scale 1/8 reads blocks with.
struct SkipCodes {
    dc: DcTable,
    skip: SkipTable,
}

impl SkipCodes {
    fn new(dc: &HuffmanSpec, ac: &HuffmanSpec) -> Option<Self> {
        Some(Self { dc: DcTable::new(dc)?, skip: SkipTable::new(ac) })
    }
}

/// What the other scales read blocks with.
struct Codes {
    dc: DcTable,
    skip: SkipTable,
    symbols: SymbolTable,
}

impl Codes {
    fn new(dc: &HuffmanSpec, ac: &HuffmanSpec) -> Option<Self> {
        Some(Self { dc: DcTable::new(dc)?, skip: SkipTable::new(ac), symbols: SymbolTable::new(ac) })
    }
}

/// Where a component of the scan goes, and what it is read with.
struct Output<C> {
    canvas: Canvas,
    quantisation: Quantisation,
    prediction: i32,
    codes: C,
}

impl<C> Output<C> {
    /// The DC coefficient that follows from its difference, dequantised. 16-bit wrapping keeps
    /// damaged data harmless.
    #[inline(always)]
    fn dc(&mut self, difference: i32) -> i32 {
        self.prediction = self.prediction.wrapping_add(difference);
        i32::from(self.prediction as i16) * i32::from(self.quantisation[0])
    }
}

/// Scale 1/8: block means; AC coefficients are skipped.
struct Means<'a> {
    outputs: &'a mut [Output<SkipCodes>],
}

impl BlockReader for Means<'_> {
    fn restart(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.prediction = 0);
    }

    #[inline(always)]
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage> {
        let output = &mut self.outputs[place.slot];
        let difference = output.codes.dc.difference(window, bits)?;
        let dc = output.dc(difference);
        output.canvas.set(place.column, place.row, sample_of_dc(dc));
        output.codes.skip.skip(window, bits, 1)
    }
}

/// The other scales: coefficients up to `LAST` in zigzag order are read, those after it skipped.
struct Blocks<'a, const LAST: u32> {
    outputs: &'a mut [Output<Codes>],
}

impl<const LAST: u32> BlockReader for Blocks<'_, LAST> {
    fn restart(&mut self) {
        self.outputs.iter_mut().for_each(|output| output.prediction = 0);
    }

    #[inline(always)]
    fn block(&mut self, window: &Window, bits: &mut Bits, place: Place) -> Result<(), Damage> {
        let output = &mut self.outputs[place.slot];
        let mut coefficients = [0; 64];
        let difference = output.codes.dc.difference(window, bits)?;
        coefficients[0] = output.dc(difference);
        let position = read_ac(&output.codes.symbols, window, bits, LAST, &output.quantisation, &mut coefficients)?;
        if position < 64 {
            bits.refill(window);
            output.codes.skip.skip(window, bits, position)?;
        }
        output.canvas.put(place.column, place.row, &coefficients);
        Ok(())
    }
}

/// Reads AC coefficients until one after `last` is next; gives its position, 64 at the end of the
/// block.
#[inline(always)]
fn read_ac(
    symbols: &SymbolTable,
    window: &Window,
    bits: &mut Bits,
    last: u32,
    quantisation: &Quantisation,
    coefficients: &mut [i32; 64],
) -> Result<u32, Damage> {
    let mut position = 1;
    while position <= last {
        bits.refill(window);
        let (symbol, length) = symbols.symbol(bits)?;
        let (run, size) = (symbol >> 4, symbol & 15);
        if size == 0 {
            bits.consume(length);
            match run {
                0 => return Ok(64),
                15 => position += 16,
                _ => return Err(Damage::NoSuchSymbol),
            }
            continue;
        }
        let value = bits.signed_after(length, size);
        bits.consume(length + size);
        position += run;
        let Some(&natural) = NATURAL.get(position as usize) else {
            return Err(Damage::BlockOverrun);
        };
        coefficients[usize::from(natural & 63)] = value * i32::from(quantisation[position as usize & 63]);
        position += 1;
    }
    if position > 64 { Err(Damage::BlockOverrun) } else { Ok(position) }
}
