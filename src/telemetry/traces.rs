//! Traces to an OpenTelemetry collector, over OTLP and HTTP. The only file that names OpenTelemetry; it is part of the
//! program with the feature `otel`.

use std::collections::HashMap;
use std::error::Error;

use opentelemetry::global::{get_text_map_propagator, set_text_map_propagator};
use opentelemetry::trace::{Status, TracerProvider as _};
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{SdkTracerProvider, Tracer};
use tracing::level_filters::LevelFilter;
use tracing::{Span, Subscriber, warn};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::registry::LookupSpan;

use crate::store::s3::OPERATION_SPANS;
use crate::version;

/// Sends spans in batches, from a thread of its own.
#[derive(Debug)]
pub(super) struct Traces(SdkTracerProvider);

impl Traces {
    /// For the collector that `OTEL_EXPORTER_OTLP_ENDPOINT` names, as the SDK reads it.
    ///
    /// # Errors
    /// Where that is no address.
    pub(super) fn new(service_name: String) -> Result<Self, Box<dyn Error>> {
        set_text_map_propagator(TraceContextPropagator::new());
        let version = opentelemetry::KeyValue::new("service.version", version::line());
        let resource = Resource::builder().with_service_name(service_name).with_attribute(version).build();
        let exporter = SpanExporter::builder().with_http().build()?;
        Ok(Self(SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build()))
    }

    /// Our own spans, and those of the AWS SDK's operations.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let spans = Targets::new().with_target("thumbgate", LevelFilter::DEBUG);
        let spans = spans.with_target(OPERATION_SPANS, LevelFilter::DEBUG);
        let layer: OpenTelemetryLayer<S, Tracer> =
            tracing_opentelemetry::layer().with_tracer(self.0.tracer("thumbgate"));
        layer.with_filter(spans)
    }

    /// Sends what waits to be sent.
    pub(super) fn flush(&self) {
        if let Err(error) = self.0.force_flush() {
            warn!(%error, "traces could not be sent");
        }
    }
}

/// Sends the rest.
impl Drop for Traces {
    fn drop(&mut self) {
        self.flush();
    }
}

/// Makes a span part of the trace that the sender's headers name (W3C Trace Context).
pub(super) fn adopt(span: &Span, headers: [(&str, Option<&str>); 2]) {
    let sent = headers.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())));
    let sent: HashMap<String, String> = sent.collect();
    // It fails where the span is not recorded, and then there is nothing to be part of a trace.
    let _ = span.set_parent(get_text_map_propagator(|propagator| propagator.extract(&sent)));
}

/// What the request was and what it was answered with, by OpenTelemetry's own names.
pub(super) fn describe(span: &Span, method: &str, route: &str, status: u16) {
    span.set_attribute("http.request.method", method.to_owned());
    span.set_attribute("http.route", route.to_owned());
    span.set_attribute("http.response.status_code", i64::from(status));
    if status >= 500 {
        span.set_status(Status::error("the log has the cause"));
    }
}
