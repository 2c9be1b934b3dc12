//! A file's bytes, as they arrive: held, counted and hashed in one pass.

use std::time::Instant;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::problem::Refusal;
use crate::app::{App, Room, Upload, hex};
use crate::key::OriginalKey;
use crate::store::Condition;

/// A file under way.
pub(super) struct Receiving {
    bytes: Vec<u8>,
    hash: Sha256,
    room: Room,
    received: u64,
    limit: u64,
    begun: Instant,
}

impl Receiving {
    /// Takes room in memory for a file of at most `limit` bytes, of which `expected` are announced.
    ///
    /// # Errors
    /// `busy` where there is no room in time.
    pub(super) async fn begin(app: &App, expected: Option<u64>, limit: u64) -> Result<Self, Refusal> {
        let most = expected.map_or(limit, |expected| expected.min(limit));
        let room = app.room_for(most).await?;
        // Pages that are not written to take no memory: what is announced costs nothing until it comes.
        let bytes = Vec::with_capacity(expected.map_or(0, |_| usize::try_from(most).unwrap_or(0)));
        Ok(Self { bytes, hash: Sha256::new(), room, received: 0, limit, begun: Instant::now() })
    }

    /// Takes the next bytes. Of a file over the limit they are counted, not held.
    pub(super) fn push(&mut self, chunk: &[u8]) {
        self.received += chunk.len() as u64;
        if self.is_too_large() {
            self.bytes = Vec::new();
            return self.room.shrink_to(0);
        }
        self.hash.update(chunk);
        self.bytes.extend_from_slice(chunk);
    }

    /// Whether more came than is taken.
    pub(super) fn is_too_large(&self) -> bool {
        self.received > self.limit
    }

    /// The file is here as a whole.
    ///
    /// # Errors
    /// `payload-too-large` where more came than is taken.
    pub(super) fn finish(mut self, key: OriginalKey, condition: Condition) -> Result<Upload, Refusal> {
        if self.is_too_large() {
            return Err(Refusal::PayloadTooLarge { limit: self.limit, actual: self.received });
        }
        self.bytes.shrink_to_fit();
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
}
