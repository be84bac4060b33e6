//! One HTTP/2 connection to an origin, shared by the requests of one worker thread.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use http::header::{CONNECTION, HOST, TE, TRANSFER_ENCODING};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::carrier::{Break, Unanswered, answered};
use super::deadline::{Deadlines, Silence, Ticker};
use super::line::{Life, MAX_HEAD, Rounds};
use super::pulse::Pulse;
use super::upload::RequestBody;
use super::wire::{Bytes, Wire};
use super::{BoxError, OriginError};

/// The most streams on one connection; where the origin allows fewer, its word counts.
const MOST_STREAMS: usize = 64;

/// How much of one answer may come unread.
const STREAM_WINDOW: u32 = 128 * 1024;

/// As much as all streams together, so that visitors who do not read hold up nobody else.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * 64;

/// A connection under way is asked for a sign of life this often…
const PING: Duration = Duration::from_secs(20);

/// …and closed if none comes within this.
const PONG: Duration = Duration::from_secs(10);

/// A shared connection to an origin.
#[derive(Debug)]
pub(super) struct Trunk {
    sender: SendRequest<RequestBody>,
    scheme: Scheme,
    deadlines: Deadlines,
    traffic: Arc<Traffic>,
    _driver: AbortOnDropHandle<()>,
}

/// What a connection's users and its driver know of each other.
#[derive(Debug)]
struct Traffic {
    pulse: Arc<Pulse>,
    streams: AtomicUsize,
    /// How many the origin allows.
    allowed: AtomicUsize,
    /// Whether an answer has come, and the origin's settings with it.
    is_settled: AtomicBool,
    settled: Notify,
}

/// One exchange on a shared connection. Dropping it ends it, and nothing else.
#[derive(Debug)]
pub(super) struct Stream {
    trunk: Arc<Trunk>,
    sender: SendRequest<RequestBody>,
    ticker: Ticker,
}

impl Trunk {
    /// Speaks HTTP/2 over these bytes.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] if that cannot begin.
    pub(super) async fn over(bytes: Bytes, life: Life) -> Result<Self, OriginError> {
        let scheme = match &bytes {
            Bytes::Plain(_) => Scheme::HTTP,
            Bytes::Tls(_) => Scheme::HTTPS,
        };
        let pulse = Arc::new(Pulse::new());
        pulse.allow();
        let wire = TokioIo::new(Wire::new(bytes, Arc::clone(&pulse)));
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            // Nothing is sent before the origin has said how many streams it allows: what comes
            // too early it refuses.
            .initial_max_send_streams(0)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
            .keep_alive_interval(PING)
            .keep_alive_timeout(PONG)
            .handshake(wire)
            .await
            .map_err(|error| OriginError::Unreachable {
                source: error.into(),
            })?;
        let traffic = Arc::new(Traffic {
            pulse,
            streams: AtomicUsize::new(0),
            allowed: AtomicUsize::new(MOST_STREAMS),
            is_settled: AtomicBool::new(false),
            settled: Notify::new(),
        });
        let driver = tokio::spawn(drive(connection, Arc::clone(&traffic), Rounds::of(life)));
        Ok(Self {
            sender,
            scheme,
            deadlines: life.deadlines,
            traffic,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    /// Begins an exchange, if there is room for one more.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Stream> {
        if self.is_closed() {
            return None;
        }
        let most = self.traffic.allowed.load(Ordering::Relaxed);
        self.traffic
            .streams
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |streams| {
                (streams < most).then(|| streams.saturating_add(1))
            })
            .ok()?;
        Some(Stream {
            trunk: Arc::clone(self),
            sender: self.sender.clone(),
            ticker: Ticker::new(self.deadlines),
        })
    }

    /// Whether it carries nothing new.
    pub(super) fn is_closed(&self) -> bool {
        self.traffic.pulse.is_old() || self.sender.is_closed()
    }
}

impl Stream {
    /// Sends the request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        silence: &mut Silence,
    ) -> Result<Response<Incoming>, Unanswered> {
        let request = shared(request, &self.trunk.scheme);
        self.trunk.traffic.pulse.allow();
        let sent = pin!(self.sender.try_send_request(request));
        let answer = answered(sent, (&mut *silence, &mut self.ticker)).await;
        let answer = answer.map_err(|lost| match lost {
            Unanswered::Unsent(request) => Unanswered::Unsent(Box::new(alone(*request))),
            Unanswered::Broken { error, .. } => self.trunk.traffic.broken(error, silence),
            Unanswered::Silent(waited) => Unanswered::Silent(waited),
        })?;
        self.moved();
        let traffic = &self.trunk.traffic;
        if !traffic.is_settled.swap(true, Ordering::AcqRel) {
            traffic.settled.notify_one();
        }
        Ok(answer)
    }

    /// The timer for what is left of the exchange.
    pub(super) const fn ticker(&mut self) -> &mut Ticker {
        &mut self.ticker
    }

    /// A piece of the answer came.
    pub(super) fn moved(&self) {
        self.trunk.traffic.pulse.allow();
    }
}

impl Traffic {
    /// Why a stream ended before the head of its answer, or a connection before there was room for
    /// the stream; `silence` knows whether the request's body was on its way.
    fn broken(&self, error: BoxError, silence: &Silence) -> Unanswered {
        if let Some(said) = self.pulse.distrusted() {
            return Unanswered::Broken {
                error: said.into(),
                by: Break::Untrusted,
            };
        }
        let refused = Some(h2::Reason::REFUSED_STREAM);
        let by = match said_of(&error).filter(|said| said.is_remote()) {
            _ if !self.pulse.has_spoken() => Break::Unopened,
            Some(said) if said.is_reset() && said.reason() == refused => Break::Declined,
            // A request that had begun its body lies beyond the last that was taken up. Of others
            // the library says so too while the head goes out.
            Some(said) if said.is_go_away() && silence.has_begun_a_body() => Break::Declined,
            Some(said) if said.is_go_away() => Break::Leaving,
            _ => Break::HangUp,
        };
        Unanswered::Broken { error, by }
    }
}

/// What HTTP/2 said, if it is that which went wrong.
fn said_of(error: &BoxError) -> Option<&h2::Error> {
    let error = error.downcast_ref::<hyper::Error>()?;
    std::error::Error::source(error)?.downcast_ref()
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.trunk.traffic.streams.fetch_sub(1, Ordering::AcqRel);
    }
}

/// The request as HTTP/2 writes it: the host is part of the target, and no coding is named.
fn shared(request: Request<RequestBody>, scheme: &Scheme) -> Request<RequestBody> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(TRANSFER_ENCODING);
    parts.headers.remove(CONNECTION);
    let host = parts.headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = host.and_then(|host| Authority::try_from(host).ok());
    if let Some(authority) = authority {
        let mut target = parts.uri.clone().into_parts();
        target.scheme = Some(scheme.clone());
        target.authority = Some(authority);
        if let Ok(uri) = Uri::from_parts(target) {
            parts.uri = uri;
            parts.headers.remove(HOST);
        }
    }
    Request::from_parts(parts, body)
}

/// The request as it was before [`shared`], but for a coding, which the body says itself.
fn alone(request: Request<RequestBody>) -> Request<RequestBody> {
    let (mut parts, body) = request.into_parts();
    if parts.headers.contains_key(TE) {
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("te"));
    }
    let host = parts.uri.authority().map(Authority::as_str);
    if let Some(host) = host.and_then(|host| HeaderValue::from_str(host).ok()) {
        parts.headers.insert(HOST, host);
        let target = parts.uri.path_and_query().cloned();
        parts.uri = Uri::from(target.unwrap_or_else(|| PathAndQuery::from_static("/")));
    }
    Request::from_parts(parts, body)
}

/// Keeps a connection until either side closes it, it has been without a stream for a whole round,
/// or it is old and its last stream has ended.
async fn drive<C>(mut connection: C, traffic: Arc<Traffic>, rounds: Rounds)
where
    C: Shared + Unpin,
{
    let mut passed = 0_u32;
    let mut was_idle = false;
    loop {
        let moving = poll_fn(|cx| {
            let polled = Pin::new(&mut connection).poll(cx);
            let allowed = connection.allowed();
            if allowed > 0 {
                let allowed = allowed.min(MOST_STREAMS);
                traffic.allowed.store(allowed, Ordering::Relaxed);
            }
            polled
        });
        tokio::select! {
            _ended = moving => return,
            // What the origin allows is known now, and read when the connection is polled again.
            () = traffic.settled.notified() => continue,
            () = tokio::time::sleep(rounds.span) => {}
        }
        passed = passed.saturating_add(1);
        let is_idle = traffic.streams.load(Ordering::Acquire) == 0;
        if passed >= rounds.most || is_idle && was_idle {
            traffic.pulse.grow_old();
        }
        if is_idle && was_idle {
            return;
        }
        was_idle = is_idle;
    }
}

/// A connection that says how many streams the origin allows.
trait Shared: Future<Output = hyper::Result<()>> {
    fn allowed(&self) -> usize;
}

impl Shared for http2::Connection<TokioIo<Wire>, RequestBody, TokioExecutor> {
    fn allowed(&self) -> usize {
        self.current_max_send_streams()
    }
}

#[cfg(test)]
mod tests;
