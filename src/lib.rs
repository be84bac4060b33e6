//! Anteroom: a virtual waiting room and admission gateway.
//!
//! A folder imports only folders that stand before it in this list; `tests/layers.rs` holds
//! that floor plan. `docs/architecture.md` follows one request through the files.

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod domain;
pub mod edge;
pub mod gate;
pub mod origin;
pub mod pacing;
pub mod policy;
pub mod store;
pub mod telemetry;
pub mod text;
pub mod token;
