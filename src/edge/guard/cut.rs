//! Cutting a connection off, by us or by the kernel.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// A connection that can be cut off.
pub trait Cut {
    /// Makes the close that follows a reset: what was written and not taken is forgotten, where
    /// the kernel would go on offering it for minutes to somebody who does not take it.
    fn cut(&self);

    /// Lets the kernel keep the connection however long the visitor's side is silent, where
    /// [`limit_silence`] had set a limit.
    fn spare(&self);
}

/// Lets the kernel end a connection when the visitor's side has taken nothing of what was written
/// for so long: also of one that is idle by all that can be seen from here, or closed already.
///
/// # Errors
/// When the connection is gone.
pub(in crate::edge) fn limit_silence(stream: &TcpStream, span: Duration) -> io::Result<()> {
    SockRef::from(stream).set_tcp_user_timeout(Some(span))
}

impl Cut for TcpStream {
    fn cut(&self) {
        if let Err(fault) = self.set_zero_linger() {
            tracing::debug!(%fault, "a connection was gone before it was cut off");
        }
    }

    fn spare(&self) {
        if let Err(fault) = SockRef::from(self).set_tcp_user_timeout(None) {
            tracing::debug!(%fault, "a connection was gone before it was spared");
        }
    }
}

impl<S: Cut> Cut for Box<TlsStream<S>> {
    fn cut(&self) {
        self.get_ref().0.cut();
    }

    fn spare(&self) {
        self.get_ref().0.spare();
    }
}

/// A pipe forgets by itself what nobody took.
#[cfg(test)]
impl Cut for tokio::io::DuplexStream {
    fn cut(&self) {}

    fn spare(&self) {}
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_limit_on_silence_is_kept_by_the_kernel_until_it_is_lifted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap());
        let stream = stream.await.unwrap();
        let limit = || SockRef::from(&stream).tcp_user_timeout().unwrap();
        let span = Duration::from_secs(20);
        limit_silence(&stream, span).unwrap();
        assert_eq!(limit(), Some(span));
        stream.spare();
        assert_eq!(limit(), None);
    }
}
