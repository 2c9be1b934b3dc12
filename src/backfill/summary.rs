//! What a run has come to, for who reads standard output.

use std::fmt::Write;
use std::time::Duration;

use super::costs::Requests;
use super::tally::Counts;
use super::{Halt, Run, lock};
use crate::config::BackfillSettings;
use crate::store::Bucket;

/// The end of a run.
#[derive(Debug)]
pub struct Summary {
    /// What it has come to, in lines.
    pub text: String,
    /// Whether all that was asked for is done.
    pub is_complete: bool,
}

impl Summary {
    pub(super) fn of(run: &Run, halt: Option<&Halt>, elapsed: Duration) -> Self {
        let (counts, settings) = (run.counts(), &run.settings);
        let name_of = |bucket| run.app.store().name_of(bucket);
        let how = if settings.dry_run { "dry run" } else { "backfill" };
        let end = halt.map_or_else(|| "done".into(), Halt::to_string);
        let uploads = name_of(Bucket::Uploads);
        let mut text = format!("{how} of {uploads}: {end} after {:.1} seconds\n", elapsed.as_secs_f64());
        let lines = if settings.dry_run { lines_of_look(&counts) } else { lines_of_run(&counts) };
        write_lines(&mut text, &lines);
        if settings.repair {
            let _ = writeln!(text, "repair of {}", name_of(Bucket::Thumbnails));
            write_lines(&mut text, &lines_of_repair(&counts, settings));
        }
        if settings.dry_run {
            text.push_str(&estimate(&counts));
        }
        if halt.is_some() || counts.has_more {
            text.push_str(&how_to_go_on(lock(&run.frontier).done_to()));
        }
        Self { text, is_complete: halt.is_none() && counts.failed == 0 }
    }
}

type Line = (u64, &'static str);

fn lines_of_run(counts: &Counts) -> Vec<Line> {
    vec![
        (counts.originals, "originals looked at"),
        (counts.created, "thumbnails created"),
        (counts.current, "already right"),
        (counts.gone, "gone meanwhile"),
        (counts.rejected, "rejected: no thumbnail can be made of them, see the warnings"),
        (counts.under_way, "left to uploads that are under way"),
        (counts.not_pictures, "not pictures by their names, left alone"),
        (counts.failed, "failed, see the errors"),
    ]
}

fn lines_of_look(counts: &Counts) -> Vec<Line> {
    vec![
        (counts.originals, "originals looked at; nothing was written"),
        (counts.missing, "thumbnails missing (also of originals that none can be made of)"),
        (counts.stale, "stale: of an earlier original"),
        (counts.unsure, "to be compared: only the original's bytes can tell whether they are stale"),
        (counts.current, "already right"),
        (counts.gone, "gone meanwhile"),
        (counts.not_pictures, "not pictures by their names"),
        (counts.bytes_to_read, "bytes to read"),
        (counts.failed, "failed, see the errors"),
    ]
}

fn lines_of_repair(counts: &Counts, settings: &BackfillSettings) -> Vec<Line> {
    let removed = match settings.dry_run {
        true => (counts.orphans, "to be removed, since their originals are gone"),
        false => (counts.removed, "removed, since their originals are gone"),
    };
    vec![
        (counts.thumbnails, "thumbnails looked at"),
        removed,
        (counts.young, "too young to be removed, though their originals are gone"),
        (counts.foreign, "not made by thumbgate, left alone"),
        (counts.thumbnails_gone, "gone meanwhile"),
    ]
}

fn write_lines(text: &mut String, lines: &[Line]) {
    for (number, what) in lines {
        let _ = writeln!(text, "{number:>12}  {what}");
    }
}

fn estimate(counts: &Counts) -> String {
    let (run, look) = (Requests::of_run(counts), Requests::of_look(counts));
    format!(
        "a run would send about {run}\nthis look has sent {look}\n(list prices of S3 Standard in us-east-1, without what \
         it costs to move bytes out of the region)\n"
    )
}

/// Quoted as a shell takes it.
fn how_to_go_on(done_to: Option<&str>) -> String {
    match done_to {
        Some(key) => format!("go on with --after '{}'\n", key.replace('\'', r"'\''")),
        None => "begin again to go on: what is done is only asked about\n".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_to_go_on_with_is_quoted_for_a_shell() {
        assert_eq!(how_to_go_on(Some("a/b c.jpg")), "go on with --after 'a/b c.jpg'\n");
        assert_eq!(how_to_go_on(Some("it's.jpg")), "go on with --after 'it'\\''s.jpg'\n");
        assert!(how_to_go_on(None).starts_with("begin again"));
    }
}
