//! One handshake, within its time and in its turn.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use rustls::ProtocolVersion;
use rustls::server::Acceptor;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

use super::{HTTP_2, Tls, clear};
use crate::gate::encrypted::Encrypted;
use crate::telemetry::connections::Protocol;
use crate::telemetry::tls::{Shaken, Version};

/// How long a handshake may take, from the first byte waited for to the last.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a handshake waits for its turn while as many as may be are worked on. A crowd that
/// comes at once is shaken hands with in this time, and the answer still has time to travel.
const TURN: Duration = Duration::from_secs(3);

/// The most ciphertext that is kept for a visitor who reads slowly.
const UNSENT: usize = 32 * 1024;

/// A connection whose handshake is done.
pub(in crate::edge) struct Shake<S> {
    /// Its bytes in the clear. Boxed, because what serves it is moved about and made anew.
    pub stream: Box<TlsStream<S>>,
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
    /// Nobody had time for it, or no place.
    #[error("as many as may be are worked on, or its place was needed")]
    Refused,
    /// The sides did not agree.
    #[error("the sides did not agree: {0}")]
    Failed(#[source] io::Error),
    /// There was none: HTTP was spoken in the clear.
    #[error("a request came in the clear")]
    InTheClear,
}

impl Broken {
    /// How it is counted.
    pub(in crate::edge) const fn outcome(&self) -> Shaken {
        match self {
            Self::Timeout => Shaken::Timeout,
            Self::Refused => Shaken::Refused,
            Self::Failed(_) | Self::InTheClear => Shaken::Failed,
        }
    }
}

impl Tls {
    /// Shakes hands on a socket nothing has been read from. Whoever speaks HTTP in the clear there
    /// hears `words`.
    ///
    /// Only who has said a whole hello takes one of the `turns`, and only while what came is
    /// worked on: a thousand who fall silent, before their hello or behind it, keep nobody waiting.
    /// Those that have a turn stand in the runtime's line together, so that their number is how
    /// much of this work everything else waits for.
    pub(in crate::edge) async fn shake(
        &self,
        stream: TcpStream,
        turns: &Semaphore,
        words: impl FnOnce() -> Bytes,
    ) -> Result<Shake<TcpStream>, Broken> {
        let shaken = timeout(DEADLINE, async {
            if clear::speaks_http(&stream).await {
                clear::say(stream, words()).await;
                return Err(Broken::InTheClear);
            }
            self.shake_slowly(stream, turns).await
        });
        shaken.await.unwrap_or(Err(Broken::Timeout))
    }

    /// As [`Tls::shake`], over anything.
    #[cfg(test)]
    async fn shake_over<S>(&self, stream: S, turns: &Semaphore) -> Result<Shake<S>, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let shaken = timeout(DEADLINE, self.shake_slowly(stream, turns));
        shaken.await.unwrap_or(Err(Broken::Timeout))
    }

    async fn shake_slowly<S>(&self, stream: S, turns: &Semaphore) -> Result<Shake<S>, Broken>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
        let start = hello.await.map_err(Broken::Failed)?;
        let first = turn(turns).await?;
        let hello = start.client_hello();
        let asked = hello.server_name().map(str::to_ascii_lowercase);
        // Who asked for another name has no business with those of the default.
        let shown = self.certificates.answering(&hello).filter(|shown| {
            let asked = asked.as_deref();
            asked.is_none_or(|name| shown.names.cover(name))
        });
        let names = shown.map(|shown| Arc::clone(&shown.names));
        let limited = |connection: &mut rustls::ServerConnection| {
            connection.set_buffer_limit(Some(UNSENT));
        };
        let stream = start.into_stream_with(Arc::clone(&self.config), limited);
        let stream = in_turns(stream, (first, turns)).await?;
        let connection = stream.get_ref().1;
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
                name: asked.map(String::into_boxed_str),
                names: names.unwrap_or_default(),
            },
            version,
            stream: Box::new(stream),
        })
    }
}

/// A turn, once there is one. With it the task goes to the end of the runtime's line, where no
/// more of them stand than there are turns.
async fn turn(turns: &Semaphore) -> Result<SemaphorePermit<'_>, Broken> {
    match timeout(TURN, turns.acquire()).await {
        Ok(Ok(turn)) => {
            tokio::task::yield_now().await;
            Ok(turn)
        }
        Ok(Err(_)) | Err(_) => Err(Broken::Refused),
    }
}

/// Runs a handshake to its end, with a turn each time that it goes on and none while it waits for
/// the visitor.
async fn in_turns<T, F>(
    handshake: F,
    (first, turns): (SemaphorePermit<'_>, &Semaphore),
) -> Result<T, Broken>
where
    F: Future<Output = io::Result<T>>,
{
    let mut handshake = pin!(handshake);
    let mut held = first;
    loop {
        let went = poll_fn(|cx| Poll::Ready(handshake.as_mut().poll(cx))).await;
        drop(held);
        if let Poll::Ready(done) = went {
            return done.map_err(Broken::Failed);
        }
        woken().await;
        held = turn(turns).await?;
    }
}

/// Waits until the task is woken by what it polled last.
async fn woken() {
    let mut asleep = false;
    poll_fn(|_| {
        if std::mem::replace(&mut asleep, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Context;

    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::{CertificateDer, ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsConnector;

    use super::*;
    use crate::edge::guard::Cut;
    use crate::edge::tls::certificate::{Certificate, Pem};
    use crate::edge::tls::{Clients, Oldest, Settings};

    struct Side {
        tls: Tls,
        client: Arc<rustls::ClientConfig>,
    }

    fn side() -> Side {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["a.example".to_owned()]).unwrap();
        let made = params.self_signed(&key).unwrap();
        let (chain, key) = (made.pem(), key.serialize_pem());
        let pem = Pem {
            chain: chain.as_bytes(),
            key: key.as_bytes(),
        };
        let tls = Tls::new(Settings {
            certificates: vec![Certificate::parse(pem).unwrap()],
            default: 0,
            clients: Clients::Off,
            oldest: Oldest::Tls12,
        });
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from(made.der().to_vec()))
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Side {
            tls: tls.unwrap(),
            client: Arc::new(client),
        }
    }

    impl Side {
        fn hello(&self) -> Vec<u8> {
            let name = ServerName::try_from("a.example").unwrap();
            let client = Arc::clone(&self.client);
            let mut client = rustls::ClientConnection::new(client, name).unwrap();
            let mut hello = Vec::new();
            client.write_tls(&mut hello).unwrap();
            hello
        }

        async fn greets<S>(&self, io: S) -> tokio_rustls::client::TlsStream<S>
        where
            S: AsyncRead + AsyncWrite + Unpin,
        {
            let name = ServerName::try_from("a.example").unwrap();
            let connector = TlsConnector::from(Arc::clone(&self.client));
            connector.connect(name, io).await.unwrap()
        }
    }

    /// The gateway's end of a pipe, which notes the fewest turns that were left at each write.
    struct Noting<'a> {
        io: DuplexStream,
        turns: &'a Semaphore,
        left: &'a AtomicUsize,
    }

    impl AsyncRead for Noting<'_> {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            out: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_read(cx, out)
        }
    }

    impl AsyncWrite for Noting<'_> {
        fn poll_write(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.left
                .fetch_max(self.turns.available_permits(), Ordering::Relaxed);
            Pin::new(&mut self.io).poll_write(cx, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_flush(cx)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.io).poll_shutdown(cx)
        }
    }

    #[tokio::test]
    async fn r5_who_has_a_turn_stands_in_line_with_everything_else() {
        let turns = Semaphore::new(1);
        let mut first = pin!(turn(&turns));
        let is_ready = poll_fn(|cx| Poll::Ready(first.as_mut().poll(cx).is_ready())).await;
        assert!(
            !is_ready,
            "nothing bounds how many are computed one after another"
        );
        assert_eq!(turns.available_permits(), 0);
        assert!(first.await.is_ok());
    }

    #[tokio::test]
    async fn r5_a_handshake_is_worked_on_in_its_turn_and_in_no_other() {
        let (side, turns, left) = (side(), Semaphore::new(1), AtomicUsize::new(0));
        let (client, io) = duplex(1 << 16);
        let noting = Noting {
            io,
            turns: &turns,
            left: &left,
        };
        let (shaken, _client) =
            tokio::join!(side.tls.shake_over(noting, &turns), side.greets(client));
        assert!(shaken.is_ok());
        assert_eq!(left.into_inner(), 0, "something was said without a turn");
        assert_eq!(turns.available_permits(), 1);
    }

    #[tokio::test]
    async fn r1_an_encrypted_connection_is_cut_off_by_a_reset_too() {
        let (side, turns) = (side(), Semaphore::new(1));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap());
        let (client, accepted) = tokio::join!(client, listener.accept());
        let (mut client, (io, _)) = (client.unwrap(), accepted.unwrap());
        let (shaken, _) = tokio::join!(side.tls.shake_over(io, &turns), side.greets(&mut client));
        let stream = shaken.ok().unwrap().stream;

        stream.cut();
        drop(stream);

        let end = client.read_to_end(&mut Vec::new()).await;
        assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test(start_paused = true)]
    async fn r5_who_falls_silent_behind_its_hello_holds_no_turn() {
        let (side, turns) = (side(), Semaphore::new(1));
        let hello = side.hello();
        let mut silent = Vec::new();
        let mut shaking = tokio::task::JoinSet::new();
        let (tls, turns) = (Arc::new(side.tls), Arc::new(turns));
        for _ in 0..50 {
            let (mut client, io) = duplex(1 << 16);
            client.write_all(&hello).await.unwrap();
            let (tls, turns) = (Arc::clone(&tls), Arc::clone(&turns));
            shaking.spawn(async move { tls.shake_over(io, &turns).await.map(drop) });
            let mut answer = [0; 5];
            client.read_exact(&mut answer).await.unwrap();
            silent.push(client);
        }
        assert_eq!(turns.available_permits(), 1);
        let ends = shaking.join_all().await;
        assert!(ends.iter().all(|end| matches!(end, Err(Broken::Timeout))));
    }

    #[tokio::test(start_paused = true)]
    async fn r5_without_a_turn_nothing_is_worked_on_and_after_a_while_it_is_refused() {
        let (side, turns) = (side(), Semaphore::new(1));
        let held = turns.acquire().await.unwrap();
        let (mut client, io) = duplex(1 << 16);
        client.write_all(&side.hello()).await.unwrap();

        let refused = side.tls.shake_over(io, &turns).await;

        assert!(matches!(refused, Err(Broken::Refused)));
        let mut said = Vec::new();
        client.read_to_end(&mut said).await.unwrap();
        assert!(said.is_empty());
        drop(held);
    }
}
