//! The operator's API, health and metrics, on a listener of their own.
//!
//! A request passes, in this order: the check of its `Host` (`host`), who asks and whether they
//! may (`auth`, `lockout`), the route's work (`api`, `health`; what changes something is a `deed`,
//! done by `carry`, `codes`, `sessions` and `steer` and written to the `audit` log). `routes` holds the one table
//! that says which route needs which role.

pub mod api;
pub mod audit;
pub mod auth;
pub mod body;
pub mod carry;
pub mod codes;
mod deed;
pub mod health;
pub mod host;
mod lanes;
pub mod ledger;
pub mod listener;
pub mod lockout;
mod lost;
pub mod orders;
mod pages;
pub mod policies;
mod preview;
pub mod problem;
mod recorded;
pub mod routes;
pub mod sessions;
pub mod steer;
pub mod view;
mod warning;
pub mod windows;

#[cfg(test)]
pub(crate) mod kit;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::domain::clock::Clock;
use crate::domain::room::RoomSettings;
use crate::store::QueueStore;
use crate::store::survey::SharedSnapshot;
use crate::telemetry::metrics::Metrics;
use crate::token::SharedKeyring;
use health::Readiness;
use ledger::SharedLedger;
use policies::{InForce, Policies};

pub use listener::{ServeError, guarded, serve, serve_health};

/// What the control API speaks of and acts on.
#[derive(Clone)]
pub struct Control {
    /// What the policies in force say: the rooms, and who may do what.
    pub in_force: Arc<ArcSwap<InForce>>,
    /// Where orders are written.
    pub store: Arc<dyn QueueStore>,
    /// The clock by which orders are given.
    pub clock: Clock,
    /// The keys in force: a draw is committed to with one of them.
    pub keys: SharedKeyring,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` shows.
    pub ready: Arc<Readiness>,
    /// Where every change is recorded.
    pub audit: SharedLedger,
    /// The files that the policies come from; `None` where there is nothing to read.
    pub policies: Option<Arc<dyn Policies>>,
}

/// One room as the control API sees it.
#[derive(Clone)]
pub struct ControlRoom {
    /// What its file says.
    pub settings: RoomSettings,
    /// What was last known of it.
    pub snapshot: SharedSnapshot,
    /// Where visitors find our own addresses: from the site's first named host on, or a path alone
    /// where it names none.
    pub surface: String,
}
