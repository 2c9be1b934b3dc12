//! What is counted and measured, by the names in `docs/metrics.md`.
//!
//! The rest of the program calls the functions of this file; where the figures go is decided at the start: [`prometheus`]
//! keeps them for who asks, [`emf`] writes them into a function's log. Without either they cost next to nothing.
//! Every label has few values, which stand here or in the table of problem codes: nothing that a client sends becomes one.

pub mod emf;
pub mod prometheus;

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use thumbnail::{Format, Scale, SourceInfo};

const UPLOADS: &str = "thumbgate_uploads_total";
const RECEIVED: &str = "thumbgate_received_bytes_total";
const SENT: &str = "thumbgate_sent_bytes_total";
const IMAGES: &str = "thumbgate_images_total";
const PHASES: &str = "thumbgate_phase_seconds";
const IN_FLIGHT: &str = "thumbgate_uploads_in_flight";
const MEMORY_USED: &str = "thumbgate_memory_used_bytes";
const MEMORY_BUDGET: &str = "thumbgate_memory_budget_bytes";
const STORE_ERRORS: &str = "thumbgate_store_errors_total";
const STORE_RETRIES: &str = "thumbgate_store_retries_total";
const BREAKER: &str = "thumbgate_store_breaker_state";
const EVENTS: &str = "thumbgate_events_total";
const ORPHANS_LEFT: &str = "thumbgate_orphans_left_total";
const RESPONSES: &str = "thumbgate_responses_total";
const BUILD: &str = "thumbgate_build_info";

/// The outcome of an upload that is stored; all others are problem codes.
pub const CREATED: &str = "created";

/// Why a store's operation failed.
const CAUSES: [&str; 3] = ["unavailable", "timeout", "refused"];

/// What a store is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// To write an object.
    Put,
    /// To read one.
    Get,
    /// For the facts of one.
    Head,
    /// To remove a version.
    Remove,
    /// For a page of keys.
    List,
    /// Whether a bucket can be used.
    Check,
    /// Whether it keeps versions.
    Versions,
    /// To sign a link.
    Presign,
    /// To read or write an original's tags.
    Tags,
}

/// What has become of a record of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The thumbnail was made.
    Created,
    /// It was there already.
    Current,
    /// The original is gone.
    Gone,
    /// No thumbnail can be made of the original.
    Rejected,
    /// It is none of ours.
    Ignored,
    /// It is to be sent again.
    Failed,
}

/// How much of a pool of memory is in use.
#[derive(Clone, Copy, Debug)]
pub struct Pool {
    /// Bytes that are taken.
    pub used: u64,
    /// Bytes in all.
    pub budget: u64,
}

/// What goes up and down, as it is now.
#[derive(Clone, Copy, Debug)]
pub struct Levels {
    /// Uploads that are decoded or stored.
    pub uploads_in_flight: usize,
    /// Memory for bodies.
    pub bodies: Pool,
    /// Memory for decodes.
    pub decodes: Pool,
    /// The store's breaker: 0 closed, 1 half open, 2 open.
    pub breaker: u8,
}

/// A file, or a request for an upload, has come to its end.
pub fn upload_ended(outcome: &'static str) {
    counter!(UPLOADS, "outcome" => outcome).increment(1);
}

/// So many bytes of a file have come.
pub fn received(bytes: u64) {
    counter!(RECEIVED).increment(bytes);
}

/// So many bytes of a stored file have been sent.
pub fn sent(bytes: u64) {
    counter!(SENT).increment(bytes);
}

/// A thumbnail was made.
pub fn image_decoded(source: &SourceInfo) {
    let format = match source.format {
        Format::Jpeg => "jpeg",
        Format::Png => "png",
    };
    let scale = match source.scale {
        Scale::Full => "1/1",
        Scale::Half => "1/2",
        Scale::Quarter => "1/4",
        Scale::Eighth => "1/8",
    };
    counter!(IMAGES, "format" => format, "scale" => scale).increment(1);
}

/// A file has arrived.
pub fn receive_took(time: Duration) {
    histogram!(PHASES, "phase" => "receive").record(time);
}

/// A thumbnail was made, with the wait for a core.
pub fn decode_took(time: Duration) {
    histogram!(PHASES, "phase" => "decode").record(time);
}

/// All was stored.
pub fn store_took(time: Duration) {
    histogram!(PHASES, "phase" => "store").record(time);
}

/// A store's operation failed, with all its attempts.
pub fn store_failed(operation: Operation, cause: &'static str) {
    counter!(STORE_ERRORS, "operation" => operation.label(), "cause" => cause).increment(1);
}

/// An operation is tried once more.
pub fn store_retried(operation: Operation) {
    counter!(STORE_RETRIES, "operation" => operation.label()).increment(1);
}

/// A record of an event was dealt with.
pub fn event_ended(event: Event) {
    counter!(EVENTS, "outcome" => event.label()).increment(1);
}

/// An object stays that may stand without its partner.
pub fn orphan_left() {
    counter!(ORPHANS_LEFT).increment(1);
}

/// A request was answered. `route` is one of the router's own patterns.
pub fn answered(route: &str, status: u16) {
    counter!(RESPONSES, "route" => route.to_owned(), "status" => status.to_string()).increment(1);
}

/// What goes up and down is looked at when somebody asks.
pub fn set_levels(levels: &Levels) {
    gauge!(IN_FLIGHT).set(levels.uploads_in_flight as f64);
    gauge!(BREAKER).set(levels.breaker);
    for (pool, name) in [(levels.bodies, "bodies"), (levels.decodes, "decodes")] {
        gauge!(MEMORY_USED, "pool" => name).set(pool.used as f64);
        gauge!(MEMORY_BUDGET, "pool" => name).set(pool.budget as f64);
    }
}

impl Operation {
    const ALL: [Self; 9] = [
        Self::Put,
        Self::Get,
        Self::Head,
        Self::Remove,
        Self::List,
        Self::Check,
        Self::Versions,
        Self::Presign,
        Self::Tags,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::Head => "head",
            Self::Remove => "remove",
            Self::List => "list",
            Self::Check => "check",
            Self::Versions => "versions",
            Self::Presign => "presign",
            Self::Tags => "tags",
        }
    }
}

impl Event {
    fn label(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Current => "current",
            Self::Gone => "gone",
            Self::Rejected => "rejected",
            Self::Ignored => "ignored",
            Self::Failed => "failed",
        }
    }
}

/// What alerts look for must be there before it happens: the first of a counter is no increase.
fn begin_at_zero() {
    counter!(ORPHANS_LEFT).increment(0);
    counter!(EVENTS, "outcome" => Event::Failed.label()).increment(0);
    for operation in Operation::ALL {
        for cause in CAUSES {
            counter!(STORE_ERRORS, "operation" => operation.label(), "cause" => cause).increment(0);
        }
    }
}

/// Tells the exporter what each figure is, and in which unit.
fn describe() {
    describe_counter!(UPLOADS, Unit::Count, "Files and upload requests, by what became of them");
    describe_counter!(RECEIVED, Unit::Bytes, "Bytes of files received, refused ones too");
    describe_counter!(SENT, Unit::Bytes, "Bytes of originals and thumbnails sent");
    describe_counter!(IMAGES, Unit::Count, "Thumbnails made, by the source's format and the scale it was decoded at");
    describe_histogram!(PHASES, Unit::Seconds, "How long each phase of an upload took");
    describe_gauge!(IN_FLIGHT, Unit::Count, "Uploads that are decoded or stored");
    describe_gauge!(MEMORY_USED, Unit::Bytes, "Memory taken of MEMORY_BUDGET");
    describe_gauge!(MEMORY_BUDGET, Unit::Bytes, "The pools of MEMORY_BUDGET");
    describe_counter!(STORE_ERRORS, Unit::Count, "Operations of the store that failed after all attempts");
    describe_counter!(STORE_RETRIES, Unit::Count, "Attempts after the first");
    describe_gauge!(BREAKER, Unit::Count, "The store's circuit breaker: 0 closed, 1 half open, 2 open");
    describe_counter!(EVENTS, Unit::Count, "Records of S3 events, by what became of them");
    describe_counter!(ORPHANS_LEFT, Unit::Count, "Objects whose removal was given up");
    describe_counter!(RESPONSES, Unit::Count, "Answers, by route and status");
    describe_gauge!(BUILD, Unit::Count, "Always 1");
}
