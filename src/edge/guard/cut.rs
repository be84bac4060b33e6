//! Cutting a connection off, by us or by the kernel, and what the kernel holds of it until then.

use std::io;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// Bytes that the kernel holds for a visitor beyond those on their way to it. Without a limit it
/// takes megabytes for each of those who do not read. It asks for more at half of this, so that who
/// takes 500 bytes a second is seen to take something within the time for standing still.
const UNSENT: u32 = 16 * 1024;

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

/// Lets the kernel hold no more than a little that cannot be sent yet.
///
/// # Errors
/// When the connection is gone.
pub(in crate::edge) fn limit_unsent(stream: &TcpStream) -> io::Result<()> {
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT)
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
    use tokio::net::{TcpListener, TcpSocket};

    use super::*;

    /// How many bytes the kernel takes for somebody who reads nothing and has little room.
    async fn taken(set_up: impl Fn(&TcpStream) -> io::Result<()>) -> usize {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let silent = TcpSocket::new_v4().unwrap();
        silent.set_recv_buffer_size(1).unwrap();
        let silent = silent.connect(listener.local_addr().unwrap());
        let (_silent, accepted) = tokio::join!(silent, listener.accept());
        let (stream, _) = accepted.unwrap();
        set_up(&stream).unwrap();
        let mut taken = 0;
        stream.writable().await.unwrap();
        while let Ok(count) = stream.try_write(&[0; 8 * 1024]) {
            taken += count;
        }
        taken
    }

    #[tokio::test]
    async fn r1_the_kernel_holds_little_for_who_does_not_read() {
        let (limited, usual) = (taken(limit_unsent).await, taken(|_| Ok(())).await);
        assert!(limited <= 128 * 1024, "{limited} bytes");
        assert!(usual > 2 * limited, "{usual} bytes: nothing is limited");
    }

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
