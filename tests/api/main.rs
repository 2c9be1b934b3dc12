//! The service as its clients see it: a real server on a free port for each test, outcomes as text.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on is a failed test")]
#![expect(unreachable_pub, reason = "nothing is reachable from outside a test binary")]

mod backfill;
mod breaker;
mod client;
mod downloads;
mod events;
mod fault_proxy;
mod forms;
mod function;
mod gateways;
mod keys;
mod lambda;
mod listener;
mod metrics;
mod names;
mod origins;
mod pages;
mod pictures;
mod presigned;
mod rates;
mod readers;
mod recorded;
mod refusals;
mod requests;
mod roles;
mod s3;
mod server;
mod store_faults;
mod tidy;
mod uploads;
