//! What requests to S3 cost: the list prices of S3 Standard in us-east-1, as of 2026. Other regions and classes differ,
//! and bytes that leave the region cost more than all requests.

use std::fmt;

use super::tally::Counts;

/// USD for a thousand.
const GET_OR_HEAD: f64 = 0.0004;
const PUT_OR_LIST: f64 = 0.005;

/// Numbers of requests by kind. Removals cost nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Requests {
    pub(super) lists: u64,
    pub(super) heads: u64,
    pub(super) gets: u64,
    pub(super) puts: u64,
}

impl Requests {
    /// What a run will send that finds what a dry run found: for each original a head of its thumbnail, and one of its
    /// own where that is there; a read, a write and another head to make one. Where only a comparison can tell whether
    /// one has to be made, it counts as made.
    pub(super) fn of_run(counts: &Counts) -> Self {
        let replaced = counts.stale + counts.unsure;
        let made = counts.missing + replaced;
        let repairing = counts.thumbnails + 4 * counts.orphans;
        Self {
            lists: counts.lists,
            heads: 2 * (counts.missing + counts.current + counts.gone) + 3 * replaced + repairing,
            gets: made,
            puts: made,
        }
    }

    /// What the dry run has sent itself.
    pub(super) fn of_look(counts: &Counts) -> Self {
        Self { lists: counts.lists, heads: counts.heads, gets: 0, puts: 0 }
    }

    pub(super) fn dollars(self) -> f64 {
        let thousands = |requests: u64| requests as f64 / 1_000.0;
        thousands(self.gets + self.heads) * GET_OR_HEAD + thousands(self.puts + self.lists) * PUT_OR_LIST
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lists, heads, gets, puts } = self;
        write!(f, "{lists} LIST, {heads} HEAD, {gets} GET, {puts} PUT: {:.4} USD", self.dollars())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_missing_thumbnails_cost_about_six_dollars() {
        let counts = Counts { missing: 1_000_000, lists: 2_000, ..Counts::default() };
        let requests = Requests::of_run(&counts);
        assert_eq!(requests.to_string(), "2000 LIST, 2000000 HEAD, 1000000 GET, 1000000 PUT: 6.2100 USD");
    }

    #[test]
    fn what_is_right_already_is_only_asked_about() {
        let counts = Counts { current: 1_000, lists: 2, heads: 2_000, ..Counts::default() };
        assert_eq!(Requests::of_run(&counts), Requests::of_look(&counts));
        assert_eq!(Requests::of_look(&counts).to_string(), "2 LIST, 2000 HEAD, 0 GET, 0 PUT: 0.0008 USD");
    }
}
