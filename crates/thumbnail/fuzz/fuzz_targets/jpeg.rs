//! JPEG: whatever follows its first marker.

#![no_main]

libfuzzer_sys::fuzz_target!(|rest: &[u8]| {
    let rest = rest.strip_prefix(b"\xff\xd8").unwrap_or(rest);
    thumbnail_fuzz::attempt(&[b"\xff\xd8", rest].concat());
});
