//! Queue tokens: what counts is exactly what we signed.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::queue_token::run(data));
