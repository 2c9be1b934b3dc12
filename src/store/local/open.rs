//! Whether a folder can serve as a store, and what makes it ready.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::failure::{Doing, Failure};
use super::layout::{self, HIDDEN};
use super::temp::{self, Temp};
use super::{counter, folder, lock};

/// Why a folder can't serve as a store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Something else has the folder's name.
    #[error("{} is not a folder; the store needs one, or a name under which it can create one", .0.display())]
    NotAFolder(PathBuf),
    /// The folder is missing and can't be created.
    #[error("cannot create the folder {}; the store needs one that exists, or whose parent can be written to", path.display())]
    CannotCreate {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder can't be written to, or its files can't be locked.
    #[error("cannot write to the folder {}; the store needs one where this user may create, lock and remove files", path.display())]
    NotWritable {
        /// The folder.
        path: PathBuf,
        /// What failed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// `a.jpg` and `A.jpg` would be one file there.
    #[error("the folder {} does not tell upper from lower case; the store needs a volume that does", .0.display())]
    CaseInsensitive(PathBuf),
    /// A bucket can't be called so here.
    #[error(
        "{0:?} can't be the name of a bucket's folder; it takes a plain name without slashes, not beginning with a dot"
    )]
    BadName(String),
    /// The program ended meanwhile.
    #[error("the store was not opened")]
    Stopped(#[source] tokio::task::JoinError),
}

/// Makes a bucket's folder ready; its path.
pub(super) fn bucket(data_dir: &Path, name: &str) -> Result<PathBuf, OpenError> {
    if name.is_empty() || name.starts_with('.') || name.contains(['/', '\\', '\0', ':']) {
        return Err(OpenError::BadName(name.to_owned()));
    }
    // Causes in the log then name a path that can be found from anywhere.
    let data_dir = std::path::absolute(data_dir)
        .map_err(|source| OpenError::CannotCreate { path: data_dir.to_owned(), source })?;
    let root = data_dir.join(name);
    make(&data_dir)?;
    make(&root)?;
    let not_writable = |source: Failure| OpenError::NotWritable { path: root.clone(), source: Box::new(source) };
    let hidden = root.join(HIDDEN);
    for part in
        [hidden.clone(), temp::folder(&root), lock::folder(&root), layout::records(&root), layout::versions(&root)]
    {
        folder::make(&root, &part).doing("create", &part).map_err(not_writable)?;
    }
    temp::clean(&root).map_err(not_writable)?;
    probe(&root).map_err(not_writable)?;
    let temp = Temp::new(&root).map_err(not_writable)?;
    if has_two_cases(temp.path()) {
        return Err(OpenError::CaseInsensitive(root));
    }
    counter::start(&root).map_err(not_writable)?;
    folder::sync(&hidden).doing("write", &hidden).map_err(not_writable)?;
    Ok(root)
}

/// Whether a bucket's folder is there and can be written to.
pub(super) fn probe(root: &Path) -> Result<(), Failure> {
    let facts = fs::metadata(root).doing("open", root)?;
    if facts.permissions().readonly() {
        return Err(io::Error::from(ErrorKind::PermissionDenied)).doing("write to", root);
    }
    // Not in the folder itself, where a killed process would leave it before everybody's eyes.
    Temp::touch(root)
}

/// Whether the same file answers to its name in capitals.
pub(super) fn has_two_cases(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_uppercase();
    path.with_file_name(name).exists()
}

fn make(path: &Path) -> Result<(), OpenError> {
    let outcome = folder::make(Path::new("/"), path);
    match fs::metadata(path) {
        Ok(facts) if facts.is_dir() => Ok(()),
        Ok(_) => Err(OpenError::NotAFolder(path.to_owned())),
        Err(looked) => {
            let source = outcome.err().unwrap_or(looked);
            Err(OpenError::CannotCreate { path: path.to_owned(), source })
        }
    }
}
