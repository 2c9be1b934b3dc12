//! The figures as lines of a function's log, in CloudWatch's Embedded Metric Format: no agent, no request. The only file
//! that names its exporter.

use std::io;

use metrics_cloudwatch_embedded::{Builder, Collector};
use tracing::warn;

use super::describe;

/// Where CloudWatch shows them.
const NAMESPACE: &str = "thumbgate";

/// The figures since the last line.
#[derive(Clone, Copy)]
pub struct Figures(&'static Collector);

/// Keeps all figures from now on.
///
/// # Errors
/// Where something keeps them already.
pub fn install() -> Result<Figures, Box<dyn std::error::Error>> {
    let collector = Builder::new().cloudwatch_namespace(NAMESPACE).init();
    let collector = collector.map_err(|error| -> Box<dyn std::error::Error> { error })?;
    describe();
    Ok(Figures(collector))
}

impl Figures {
    /// Writes down what is new, a line for each set of labels. A function is frozen between events, so that it is done
    /// before each ends.
    pub fn write(&self) {
        // As a whole: the log's own lines go to standard error, other tasks' never come in between.
        let mut lines = Vec::with_capacity(4096);
        let written = self.0.flush(&mut lines).and_then(|()| io::Write::write_all(&mut io::stdout().lock(), &lines));
        if let Err(error) = written {
            warn!(%error, "the figures could not be written");
        }
    }
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Figures")
    }
}
