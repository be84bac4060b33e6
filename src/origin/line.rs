//! One HTTP/1.1 connection to an origin, and the task that drives it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio_util::task::AbortOnDropHandle;

use super::OriginError;
use super::carrier::{Break, Unanswered, patiently};
use super::deadline::{Deadlines, Silence, Ticker};
use super::pulse::Pulse;
use super::upload::RequestBody;
use super::wire::{Bytes, Wire, is_hang_up};

/// A resting connection is closed at the second of these: after 15 to 30 seconds. Web servers
/// hold theirs longer (nginx 75 seconds), so it is mostly we who hang up.
pub(super) const REST: Duration = Duration::from_secs(15);

/// Largest head of an answer.
pub(super) const MAX_HEAD: usize = 64 * 1024;

/// Largest read from an origin, and most that is buffered for it. A 64 KiB body with its head
/// then comes in one read.
const MAX_BUFFER: usize = 128 * 1024;

/// A connection to an origin. Dropping it closes it, whatever was under way.
#[derive(Debug)]
pub(super) struct Line {
    sender: SendRequest<RequestBody>,
    pulse: Arc<Pulse>,
    ticker: Ticker,
    retired: bool,
    _driver: AbortOnDropHandle<()>,
}

/// How long a connection may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// The deadlines of its exchanges.
    pub(super) deadlines: Deadlines,
    /// How old it may become.
    pub(super) max_age: Duration,
}

/// Whether a resting connection can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fitness {
    /// It was taken into use just now.
    Roused,
    /// It has not come to rest yet.
    Settling,
    /// It is closed, or too old.
    Gone,
}

impl Line {
    /// Speaks HTTP/1.1 over these bytes.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] if that cannot begin.
    pub(super) async fn over(bytes: Bytes, life: Life) -> Result<Self, OriginError> {
        let pulse = Arc::new(Pulse::new());
        let wire = TokioIo::new(Wire::new(bytes, Arc::clone(&pulse)));
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            .max_header_size(MAX_HEAD)
            .handshake(wire)
            .await
            .map_err(|error| OriginError::Unreachable {
                source: error.into(),
            })?;
        let connection = connection.with_upgrades();
        let driver = tokio::spawn(drive(connection, Arc::clone(&pulse), Rounds::of(life)));
        Ok(Self {
            sender,
            pulse,
            ticker: Ticker::new(life.deadlines),
            retired: false,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    /// Sends one request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        silence: &mut Silence,
    ) -> Result<Response<Incoming>, Unanswered> {
        self.pulse.await_head();
        let mut sent = pin!(self.sender.try_send_request(request));
        let answer = patiently(
            |cx| sent.as_mut().poll(cx),
            (&mut *silence, &mut self.ticker),
        );
        let answer = answer.await?.map_err(|failure| self.lost(failure))?;
        silence.head_seen();
        self.pulse.head_seen();
        Ok(answer)
    }

    fn lost(&self, mut failure: TrySendError<Request<RequestBody>>) -> Unanswered {
        if let Some(request) = failure.take_message() {
            return Unanswered::Unsent(Box::new(request));
        }
        if let Some(said) = self.pulse.distrusted() {
            return Unanswered::Broken {
                error: said.into(),
                by: Break::Untrusted,
            };
        }
        let error = failure.into_error();
        let by = if hung_up(&error) && self.pulse.is_unheard() {
            Break::HangUp
        } else {
            Break::Nonsense
        };
        Unanswered::Broken {
            error: error.into(),
            by,
        }
    }

    /// The timer for what is left of the exchange.
    pub(super) const fn ticker(&mut self) -> &mut Ticker {
        &mut self.ticker
    }

    /// Lays the connection to rest; the driver closes it when it has rested long enough.
    pub(super) fn rest(&self) {
        self.pulse.rest();
    }

    /// Takes a resting connection into use if it is fit.
    pub(super) fn rouse(&self) -> Fitness {
        if self.is_closed() {
            Fitness::Gone
        } else if !self.sender.is_ready() {
            Fitness::Settling
        } else if self.pulse.rouse() {
            Fitness::Roused
        } else {
            Fitness::Gone
        }
    }

    /// No other request may follow the one under way: it asked to speak another protocol, and
    /// who knows what the origin takes for its end.
    pub(super) const fn retire(&mut self) {
        self.retired = true;
    }

    /// Whether the connection is closed, or to be closed after what it carries.
    pub(super) fn is_closed(&self) -> bool {
        self.retired || self.pulse.is_old() || self.sender.is_closed()
    }
}

/// Whether the connection ended, rather than said something that makes no sense.
fn hung_up(error: &hyper::Error) -> bool {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return true;
    }
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|error| is_hang_up(error.kind()))
}

/// The even intervals at which a driver looks after its connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    /// How long one is.
    pub(super) span: Duration,
    /// After so many the connection is old.
    pub(super) most: u32,
}

impl Rounds {
    pub(super) fn of(life: Life) -> Self {
        let span = REST.min(life.max_age);
        let most = life.max_age.as_nanos().div_ceil(span.as_nanos().max(1));
        Self {
            span,
            most: u32::try_from(most).unwrap_or(u32::MAX),
        }
    }
}

/// Moves a connection's bytes until either side closes it, or it has rested for a whole round.
/// What goes wrong is told to whoever waits for the answer or reads its body.
async fn drive(
    connection: impl Future<Output = hyper::Result<()>>,
    pulse: Arc<Pulse>,
    rounds: Rounds,
) {
    let mut connection = pin!(connection);
    let mut passed = 0_u32;
    while tokio::time::timeout(rounds.span, connection.as_mut())
        .await
        .is_err()
    {
        passed = passed.saturating_add(1);
        if passed >= rounds.most {
            pulse.grow_old();
        }
        if pulse.age() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;
    use tokio::net::TcpStream;

    use super::*;
    use crate::origin::testing::{TicketSite, no_trailers};
    use crate::origin::upload::Gathered;

    async fn open(site: &TicketSite) -> (Line, Silence) {
        let settings = site.settings();
        let deadlines = Deadlines::new(&settings);
        let life = Life {
            deadlines,
            max_age: settings.max_age,
        };
        let line = Line::over(Bytes::Plain(tcp(site).await), life);
        (line.await.unwrap(), Silence::new(deadlines, None))
    }

    async fn tcp(site: &TicketSite) -> TcpStream {
        TcpStream::connect(site.at()).await.unwrap()
    }

    #[tokio::test]
    async fn h15_a_request_that_was_not_sent_comes_back_whole() {
        let site = TicketSite::doing(async |caller| drop(caller)).await;
        let (mut line, mut silence) = open(&site).await;
        while !line.is_closed() {
            tokio::task::yield_now().await;
        }
        let body = Gathered::of(
            (Full::<bytes::Bytes>::from("order"), Some(5)),
            no_trailers(),
        )
        .await
        .unwrap();
        let (body, upload) = RequestBody::streaming(body, Some(5));

        let sent = line.send(Request::new(body), &mut silence).await;

        assert!(matches!(sent, Err(Unanswered::Unsent(_))));
        assert_eq!(upload.frames(), 0, "the body was not touched");
    }

    #[tokio::test]
    async fn a_connection_that_rests_too_long_is_closed_by_us() {
        let site = TicketSite::doing(async |mut caller| caller.hang_on().await).await;
        let (mut line, _) = open(&site).await;
        let bytes = Bytes::Plain(tcp(&site).await);
        let pulse = Arc::new(Pulse::new());
        let wire = TokioIo::new(Wire::new(bytes, Arc::clone(&pulse)));
        let (sender, connection) = http1::handshake(wire).await.unwrap();
        let rounds = Rounds {
            span: Duration::from_millis(10),
            most: u32::MAX,
        };
        let driver = tokio::spawn(drive(connection, pulse.clone(), rounds));
        line.sender = sender;
        line.pulse = pulse;

        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!line.is_closed(), "it is in use");
        line.rest();
        driver.await.unwrap();

        assert!(line.is_closed());
        assert_eq!(line.rouse(), Fitness::Gone);
    }
}
