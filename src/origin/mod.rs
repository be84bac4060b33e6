//! Carries a permitted request to the ticket site and its answer back.
//!
//! Bytes stream both ways and nothing is decided here: [`Origin::forward`] demands the gate's
//! `Permit`, sends what that permit judged, and hands back the answer. Status codes of failures
//! are named in `edge`.

mod balance;
mod body;
mod carrier;
mod check;
mod cookies;
mod deadline;
mod exchange;
mod forward;
mod framing;
pub mod headers;
mod health;
mod inflow;
pub mod interim;
mod line;
mod pool;
mod pulse;
mod retry;
mod route;
mod said;
mod settings;
mod shelf;
mod site;
mod slots;
mod socket;
#[cfg(test)]
mod testing;
mod tls;
pub mod trailers;
mod trunk;
mod unsent;
mod upload;
mod wire;

use std::sync::Arc;
use std::time::Duration;

pub use body::OriginBody;
pub use check::DueCheck;
pub use forward::Origin;
pub use said::Said;
pub use settings::{Address, Balance, Check, Fitness, Protocol, Scheme, Settings};
pub use socket::{Opened, OriginSocket, Switched};
pub use tls::{BadPapers, Papers, Tls};

use crate::domain::clock::Clock;
use crate::telemetry::metrics::Metrics;
use route::Resolver;

/// An error of another library, kept as the source of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What the origins are watched with.
#[derive(Clone)]
pub struct World {
    clock: Clock,
    metrics: Arc<Metrics>,
    resolver: Resolver,
}

impl World {
    /// The time is read from `clock`, and what happens is counted in `metrics`.
    #[must_use]
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            clock,
            metrics,
            resolver: Resolver::default(),
        }
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

/// How busy one site's origins are. How long requests take is measured by the caller's clock,
/// around [`Origin::forward`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginStats {
    /// Requests that are with them now, up to the last byte of their answers.
    pub busy: usize,
    /// The most that may be.
    pub max_connections: usize,
}

/// Why the origin's answer could not be had, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum OriginError {
    /// No connection could be made.
    #[error("the origin is unreachable")]
    Unreachable {
        /// What the network said.
        source: BoxError,
    },

    /// Who is there did not prove to be the origin, or refuses us. Nothing was sent.
    #[error("no trusted connection to the origin could be made")]
    Untrusted {
        /// What TLS said.
        source: BoxError,
    },

    /// Every origin of the site has failed too often and is left out for the moment.
    #[error("every origin of the site is left out after failures")]
    LeftOut,

    /// The origin, or a body on its way, was silent for too long.
    #[error("the origin was silent for {waited:?}")]
    NoAnswer {
        /// How long was waited, at least.
        waited: Duration,
    },

    /// The answer could not be understood, or broke off.
    #[error("the origin gave an unusable answer")]
    BadAnswer {
        /// What was wrong with it.
        source: BoxError,
    },

    /// As many requests as may be are with the origin already.
    #[error("the origin has as many requests as it may have")]
    Busy,

    /// The visitor's own request body broke off.
    #[error("the visitor's request body broke off")]
    RequestBody {
        /// What the body said.
        source: BoxError,
    },
}

impl OriginError {
    /// What went wrong, and what led to it.
    #[must_use]
    pub fn with_sources(&self) -> String {
        let mut told = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            let said = error.to_string();
            // Some libraries repeat in their own words what lies below them.
            if !told.contains(&said) {
                told.push_str(": ");
                told.push_str(&said);
            }
            source = error.source();
        }
        told
    }
}
