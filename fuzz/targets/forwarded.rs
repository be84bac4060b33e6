//! Who the client is, seen through proxies.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::forwarded::run(data));
