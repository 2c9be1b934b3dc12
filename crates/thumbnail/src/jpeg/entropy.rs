//! Entropy-coded data as bits (T.81 F.2.2.5, B.1.1.5): byte stuffing undone into a small window,
//! restart intervals, and the check that data and picture end together.

use super::error::{Error, malformed, truncated};
use super::segments::marker;
use memchr::memchr;
use std::fmt;

/// Unstuffed data under a reader that goes bit by bit; small enough for the first-level cache.
const SMALL_WINDOW: usize = 16 * 1024;
/// What one MCU may take at most, and then some: 10 blocks of 64 symbols of 16 bits of code and 15 of
/// value are 2,480 bytes; look-ahead adds up to 16.
const MARGIN: usize = 2560;

/// The memory a reader and the tables of a scan take at most, in bytes, rounded up: 300 KiB, and 128 KiB for each of four
/// AC tables whose codes are all long.
pub(super) const WORKING_MEMORY: u64 = 1024 * 1024;

/// Unstuffed entropy-coded data.
pub(super) type Window = [u8];

/// What can be wrong with entropy-coded data.
#[derive(Debug, Clone, Copy)]
pub(super) enum Damage {
    /// The bits are no code of the table.
    NoSuchCode,
    /// A code stands for a symbol that has no meaning here.
    NoSuchSymbol,
    /// Coefficients go past the end of their block.
    BlockOverrun,
    /// The data ends before the picture does.
    TooShort,
    /// The picture ends before the data does.
    TooLong,
    /// No restart marker where one is due, or the wrong one.
    NoRestart,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchCode => "bits that are no Huffman code",
            Self::NoSuchSymbol => "a Huffman code of no meaning",
            Self::BlockOverrun => "more coefficients than a block holds",
            Self::TooShort => "the scan ends before the picture",
            Self::TooLong => "the picture ends before the scan",
            Self::NoRestart => "no restart marker where one is due",
        })
    }
}

/// A place in a [`Window`], with the next bits at hand.
///
/// Loops must keep it in registers: so no function that is not inlined gets a reference to one, and
/// none comes back inside a `Result`, whose layout would tear `ahead` apart.
#[derive(Clone, Copy)]
pub(super) struct Bits {
    /// The next bits, from the top down.
    ahead: u64,
    /// 63 less the number of valid bits in `ahead`.
    used: u32,
    /// The window byte that follows the valid bits.
    position: usize,
}

impl Bits {
    const START: Self = Self { ahead: 0, used: 63, position: 0 };

    /// Those from a bit of the window on.
    #[inline(always)]
    pub(crate) fn at(window: &Window, bit: u32) -> Self {
        let mut bits = Self { position: (bit >> 3) as usize, ..Self::START };
        bits.refill(window);
        bits.consume(bit & 7);
        bits
    }

    /// Fills up to at least 56 valid bits, without a branch.
    #[inline(always)]
    pub(crate) fn refill(&mut self, window: &Window) {
        // Bits beyond the valid ones are the right ones already and are or-ed in again later.
        // The margin keeps every load inside the window; an outside one would read as zeros.
        let next = window.get(self.position..self.position + 8).and_then(|bytes| bytes.first_chunk());
        self.ahead |= next.map_or(0, |bytes| u64::from_be_bytes(*bytes)) >> (63 - self.used);
        self.position += (self.used >> 3) as usize;
        self.used &= 7;
    }

    /// The next `count` bits, 1 to 32, as a number.
    #[inline(always)]
    pub(crate) fn peek(&self, count: u32) -> u32 {
        (self.ahead >> (64 - count)) as u32
    }

    /// Goes on by `count` bits, at most as many as are valid.
    #[inline(always)]
    pub(crate) fn consume(&mut self, count: u32) {
        self.ahead <<= count & 63;
        self.used += count;
    }

    /// Reads `count` bits, 0 to 16.
    #[inline(always)]
    pub(crate) fn take(&mut self, count: u32) -> u32 {
        let value = (self.ahead >> 1 >> (63 - count)) as u32;
        self.consume(count);
        value
    }

    /// The value of `size` (0 to 15) additional bits that follow `skipped` bits, as EXTEND of
    /// T.81 F.2.2.1 gives it; consumes nothing.
    #[inline(always)]
    pub(crate) fn signed_after(&self, skipped: u32, size: u32) -> i32 {
        let rest = self.ahead << (skipped & 63);
        let value = (rest >> 1 >> (63 - size)) as i32;
        // A value whose first bit is 0 is negative, and nobody can tell which will be.
        let is_negative = rest as i64 >= 0;
        value + std::hint::select_unpredictable(is_negative, 1 - (1 << size), 0)
    }

    /// How many bits of the window are consumed; less than 0 while bits from before it are valid.
    fn consumed(&self) -> i64 {
        self.position as i64 * 8 + i64::from(self.used) - 63
    }
}

/// Reads the entropy-coded data of one scan.
pub(super) struct EntropyReader<'a> {
    source: &'a [u8],
    /// The next source byte to go into the window.
    next: usize,
    window: Box<[u8]>,
    filled: usize,
    /// An MCU may be begun while its bits' position is not above this.
    limit: usize,
    /// Whether the window holds the data up to a marker (or the end of the source).
    ended: bool,
    next_restart: u8,
}

impl<'a> EntropyReader<'a> {
    /// A reader of the data that begins at `start`.
    pub(crate) fn new(source: &'a [u8], start: usize) -> Self {
        Self::with_window(source, start, SMALL_WINDOW)
    }

    /// A reader with so many bytes at hand.
    pub(crate) fn with_window(source: &'a [u8], start: usize, window: usize) -> Self {
        Self {
            source,
            next: start,
            window: vec![0; window].into_boxed_slice(),
            filled: 0,
            limit: 0,
            ended: false,
            next_restart: marker::RST0,
        }
    }

    /// The first bits.
    pub(crate) fn start(&mut self) -> Bits {
        (self.filled, self.ended) = (0, false);
        self.fill();
        Bits::START
    }

    /// The data around the current bits.
    #[inline(always)]
    pub(crate) fn window(&self) -> &Window {
        &self.window
    }

    /// Whether [`Self::more`] must be called before the next MCU.
    #[inline(always)]
    pub(crate) fn is_low(&self, bits: Bits) -> bool {
        bits.position > self.limit
    }

    /// Brings the window up to date.
    #[cold]
    #[inline(never)]
    pub(crate) fn more(&mut self, mut bits: Bits) -> (Bits, Result<(), Damage>) {
        if self.ended {
            return (bits, Err(Damage::TooShort));
        }
        self.discard(bits.position);
        bits.position = 0;
        (bits, Ok(()))
    }

    /// Moves the data from a byte of the window on to its front, and fills what gets free.
    pub(crate) fn discard(&mut self, bytes: usize) {
        self.window.copy_within(bytes..self.filled, 0);
        self.filled -= bytes;
        self.fill();
    }

    /// Goes to a bit of the window, given how much data should be at hand; gives what is there, and the bit's place now.
    pub(crate) fn go_to(&mut self, bit: u32, wanted: usize) -> (Bits, u32) {
        let byte = (bit / 8) as usize;
        if self.ended || self.filled.saturating_sub(byte) >= wanted {
            return (Bits::at(&self.window, bit), bit);
        }
        self.discard(byte);
        (Bits::at(&self.window, bit % 8), bit % 8)
    }

    /// How much data the window holds, and whether it goes up to a marker (or the end of the source).
    pub(crate) fn filled(&self) -> (usize, bool) {
        (self.filled, self.ended)
    }

    /// Ends a restart interval and goes to the next.
    #[cold]
    pub(crate) fn restart(&mut self, bits: Bits) -> Result<(), Damage> {
        self.check_end(bits)?;
        let rest = self.source.get(self.next..).unwrap_or_default();
        let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        if fill == 0 || rest.get(fill) != Some(&self.next_restart) {
            return Err(Damage::NoRestart);
        }
        self.next_restart = marker::RST0 | (self.next_restart + 1) & 7;
        self.next += fill + 1;
        Ok(())
    }

    /// Ends the scan.
    pub(crate) fn finish(&mut self, bits: Bits) -> Result<(), Damage> {
        self.check_end(bits)
    }

    /// Where the marker after a finished scan is.
    pub(crate) fn end(&self) -> usize {
        self.next
    }

    /// The error for damage near the current place.
    #[cold]
    pub(crate) fn damaged(&self, damage: Damage) -> Error {
        if self.next >= self.source.len() {
            return truncated(self.source, "inside a scan");
        }
        malformed(damage, self.next)
    }

    /// All data up to the marker must be consumed but for padding: some encoders write a whole
    /// byte of it.
    fn check_end(&mut self, mut bits: Bits) -> Result<(), Damage> {
        if !self.ended && bits.position <= self.filled {
            (bits, _) = self.more(bits);
        }
        match 8 * self.filled as i64 - bits.consumed() {
            ..0 => Err(Damage::TooShort),
            0..16 => Ok(()),
            _ => Err(Damage::TooLong),
        }
    }

    /// Unstuffs source bytes behind `filled` until the window is full or a marker comes.
    fn fill(&mut self) {
        let usable = self.window.len() - MARGIN;
        while self.filled < usable && !self.ended {
            let rest = self.source.get(self.next..).unwrap_or_default();
            let rest = &rest[..rest.len().min(usable - self.filled)];
            let plain = memchr(0xFF, rest).unwrap_or(rest.len());
            self.push(&rest[..plain]);
            self.next += plain;
            if plain < rest.len() && self.source.get(self.next + 1) == Some(&0) {
                self.push(&[0xFF]);
                self.next += 2;
            } else {
                self.ended = plain < rest.len() || self.next >= self.source.len();
            }
        }
        if self.ended {
            // Valid bits taken into `Bits` ahead of use account for up to eight bytes.
            self.limit = self.filled + 8;
            self.window[self.filled..self.filled + MARGIN].fill(0);
        } else {
            self.limit = self.filled.saturating_sub(MARGIN);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.filled + bytes.len();
        self.window[self.filled..end].copy_from_slice(bytes);
        self.filled = end;
    }
}
