//! A file's bytes, as they arrive: looked at, held, counted and hashed in one pass.

use std::time::Instant;

use sha2::{Digest, Sha256};
use thumbnail::sniff;

use super::problem::Refusal;
use crate::app::{App, Buffer, Error, Upload, hex};
use crate::key::OriginalKey;
use crate::metrics;
use crate::store::Condition;

/// What it takes to tell what a file is.
const ENOUGH_TO_SNIFF: usize = 512;

/// What a body takes beside what is held of it: the connection's buffer, multer's, and the piece in between.
const BESIDE: u64 = 64 * 1024;

/// A file under way.
pub(super) struct Receiving {
    bytes: Buffer,
    hash: Sha256,
    received: Received,
    limit: u64,
    begun: Instant,
    is_sniffed: bool,
    /// Why nothing is held any more.
    refused: Option<thumbnail::Error>,
}

/// Bytes that came, measured once no more will come, for whatever reason.
struct Received(u64);

impl Drop for Received {
    fn drop(&mut self) {
        metrics::received(self.0);
    }
}

impl Receiving {
    /// For a file of at most `limit` bytes, of which `expected` are announced, once there is room to read any of it.
    ///
    /// # Errors
    /// `busy` where there is none in time.
    pub(super) async fn begin(app: &App, expected: Option<u64>, limit: u64) -> Result<Self, Refusal> {
        let most = expected.map_or(limit, |expected| expected.min(limit));
        Ok(Self {
            bytes: Buffer::begin(app, BESIDE, most).await?,
            hash: Sha256::new(),
            received: Received(0),
            limit,
            begun: Instant::now(),
            is_sniffed: false,
            refused: None,
        })
    }

    /// Takes the next bytes, once there is room for them. Those of a file that is refused are counted, not held.
    ///
    /// # Errors
    /// `busy` where there is no room in time: the file is not to be read any further.
    pub(super) async fn push(&mut self, chunk: &[u8]) -> Result<(), Refusal> {
        self.received.0 += chunk.len() as u64;
        if self.is_too_large() || self.refused.is_some() {
            self.bytes.let_go();
            return Ok(());
        }
        self.bytes.push(chunk).await?;
        self.hash.update(chunk);
        if self.bytes.bytes().len() >= ENOUGH_TO_SNIFF {
            self.sniff();
        }
        Ok(())
    }

    /// Whether more came than is taken.
    pub(super) fn is_too_large(&self) -> bool {
        self.received.0 > self.limit
    }

    /// The file is here as a whole.
    ///
    /// # Errors
    /// `payload-too-large` where more came than is taken, `unsupported-content` where it is no picture.
    pub(super) fn finish(mut self, key: OriginalKey, condition: Condition) -> Result<Upload, Refusal> {
        if self.is_too_large() {
            return Err(Refusal::PayloadTooLarge { limit: self.limit, actual: self.received.0 });
        }
        self.sniff();
        if let Some(error) = self.refused {
            return Err(Refusal::App(Error::Picture(error)));
        }
        Ok(Upload {
            key,
            bytes: self.bytes.into_bytes(),
            sha256: hex(&self.hash.finalize()),
            condition,
            receive: self.begun.elapsed(),
            deadline: None,
        })
    }

    /// Looks once at what the file is, so that nothing else than a picture fills the memory.
    fn sniff(&mut self) {
        if !std::mem::replace(&mut self.is_sniffed, true)
            && let Err(error) = sniff(self.bytes.bytes())
        {
            self.refused = Some(error);
            self.bytes.let_go();
        }
    }
}
