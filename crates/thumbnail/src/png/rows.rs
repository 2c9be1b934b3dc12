//! The picture data of a PNG as rows: IDAT chunks, unpacked as they are needed.

use fdeflate::{DecompressionError, Decompressor};

use super::chunks::{Header, PictureData};
use crate::Error;
use crate::memory::Budget;
use crate::permission::Permission;

/// How far back the compressed data may refer.
const WINDOW: u64 = 32 << 10;

/// Unpacked at a time. The buffer should stay in the second-level cache.
const STEP: u64 = 96 << 10;

/// Handed to the decompressor at a time: blocks that hold nothing but their tables take long.
const MOST_INPUT: usize = 64 << 10;

/// Data that is stored as it is takes hardly more than its own size. What goes beyond twice that, and this, is a bomb.
const MOST_WASTE: u64 = 1 << 20;

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
    /// Bytes so far: packed, unpacked, and both since permission was asked for.
    packed: u64,
    unpacked: u64,
    unasked: usize,
    permission: Permission<'a>,
}

impl<'a> Rows<'a> {
    /// Bytes held, for rows of at most `longest`.
    pub(super) fn memory(longest: u64) -> u64 {
        WINDOW + STEP.max(longest) + longest
    }

    pub(super) fn new(source: &'a [u8], header: &Header, longest: u64, budget: &mut Budget<'a>) -> Result<Self, Error> {
        let buffer = budget.zeros(Self::memory(longest))?;
        Ok(Self {
            data: PictureData::new(source, header),
            input: &[],
            ended: false,
            inflate: Decompressor::new(),
            buffer,
            taken: 0,
            filled: 0,
            packed: 0,
            unpacked: 0,
            unasked: 0,
            permission: budget.permission(),
        })
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
        let input = &self.input[..self.input.len().min(MOST_INPUT)];
        let unpacked = self.inflate.read(input, &mut self.buffer, self.filled, self.ended);
        let (read, written) = unpacked.map_err(|error| match error {
            DecompressionError::InsufficientInput => Error::malformed("PNG: the picture data (IDAT) is cut short"),
            error => Error::malformed(format!("PNG: the picture data (IDAT) is damaged: {error:?}")),
        })?;
        self.input = &self.input[read..];
        self.filled += written;
        self.account_for(read, written)
    }

    /// Gives up on data made to take long.
    fn account_for(&mut self, read: usize, written: usize) -> Result<(), Error> {
        self.packed += read as u64;
        self.unpacked += written as u64;
        if self.packed > 2 * self.unpacked + MOST_WASTE {
            return Err(Error::malformed("PNG: far more picture data (IDAT) than the picture has room for"));
        }
        self.unasked += read + written;
        if self.unasked > MOST_INPUT {
            self.unasked = 0;
            self.permission.ask()?;
        }
        Ok(())
    }
}
