//! A ticket site on a real socket, for tests: it writes down what it hears and says exactly the
//! bytes it is told to say.

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use super::trailers::Sieve;
use super::{Address, BoxError, Origin, OriginBody, OriginError, Scheme, Settings, World};
use crate::domain::clock::Clock;
use crate::domain::session::Jti;
use crate::gate::permit::{Grounds, Passage, Permit};
use crate::telemetry::metrics::Metrics;

/// The settings of a site without an origin.
pub(crate) fn site_settings() -> Settings {
    Settings {
        response: Duration::from_secs(5),
        idle: Duration::from_secs(5),
        ..Settings::new("shop".parse().unwrap(), Vec::new())
    }
}

/// The origins of sites with these settings.
pub(crate) fn origin_of(settings: Vec<Settings>) -> Origin {
    Origin::new(settings, world()).unwrap()
}

/// The machine's clock, and metrics that nobody reads.
pub(crate) fn world() -> World {
    World::new(Clock::machine(), Arc::new(Metrics::new().unwrap()))
}

/// A sieve through which no trailer passes.
pub(crate) fn no_trailers() -> Arc<Sieve> {
    let asides = Arc::clone(&Metrics::new().unwrap().asides);
    Arc::new(Sieve::new(&[], asides))
}

/// A short answer.
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A ticket site.
pub(crate) struct TicketSite {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    open: AbortOnDropHandle<()>,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Which connection it came on, counted from 0.
    pub(crate) connection: usize,
    /// Its head, as sent.
    pub(crate) head: String,
    /// What followed, framing included.
    pub(crate) body: Vec<u8>,
}

impl Heard {
    /// The request line without the version.
    pub(crate) fn line(&self) -> &str {
        self.head.split(" HTTP/").next().unwrap_or_default()
    }

    /// The values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let fields = self.head.lines().filter_map(|line| line.split_once(": "));
        let named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value).collect()
    }
}

impl TicketSite {
    /// A site that says the same to every request.
    pub(crate) async fn answering(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = Bytes::copy_from_slice(bytes.as_ref());
        Self::doing(move |mut caller| {
            let bytes = bytes.clone();
            async move {
                while caller.hear().await.is_some() {
                    caller.say(&bytes).await;
                }
            }
        })
        .await
    }

    /// A site that does with each connection what the test says.
    pub(crate) async fn doing<F, T>(serve: F) -> Self
    where
        F: Fn(Caller) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        Self::at_address(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), serve).await
    }

    /// As [`TicketSite::doing`], at this address.
    pub(crate) async fn at_address<F, T>(address: SocketAddr, serve: F) -> Self
    where
        F: Fn(Caller) -> T + Send + 'static,
        T: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::<Mutex<Vec<Heard>>>::default();
        let ears = Arc::clone(&heard);
        let open = tokio::spawn(async move {
            let mut calls = JoinSet::new();
            for number in 0.. {
                let (tcp, _) = listener.accept().await.unwrap();
                let heard = Arc::clone(&ears);
                calls.spawn(serve(Caller { tcp, number, heard }));
            }
        });
        Self {
            address,
            heard,
            open: AbortOnDropHandle::new(open),
        }
    }

    /// Closes: nobody listens there any more, and every connection ends.
    pub(crate) async fn closed(mut self) -> Self {
        let nothing = AbortOnDropHandle::new(tokio::spawn(async {}));
        let open = std::mem::replace(&mut self.open, nothing);
        open.abort();
        let _ = open.await;
        self
    }

    /// Where it is.
    pub(crate) fn at(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, as one of a site's origins.
    pub(crate) fn address(&self) -> Address {
        Address {
            host: self.address.ip().to_string(),
            port: self.address.port(),
            scheme: Scheme::Http,
        }
    }

    /// The usual settings, with deadlines a test can wait for.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            origins: vec![self.address()],
            ..site_settings()
        }
    }

    /// The way to this site.
    pub(crate) fn origin(&self) -> Origin {
        origin_of(vec![self.settings()])
    }

    /// What it heard so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

/// The site's end of one connection.
pub(crate) struct Caller {
    /// The connection.
    pub(crate) tcp: TcpStream,
    /// Its number, counted from 0.
    pub(crate) number: usize,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Caller {
    /// Reads a whole request and writes it down; `None` when the caller hung up.
    pub(crate) async fn hear(&mut self) -> Option<Heard> {
        let head = self.hear_head().await?;
        let body = if head.contains("\r\ntransfer-encoding: chunked\r\n") {
            let end: &[u8] = if head.contains("\r\ntrailer: ") {
                b"\r\n\r\n"
            } else {
                b"0\r\n\r\n"
            };
            self.read_to(end).await?
        } else {
            let mut body = vec![0; declared_length(&head)];
            self.tcp.read_exact(&mut body).await.ok()?;
            body
        };
        let heard = Heard {
            connection: self.number,
            head,
            body,
        };
        let mut all = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(heard.clone());
        Some(heard)
    }

    /// Reads a head only and writes nothing down.
    pub(crate) async fn hear_head(&mut self) -> Option<String> {
        String::from_utf8(self.read_to(b"\r\n\r\n").await?).ok()
    }

    /// Says bytes; whether anybody listens shows elsewhere.
    pub(crate) async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.tcp.write_all(bytes.as_ref()).await;
    }

    /// Waits until the other side hangs up.
    pub(crate) async fn hang_on(&mut self) {
        let mut rest = [0; 1024];
        while self.tcp.read(&mut rest).await.is_ok_and(|read| read > 0) {}
    }

    async fn read_to(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut read = Vec::new();
        while !read.ends_with(end) {
            read.push(self.tcp.read_u8().await.ok()?);
        }
        Some(read)
    }
}

fn declared_length(head: &str) -> usize {
    head.lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap())
}

/// What a permit for `target` on site 0 says.
pub(crate) fn passage(target: &'static str) -> Passage {
    Passage {
        assertion: None,
        site: 0,
        target: PathAndQuery::from_static(target),
        host: "tickets.example".to_owned(),
        client: IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)),
        https: true,
    }
}

/// A permit of an admitted visitor.
pub(crate) fn admitted(target: &'static str) -> Permit {
    Permit::for_test(Grounds::Admitted(Jti([7; 16])), passage(target))
}

/// A permit for what no room covers.
pub(crate) fn outside(target: &'static str) -> Permit {
    Permit::for_test(Grounds::Outside, passage(target))
}

/// A request without a body.
pub(crate) fn bare(method: &str) -> Request<Empty<Bytes>> {
    asking(method, Empty::new())
}

/// A request with a body.
pub(crate) fn asking<B>(method: &str, body: B) -> Request<B> {
    Request::builder()
        .method(method)
        .uri("/as/the/visitor/wrote/it")
        .body(body)
        .unwrap()
}

/// A body of unknown length that a test writes as it goes; one frame waits to be taken at most.
pub(crate) struct Written {
    paper: mpsc::Receiver<Result<Frame<Bytes>, BoxError>>,
    length: Option<u64>,
}

/// The test's end of a [`Written`] body. The body ends when it is dropped.
pub(crate) struct Pen(mpsc::Sender<Result<Frame<Bytes>, BoxError>>);

/// A body of unknown length, and what writes it.
pub(crate) fn written() -> (Pen, Written) {
    let (pen, paper) = mpsc::channel(1);
    let length = None;
    (Pen(pen), Written { paper, length })
}

impl Written {
    /// The same body, of so many bytes.
    pub(crate) fn of_length(self, length: u64) -> Self {
        let length = Some(length);
        Self { length, ..self }
    }
}

/// A body of unknown length that says `text`.
pub(crate) fn saying(text: &'static str) -> Written {
    let (pen, written) = written();
    pen.0
        .try_send(Ok(Frame::data(Bytes::from_static(text.as_bytes()))))
        .unwrap();
    written
}

impl Pen {
    /// Writes, once what was written before is taken. `false` if nobody reads any more.
    pub(crate) async fn write(&self, bytes: impl Into<Bytes>) -> bool {
        self.0.send(Ok(Frame::data(bytes.into()))).await.is_ok()
    }

    /// Ends with trailers.
    pub(crate) async fn sign(self, trailers: http::HeaderMap) {
        let _ = self.0.send(Ok(Frame::trailers(trailers))).await;
    }

    /// Breaks off.
    pub(crate) async fn snap(self) {
        let _ = self.0.send(Err("the visitor is gone".into())).await;
    }
}

impl Body for Written {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.paper.poll_recv(cx)
    }

    fn size_hint(&self) -> SizeHint {
        self.length
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

/// Waits until a count has stood still for a while, and says where.
pub(crate) async fn standstill(count: &AtomicUsize) -> usize {
    let mut seen = count.load(Ordering::SeqCst);
    loop {
        tokio::time::sleep(Duration::from_millis(150)).await;
        let now = count.load(Ordering::SeqCst);
        if now == seen {
            return now;
        }
        seen = now;
    }
}

/// Forwards a bare GET.
pub(crate) async fn get(origin: &Origin) -> Result<Response<OriginBody>, OriginError> {
    origin.forward(bare("GET"), outside("/")).await
}

/// Reads an answer's body to its end.
pub(crate) async fn text(answer: Response<OriginBody>) -> Result<String, OriginError> {
    let whole = answer.into_body().collect().await?.to_bytes();
    Ok(String::from_utf8(whole.to_vec()).unwrap())
}
