//! What a run came to, as JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::Outcome;

pub fn json(outcomes: &[Outcome], took: Duration) -> String {
    let mut times: Vec<Duration> = outcomes.iter().filter(|it| it.failure.is_none()).map(|it| it.took).collect();
    times.sort_unstable();
    let mut failures = BTreeMap::new();
    for failure in outcomes.iter().filter_map(|it| it.failure.as_deref()) {
        *failures.entry(failure).or_insert(0_u32) += 1;
    }
    let failures: Vec<String> = failures.iter().map(|(why, count)| format!("\"{why}\": {count}")).collect();
    format!(
        "{{\"uploads\": {}, \"seconds\": {:.6}, \"p50_ms\": {:.3}, \"p99_ms\": {:.3}, \"busy\": {}, \"failures\": {{{}}}}}",
        times.len(),
        took.as_secs_f64(),
        percentile(&times, 50),
        percentile(&times, 99),
        outcomes.iter().map(|it| it.busy).sum::<u32>(),
        failures.join(", ")
    )
}

/// In milliseconds; by nearest rank, so that it is a time that was measured.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1000.0)
}
