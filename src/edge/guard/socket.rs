//! How a connection stops carrying requests, once and for good.

use super::{End, Guard};

/// Whose bytes a connection carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Speaks {
    /// Requests, which are judged.
    Http,
    /// A socket's bytes, which are not.
    Socket,
}

impl<S> Guard<S> {
    /// Stops judging: from here on every byte is handed on as it comes, those first that were
    /// held back behind the handshake. Whether it did: only behind a whole request that asked
    /// for it, with nothing wrong on this connection.
    #[must_use]
    pub fn become_socket(&mut self) -> bool {
        let ready = match self.end {
            None => self.passed == 0,
            Some(End::Handshake) => true,
            Some(End::Eof | End::Silence | End::Head(_) | End::Body(_)) => false,
        };
        if !(ready && self.framing.is_over()) {
            return false;
        }
        self.speaks = Speaks::Socket;
        self.end = None;
        self.passed = self.held.len();
        true
    }
}
