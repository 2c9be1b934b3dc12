//! Writes small pictures of each kind into `corpus/`, for the fuzzers to start from.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (i, (target, bytes)) in thumbnail_fuzz::seeds::all().iter().enumerate() {
        let folders = if *target == "walk" { &["walk"][..] } else { &[*target, "thumbnail"] };
        for folder in folders {
            fs::create_dir_all(corpus.join(folder))?;
            fs::write(corpus.join(folder).join(format!("seed-{i}")), bytes)?;
        }
    }
    Ok(())
}
