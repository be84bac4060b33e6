//! The operator's API, health and metrics, on a listener of their own.
//!
//! A request passes, in this order: the check of its `Host` (`host`), who asks and whether they
//! may (`auth`, `lockout`), the route's work (`api`, `health`; what changes something is a `deed`,
//! done by `carry` and `sessions` and written to the `audit` log). `routes` holds the one table
//! that says which route needs which role.

pub mod api;
pub mod audit;
pub mod auth;
pub mod body;
pub mod carry;
mod deed;
pub mod health;
pub mod host;
pub mod ledger;
pub mod listener;
pub mod lockout;
mod lost;
pub mod orders;
mod pages;
pub mod problem;
pub mod routes;
pub mod sessions;
pub mod view;

#[cfg(test)]
pub(crate) mod kit;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::domain::clock::Clock;
use crate::domain::room::RoomSettings;
use crate::store::QueueStore;
use crate::store::survey::SharedSnapshot;
use crate::telemetry::metrics::Metrics;
use auth::Credential;
use health::Readiness;
use ledger::SharedLedger;

pub use listener::{ServeError, guarded, serve, serve_health};

/// Reads the policies again. `Err` says what is wrong with the new ones, in sentences; the old
/// ones stay in force then. May block: it is called off the runtime's threads.
pub type Reload = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the control API speaks of and acts on.
#[derive(Clone)]
pub struct Control {
    /// Every room, in the order in which they are listed.
    pub rooms: Vec<ControlRoom>,
    /// Where orders are written.
    pub store: Arc<dyn QueueStore>,
    /// Who may do what. None: only the health routes answer.
    pub tokens: Vec<Credential>,
    /// The clock by which orders are given.
    pub clock: Clock,
    /// What `/metrics` shows.
    pub metrics: Arc<Metrics>,
    /// What `/readyz` shows.
    pub ready: Arc<Readiness>,
    /// Where every change is recorded.
    pub audit: SharedLedger,
    /// Reads the policies again; `None` where there is nothing to read.
    pub reload: Option<Reload>,
}

/// One room as the control API sees it.
#[derive(Clone)]
pub struct ControlRoom {
    /// What its file says.
    pub settings: RoomSettings,
    /// What was last known of it.
    pub snapshot: SharedSnapshot,
}
