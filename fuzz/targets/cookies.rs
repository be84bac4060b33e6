//! Cookies: one token of a name or none, and none of ours to the site.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| anteroom_fuzz::cookies::run(data));
