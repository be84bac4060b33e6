//! Carries a permitted request to the ticket site and its answer back.

pub mod forward;
pub mod headers;
pub mod pool;
