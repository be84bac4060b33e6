//! Carries a permitted request to the ticket site and its answer back.
//!
//! Bytes stream both ways and nothing is decided here: [`Origin::forward`] demands the gate's
//! `Permit`, sends what that permit judged, and hands back the answer. Status codes of failures
//! are named in `edge`.

mod body;
mod cookies;
mod deadline;
mod forward;
mod framing;
pub mod headers;
mod line;
mod pool;
mod pulse;
mod said;
mod socket;
#[cfg(test)]
mod testing;

use std::time::Duration;

pub use body::OriginBody;
pub use forward::Origin;
pub use said::Said;
pub use socket::{Opened, OriginSocket, Switched};

/// An error of another library, kept as the source of ours.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How one site's origin is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `host:port`, plain TCP.
    pub address: String,
    /// How long a connection may take to be made, looking up the name included.
    pub connect: Duration,
    /// How long the head of an answer may take once the request is sent whole.
    pub response: Duration,
    /// How long no byte of a body or of an open socket may move, either way.
    pub idle: Duration,
    /// How many requests may be with the origin at once.
    pub max_connections: usize,
    /// How many connections each worker thread keeps warm between requests.
    pub idle_connections: usize,
}

impl Settings {
    /// The usual deadlines and limits for an origin at `address`.
    #[must_use]
    pub const fn new(address: String) -> Self {
        Self {
            address,
            connect: Duration::from_secs(5),
            response: Duration::from_secs(60),
            idle: Duration::from_secs(300),
            max_connections: 1_024,
            idle_connections: 64,
        }
    }
}

/// How busy one site's origin is. How long requests take is measured by the caller's clock,
/// around [`Origin::forward`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OriginStats {
    /// Requests that are with the origin now, up to the last byte of their answers.
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
