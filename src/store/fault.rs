//! Why a store could not answer.

use std::time::Duration;

/// A boxed source of a fault.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why the store could not answer. A refused visitor is not an error.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No answer in time. Whether it took effect is unknown; every verb may safely be sent again.
    #[error("the queue store gave no answer within {waited:?}")]
    Timeout {
        /// How long it was waited for.
        waited: Duration,
    },

    /// It cannot be reached, or cannot write at present. Nothing is lost; try again.
    #[error("the queue store cannot be used at present")]
    Unreachable(#[source] BoxError),

    /// It knows less than what it is shown was made from: it lost the room, or a part of it, and
    /// nobody has put that back yet. Nothing was done; hold what is known and ask again.
    #[error("the queue store has lost what it knew of the room, until a gateway puts it back")]
    Lost,

    /// What it holds cannot be read. Trying again will not help.
    #[error("the queue store holds an unreadable value at `{key}`")]
    Unreadable {
        /// Where it is.
        key: String,
        /// What is wrong with it.
        #[source]
        source: BoxError,
    },
}

impl StoreError {
    /// The `result` label of `anteroom_store_calls_total`.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Timeout { .. } => "timeout",
            Self::Unreachable(_) => "unreachable",
            Self::Lost => "lost",
            Self::Unreadable { .. } => "unreadable",
        }
    }
}
