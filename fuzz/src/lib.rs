//! What the fuzz targets do with their bytes: plain functions that panic when a law is broken.
//! The tests of the whole house call them as well, with every file of `corpus/`.

pub mod admission_token;
pub mod canonical;
pub mod config;
pub mod cookies;
pub mod forwarded;
pub mod framing;
pub mod keys;
pub mod proxy_header;
pub mod queue_token;
pub mod reference;
pub mod rules;

/// What one target does with its bytes.
pub type Target = fn(&[u8]);

/// Every target by the name of its file in `targets/` and its folder in `corpus/`.
pub const TARGETS: [(&str, Target); 9] = [
    ("admission_token", admission_token::run),
    ("canonical", canonical::run),
    ("config", config::run),
    ("cookies", cookies::run),
    ("forwarded", forwarded::run),
    ("framing", framing::run),
    ("proxy_header", proxy_header::run),
    ("queue_token", queue_token::run),
    ("rules", rules::run),
];
