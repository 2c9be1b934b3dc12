//! A body's bytes as they arrive. Large ones lie in pages of their own, straight from the system: those that are not
//! written to take no memory, nothing is copied as the body grows, and all goes back at once when it is let go. An
//! allocator would keep them for later, and under load it is the system's memory that runs out.

use std::io;

use bytes::Bytes;
use memmap2::MmapMut;

/// Up to here a buffer is an ordinary one, which is copied as it grows.
const SMALL: usize = 32 * 1024;

/// Beyond so many bytes, pages are asked for as many at a time, as room for them is taken: one by one, as they are written
/// to, each would cost as much as what is written. Of the first ones room is taken in smaller steps, so that they do come
/// one by one: who sends little and stalls holds no more.
const STEP: usize = 256 * 1024;

/// Bytes under way.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    len: usize,
    /// Up to where pages have been asked for, or come one by one.
    paged: usize,
    /// How many there may come to be.
    most: usize,
}

#[derive(Debug)]
enum Memory {
    Small(Vec<u8>),
    Pages(MmapMut),
}

/// Bytes that have all come.
struct Whole {
    pages: MmapMut,
    len: usize,
}

impl Buffer {
    /// For at most so many bytes. Takes no memory yet.
    pub fn new(most: usize) -> Self {
        Self { memory: Memory::Small(Vec::new()), len: 0, paged: STEP, most }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// Where the system has no memory left, or more bytes come than were to come at most.
    pub fn push(&mut self, chunk: &[u8]) -> io::Result<()> {
        let end = self.len + chunk.len();
        if end > self.most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        if end > SMALL {
            self.move_to_pages()?;
        }
        match &mut self.memory {
            Memory::Small(bytes) => bytes.extend_from_slice(chunk),
            Memory::Pages(pages) => {
                if end > self.paged {
                    self.paged = fill(pages, self.paged, end);
                }
                pages[self.len..end].copy_from_slice(chunk);
            }
        }
        self.len = end;
        Ok(())
    }

    /// What has come so far.
    pub fn bytes(&self) -> &[u8] {
        match &self.memory {
            Memory::Small(bytes) => bytes,
            Memory::Pages(pages) => &pages[..self.len],
        }
    }

    /// All of it, to be shared.
    pub fn into_bytes(self) -> Bytes {
        match self.memory {
            Memory::Small(bytes) => bytes.into(),
            Memory::Pages(pages) => Bytes::from_owner(Whole { pages, len: self.len }),
        }
    }

    fn move_to_pages(&mut self) -> io::Result<()> {
        let Memory::Small(bytes) = &self.memory else { return Ok(()) };
        let mut pages = MmapMut::map_anon(self.most)?;
        // Two megabytes at a time would be more than was counted.
        #[cfg(target_os = "linux")]
        pages.advise(memmap2::Advice::NoHugePage)?;
        pages[..self.len].copy_from_slice(bytes);
        self.memory = Memory::Pages(pages);
        Ok(())
    }
}

/// Makes sure of pages for the step that the next bytes end in. Where the system knows no such thing, they come one by one.
fn fill(pages: &MmapMut, from: usize, end: usize) -> usize {
    let end = end.next_multiple_of(STEP).min(pages.len());
    #[cfg(target_os = "linux")]
    let _ = pages.advise_range(memmap2::Advice::PopulateWrite, from, end - from);
    end
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.pages[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_as_they_went_in() {
        for (size, reason) in [
            (0, "nothing"),
            (1, "a byte"),
            (SMALL, "the largest small one"),
            (SMALL + 1, "the smallest large one"),
            (3 * SMALL + 7, "a large one"),
            (STEP, "all that comes page by page"),
            (2 * STEP + 7, "steps, the last one cut short"),
        ] {
            let sent: Vec<u8> = (0..size).map(|at| (at * 7 + at / 251) as u8).collect();
            for (most, piece) in [(size, 10_007), (2 * size, SMALL), (size, size.max(1))] {
                let mut buffer = Buffer::new(most);
                for chunk in sent.chunks(piece) {
                    buffer.push(chunk).expect("as many as were announced");
                }
                assert_eq!(buffer.bytes(), sent, "{reason}");
                let is_full = most == size;
                assert_eq!(buffer.push(&[0]).is_err(), is_full, "{reason}: one more than at most");
                if is_full {
                    assert_eq!(buffer.into_bytes(), sent, "{reason}");
                }
            }
        }
    }
}
