//! What a run has come to so far.

/// What a run is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Originals,
    /// For uploads that may be under way; then their originals are looked at again.
    Waiting,
    Thumbnails,
}

/// Numbers of objects, but for what says otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub(super) phase: Phase,
    /// Originals that were looked at, whatever came of it.
    pub(super) originals: u64,
    pub(super) created: u64,
    pub(super) current: u64,
    pub(super) gone: u64,
    pub(super) rejected: u64,
    pub(super) under_way: u64,
    pub(super) not_pictures: u64,
    /// Of both buckets.
    pub(super) failed: u64,
    pub(super) failed_in_a_row: u64,
    /// There are originals beyond `--max`.
    pub(super) has_more: bool,

    // Of a dry run.
    pub(super) missing: u64,
    pub(super) stale: u64,
    pub(super) unsure: u64,
    pub(super) bytes_to_read: u64,

    // Of `--repair`.
    pub(super) thumbnails: u64,
    pub(super) thumbnails_gone: u64,
    pub(super) removed: u64,
    pub(super) orphans: u64,
    pub(super) foreign: u64,
    pub(super) young: u64,

    /// Requests that were sent: pages of listings, and those of a dry run for an object's facts.
    pub(super) lists: u64,
    pub(super) heads: u64,
}
