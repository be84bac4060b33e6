//! Taking a guard off a connection between two requests, and putting one on again.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;

use super::socket::Speaks;
use super::{Guard, Terms};

impl<S> Guard<S> {
    /// Puts a guard on a connection that has rested for so long between two requests, and these
    /// bytes since. After a short rest more than one request is expected
    /// before the next.
    pub fn again(io: S, (first, rested): (BytesMut, Duration), terms: Arc<Terms>) -> Self {
        let mut guard = Self {
            held: first,
            ..Self::new(io, terms)
        };
        if rested < guard.terms.deadlines.park {
            guard.patience.expect_more();
        }
        guard
    }

    /// Whether nothing is under way in either direction: behind a whole request whose answer has
    /// been written, and before the first byte of another.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        let between = self.end.is_none() && self.held.is_empty() && self.framing.heads() > 0;
        between
            && self.speaks == Speaks::Http
            && !self.framing.is_in_body()
            && !self.framing.is_over()
            && !self.taking.is_waited_for()
    }

    /// The connection without its guard.
    pub fn into_inner(self) -> S {
        self.io
    }
}
