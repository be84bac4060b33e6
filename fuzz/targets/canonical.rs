//! The canonical request: what is decided on is what is forwarded.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::canonical::run(data));
