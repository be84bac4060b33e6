//! The bytes between us and an origin, plain or over TLS, and the socket that counts them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;

use super::heads::Heads;
use super::pulse::Pulse;

/// A connection's bytes.
#[derive(Debug)]
pub(super) enum Bytes {
    /// As they are.
    Plain(TcpStream),
    /// Encrypted, to an origin whose certificate was verified.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The socket of one connection to an origin.
#[derive(Debug)]
pub(super) struct Wire {
    bytes: Bytes,
    pulse: Arc<Pulse>,
    heads: Heads,
}

impl Wire {
    /// Counts these bytes by `pulse`.
    pub(super) fn new(bytes: Bytes, pulse: Arc<Pulse>) -> Self {
        Self {
            bytes,
            pulse,
            heads: Heads::default(),
        }
    }

    /// Judges what was just read, before anybody else sees it.
    fn judge(&mut self, read: &[u8]) -> Result<(), &'static str> {
        if !self.pulse.heard(read.len()) {
            return Err("too much came before the head of the answer");
        }
        if !read.is_empty() && self.pulse.is_head_next() {
            self.heads.begin();
        }
        match self.heads.take(read) {
            true => Ok(()),
            false => Err("a line of the answer's head does not end in CR LF, or its first is none"),
        }
    }

    /// An origin may answer and hang up before it has read the whole request, and what it said
    /// is then still to be read. So a broken sending side only stops sending; the reading side
    /// finds the answer, or the end.
    fn spare_the_answer<T>(sent: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match sent {
            Poll::Ready(Err(error)) if is_hang_up(error.kind()) => Poll::Pending,
            other => other,
        }
    }
}

/// Whether the other side ended the connection.
pub(super) const fn is_hang_up(kind: io::ErrorKind) -> bool {
    matches!(
        kind,
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::UnexpectedEof
    )
}

/// Whether TLS broke the connection off: who is there did not prove to be the origin, or refuses
/// us. In TLS 1.3 an origin says that our certificate will not do when it has heard our request.
pub(super) fn is_of_tls(error: &io::Error) -> bool {
    let inner = error.get_ref();
    inner.is_some_and(|inner| inner.is::<rustls::Error>())
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = std::task::ready!(Pin::new(&mut self.bytes).poll_read(cx, buffer));
        if let Err(error) = read {
            if is_of_tls(&error) {
                self.pulse.distrust(error.to_string());
            }
            return Poll::Ready(Err(error));
        }
        let read = buffer.filled().get(before..).unwrap_or_default();
        let judged = self.judge(read);
        Poll::Ready(judged.map_err(|fault| io::Error::new(io::ErrorKind::InvalidData, fault)))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Self::spare_the_answer(Pin::new(&mut self.bytes).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::spare_the_answer(Pin::new(&mut self.bytes).poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        self.bytes.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::spare_the_answer(Pin::new(&mut self.bytes).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.bytes).poll_shutdown(cx)
    }
}

impl AsyncRead for Bytes {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Bytes {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, bytes),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, slices),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
