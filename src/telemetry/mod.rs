//! Metrics declared once, logs, and the store that counts and times its calls.

pub mod logs;
pub mod metered;
pub mod metrics;
