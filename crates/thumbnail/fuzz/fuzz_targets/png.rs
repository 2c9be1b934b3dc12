//! PNG: any chunks, with lengths and CRCs put right, so that damage gets as far as the decoder.

#![no_main]

const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

libfuzzer_sys::fuzz_target!(|source: &[u8]| {
    let mut rest = source.strip_prefix(SIGNATURE).unwrap_or(source);
    let mut file = SIGNATURE.to_vec();
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        if after.len() < 4 {
            break;
        }
        let length = (u32::from_be_bytes(*length) as usize).min(after.len() - 4);
        let (kind_and_data, after) = after.split_at(length + 4);
        file.extend((length as u32).to_be_bytes());
        file.extend(kind_and_data);
        file.extend(crc32fast::hash(kind_and_data).to_be_bytes());
        rest = after.get(4..).unwrap_or_default();
    }
    thumbnail_fuzz::attempt(&file);
});
