//! The tables and settings that segments between scans define (T.81 B.2.4).

use super::error::Error;
use super::huffman::HuffmanSpec;
use super::segments::{Segment, marker};
use std::rc::Rc;

/// Quantisation values of one table in zigzag order.
pub(super) type Quantisation = [u16; 64];

/// What is in force at some point of the source.
pub(super) struct Tables {
    pub(crate) quantisation: [Option<Quantisation>; 4],
    pub(crate) dc: [Option<Rc<HuffmanSpec>>; 4],
    pub(crate) ac: [Option<Rc<HuffmanSpec>>; 4],
    /// MCUs between restart markers; 0 when there are none.
    pub(crate) restart_interval: u16,
}

impl Tables {
    /// Nothing defined.
    pub(crate) fn empty() -> Self {
        Self { quantisation: [None; 4], dc: [const { None }; 4], ac: [const { None }; 4], restart_interval: 0 }
    }

    /// As [`Self::empty`], but with the typical Huffman tables of T.81 Annex K.3, which streams
    /// such as Motion JPEG leave out.
    pub(crate) fn typical() -> Self {
        let [dc_luma, dc_chroma, ac_luma, ac_chroma] = HuffmanSpec::typical().map(|spec| Some(Rc::new(spec)));
        Self { dc: [dc_luma, dc_chroma, None, None], ac: [ac_luma, ac_chroma, None, None], ..Self::empty() }
    }

    /// Takes in a DQT, DHT or DRI segment; leaves any other alone.
    pub(crate) fn take(&mut self, segment: &Segment) -> Result<(), Error> {
        match segment.marker {
            marker::DQT => self.take_quantisation(segment),
            marker::DHT => self.take_huffman(segment),
            marker::DRI => match *segment.body {
                [high, low] => {
                    self.restart_interval = u16::from_be_bytes([high, low]);
                    Ok(())
                }
                _ => Err(segment.malformed("a DRI segment of the wrong length")),
            },
            _ => Ok(()),
        }
    }

    fn take_quantisation(&mut self, segment: &Segment) -> Result<(), Error> {
        let mut rest = segment.body;
        while let [selector, after @ ..] = rest {
            let (wide, slot) = (selector >> 4, selector & 15);
            let Some(slot) = self.quantisation.get_mut(usize::from(slot)).filter(|_| wide <= 1) else {
                return Err(segment.malformed("a bad quantisation table selector"));
            };
            let length = if wide == 0 { 64 } else { 128 };
            let Some((values, after)) = after.split_at_checked(length) else {
                return Err(segment.malformed("a quantisation table is cut short"));
            };
            let mut table = [0; 64];
            for (index, value) in table.iter_mut().enumerate() {
                *value = match wide {
                    0 => u16::from(values[index]),
                    _ => u16::from_be_bytes([values[2 * index], values[2 * index + 1]]),
                };
            }
            *slot = Some(table);
            rest = after;
        }
        Ok(())
    }

    fn take_huffman(&mut self, segment: &Segment) -> Result<(), Error> {
        let mut rest = segment.body;
        while let [selector, after @ ..] = rest {
            let (class, slot) = (selector >> 4, usize::from(selector & 15));
            if class > 1 || slot > 3 {
                return Err(segment.malformed("a bad Huffman table selector"));
            }
            let Some((spec, after)) = HuffmanSpec::parse(after) else {
                return Err(segment.malformed("an impossible Huffman table"));
            };
            let tables = if class == 0 { &mut self.dc } else { &mut self.ac };
            tables[slot] = Some(Rc::new(spec));
            rest = after;
        }
        Ok(())
    }
}
