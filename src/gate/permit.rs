//! The proof that a request passed the gate. Only this folder can make one, and
//! `Origin::forward` demands one.
//!
//! A permit carries the canonical form that was decided on, so what is forwarded is what was
//! judged, byte for byte.
//!
//! ```compile_fail,E0616
//! // Nobody outside the gate can change what a permit says…
//! fn forge(permit: &mut anteroom::gate::permit::Permit) {
//!     permit.grounds = anteroom::gate::permit::Grounds::Outside;
//! }
//! ```
//!
//! ```compile_fail,E0624
//! // …or make one.
//! let forged = anteroom::gate::permit::Permit::new(todo!(), todo!());
//! ```

use std::net::IpAddr;

use http::HeaderValue;
use http::uri::PathAndQuery;

use crate::domain::session::Jti;

/// Why a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grounds {
    /// A valid admission token of the room.
    Admitted(Jti),
    /// No room covers it.
    Outside,
    /// The room's `[[exempt]]` covers it.
    Exempt,
    /// The room lets everybody pass.
    Passthrough,
    /// A signed pass of the room's crew.
    Crew,
}

impl Grounds {
    /// The word for it, as sites read it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Admitted(_) => "admitted",
            Self::Outside => "outside",
            Self::Exempt => "exempt",
            Self::Passthrough => "passthrough",
            Self::Crew => "crew",
        }
    }
}

/// The canonical request that was decided on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passage {
    /// Index of the site in the configuration.
    pub site: usize,
    /// Canonical path, and the query as it came.
    pub target: PathAndQuery,
    /// The `Host` as the visitor sent it.
    pub host: String,
    /// The visitor's address, seen through trusted proxies.
    pub client: IpAddr,
    /// Whether the visitor came over TLS, seen through trusted proxies or by the site's scheme.
    pub https: bool,
    /// Our signed word that it passed, for sites that ask for it.
    pub assertion: Option<HeaderValue>,
}

/// Proof that a request passed the gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    grounds: Grounds,
    passage: Passage,
}

impl Permit {
    pub(in crate::gate) const fn new(grounds: Grounds, passage: Passage) -> Self {
        Self { grounds, passage }
    }

    /// For tests of what comes after the gate.
    #[cfg(test)]
    pub(crate) const fn for_test(grounds: Grounds, passage: Passage) -> Self {
        Self::new(grounds, passage)
    }

    /// Why it may pass.
    #[must_use]
    pub const fn grounds(&self) -> Grounds {
        self.grounds
    }

    /// What may pass.
    #[must_use]
    pub const fn passage(&self) -> &Passage {
        &self.passage
    }

    /// Whether the answer belongs to who asked, for others get another one here: it must not be
    /// cached for them.
    #[must_use]
    pub const fn is_personal(&self) -> bool {
        matches!(self.grounds, Grounds::Admitted(_) | Grounds::Crew)
    }
}
