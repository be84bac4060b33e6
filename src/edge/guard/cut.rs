//! Cutting a connection off.

use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection that can be cut off.
pub trait Cut {
    /// Makes the close that follows a reset: what was written and not taken is forgotten, where
    /// the kernel would go on offering it for minutes to somebody who does not take it.
    fn cut(&self);
}

impl Cut for TcpStream {
    fn cut(&self) {
        if let Err(fault) = self.set_zero_linger() {
            tracing::debug!(%fault, "a connection was gone before it was cut off");
        }
    }
}

impl<S: Cut> Cut for Box<TlsStream<S>> {
    fn cut(&self) {
        self.get_ref().0.cut();
    }
}

/// A pipe forgets by itself what nobody took.
#[cfg(test)]
impl Cut for tokio::io::DuplexStream {
    fn cut(&self) {}
}
