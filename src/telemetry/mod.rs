//! Metrics declared once, logs, and the store that counts and times its calls.

pub mod asides;
pub mod connections;
pub mod door;
pub mod families;
pub mod labels;
mod lanes;
pub mod limits;
pub mod logs;
pub mod metered;
pub mod metrics;
pub mod origins;
pub mod reading;
mod seldom;
pub mod series;
pub mod site;
pub mod sites;
pub mod sockets;
pub mod streams;
pub mod tls;
