//! The figures as Prometheus reads them. The only file that names its exporter.

use std::time::Duration;

use ::metrics::{gauge, set_global_recorder};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::{BUILD, PHASES, begin_at_zero, describe};
use crate::version;

/// What the format is called, for a `Content-Type` header.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// In seconds: a thumbnail takes a few milliseconds, a body over a phone a few seconds, a store that hangs half a minute.
const BUCKETS: [f64; 12] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Samples wait one by one to be put into their buckets. Nobody may ever ask for the figures.
const TIDY: Duration = Duration::from_secs(5);

/// The figures of this process.
#[derive(Clone)]
pub struct Figures {
    handle: PrometheusHandle,
    process: Collector,
}

/// Keeps all figures from now on.
///
/// # Errors
/// Where something keeps them already.
pub fn install() -> Result<Figures, Box<dyn std::error::Error>> {
    let builder = PrometheusBuilder::new().set_buckets_for_metric(Matcher::Full(PHASES.into()), &BUCKETS)?;
    let recorder = builder.build_recorder();
    let handle = recorder.handle();
    set_global_recorder(recorder)?;
    describe();
    begin_at_zero();
    let process = Collector::default();
    process.describe();
    let labels = [("version", version::NUMBER), ("commit", version::COMMIT), ("features", version::FEATURES)];
    gauge!(BUILD, &labels).set(1);
    Ok(Figures { handle, process })
}

impl Figures {
    /// All of them, as they are now.
    pub fn text(&self) -> String {
        self.process.collect();
        self.handle.render()
    }

    /// Keeps what waits small; never ends.
    pub async fn keep_tidy(&self) {
        loop {
            tokio::time::sleep(TIDY).await;
            self.handle.run_upkeep();
        }
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}
