//! A body's bytes as they arrive, and the memory that they take. Large ones lie in pages of their own, straight from the
//! system: those that are not written to take no memory, nothing is copied as the body grows, and all goes back at once
//! when it is let go. An allocator would keep them for later, and under load it is the system's memory that runs out.

use std::io;

use bytes::Bytes;
use memmap2::MmapMut;

use super::admission::Room;
use super::memory::Busy;
use super::{App, Error};
use crate::store;

/// Up to here a buffer is an ordinary one, which is copied as it grows.
const SMALL: usize = 32 * 1024;

/// Beyond so many bytes, pages are asked for as many at a time, as room for them is taken: one by one, as they are written
/// to, each would cost as much as what is written. Of the first ones room is taken in smaller steps, so that they do come
/// one by one: who sends little and stalls holds no more.
const STEP: usize = 256 * 1024;

/// When to try again where the system itself has no memory left.
const NO_MEMORY: Busy = Busy { seconds: 10 };

/// Bytes under way.
#[derive(Debug)]
pub struct Buffer {
    memory: Memory,
    len: usize,
    /// How many there may come to be.
    most: usize,
    /// What else is held for them.
    beside: u64,
    room: Room,
}

#[derive(Debug)]
enum Memory {
    Small(Vec<u8>),
    Large {
        pages: MmapMut,
        /// Up to where pages have been asked for, or come one by one.
        filled: usize,
    },
}

/// Bytes that have all come.
struct Whole {
    memory: Memory,
    len: usize,
    /// Behind the memory, which is given back first.
    _room: Room,
}

impl Buffer {
    /// For at most so many bytes, once there is room for `beside` more: what else a body takes as long as it arrives.
    ///
    /// # Errors
    /// `Busy` where there is none in time.
    pub async fn begin(app: &App, beside: u64, most: u64) -> Result<Self, Error> {
        Self::in_room(app.room_for(beside + most), beside, most).await
    }

    async fn in_room(mut room: Room, beside: u64, most: u64) -> Result<Self, Error> {
        room.hold(beside).await?;
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(Self { memory: Memory::Small(Vec::new()), len: 0, most, beside, room })
    }

    /// Takes the next bytes, once there is room for them.
    ///
    /// # Errors
    /// `Busy` where there is none in time, or where the system has no memory left.
    pub async fn push(&mut self, chunk: &[u8]) -> Result<(), Error> {
        let end = self.len + chunk.len();
        if end > self.most {
            // Whoever uploads is asked how much it is; so this is a store that sends more than it said.
            let error = io::Error::from(io::ErrorKind::FileTooLarge);
            return Err(store::Error::Unavailable(error.into()).into());
        }
        self.room.hold(self.beside + end as u64).await?;
        if end > SMALL {
            self.move_to_pages().map_err(|_| NO_MEMORY)?;
        }
        match &mut self.memory {
            Memory::Small(bytes) => bytes.extend_from_slice(chunk),
            Memory::Large { pages, filled } => {
                if end > *filled {
                    let step = end.next_multiple_of(STEP).min(self.most);
                    fill(pages, *filled, step);
                    *filled = step;
                }
                pages[self.len..end].copy_from_slice(chunk);
            }
        }
        self.len = end;
        Ok(())
    }

    /// What has come so far.
    pub fn bytes(&self) -> &[u8] {
        self.memory.first(self.len)
    }

    /// Lets go of what has come: no more is to be held.
    pub fn let_go(&mut self) {
        self.memory = Memory::Small(Vec::new());
        (self.len, self.most) = (0, 0);
        self.room.shrink_to(0);
    }

    /// All of it, to be shared. The memory is given back with the last of its handles.
    pub fn into_bytes(self) -> Bytes {
        let Self { memory, len, mut room, .. } = self;
        room.shrink_to(len as u64);
        Bytes::from_owner(Whole { memory, len, _room: room })
    }

    fn move_to_pages(&mut self) -> io::Result<()> {
        let Memory::Small(bytes) = &self.memory else { return Ok(()) };
        let mut pages = MmapMut::map_anon(self.most)?;
        // Two megabytes at a time would be more than was counted.
        #[cfg(target_os = "linux")]
        pages.advise(memmap2::Advice::NoHugePage)?;
        pages[..self.len].copy_from_slice(bytes);
        self.memory = Memory::Large { pages, filled: STEP };
        Ok(())
    }
}

impl Memory {
    fn first(&self, len: usize) -> &[u8] {
        match self {
            Self::Small(bytes) => bytes,
            Self::Large { pages, .. } => &pages[..len],
        }
    }
}

/// Makes sure of pages. Where the system knows no such thing, they come one by one.
#[cfg_attr(not(target_os = "linux"), expect(unused_variables, reason = "only Linux knows it"))]
fn fill(pages: &MmapMut, from: usize, end: usize) {
    #[cfg(target_os = "linux")]
    let _ = pages.advise_range(memmap2::Advice::PopulateWrite, from, end - from);
}

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        self.memory.first(self.len)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::app::admission::Admission;

    const LARGEST: usize = 4 << 20;

    fn admission() -> Arc<Admission> {
        Admission::new(8 * LARGEST as u64, LARGEST as u64, Duration::from_millis(20))
    }

    async fn buffer(admission: &Arc<Admission>, most: usize) -> Buffer {
        Buffer::in_room(admission.open(most as u64), 0, most as u64).await.expect("there is room")
    }

    async fn received(admission: &Arc<Admission>, sent: &[u8]) -> Bytes {
        let mut buffer = buffer(admission, sent.len()).await;
        for chunk in sent.chunks(SMALL) {
            buffer.push(chunk).await.expect("there is room");
        }
        buffer.into_bytes()
    }

    fn used(admission: &Admission) -> u64 {
        admission.level().used
    }

    fn picture(size: usize) -> Vec<u8> {
        (0..size).map(|at| (at * 7 + at / 251) as u8).collect()
    }

    #[tokio::test]
    async fn bytes_come_out_as_they_went_in() {
        let admission = admission();
        for (size, reason) in [
            (0, "nothing"),
            (1, "a byte"),
            (SMALL, "the largest small one"),
            (SMALL + 1, "the smallest large one"),
            (3 * SMALL + 7, "a large one"),
            (STEP, "all that comes page by page"),
            (2 * STEP + 7, "steps, the last one cut short"),
        ] {
            let sent = picture(size);
            for (most, piece) in [(size, 10_007), (2 * size, SMALL), (size, size.max(1))] {
                let mut buffer = buffer(&admission, most).await;
                for chunk in sent.chunks(piece) {
                    buffer.push(chunk).await.expect("as many as were announced");
                }
                assert_eq!(buffer.bytes(), sent, "{reason}");
                let is_full = most == size;
                assert_eq!(buffer.push(&[0]).await.is_err(), is_full, "{reason}: one more than at most");
                if is_full {
                    assert_eq!(buffer.into_bytes(), sent, "{reason}");
                }
            }
        }
    }

    #[tokio::test]
    async fn memory_is_held_until_the_last_handle_is_gone() {
        let admission = admission();
        for (size, held, reason) in
            [(SMALL, SMALL, "a small one"), (STEP - 1, STEP - 1, "page by page"), (STEP + 1, STEP + 1, "by steps")]
        {
            let first = received(&admission, &picture(size)).await;
            let second = first.clone();
            drop(first);
            assert_eq!(used(&admission), held as u64, "{reason}");
            drop(second);
            assert_eq!(used(&admission), 0, "{reason}");
        }
        let mut refused = buffer(&admission, LARGEST).await;
        refused.push(&picture(2 * STEP)).await.expect("there is room");
        refused.let_go();
        assert_eq!((used(&admission), refused.bytes()), (0, &[][..]));
    }
}
