//! A file's bytes, as they arrive: looked at, held, counted and hashed in one pass.

use std::time::Instant;

use bytes::Bytes;
use sha2::{Digest, Sha256};
use thumbnail::sniff;

use super::problem::Refusal;
use crate::app::{App, Error, Room, Upload, hex};
use crate::key::OriginalKey;
use crate::store::Condition;

/// What it takes to tell what a file is.
const ENOUGH_TO_SNIFF: usize = 512;

/// Up to here a buffer may be copied as it grows.
const SMALL: usize = 256 * 1024;

/// A file under way.
pub(super) struct Receiving {
    bytes: Vec<u8>,
    hash: Sha256,
    room: Room,
    /// How large it may become.
    most: usize,
    received: u64,
    limit: u64,
    begun: Instant,
    is_sniffed: bool,
    /// Why nothing is held any more.
    refused: Option<thumbnail::Error>,
}

impl Receiving {
    /// For a file of at most `limit` bytes, of which `expected` are announced. Takes no memory yet.
    pub(super) fn begin(app: &App, expected: Option<u64>, limit: u64) -> Self {
        let most = expected.map_or(limit, |expected| expected.min(limit));
        Self {
            bytes: Vec::new(),
            hash: Sha256::new(),
            room: app.room_for(most),
            most: usize::try_from(most).unwrap_or(usize::MAX),
            received: 0,
            limit,
            begun: Instant::now(),
            is_sniffed: false,
            refused: None,
        }
    }

    /// Takes the next bytes, once there is room for them. Those of a file that is refused are counted, not held.
    ///
    /// # Errors
    /// `busy` where there is no room in time: the file is not to be read any further.
    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.received += chunk.len() as u64;
        if self.is_too_large() || self.refused.is_some() {
            self.let_go();
            return Ok(());
        }
        self.room.hold(self.received).await.map_err(Error::from)?;
        self.make_place_for(chunk.len())?;
        self.hash.update(chunk);
        self.bytes.extend_from_slice(chunk);
        if self.bytes.len() >= ENOUGH_TO_SNIFF {
            self.sniff();
        }
        Ok(())
    }

    /// Whether more came than is taken.
    pub(super) fn is_too_large(&self) -> bool {
        self.received > self.limit
    }

    /// The file is here as a whole.
    ///
    /// # Errors
    /// `payload-too-large` where more came than is taken, `unsupported-content` where it is no picture.
    pub(super) fn finish(mut self, key: OriginalKey, condition: Condition) -> Result<Upload, Refusal> {
        if self.is_too_large() {
            return Err(Refusal::PayloadTooLarge { limit: self.limit, actual: self.received });
        }
        self.sniff();
        if let Some(error) = self.refused {
            return Err(Refusal::App(Error::Picture(error)));
        }
        self.room.shrink_to(self.received);
        Ok(Upload {
            key,
            bytes: Bytes::from(self.bytes),
            sha256: hex(&self.hash.finalize()),
            condition,
            receive: self.begun.elapsed(),
            deadline: None,
            room: self.room,
        })
    }

    /// Grows as usual at first, then at once to what it may become: pages that are not written to take no memory, and what
    /// does not move need not be copied.
    fn make_place_for(&mut self, more: usize) -> Result<(), Refusal> {
        let needed = self.bytes.len() + more;
        if needed <= self.bytes.capacity() || needed <= SMALL {
            return Ok(());
        }
        let grown = self.bytes.try_reserve_exact(self.most.max(needed) - self.bytes.len());
        grown.map_err(|_| Refusal::App(Error::Busy))
    }

    /// Looks once at what the file is, so that nothing else than a picture fills the memory.
    fn sniff(&mut self) {
        if !std::mem::replace(&mut self.is_sniffed, true)
            && let Err(error) = sniff(&self.bytes)
        {
            self.refused = Some(error);
            self.let_go();
        }
    }

    fn let_go(&mut self) {
        self.bytes = Vec::new();
        self.room.shrink_to(0);
    }
}
