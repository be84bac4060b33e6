//! How a connection to one origin is made: its name looked up anew, its addresses tried in turn,
//! TLS where that is asked for, all within one deadline.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::tls::BadPapers;
use super::wire::{Bytes, is_of_tls};
use super::{Address, OriginError, Protocol, Scheme, Settings, World};
use crate::domain::clock::Clock;

/// More addresses of one name than these are not tried.
const MOST_ADDRESSES: usize = 8;

/// The way to one origin.
#[derive(Debug)]
pub(super) struct Route {
    address: String,
    connect: Duration,
    protocol: Protocol,
    security: Security,
    /// Whether it chose HTTP/1.1 when it could choose last.
    chose_http1: AtomicBool,
    clock: Clock,
    resolver: Resolver,
}

/// What protects it.
enum Security {
    Plain,
    Tls {
        name: ServerName<'static>,
        /// Offers what the site wants spoken.
        any: TlsConnector,
        /// Offers HTTP/1.1 alone.
        http1: TlsConnector,
    },
    /// TLS that cannot be had; nothing is ever sent.
    Impossible(BadPapers),
}

impl std::fmt::Debug for Security {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Plain => "Plain",
            Self::Tls { .. } => "Tls",
            Self::Impossible(_) => "Impossible",
        })
    }
}

/// What a new connection is to be good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Whatever the site's protocol allows.
    Any,
    /// HTTP/1.1: a connection that is to leave HTTP.
    Http1,
}

/// What is spoken on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    Http1,
    Http2,
}

/// Who says which addresses a name has.
#[derive(Clone, Debug, Default)]
pub(super) enum Resolver {
    /// The system, asked each time.
    #[default]
    System,
    /// A list that a test changes.
    #[cfg(test)]
    Listed(std::sync::Arc<std::sync::Mutex<Vec<SocketAddr>>>),
    /// These, after a while.
    #[cfg(test)]
    Late(Duration, Vec<SocketAddr>),
}

impl Route {
    /// The way to `address`.
    pub(super) fn new(address: &Address, settings: &Settings, world: &World) -> Self {
        Self {
            address: format!("{}:{}", address.host, address.port),
            connect: settings.connect,
            protocol: settings.protocol,
            security: Security::of(address, settings),
            chose_http1: AtomicBool::new(false),
            clock: world.clock.clone(),
            resolver: world.resolver.clone(),
        }
    }

    /// Whether its connections may carry several requests at once.
    pub(super) const fn may_share(&self) -> bool {
        match self.protocol {
            Protocol::Http1 => false,
            Protocol::Http2 => matches!(self.security, Security::Tls { .. }),
            Protocol::Http2Plain => matches!(self.security, Security::Plain),
        }
    }

    /// Whether a new connection will do for several requests, as far as is known: not where the
    /// origin chose HTTP/1.1 last. It is offered both each time.
    pub(super) fn will_share(&self) -> bool {
        self.may_share() && !self.chose_http1.load(Ordering::Relaxed)
    }

    /// The longest that making a connection takes.
    pub(super) const fn connect(&self) -> Duration {
        self.connect
    }

    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] if nobody accepted it in time, [`OriginError::Untrusted`] if
    /// TLS failed: who is there did not prove to be the origin, or refuses us.
    pub(super) async fn open(&self, wanted: Wanted) -> Result<(Bytes, Spoken), OriginError> {
        let opened = timeout(self.connect, self.dial(wanted)).await;
        opened.unwrap_or_else(|elapsed| Err(unreachable(elapsed)))
    }

    async fn dial(&self, wanted: Wanted) -> Result<(Bytes, Spoken), OriginError> {
        let tcp = self.reach().await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        let (name, connector) = match (&self.security, wanted) {
            (Security::Plain, _) => {
                let spoken = match (self.protocol, wanted) {
                    (Protocol::Http2Plain, Wanted::Any) => Spoken::Http2,
                    _ => Spoken::Http1,
                };
                return Ok((Bytes::Plain(tcp), spoken));
            }
            (Security::Impossible(why), _) => {
                let source = why.to_string().into();
                return Err(OriginError::Untrusted { source });
            }
            (Security::Tls { name, any, .. }, Wanted::Any) => (name, any),
            (Security::Tls { name, http1, .. }, Wanted::Http1) => (name, http1),
        };
        let tls = connector.connect(name.clone(), tcp).await;
        let tls = tls.map_err(failed)?;
        let spoken = match tls.get_ref().1.alpn_protocol() {
            Some(b"h2") => Spoken::Http2,
            _ => Spoken::Http1,
        };
        if wanted == Wanted::Any {
            let chose_http1 = spoken == Spoken::Http1;
            self.chose_http1.store(chose_http1, Ordering::Relaxed);
        }
        Ok((Bytes::Tls(Box::new(tls)), spoken))
    }

    /// The first of its addresses that accepts. Each is given its part of the time that the name's
    /// lookup and those before it left, so that one that does not answer leaves some for the others.
    async fn reach(&self) -> io::Result<TcpStream> {
        let begun = self.clock.now().mono;
        let addresses = self.resolver.addresses(&self.address).await?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        let most = addresses.len().min(MOST_ADDRESSES);
        for (at, address) in addresses.into_iter().take(most).enumerate() {
            let passed = self.clock.now().mono.saturating_sub(begun);
            let others = u32::try_from(most.saturating_sub(at)).unwrap_or(u32::MAX);
            let part = self.connect.saturating_sub(passed) / others.max(1);
            last = match timeout(part, TcpStream::connect(address)).await {
                Ok(Ok(tcp)) => return Ok(tcp),
                Ok(Err(error)) => error,
                Err(elapsed) => elapsed.into(),
            };
        }
        Err(last)
    }
}

impl Security {
    fn of(address: &Address, settings: &Settings) -> Self {
        let Scheme::Https = address.scheme else {
            return Self::Plain;
        };
        let Some(tls) = &settings.tls else {
            return Self::Impossible(BadPapers::NoAuthority);
        };
        match tls.name_of(&address.host) {
            Ok(name) => Self::Tls {
                name,
                any: tls.offering(settings.protocol).into(),
                http1: tls.offering(Protocol::Http1).into(),
            },
            Err(why) => Self::Impossible(why),
        }
    }
}

impl Resolver {
    /// The addresses of `host:port`, in the order in which to try them.
    async fn addresses(&self, host: &str) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::System => Ok(tokio::net::lookup_host(host).await?.collect()),
            #[cfg(test)]
            Self::Late(after, addresses) => {
                tokio::time::sleep(*after).await;
                Ok(addresses.clone())
            }
            #[cfg(test)]
            Self::Listed(addresses) => Ok(addresses
                .lock()
                .map(|held| held.clone())
                .unwrap_or_default()),
        }
    }
}

/// Who hangs up in the middle of a handshake has proved nothing, and nothing wrong either.
fn failed(error: io::Error) -> OriginError {
    if is_of_tls(&error) {
        OriginError::Untrusted {
            source: error.into(),
        }
    } else {
        unreachable(error)
    }
}

pub(super) fn unreachable(source: impl Into<super::BoxError>) -> OriginError {
    OriginError::Unreachable {
        source: source.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::net::{TcpListener, TcpSocket};

    use super::*;
    use crate::origin::Origin;
    use crate::origin::testing::{OK, TicketSite, get, text, world};

    /// A way to the name of a site whose addresses a test says.
    fn named(
        settings: Settings,
        addresses: &[SocketAddr],
    ) -> (Origin, Arc<Mutex<Vec<SocketAddr>>>) {
        let listed = Arc::new(Mutex::new(addresses.to_vec()));
        let world = World {
            resolver: Resolver::Listed(Arc::clone(&listed)),
            ..world()
        };
        (Origin::new(vec![settings], world).unwrap(), listed)
    }

    #[tokio::test]
    async fn another_address_behind_a_name_is_found_when_connections_have_grown_old() {
        let (old, new) = (
            TicketSite::answering(OK).await,
            TicketSite::answering(OK).await,
        );
        let settings = Settings {
            max_age: Duration::from_millis(100),
            ..old.settings()
        };
        let (origin, listed) = named(settings, &[old.at()]);
        text(get(&origin).await.unwrap()).await.unwrap();
        *listed.lock().unwrap() = vec![new.at()];

        text(get(&origin).await.unwrap()).await.unwrap();
        let warm = (old.heard().len(), new.heard().len());
        tokio::time::sleep(Duration::from_millis(250)).await;
        text(get(&origin).await.unwrap()).await.unwrap();

        assert_eq!(warm, (2, 0), "a warm connection is used while it is young");
        assert_eq!((old.heard().len(), new.heard().len()), (2, 1));
    }

    #[tokio::test]
    async fn the_next_address_of_a_name_is_tried_when_one_refuses() {
        let (dead, alive) = (
            TicketSite::answering(OK).await,
            TicketSite::answering(OK).await,
        );
        let dead = dead.closed().await;
        let (origin, _) = named(alive.settings(), &[dead.at(), alive.at()]);

        assert_eq!(text(get(&origin).await.unwrap()).await.unwrap(), "ok");
    }

    /// A listener that accepts nobody any more: whoever calls gets no answer.
    async fn deaf() -> (TcpListener, Vec<TcpStream>) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(1).unwrap();
        let address = listener.local_addr().unwrap();
        let mut queued = Vec::new();
        let call = async || timeout(Duration::from_millis(50), TcpStream::connect(address)).await;
        while let Ok(Ok(tcp)) = call().await {
            queued.push(tcp);
        }
        (listener, queued)
    }

    #[tokio::test]
    async fn an_address_after_a_deaf_one_has_its_time_also_when_the_name_took_long() {
        let (deaf, _queued) = deaf().await;
        let alive = TicketSite::answering(OK).await;
        let settings = Settings {
            connect: Duration::from_millis(800),
            ..alive.settings()
        };
        let addresses = vec![deaf.local_addr().unwrap(), alive.at()];
        let world = World {
            resolver: Resolver::Late(Duration::from_millis(500), addresses),
            ..world()
        };
        let origin = Origin::new(vec![settings], world).unwrap();

        assert_eq!(text(get(&origin).await.unwrap()).await.unwrap(), "ok");
    }

    #[tokio::test]
    async fn f27_a_name_without_an_address_is_unreachable() {
        let site = TicketSite::answering(OK).await;
        let (origin, _) = named(site.settings(), &[]);

        let lost = get(&origin).await;

        assert!(
            matches!(lost, Err(OriginError::Unreachable { .. })),
            "{lost:?}"
        );
    }
}
