//! Decides one request; sends nothing.

pub mod admit;
pub mod canonical;
pub mod identify;
pub mod limit;
pub mod permit;
pub mod queue;
pub mod screen;
