//! Progressive pictures (T.81 Annex G.2).

mod coefficients;
mod readers;

use self::coefficients::Coefficients;
use self::readers::{AcFirst, AcRefinement, DcFirst, DcRefinement, SingleBits};
use super::entropy::EntropyReader;
use super::error::{Error, malformed};
use super::found::read_scan;
use super::frame::Frame;
use super::header::Header;
use super::huffman::{DcValues, HuffmanSpec, SymbolTable};
use super::lockstep::{Lockstep, Program};
use super::planes::{Planes, picture};
use super::progression::{ScanSite, survey};
use super::scale::Scale;
use super::scan::ScanComponent;
use super::segments::{Segments, marker};
use super::tables::Tables;
use super::walk::Walk;

/// Decodes a progressive picture whose header has been read.
pub(super) fn decode(segments: Segments, header: &Header, scale: Scale) -> Result<Planes, Error> {
    let (source, frame) = (segments.source(), &header.frame);
    let sites = survey(segments.clone(), frame, scale)?;
    let components = frame.components.iter().map(|_| None).collect();
    let mut decoder = Decoder { source, frame, scale, tables: Tables::empty(), components };
    decoder.read_scans(segments, &sites)?;
    let mut planes = Vec::with_capacity(frame.components.len());
    for (coefficients, component) in decoder.components.into_iter().zip(&frame.components) {
        let coefficients = coefficients.ok_or_else(|| malformed("a channel without data", source.len()))?;
        planes.push(coefficients.into_canvas().into_plane(frame, component, scale));
    }
    Ok(picture(header, scale, planes))
}

struct Decoder<'a> {
    source: &'a [u8],
    frame: &'a Frame,
    scale: Scale,
    tables: Tables,
    /// What the scans so far gave of each component, from its DC scan on.
    components: Vec<Option<Coefficients>>,
}

impl Decoder<'_> {
    fn read_scans(&mut self, mut segments: Segments, sites: &[ScanSite]) -> Result<(), Error> {
        let mut sites = sites.iter();
        loop {
            let segment = segments.next()?;
            if segment.marker == marker::EOI {
                return Ok(());
            }
            if segment.marker != marker::SOS {
                self.tables.take(&segment)?;
                continue;
            }
            let Some(site) = sites.next() else {
                return Ok(());
            };
            if site.needed {
                self.read_scan(site, segments.position())?;
            }
            segments.seek(site.end);
        }
    }

    fn read_scan(&mut self, site: &ScanSite, start: usize) -> Result<(), Error> {
        let walk = Walk::new(self.frame, &site.header.components, self.tables.restart_interval);
        let end = match (site.header.band_start, site.header.approximation_high) {
            (0, 0) => self.read_dc_first(site, &walk, start),
            (0, _) => self.read_dc_refinement(site, &walk, start),
            _ => self.read_ac(site, &walk, EntropyReader::new(self.source, start)),
        }?;
        if end == site.end { Ok(()) } else { Err(malformed("a scan that ends early", end)) }
    }

    fn read_dc_first(&mut self, site: &ScanSite, walk: &Walk, start: usize) -> Result<usize, Error> {
        // A block takes at least one bit: a short scan that claims a huge picture is refused
        // before anything is allocated for it.
        if walk.blocks() / 8 > (site.end - start) as u64 {
            return Err(malformed("a DC scan too short for its picture", site.offset));
        }
        let mut outputs = Vec::with_capacity(site.header.components.len());
        for scanned in &site.header.components {
            let component = &self.frame.components[scanned.index];
            let quantisation = self.tables.quantisation[usize::from(component.quantisation)]
                .ok_or_else(|| malformed("a quantisation table is missing", site.offset))?;
            let codes = DcValues::new(self.dc_codes(site, scanned)?).ok_or_else(|| no_category(site))?;
            outputs.push((Coefficients::new(self.frame.grid(component), self.scale, quantisation), codes, 0));
        }
        let mut blocks = Vec::with_capacity(10);
        for slot in walk.slot_numbers() {
            blocks.push((self.dc_codes(site, &site.header.components[slot])?, None));
        }
        let program = Program::new(&blocks).ok_or_else(|| no_category(site))?;
        let mut reader = DcFirst { outputs: &mut outputs, low: site.header.approximation_low, values: Vec::new() };
        let end = read_scan(walk, Lockstep::new(&program), (self.source, start), &mut reader)?;
        for (scanned, (coefficients, ..)) in site.header.components.iter().zip(outputs) {
            self.components[scanned.index] = Some(coefficients);
        }
        Ok(end)
    }

    fn dc_codes(&self, site: &ScanSite, scanned: &ScanComponent) -> Result<&HuffmanSpec, Error> {
        self.tables.dc[scanned.dc].as_deref().ok_or_else(|| malformed("a Huffman table is missing", site.offset))
    }

    fn read_dc_refinement(&mut self, site: &ScanSite, walk: &Walk, start: usize) -> Result<usize, Error> {
        let mut outputs = Vec::with_capacity(site.header.components.len());
        for scanned in &site.header.components {
            outputs.push(self.components[scanned.index].take().ok_or_else(|| no_dc(site))?);
        }
        let low = site.header.approximation_low;
        let mut reader = DcRefinement { outputs: &mut outputs, low, values: Vec::new() };
        let end = read_scan(walk, SingleBits, (self.source, start), &mut reader)?;
        for (scanned, coefficients) in site.header.components.iter().zip(outputs) {
            self.components[scanned.index] = Some(coefficients);
        }
        Ok(end)
    }

    fn read_ac(&mut self, site: &ScanSite, walk: &Walk, reader: EntropyReader) -> Result<usize, Error> {
        let scan = &site.header;
        let [scanned] = scan.components[..] else {
            return Err(malformed("an AC scan of several components", site.offset));
        };
        let symbols = self.tables.ac[scanned.ac].as_ref();
        let symbols = symbols.ok_or_else(|| malformed("a Huffman table is missing", site.offset))?;
        let symbols = SymbolTable::new(symbols);
        let output = self.components[scanned.index].as_mut().ok_or_else(|| no_dc(site))?;
        let band = (u32::from(scan.band_start), u32::from(scan.band_end));
        let low = scan.approximation_low;
        if scan.approximation_high == 0 {
            walk.run(reader, &mut AcFirst { output, symbols, band, low, end_of_band_run: 0 })
        } else {
            walk.run(reader, &mut AcRefinement { output, symbols, band, bit: 1 << low, end_of_band_run: 0 })
        }
    }
}

#[cold]
fn no_category(site: &ScanSite) -> Error {
    malformed("a DC category above 15", site.offset)
}

#[cold]
fn no_dc(site: &ScanSite) -> Error {
    malformed("a scan before the DC scan", site.offset)
}
