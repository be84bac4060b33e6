//! One exchange on a shared connection.

use std::future::Future as _;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes as Data;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream};
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, Uri};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::task::AbortOnDropHandle;

use super::{Received, Traffic, Trunk, given};
use crate::origin::BoxError;
use crate::origin::carrier::{Break, Unanswered, patiently};
use crate::origin::deadline::{Silence, Ticker};
use crate::origin::framing::switches;
use crate::origin::interim::Listener;
use crate::origin::upload::RequestBody;

/// One exchange on a shared connection. Dropping it ends it, and nothing else.
#[derive(Debug)]
pub(in crate::origin) struct Stream {
    trunk: Arc<Trunk>,
    ticker: Ticker,
    /// Gives the rest of the request's body to the origin, for as long as this is held.
    giving: Option<AbortOnDropHandle<()>>,
    /// One of the streams that the origin allows.
    place: Option<OwnedSemaphorePermit>,
}

/// The head of an answer that is awaited, and who hears what comes before.
struct Awaited {
    head: ResponseFuture,
    listener: Option<Listener>,
    said: Said,
}

/// Whether the origin has begun to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    Interim,
}

/// Why no head came.
enum Fault {
    Http2(h2::Error),
    /// Over HTTP/2 no protocol can be switched to (RFC 9113, section 8.6).
    Switch,
}

impl Stream {
    /// On this connection, which has counted it.
    pub(super) const fn on(trunk: Arc<Trunk>, ticker: Ticker) -> Self {
        Self {
            trunk,
            ticker,
            giving: None,
            place: None,
        }
    }

    /// Sends the request and waits for the head of its answer.
    pub(in crate::origin) async fn send(
        &mut self,
        request: Request<RequestBody>,
        silence: &mut Silence,
    ) -> Result<Response<Received>, Unanswered> {
        self.place = self.place(silence).await?;
        let sender = self.trunk.traffic.sender();
        let Some(sender) = sender.filter(|_| self.place.is_some()) else {
            return Err(self.trunk.traffic.unsent(request));
        };
        self.trunk.traffic.pulse.allow();
        let mut awaited = self.begin(request, sender).await?;
        let answer = patiently(|cx| awaited.poll(cx), (&mut *silence, &mut self.ticker)).await?;
        let answer = answer.map_err(|fault| self.trunk.traffic.lost(fault, awaited.said))?;
        silence.head_seen();
        self.moved();
        Ok(Received::of(answer))
    }

    /// Waits until the origin allows one more stream: until then nothing is sent. `None` if the
    /// connection is gone.
    async fn place(
        &mut self,
        silence: &mut Silence,
    ) -> Result<Option<OwnedSemaphorePermit>, Unanswered> {
        let places = Arc::clone(&self.trunk.traffic.places);
        let mut place = pin!(places.acquire_owned());
        let place = patiently(|cx| place.as_mut().poll(cx), (silence, &mut self.ticker));
        Ok(place.await?.ok())
    }

    async fn begin(
        &mut self,
        request: Request<RequestBody>,
        mut sender: SendRequest<Data>,
    ) -> Result<Awaited, Unanswered> {
        let listener = request.extensions().get::<Listener>().cloned();
        let (head, body) = shared(request, &self.trunk.scheme).into_parts();
        let is_whole = matches!(body, RequestBody::Empty);
        let begun = sender.send_request(Request::from_parts(head, ()), is_whole);
        let (head, sends) =
            begun.map_err(|fault| self.trunk.traffic.lost(Fault::Http2(fault), Said::Nothing))?;
        if !is_whole {
            self.giving = given::give(body, (sends, sender)).await;
        }
        Ok(Awaited {
            head,
            listener,
            said: Said::Nothing,
        })
    }

    /// The timer for what is left of the exchange.
    pub(in crate::origin) const fn ticker(&mut self) -> &mut Ticker {
        &mut self.ticker
    }

    /// A piece of the answer came.
    pub(in crate::origin) fn moved(&self) {
        self.trunk.traffic.pulse.allow();
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.trunk.traffic.leave();
    }
}

impl Awaited {
    /// The head, once it has come. Interim answers are passed on, and put off no deadline.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Response<RecvStream>, Fault>> {
        while let Poll::Ready(Some(Ok(interim))) = self.head.poll_informational(cx) {
            if switches(interim.status()) {
                return Poll::Ready(Err(Fault::Switch));
            }
            self.said = Said::Interim;
            if let Some(listener) = &self.listener {
                listener.hear(interim.status(), interim.headers());
            }
        }
        Pin::new(&mut self.head).poll(cx).map_err(Fault::Http2)
    }
}

impl Traffic {
    /// Of a request that nothing was sent of: the connection was gone before.
    fn unsent(&self, request: Request<RequestBody>) -> Unanswered {
        self.distrusted()
            .unwrap_or_else(|| Unanswered::Unsent(Box::new(request)))
    }

    /// Why a stream ended before the head of its answer.
    fn lost(&self, fault: Fault, said: Said) -> Unanswered {
        if let Some(distrusted) = self.distrusted() {
            return distrusted;
        }
        let by = match said {
            Said::Nothing => break_of(&fault),
            Said::Interim => Break::Nonsense,
        };
        let error: BoxError = match fault {
            Fault::Http2(fault) => fault.into(),
            Fault::Switch => "the answer switches protocols over HTTP/2".into(),
        };
        Unanswered::Broken { error, by }
    }

    fn distrusted(&self) -> Option<Unanswered> {
        let said = self.pulse.distrusted()?;
        Some(Unanswered::Broken {
            error: said.into(),
            by: Break::Untrusted,
        })
    }
}

fn break_of(fault: &Fault) -> Break {
    let Fault::Http2(fault) = fault else {
        return Break::Nonsense;
    };
    let is_refused = fault.is_reset() && fault.reason() == Some(Reason::REFUSED_STREAM);
    // A stream is told that the origin goes away only if it lies beyond the last that was taken up.
    // Of the others it is told what they themselves come to.
    if fault.is_remote() && (is_refused || fault.is_go_away()) {
        return Break::Declined;
    }
    if fault.is_io() || fault.is_reset() || fault.is_go_away() {
        Break::HangUp
    } else {
        Break::Nonsense
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
