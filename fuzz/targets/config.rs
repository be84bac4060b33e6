//! Policies: read, or every fault has a place.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::config::run(data));
