//! The picture data of a PNG as rows: IDAT chunks, unpacked as they are needed.

use fdeflate::{DecompressionError, Decompressor};

use super::chunks::{Header, PictureData};
use crate::Error;
use crate::memory::Budget;

/// How far back the compressed data may refer.
const WINDOW: u64 = 32 << 10;

/// Unpacked at a time. The buffer should stay in the second-level cache.
const STEP: u64 = 96 << 10;

/// What may follow the last row; more is a bomb.
const MOST_SURPLUS: usize = 1 << 20;

/// Hands out rows as they are stored: the filter, then the filtered bytes.
pub(super) struct Rows<'a> {
    data: PictureData<'a>,
    /// The rest of the current chunk.
    input: &'a [u8],
    ended: bool,
    inflate: Decompressor,
    buffer: Vec<u8>,
    /// End of the rows handed out.
    taken: usize,
    /// End of what is unpacked.
    filled: usize,
}

impl<'a> Rows<'a> {
    /// Bytes held, for rows of at most `longest`.
    pub(super) fn memory(longest: u64) -> u64 {
        WINDOW + STEP.max(longest) + longest
    }

    pub(super) fn new(source: &'a [u8], header: &Header, longest: u64, budget: &mut Budget) -> Result<Self, Error> {
        let buffer = budget.zeros(Self::memory(longest))?;
        let (data, inflate) = (PictureData::new(source, header), Decompressor::new());
        Ok(Self { data, input: &[], ended: false, inflate, buffer, taken: 0, filled: 0 })
    }

    /// The next `len` bytes, a row or several.
    pub(super) fn peek(&mut self, len: usize) -> Result<&[u8], Error> {
        while self.filled - self.taken < len {
            if self.inflate.is_done() {
                return Err(Error::malformed("PNG: the picture data (IDAT) ends before the last row"));
            }
            self.unpack()?;
        }
        Ok(&self.buffer[self.taken..self.taken + len])
    }

    /// Passes over bytes that were looked at.
    pub(super) fn pass(&mut self, len: usize) {
        self.taken += len;
    }

    /// Reads to the end of the data, so that its checksums are looked at.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        let mut surplus = 0;
        while !self.inflate.is_done() {
            self.taken = self.filled;
            self.unpack()?;
            surplus += self.filled - self.taken;
            if surplus > MOST_SURPLUS {
                return Err(Error::malformed("PNG: far more picture data (IDAT) than the picture has room for"));
            }
        }
        while self.data.next()?.is_some() {}
        Ok(())
    }

    fn unpack(&mut self) -> Result<(), Error> {
        if self.input.is_empty() && !self.ended {
            match self.data.next()? {
                Some(input) => self.input = input,
                None => self.ended = true,
            }
        }
        if self.filled == self.buffer.len() {
            // What is taken moves out, but for what later data may refer to.
            let keep = self.taken.min(self.filled.saturating_sub(WINDOW as usize));
            self.buffer.copy_within(keep.., 0);
            self.taken -= keep;
            self.filled -= keep;
        }
        let unpacked = self.inflate.read(self.input, &mut self.buffer, self.filled, self.ended);
        let (read, written) = unpacked.map_err(|error| match error {
            DecompressionError::InsufficientInput => Error::malformed("PNG: the picture data (IDAT) is cut short"),
            error => Error::malformed(format!("PNG: the picture data (IDAT) is damaged: {error:?}")),
        })?;
        self.input = &self.input[read..];
        self.filled += written;
        Ok(())
    }
}
