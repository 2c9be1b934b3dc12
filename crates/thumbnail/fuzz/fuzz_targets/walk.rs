//! The entropy-coded data of baseline JPEGs, damaged in a few places.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| thumbnail_fuzz::walk::attempt(bytes));
