//! `--repair`: the thumbnails bucket, where a thumbnail may stand without its original.

use std::sync::Arc;

use super::listing::Listing;
use super::patience::{GaveUp, persist};
use super::{Fate, Halt, Run, lock};
use crate::app::{Mended, mend_thumbnail};
use crate::key::original_of;
use crate::store::{Bucket, Listed};

/// The thumbnails of the originals that are asked for, as they are listed.
#[derive(Debug)]
pub(super) struct Thumbnails {
    listing: Listing,
}

impl Thumbnails {
    pub(super) fn new(run: &Run) -> Self {
        Self { listing: Listing::new(Bucket::Thumbnails, shared_part(&run.settings.prefix), None) }
    }

    pub(super) async fn next(&mut self, run: &Run) -> Result<Option<Listed>, Halt> {
        while let Some(listed) = self.listing.next(run).await? {
            let is_newer = run.settings.since.is_none_or(|since| listed.modified >= since);
            let original = original_of(&listed.key);
            let has_prefix = original.as_ref().unwrap_or(&listed.key).starts_with(&run.settings.prefix);
            if is_newer && has_prefix {
                return Ok(Some(listed));
            }
        }
        Ok(None)
    }
}

/// What a thumbnail's key begins with where its original's begins with the prefix: `a/photo.p` has `a/photo` in common
/// with `a/photo-thumbnail.png`.
fn shared_part(prefix: &str) -> &str {
    let name = prefix.rfind('/').map_or(0, |slash| slash + 1);
    let dot = prefix[name..].find('.').map_or(prefix.len(), |dot| name + dot);
    &prefix[..dot]
}

/// Sees to one thumbnail.
pub(super) async fn work(run: Arc<Run>, listed: Listed) -> Fate {
    let (min_age, removes) = (run.settings.min_age, !run.settings.dry_run);
    let mended = match persist(&run, || mend_thumbnail(&run.app, &listed.key, min_age, removes)).await {
        Ok(mended) => mended,
        Err(GaveUp::Stopped) => return Fate::Undone,
        Err(GaveUp::Failed(error)) => return run.failed(&listed.key, &error),
    };
    let mut counts = lock(&run.counts);
    counts.failed_in_a_row = 0;
    counts.thumbnails += 1;
    counts.heads += match mended {
        Mended::HasOriginal => 1,
        _ => 2,
    };
    match mended {
        Mended::HasOriginal => {}
        Mended::Gone => counts.thumbnails_gone += 1,
        Mended::Foreign => counts.foreign += 1,
        Mended::Young => counts.young += 1,
        Mended::Orphan => counts.orphans += 1,
        Mended::Removed => counts.removed += 1,
    }
    Fate::Done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_of_originals_are_cut_to_what_thumbnails_share() {
        for (prefix, expected, reason) in [
            ("", "", "all"),
            ("a/", "a/", "a folder"),
            ("2026-01", "2026-01", "the beginning of a name"),
            ("a/photo.p", "a/photo", "-thumbnail stands before the dot"),
            ("a.b/c", "a.b/c", "a folder's dot is before all"),
            ("a.b.c", "a", "which dot is the last is not known"),
        ] {
            assert_eq!(shared_part(prefix), expected, "{reason}: {prefix:?}");
        }
    }
}
