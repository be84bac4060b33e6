//! The PROXY protocol: whose connection it is, and not a byte too many.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::proxy_header::run(data));
