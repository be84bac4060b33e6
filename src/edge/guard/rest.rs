//! Taking a guard off a connection between two requests, and putting one on again.

use std::sync::Arc;

use bytes::BytesMut;

use super::socket::Speaks;
use super::{Guard, Terms};

impl<S> Guard<S> {
    /// Puts a guard on a connection of which these bytes have been read, and nothing is under way.
    pub fn again(io: S, first: BytesMut, terms: Arc<Terms>) -> Self {
        let held = first;
        Self {
            held,
            ..Self::new(io, terms)
        }
    }

    /// Takes the connection for one that goes on asking: it is given a short while after each
    /// answer before it rests.
    pub const fn expect_more(&mut self) {
        self.patience.expect_more();
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
