//! Bot rules: all together say what the first says that holds.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::rules::run(data));
