//! `thumbgate thumbnail`: thumbnails of files on this machine, without a server.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::app::thumbnail_of;
use crate::config::ThumbnailFiles;
use crate::key::OriginalKey;

/// What one picture may take: there is no budget to share with others.
const MAX_MEMORY: u64 = 1024 * 1024 * 1024;

/// Makes the thumbnails and writes one line per file to `out`; says whether all went well.
///
/// # Errors
/// Where the folder can't be made, or `out` does not take the lines.
pub fn run(arguments: &ThumbnailFiles, out: &mut impl Write) -> std::io::Result<bool> {
    fs::create_dir_all(&arguments.out)?;
    let mut written = HashSet::new();
    let mut all_well = true;
    for file in &arguments.files {
        match thumbnail_file(file, arguments, &mut written) {
            Ok(line) => writeln!(out, "{} -> {line}", file.display())?,
            Err(reason) => {
                all_well = false;
                writeln!(out, "{}: failed: {reason}", file.display())?;
            }
        }
    }
    Ok(all_well)
}

fn thumbnail_file(file: &Path, arguments: &ThumbnailFiles, written: &mut HashSet<PathBuf>) -> Result<String, String> {
    let name = file.file_name().and_then(|name| name.to_str()).ok_or("the file name is not UTF-8")?;
    let key = OriginalKey::existing(name).ok_or("the file name does not end in .jpg, .jpeg or .png")?;
    let target = arguments.out.join(key.thumbnail());
    if !written.insert(target.clone()) {
        return Err(format!("another file of this call gave {} already", target.display()));
    }
    let source = fs::read(file).map_err(|error| error.to_string())?;
    let thumbnail = thumbnail_of(&source, &arguments.shape.options(MAX_MEMORY)).map_err(|error| error.to_string())?;
    fs::write(&target, &thumbnail.bytes).map_err(|error| format!("{}: {error}", target.display()))?;
    let (width, height, bytes) = (thumbnail.width, thumbnail.height, thumbnail.bytes.len());
    Ok(format!("{} ({width}x{height}, {bytes} bytes)", target.display()))
}
