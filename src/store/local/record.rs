//! What is known of a key's versions: a file with one JSON line for each, the newest last.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::store::{Metadata, Stat};

/// Enough for the last few lines, so that a key with ten thousand versions is as quick as any other.
const TAIL: u64 = 4096;
const SECOND: i64 = 1_000_000_000;

/// One version.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Entry {
    pub(super) version: u64,
    /// With `modified`, what the bytes' file is known by. A link or a rename keeps both.
    pub(super) bytes: u64,
    pub(super) modified: i64,
    pub(super) content_type: String,
    /// There was nothing under the key when this was written, though there had been: when this one goes, the
    /// version before it does not come back.
    #[serde(default, skip_serializing_if = "is_false")]
    pub(super) after_deletion: bool,
    pub(super) metadata: Metadata,
}

/// What a file is known by: its size and its time of modification in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) bytes: u64,
    pub(super) modified: i64,
}

impl Identity {
    pub(super) fn of(facts: &fs::Metadata) -> Self {
        let modified = match facts.modified().map(|time| time.duration_since(UNIX_EPOCH)) {
            Ok(Ok(after)) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
            Ok(Err(before)) => i64::try_from(before.duration().as_nanos()).map_or(i64::MIN, |nanos| -nanos),
            // A system without such times knows files by their size alone.
            Err(_) => 0,
        };
        Self { bytes: facts.len(), modified }
    }

    /// When the file was modified; times before 1970 count as its beginning.
    pub(super) fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(u64::try_from(self.modified).unwrap_or(0))
    }

    /// The same as text.
    pub(super) fn revision(self) -> String {
        format!("{}-{}", self.bytes, self.modified)
    }
}

impl Entry {
    /// Whether a file is this version. Backups may keep times to the second only, so a time without a fraction
    /// matches any within its second.
    pub(super) fn is(&self, file: Identity) -> bool {
        let is_whole_second = file.modified % SECOND == 0;
        let is_same_second = file.modified.div_euclid(SECOND) == self.modified.div_euclid(SECOND);
        self.bytes == file.bytes && (self.modified == file.modified || is_whole_second && is_same_second)
    }

    pub(super) fn into_stat(self, file: Identity) -> Stat {
        Stat {
            bytes: self.bytes,
            content_type: self.content_type,
            version_id: Some(self.version.to_string()),
            revision: file.revision(),
            modified: file.time(),
            metadata: self.metadata,
        }
    }
}

/// The version that a file is.
pub(super) fn find(record: &Path, file: Identity) -> io::Result<Option<Entry>> {
    let Some((tail, is_all)) = read_tail(record)? else { return Ok(None) };
    let found = entries(&tail).rev().find(|entry| entry.is(file));
    if found.is_some() || is_all {
        return Ok(found);
    }
    Ok(all(record)?.into_iter().rev().find(|entry| entry.is(file)))
}

/// The last version, unless the file ends in a line that a killed process left half-written.
pub(super) fn last(record: &Path) -> io::Result<Option<Entry>> {
    let Some((tail, _)) = read_tail(record)? else { return Ok(None) };
    let Some(lines) = tail.strip_suffix(b"\n") else { return Ok(None) };
    let line = lines.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(serde_json::from_slice(line).ok())
}

/// All versions, the newest last.
pub(super) fn all(record: &Path) -> io::Result<Vec<Entry>> {
    match fs::read(record) {
        Ok(lines) => Ok(entries(&lines).collect()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// Adds a line to a record that ends in a whole one. It is on the disk when this returns.
pub(super) fn append(record: &Path, entry: &Entry) -> io::Result<()> {
    let mut file = File::options().append(true).open(record)?;
    file.write_all(&lines(std::slice::from_ref(entry))?)?;
    file.sync_data()
}

/// A record's content.
pub(super) fn lines(entries: &[Entry]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// The whole lines at the end of a record, and whether they are all of it.
fn read_tail(record: &Path) -> io::Result<Option<(Vec<u8>, bool)>> {
    let mut file = match File::open(record) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(e),
    };
    let start = file.metadata()?.len().saturating_sub(TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    if start > 0 {
        let first_line = tail.iter().position(|byte| *byte == b'\n').map_or(tail.len(), |end| end + 1);
        tail.drain(..first_line);
    }
    Ok(Some((tail, start == 0)))
}

/// The lines that are whole. One that is not was never committed.
fn entries(lines: &[u8]) -> impl DoubleEndedIterator<Item = Entry> {
    lines.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

fn is_false(value: &bool) -> bool {
    !value
}
