//! One handshake, within its time and in its turn.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ProtocolVersion;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::Semaphore;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{HTTP_2, Tls};
use crate::gate::encrypted::Encrypted;
use crate::telemetry::connections::Protocol;
use crate::telemetry::tls::{Shaken, Version};

/// How long a handshake may take, from the first byte waited for to the last.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a handshake waits for its turn while as many as may be are worked on.
const TURN: Duration = Duration::from_secs(1);

/// The most ciphertext that is kept for a visitor who reads slowly.
const UNSENT: usize = 32 * 1024;

/// A connection whose handshake is done.
pub(in crate::edge) struct Shake<S> {
    /// Its bytes in the clear.
    pub stream: TlsStream<S>,
    /// What was said in the handshake.
    pub tls: Encrypted,
    /// The version agreed on.
    pub version: Version,
    /// What is spoken inside.
    pub speaks: Protocol,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(in crate::edge) enum Broken {
    /// It took too long.
    #[error("it took longer than {} s", DEADLINE.as_secs())]
    Timeout,
    /// Nobody had time for it.
    #[error("as many as may be are worked on")]
    Refused,
    /// The sides did not agree.
    #[error("the sides did not agree: {0}")]
    Failed(#[source] io::Error),
}

impl Broken {
    /// How it is counted.
    pub(in crate::edge) const fn outcome(&self) -> Shaken {
        match self {
            Self::Timeout => Shaken::Timeout,
            Self::Refused => Shaken::Refused,
            Self::Failed(_) => Shaken::Failed,
        }
    }
}

impl Tls {
    /// Shakes hands on a connection nothing has been read from.
    ///
    /// Only who has said a whole hello takes one of the `turns`, because only that costs work: a
    /// thousand who connect and say nothing keep nobody waiting.
    pub(in crate::edge) async fn shake<S>(
        &self,
        stream: S,
        turns: &Semaphore,
    ) -> Result<Shake<S>, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaken = tokio::time::timeout(DEADLINE, self.shake_slowly(stream, turns));
        shaken.await.unwrap_or(Err(Broken::Timeout))
    }

    async fn shake_slowly<S>(&self, stream: S, turns: &Semaphore) -> Result<Shake<S>, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let start = hello.await.map_err(Broken::Failed)?;
        let _turn = match tokio::time::timeout(TURN, turns.acquire()).await {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) | Err(_) => return Err(Broken::Refused),
        };
        let shown = self.certificates.answering(&start.client_hello());
        let names = shown.map(|shown| Arc::clone(&shown.names));
        let limited = |connection: &mut rustls::ServerConnection| {
            connection.set_buffer_limit(Some(UNSENT));
        };
        let stream = start.into_stream_with(Arc::clone(&self.config), limited);
        let stream = stream.await.map_err(Broken::Failed)?;
        let connection = stream.get_ref().1;
        let name = connection.server_name().map(str::to_ascii_lowercase);
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_2) => Version::Tls12,
            // There is no third version that could be agreed on.
            Some(_) | None => Version::Tls13,
        };
        let speaks = match connection.alpn_protocol() {
            Some(HTTP_2) => Protocol::Http2,
            Some(_) | None => Protocol::Http1,
        };
        Ok(Shake {
            speaks,
            tls: Encrypted {
                name: name.map(String::into_boxed_str),
                names: names.unwrap_or_default(),
            },
            version,
            stream,
        })
    }
}
