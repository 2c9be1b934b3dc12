//! Logs: text for people on a terminal, one JSON object a line for everything else.
//!
//! In JSON the fields of an event and of the spans around it lie at the top level (`timestamp`, `level`,
//! `message`, `request_id`, `key`, …), so that CloudWatch Logs Insights finds them by their plain names.

use std::io::{self, IsTerminal};

use tracing::error;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::ParseError;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;

/// Sends all events to standard error from now on, and panics too: in the log's own form.
///
/// # Errors
/// Where `filter` is not a list of directives such as `thumbgate=debug,warn`.
pub fn start(format: Option<LogFormat>, filter: &str) -> Result<(), ParseError> {
    start_through(io::stderr, format, filter)
}

/// The same through what leads to standard error.
///
/// # Errors
/// As for [`start`].
pub fn start_through<W>(writer: W, format: Option<LogFormat>, filter: &str) -> Result<(), ParseError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder().parse(filter)?;
    match format.unwrap_or_else(default_format) {
        LogFormat::Text => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(writer)
            .init(),
        LogFormat::Json => {
            let lines = json_subscriber::layer()
                .flatten_event(true)
                .with_current_span(false)
                .with_span_list(false)
                .flatten_span_list_on_top_level(true)
                .with_writer(writer);
            tracing_subscriber::registry().with(filter).with(lines).init();
        }
    }
    std::panic::set_hook(Box::new(|panic| error!(%panic, "a task panicked")));
    Ok(())
}

fn default_format() -> LogFormat {
    if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
}
