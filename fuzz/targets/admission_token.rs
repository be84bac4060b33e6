//! Admission tokens: only what says exactly what we say counts.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::admission_token::run(data));
