//! The newest version, as it is served.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::failure::{Doing, Failure};
use super::layout::{Found, HIDDEN, Place};
use super::record::{self, Identity};
use crate::store::{Error, Metadata, Range, Stat};

/// Files that were put here by hand are hashed on every request, up to this size.
const HASHED_BYTES: u64 = 64 * 1024 * 1024;
/// How often the file may be replaced between two looks at it.
const TRIES: u32 = 64;

/// The first and the last byte of a part.
type Part = (u64, u64);

/// The newest version's open file, at its beginning, and what is known of it.
pub(super) fn newest(place: &Place) -> Result<(File, Stat), Error> {
    for _ in 0..TRIES {
        let Found::File(_) = place.look()? else { return Err(missing(place)) };
        let file = match File::open(&place.visible) {
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            opened => opened.doing("open", &place.visible)?,
        };
        let identity = Identity::of(&file.metadata().doing("look at", &place.visible)?);
        if let Some(entry) = record::find(&place.record, identity).doing("read", &place.record)? {
            return Ok((file, entry.into_stat(identity)));
        }
        // Put here by hand, or a version that was removed after it was opened.
        match place.look()? {
            Found::File(facts) if Identity::of(&facts) == identity => {
                let stat = by_hand(place, &file, identity)?;
                return Ok((file, stat));
            }
            _ => {}
        }
    }
    let busy = io::Error::new(ErrorKind::ResourceBusy, "it is replaced faster than it can be read");
    Err(busy).doing("read", &place.visible).map_err(Error::from)
}

/// The same, at the first byte that a range selects.
pub(super) fn newest_part(place: &Place, range: Option<Range>) -> Result<(File, Stat, Option<Part>), Error> {
    let (mut file, stat) = newest(place)?;
    let Some(range) = range else { return Ok((file, stat, None)) };
    let part = range.within(stat.bytes).ok_or(Error::RangeNotSatisfiable { size: stat.bytes })?;
    file.seek(SeekFrom::Start(part.0)).doing("read", &place.visible)?;
    Ok((file, stat, Some(part)))
}

/// What is to be known of a file that someone put here by hand.
pub(super) fn by_hand(place: &Place, file: &File, identity: Identity) -> Result<Stat, Failure> {
    let sha256 = match identity.bytes {
        0..=HASHED_BYTES => Some(hash(file).doing("read", &place.visible)?),
        _ => None,
    };
    Ok(Stat {
        bytes: identity.bytes,
        content_type: if place.is_png() { "image/png" } else { "image/jpeg" }.to_owned(),
        version_id: None,
        revision: identity.revision(),
        modified: identity.time(),
        metadata: Metadata { sha256, ..Metadata::default() },
    })
}

/// A key without an object is not found, but a bucket that is gone must not look like an empty one.
fn missing(place: &Place) -> Error {
    let hidden = place.root.join(HIDDEN);
    match fs::metadata(&hidden).doing("open", &hidden) {
        Ok(_) => Error::NotFound,
        Err(gone) => gone.into(),
    }
}

fn hash(mut file: &File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 128 * 1024];
    // A file that grows meanwhile must not keep us here.
    let mut limited = file.take(HASHED_BYTES);
    loop {
        match limited.read(&mut buffer)? {
            0 => break,
            read => hasher.update(&buffer[..read]),
        }
    }
    file.rewind()?;
    Ok(format!("{:x}", Bytes::copy_from_slice(&hasher.finalize())))
}
