//! Writing and removing. The rename (or removal) of the visible file is the commit: what is done before it
//! means nothing without it, and what comes after it can be left undone.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use super::failure::{Doing, Failure};
use super::layout::{self, Found, Place};
use super::record::{self, Entry, Identity};
use super::temp::Temp;
use super::{counter, folder, lock, read};
use crate::store::{Condition, Error, Object};

/// Writes an object; the version it became. On a disk that hangs it may come to its end late. After `until` it does
/// not take place: whoever waited for it has given it up, and has looked in vain for what to undo.
pub(super) fn put(place: &Place, object: &Object, condition: &Condition, until: Instant) -> Result<u64, Error> {
    // A look before the bytes are written saves writing them; the one that counts is under the lock.
    check(condition, standing(place)?)?;
    let temp = Temp::holding(&place.root, &object.bytes)?;
    let _held = lock::of(place)?;
    let standing = standing(place)?;
    check(condition, standing)?;
    let last = record::last(&place.record).doing("read", &place.record)?;
    let version = match (standing, last) {
        (Some(file), Some(last)) if last.is(file) => record_next(place, &temp, object, &last)?,
        (standing, _) => record_anew(place, &temp, object, standing)?,
    };
    if Instant::now() > until {
        return Err(Error::Timeout("the disk took too long".into()));
    }
    appear(place, &temp)?;
    Ok(version)
}

/// Removes a version, the newest one where none is named.
pub(super) fn remove(place: &Place, version_id: Option<&str>) -> Result<(), Error> {
    let _held = lock::of(place)?;
    let standing = match place.look()? {
        Found::File(facts) => Some(Identity::of(&facts)),
        Found::Nothing | Found::Other(_) => None,
    };
    let (entries, gap) = living(place, standing)?;
    let is_standing = |entry: &&Entry| standing.is_some_and(|file| entry.is(file));
    let newest = entries.last().filter(is_standing).map(|entry| entry.version.to_string());
    let is_newest = match version_id {
        None => standing.is_some(),
        Some(_) => newest.as_deref() == version_id,
    };
    match version_id {
        _ if is_newest => remove_newest(place, entries, newest.is_some(), gap)?,
        Some(version_id) => remove_earlier(place, entries, version_id)?,
        None => {}
    }
    Ok(())
}

fn check(condition: &Condition, standing: Option<Identity>) -> Result<(), Error> {
    match (condition, standing) {
        (Condition::IfAbsent, Some(_)) => Err(Error::AlreadyExists),
        (Condition::IfRevision(revision), file) if file.is_none_or(|file| file.revision() != *revision) => {
            Err(Error::Changed)
        }
        _ => Ok(()),
    }
}

/// What the file under a key is known by. Anything but a file is not ours to replace.
fn standing(place: &Place) -> Result<Option<Identity>, Failure> {
    match place.look()? {
        Found::Nothing => Ok(None),
        Found::File(facts) => Ok(Some(Identity::of(&facts))),
        Found::Other(path) => Err(Failure::in_the_way(path, "it is neither a file nor a folder of this store")),
    }
}

/// Records a version that follows the last recorded one, and keeps that one's bytes.
fn record_next(place: &Place, temp: &Temp, object: &Object, last: &Entry) -> Result<u64, Failure> {
    let version = counter::take(&place.root, 1, last.version.saturating_add(1))?;
    let entry = describe(object, version, identity_unlike(temp, Some(last))?);
    record::append(&place.record, &entry).doing("write", &place.record)?;
    keep(place, last.version)?;
    Ok(version)
}

/// Records a version where there was none, or where the record is not of what lies there: someone put the file
/// there by hand, or took it away, or a process was killed.
fn record_anew(place: &Place, temp: &Temp, object: &Object, standing: Option<Identity>) -> Result<u64, Failure> {
    let (mut entries, gap) = living(place, standing)?;
    let least = entries.last().map_or(1, |last| last.version.saturating_add(1));
    let by_hand = standing.filter(|file| !entries.last().is_some_and(|last| last.is(*file)));
    let mut version = counter::take(&place.root, 1 + u64::from(by_hand.is_some()), least)?;
    if let Some(file) = by_hand {
        entries.push(adopt(place, version, file, gap)?);
        version += 1;
    }
    let mut entry = describe(object, version, identity_unlike(temp, entries.last())?);
    entry.after_deletion = standing.is_none() && !entries.is_empty();
    let earlier = entries.last().map(|last| last.version);
    entries.push(entry);
    rewrite(place, &entries)?;
    if standing.is_some()
        && let Some(earlier) = earlier
    {
        keep(place, earlier)?;
    }
    Ok(version)
}

/// The commit of a write.
fn appear(place: &Place, temp: &Temp) -> Result<(), Failure> {
    let above = parent(&place.visible);
    folder::with(&place.root, above, || temp.rename_to(&place.visible)).doing("write", &place.visible)?;
    folder::sync(above).doing("write", above)
}

/// Keeps the bytes of the visible file as an earlier version's, which costs no copy where links can be had.
fn keep(place: &Place, version: u64) -> Result<(), Failure> {
    let kept = place.version(version);
    let floor = layout::versions(&place.root);
    let linked = folder::with(&floor, &place.versions, || match fs::hard_link(&place.visible, &kept) {
        // A killed process came as far as this.
        Err(e) if e.kind() == ErrorKind::AlreadyExists && are_the_same(&place.visible, &kept)? => Ok(()),
        outcome => outcome,
    });
    if linked.is_err() {
        // No links here, or not to a file that another user owns; or something else has the name.
        let copy = Temp::copy_of(&place.root, &place.visible)?;
        folder::with(&floor, &place.versions, || copy.rename_to(&kept)).doing("write", &kept)?;
    }
    folder::sync(&place.versions).doing("write", &place.versions)
}

fn are_the_same(one: &Path, other: &Path) -> io::Result<bool> {
    Ok(Identity::of(&fs::symlink_metadata(one)?) == Identity::of(&fs::symlink_metadata(other)?))
}

/// A file that was put here by hand, as a version.
fn adopt(place: &Place, version: u64, file: Identity, after_deletion: bool) -> Result<Entry, Failure> {
    let opened = File::open(&place.visible).doing("open", &place.visible)?;
    let stat = read::by_hand(place, &opened, file)?;
    Ok(Entry {
        version,
        bytes: file.bytes,
        modified: file.modified,
        content_type: stat.content_type,
        after_deletion,
        metadata: stat.metadata,
    })
}

fn describe(object: &Object, version: u64, file: Identity) -> Entry {
    Entry {
        version,
        bytes: file.bytes,
        modified: file.modified,
        content_type: object.content_type.to_owned(),
        after_deletion: false,
        metadata: object.metadata.clone(),
    }
}

/// What the new file is known by, made to differ from the version before where the clock stood still.
fn identity_unlike(temp: &Temp, before: Option<&Entry>) -> Result<Identity, Failure> {
    let mut step = Duration::from_nanos(1);
    loop {
        let facts = temp.facts()?;
        let identity = Identity::of(&facts);
        if !before.is_some_and(|before| before.is(identity)) {
            return Ok(identity);
        }
        let modified = facts.modified().unwrap_or_else(|_| SystemTime::now());
        temp.finish(modified + step)?;
        step *= 10;
    }
}

/// The versions whose bytes exist, none of them newer than the visible file; and whether one that fell away at
/// the end had been written after a deletion.
fn living(place: &Place, standing: Option<Identity>) -> Result<(Vec<Entry>, bool), Failure> {
    let mut entries = record::all(&place.record).doing("read", &place.record)?;
    let is_standing = |entry: &Entry| standing.is_some_and(|file| entry.is(file));
    if let Some(newest) = entries.iter().rposition(is_standing) {
        entries.truncate(newest + 1);
    }
    let newest = entries.last().filter(|entry| is_standing(entry)).map(|entry| entry.version);
    only(entries, |entry| {
        let bytes = place.version(entry.version);
        // A disk that does not answer is not a version that is gone.
        Ok(Some(entry.version) == newest || bytes.try_exists().doing("look at", &bytes)?)
    })
}

/// Some of the entries. A deletion before one that goes stays before the one that follows, or the end.
fn only(entries: Vec<Entry>, is_kept: impl Fn(&Entry) -> Result<bool, Failure>) -> Result<(Vec<Entry>, bool), Failure> {
    let mut gap = false;
    let mut kept = Vec::with_capacity(entries.len());
    for mut entry in entries {
        entry.after_deletion |= gap;
        if is_kept(&entry)? {
            gap = false;
            kept.push(entry);
        } else {
            gap = entry.after_deletion;
        }
    }
    Ok((kept, gap))
}

fn remove_newest(place: &Place, mut entries: Vec<Entry>, is_recorded: bool, gap: bool) -> Result<(), Failure> {
    let mut gap = gap;
    if is_recorded && let Some(newest) = entries.pop() {
        // A put that was killed may have linked it already. It must not outlive the version.
        unlink(&place.version(newest.version))?;
        gap = newest.after_deletion;
    }
    match entries.last() {
        Some(before) if !gap => {
            let kept = place.version(before.version);
            fs::rename(&kept, &place.visible).doing("restore", &kept)?;
        }
        _ => unlink(&place.visible)?,
    }
    let above = parent(&place.visible);
    folder::sync_removal(&place.root, above).doing("write", above)?;
    settle(place, &entries);
    Ok(())
}

fn remove_earlier(place: &Place, entries: Vec<Entry>, version_id: &str) -> Result<(), Failure> {
    let Some(gone) = entries.iter().find(|entry| entry.version.to_string() == version_id) else { return Ok(()) };
    let bytes = place.version(gone.version);
    unlink(&bytes)?;
    folder::sync(&place.versions).doing("write", &place.versions)?;
    let (rest, _) = only(entries, |entry| Ok(entry.version.to_string() != version_id))?;
    settle(place, &rest);
    Ok(())
}

/// Clears up after a removal. It has taken place, and must be possible on a full disk too: a record line
/// without bytes means nothing.
fn settle(place: &Place, entries: &[Entry]) {
    if entries.is_empty() {
        fs::remove_file(&place.record).ok();
    } else {
        rewrite(place, entries).ok();
    }
    folder::tidy(&place.root, parent(&place.visible));
    folder::tidy(&layout::records(&place.root), parent(&place.record));
    folder::tidy(&layout::versions(&place.root), &place.versions);
}

/// Writes a whole record.
fn rewrite(place: &Place, entries: &[Entry]) -> Result<(), Failure> {
    let lines = record::lines(entries).doing("write", &place.record)?;
    let temp = Temp::holding(&place.root, &lines)?;
    let above = parent(&place.record);
    let floor = layout::records(&place.root);
    folder::with(&floor, above, || temp.rename_to(&place.record)).doing("write", &place.record)?;
    folder::sync(above).doing("write", above)
}

fn unlink(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e).doing("remove", path),
        _ => Ok(()),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}
