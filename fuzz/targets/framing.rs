//! The framing guard beside a second reader, httparse and hyper.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::framing::run(data));
