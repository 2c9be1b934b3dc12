//! Any bytes at all.

#![no_main]

libfuzzer_sys::fuzz_target!(|source: &[u8]| thumbnail_fuzz::attempt(source));
