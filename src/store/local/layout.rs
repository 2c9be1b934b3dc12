//! Where a key's files lie.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::failure::{Doing, Failure};

/// The hidden folder in a bucket's folder. No key can name it: none begins with a dot.
pub(super) const HIDDEN: &str = ".thumbgate";

/// As on S3.
pub(super) const LONGEST_KEY: usize = 1024;
/// What file systems allow a file's name to have.
const LONGEST_NAME: usize = 255;
/// What a key ends in, in any case.
const EXTENSIONS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The files of one key. All keys end in an allowed extension and no folder does, so none of them can be in
/// another's way.
#[derive(Debug)]
pub(super) struct Place {
    /// The bucket's folder.
    pub(super) root: PathBuf,
    /// The path below the bucket's folder, and below each of the two hidden trees.
    relative: PathBuf,
    /// The newest version's bytes.
    pub(super) visible: PathBuf,
    /// What is known of the versions.
    pub(super) record: PathBuf,
    /// The folder of the earlier versions' bytes.
    pub(super) versions: PathBuf,
}

/// What lies under a key.
pub(super) enum Found {
    Nothing,
    File(Metadata),
    /// A folder, a symbolic link or the like, here or on the way here: nothing that a key can mean.
    Other(PathBuf),
}

/// The files of a key; none where the key is not one that this store could have written, or that could lead
/// out of the folder.
pub(super) fn place(root: &Path, key: &str) -> Option<Place> {
    let relative = relative(key)?;
    Some(Place {
        root: root.to_owned(),
        visible: root.join(&relative),
        record: records(root).join(&relative),
        versions: versions(root).join(&relative),
        relative,
    })
}

/// The tree of records.
pub(super) fn records(root: &Path) -> PathBuf {
    root.join(HIDDEN).join("records")
}

/// The tree of earlier versions.
pub(super) fn versions(root: &Path) -> PathBuf {
    root.join(HIDDEN).join("versions")
}

impl Place {
    /// The bytes of an earlier version, in a file that a viewer opens.
    pub(super) fn version(&self, version: u64) -> PathBuf {
        let name = PathBuf::from(version.to_string());
        self.versions.join(name.with_extension(self.relative.extension().unwrap_or_default()))
    }

    /// What to take a lock on: the same text in every process.
    pub(super) fn lock_name(&self) -> &[u8] {
        self.relative.as_os_str().as_encoded_bytes()
    }

    /// Whether the key's own extension is PNG's.
    pub(super) fn is_png(&self) -> bool {
        self.relative.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
    }

    /// What lies under the key. Links are not followed: they could lead out of the folder.
    pub(super) fn look(&self) -> Result<Found, Failure> {
        for folder in self.visible.ancestors().skip(1).take_while(|folder| *folder != self.root) {
            match lstat(folder)? {
                None => return Ok(Found::Nothing),
                Some(facts) if facts.is_dir() => {}
                Some(_) => return Ok(Found::Other(folder.to_owned())),
            }
        }
        match lstat(&self.visible)? {
            None => Ok(Found::Nothing),
            Some(facts) if facts.is_file() => Ok(Found::File(facts)),
            Some(_) => Ok(Found::Other(self.visible.clone())),
        }
    }
}

fn lstat(path: &Path) -> Result<Option<Metadata>, Failure> {
    match fs::symlink_metadata(path) {
        Ok(facts) => Ok(Some(facts)),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(e).doing("look at", path),
    }
}

fn relative(key: &str) -> Option<PathBuf> {
    if key.len() > LONGEST_KEY {
        return None;
    }
    let mut segments = key.split('/');
    let name = segments.next_back().filter(|name| is_safe(name) && is_picture(name))?;
    let mut path = PathBuf::new();
    for segment in segments {
        path.push(folder_name(segment)?);
    }
    path.push(name);
    Some(path)
}

/// The folder of a key's segment: marked where a key could end in the same name.
pub(super) fn folder_name(segment: &str) -> Option<String> {
    let name = if is_picture(segment) { format!("{segment}~") } else { segment.to_owned() };
    (is_safe(segment) && name.len() <= LONGEST_NAME).then_some(name)
}

/// The key's segment that a folder stands for; none where this store could not have made the folder.
pub(super) fn segment_of(folder: &str) -> Option<&str> {
    let segment = folder.strip_suffix('~').unwrap_or(folder);
    (folder_name(segment).as_deref() == Some(folder)).then_some(segment)
}

/// A leading dot covers `.`, `..` and the hidden folder; `:` is a drive or a stream on some systems.
pub(super) fn is_safe(segment: &str) -> bool {
    let is_bad = |c: char| c.is_control() || matches!(c, '\\' | '~' | ':');
    !segment.is_empty() && segment.len() <= LONGEST_NAME && !segment.starts_with('.') && !segment.contains(is_bad)
}

fn is_picture(segment: &str) -> bool {
    let Some((_, extension)) = segment.rsplit_once('.') else { return false };
    EXTENSIONS.iter().any(|allowed| extension.eq_ignore_ascii_case(allowed))
}
