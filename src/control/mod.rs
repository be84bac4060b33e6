//! The operator's API, health and metrics.

pub mod api;
pub mod auth;
pub mod health;
