#![no_main]
//! See `words.rs`.

#[path = "../words.rs"]
#[allow(dead_code)]
mod words;

libfuzzer_sys::fuzz_target!(|data: &[u8]| words::redaction(data));
