//! Logs: text for people on a terminal, one JSON object a line for everything else. And, with the feature `otel`, traces.
//!
//! In JSON the fields of an event and of the spans around it lie at the top level (`timestamp`, `level`,
//! `message`, `request_id`, `key`, …), so that CloudWatch Logs Insights finds them by their plain names.

#[cfg(feature = "otel")]
mod traces;

use std::error::Error;
use std::io::{self, IsTerminal};

use tracing::{Span, error};
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::Registry;

use crate::config::{self, LogFormat, TraceSettings};

/// What was started. Once it is dropped, no more traces are sent.
#[derive(Debug)]
pub struct Telemetry {
    #[cfg(feature = "otel")]
    traces: Option<traces::Traces>,
}

/// Sends all events from now on through what leads to standard error, and panics too: in the log's own form.
///
/// # Errors
/// Where `filter` is not a list of directives such as `thumbgate=debug,warn`, or the collector's address is none.
pub fn start<W>(
    writer: W,
    format: Option<LogFormat>,
    filter: &str,
    traces: &TraceSettings,
) -> Result<Telemetry, Box<dyn Error>>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::builder()
        .parse(filter)
        .map_err(|error| config::Error::LogFilter { filter: filter.into(), reason: error.to_string() })?;
    let telemetry = Telemetry::new(traces)?;
    let lines: Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync> = match format.unwrap_or_else(default_format)
    {
        LogFormat::Text => tracing_subscriber::fmt::layer()
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            .with_writer(writer)
            .with_filter(filter)
            .boxed(),
        LogFormat::Json => json_subscriber::layer()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .flatten_span_list_on_top_level(true)
            .with_writer(writer)
            .with_filter(filter)
            .boxed(),
    };
    let subscriber = tracing_subscriber::registry().with(lines);
    #[cfg(feature = "otel")]
    let subscriber = subscriber.with(telemetry.traces.as_ref().map(traces::Traces::layer));
    subscriber.init();
    std::panic::set_hook(Box::new(|panic| error!(%panic, "a task panicked")));
    Ok(telemetry)
}

impl Telemetry {
    /// Sends what waits to be sent: a function is frozen between events.
    pub fn flush(&self) {
        #[cfg(feature = "otel")]
        if let Some(traces) = &self.traces {
            traces.flush();
        }
    }

    #[cfg(feature = "otel")]
    fn new(settings: &TraceSettings) -> Result<Self, Box<dyn Error>> {
        let Some(endpoint) = &settings.endpoint else { return Ok(Self { traces: None }) };
        let traces = traces::Traces::new(settings.service_name.clone());
        let traces = traces.map_err(|error| format!("OTEL_EXPORTER_OTLP_ENDPOINT={endpoint}: {error}"))?;
        Ok(Self { traces: Some(traces) })
    }

    #[cfg(not(feature = "otel"))]
    fn new(_: &TraceSettings) -> Result<Self, Box<dyn Error>> {
        Ok(Self {})
    }
}

/// Makes a span part of the trace that the sender's headers name.
pub fn adopt<'a>(span: &Span, header: impl Fn(&str) -> Option<&'a str>) {
    #[cfg(feature = "otel")]
    traces::adopt(span, ["traceparent", "tracestate"].map(|name| (name, header(name))));
    #[cfg(not(feature = "otel"))]
    let _ = (span, header);
}

/// Says of a request's span what it was and what it was answered with.
pub fn describe(span: &Span, method: &str, route: &str, status: u16) {
    #[cfg(feature = "otel")]
    traces::describe(span, method, route, status);
    #[cfg(not(feature = "otel"))]
    let _ = (span, method, route, status);
}

fn default_format() -> LogFormat {
    if io::stderr().is_terminal() { LogFormat::Text } else { LogFormat::Json }
}
