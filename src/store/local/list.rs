//! Listing a bucket in the order of its keys' bytes.
//!
//! A folder's names come in any order, and there may be millions of them. So a page keeps the least that it may come to
//! need, and a folder that has more is read again for the next page: time is spent, memory is not.

use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::io::{self, ErrorKind};
use std::path::Path;

use super::failure::{Doing, Failure};
use super::layout::{self, HIDDEN};
use super::record::Identity;
use crate::store::{Listed, Page};

/// The first `most` files behind a key.
pub(super) fn page(root: &Path, prefix: &str, after: Option<&str>, most: usize) -> Result<Page, Failure> {
    // A bucket that is gone must not look like an empty one.
    let hidden = root.join(HIDDEN);
    fs::metadata(&hidden).doing("open", &hidden)?;
    let mut walk = Walk { prefix, after, most, found: Vec::new() };
    walk.folder(root, "")?;
    let mut objects = walk.found;
    let is_last = objects.len() <= most;
    objects.truncate(most);
    let next = objects.last().filter(|_| !is_last).map(|last| last.key.clone());
    Ok(Page { objects, next })
}

struct Walk<'a> {
    prefix: &'a str,
    after: Option<&'a str>,
    most: usize,
    /// One more than `most` tells that there is another page.
    found: Vec<Listed>,
}

impl Walk<'_> {
    /// A folder whose keys all begin with `above`.
    fn folder(&mut self, folder: &Path, above: &str) -> Result<(), Failure> {
        let mut done_to = None;
        loop {
            let names = self.next_names(folder, above, done_to.as_deref())?;
            for name in &names {
                self.name(folder, above, name)?;
                if self.found.len() > self.most {
                    return Ok(());
                }
            }
            if names.len() <= self.most {
                return Ok(());
            }
            done_to = names.into_iter().next_back();
        }
    }

    fn name(&mut self, folder: &Path, above: &str, name: &str) -> Result<(), Failure> {
        let key = format!("{above}{name}");
        if let Some(segment) = name.strip_suffix('/') {
            let Some(inner) = layout::folder_name(segment) else { return Ok(()) };
            return self.folder(&folder.join(inner), &key);
        }
        let path = folder.join(name);
        match fs::symlink_metadata(&path) {
            Ok(facts) if facts.is_file() && key.len() <= layout::LONGEST_KEY => {
                let identity = Identity::of(&facts);
                self.found.push(Listed { key, bytes: identity.bytes, modified: identity.time() });
                Ok(())
            }
            Err(e) if e.kind() != ErrorKind::NotFound => Err(e).doing("look at", &path),
            _ => Ok(()),
        }
    }

    /// The least names behind `done_to`, folders with a slash at their end: so they sort as their keys do.
    fn next_names(&self, folder: &Path, above: &str, done_to: Option<&str>) -> Result<BTreeSet<String>, Failure> {
        let mut least = BTreeSet::new();
        let entries = match fs::read_dir(folder) {
            // It was tidied up meanwhile.
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(least),
            entries => entries.doing("read", folder)?,
        };
        for entry in entries {
            let Some(name) = name_of(&entry.doing("read", folder)?).doing("look at", folder)? else { continue };
            let is_behind = done_to.is_none_or(|done_to| name.as_str() > done_to);
            if is_behind && self.wants(&format!("{above}{name}")) {
                least.insert(name);
                if least.len() > self.most + 1 {
                    least.pop_last();
                }
            }
        }
        Ok(least)
    }

    /// Whether a key, or one that begins with it where it ends in a slash, is asked for.
    fn wants(&self, key: &str) -> bool {
        let is_folder = key.ends_with('/');
        let has_prefix = key.starts_with(self.prefix) || is_folder && self.prefix.starts_with(key);
        let is_behind = |after: &str| key > after || is_folder && after.starts_with(key);
        has_prefix && self.after.is_none_or(is_behind)
    }
}

/// A file's name, or a folder's segment and a slash; none for what no key can mean.
fn name_of(entry: &DirEntry) -> io::Result<Option<String>> {
    let name = entry.file_name();
    let Some(name) = name.to_str() else { return Ok(None) };
    let kind = match entry.file_type() {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        kind => kind?,
    };
    Ok(match () {
        () if kind.is_dir() => layout::segment_of(name).map(|segment| format!("{segment}/")),
        () if kind.is_file() && layout::is_safe(name) => Some(name.to_owned()),
        () => None,
    })
}
