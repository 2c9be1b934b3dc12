//! How far a run is: a bar on a terminal, else a line of the log from time to time.

use std::convert::Infallible;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tokio::time::{Instant, interval_at};
use tracing::info;
use tracing_subscriber::fmt::MakeWriter;

use super::tally::{Counts, Phase};
use super::{Run, lock};

const FRAME: Duration = Duration::from_millis(100);

/// Shows how far a run is.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    is_on_terminal: bool,
}

/// Standard error, where there may be a bar in the last line.
#[derive(Clone, Debug)]
pub struct BesideBar(ProgressBar);

impl Progress {
    /// On standard error.
    pub fn new() -> Self {
        let is_on_terminal = io::stderr().is_terminal();
        let target = if is_on_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self { bar: ProgressBar::with_draw_target(None, target), is_on_terminal }
    }

    /// Where the log is to go, so that its lines and the bar are not in each other's way.
    pub fn log_writer(&self) -> BesideBar {
        BesideBar(self.bar.clone())
    }

    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }

    /// Never ends.
    pub(super) async fn keep_showing(&self, run: &Run) -> Infallible {
        let span = if self.is_on_terminal { FRAME } else { run.settings.report_every };
        let mut ticks = interval_at(Instant::now() + span, span);
        let mut before = run.counts();
        loop {
            ticks.tick().await;
            let now = run.counts();
            if self.is_on_terminal {
                self.draw(run, &now, now.phase != before.phase);
            } else {
                log(run, &before, &now, span);
            }
            before = now;
        }
    }

    fn draw(&self, run: &Run, now: &Counts, is_new_phase: bool) {
        if is_new_phase {
            self.bar.reset();
        }
        let total = run.total.get().copied().filter(|_| now.phase == Phase::Originals);
        self.bar.set_style(style(now.phase, total.is_some()));
        if let Some(total) = total {
            self.bar.set_length(total);
        }
        self.bar.set_position(done(now));
        self.bar.set_message(match now.phase {
            Phase::Thumbnails => {
                format!("{} to be removed or removed, {} failed", now.orphans + now.removed, now.failed)
            }
            Phase::Originals | Phase::Waiting if run.settings.dry_run => {
                format!("{} missing, {} stale", now.missing, now.stale)
            }
            Phase::Originals | Phase::Waiting => {
                format!("{} created, {} rejected, {} failed", now.created, now.rejected, now.failed)
            }
        });
        self.bar.tick();
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

fn done(counts: &Counts) -> u64 {
    match counts.phase {
        Phase::Originals | Phase::Waiting => counts.originals,
        Phase::Thumbnails => counts.thumbnails,
    }
}

fn style(phase: Phase, has_total: bool) -> ProgressStyle {
    let template = match phase {
        Phase::Originals if has_total => "{bar:30} {pos}/{len} originals, {per_sec}, {eta} left: {msg}",
        Phase::Originals => "{spinner} {pos} originals, {per_sec}: {msg}",
        Phase::Waiting => "{spinner} waiting for uploads that may be under way: {msg}",
        Phase::Thumbnails => "{spinner} {pos} thumbnails, {per_sec}: {msg}",
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn log(run: &Run, before: &Counts, now: &Counts, span: Duration) {
    let (total, place) = (run.total.get().copied(), lock(&run.frontier).done_to().map(str::to_owned));
    let done = done(now);
    let since = if now.phase == before.phase { self::done(before) } else { 0 };
    let per_second = done.saturating_sub(since) as f64 / span.as_secs_f64();
    let left = total.filter(|_| now.phase == Phase::Originals && per_second > 0.0);
    info!(
        phase = ?now.phase,
        done,
        total,
        per_second = (per_second * 10.0).round() / 10.0,
        seconds_left = left.map(|total| (total.saturating_sub(done) as f64 / per_second).round()),
        created = now.created,
        rejected = now.rejected,
        failed = now.failed,
        done_to = place,
        "the backfill goes on"
    );
}

impl MakeWriter<'_> for BesideBar {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl Write for BesideBar {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
