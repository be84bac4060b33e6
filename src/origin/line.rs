//! One connection to an origin, and the task that drives it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use super::body::RequestBody;
use super::deadline::{Deadlines, Silence, Ticker};
use super::pulse::{Pulse, Wire};
use super::{BoxError, OriginError, Settings};

/// A resting connection is closed at the second of these: after 15 to 30 seconds. Web servers
/// hold theirs longer (nginx 75 seconds), so it is mostly we who hang up.
const REST: Duration = Duration::from_secs(15);

/// Largest head of an answer.
const MAX_HEAD: usize = 64 * 1024;

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

/// Whether a resting connection can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fitness {
    /// It was taken into use just now.
    Roused,
    /// It has not come to rest yet.
    Settling,
    /// It is closed.
    Gone,
}

/// Why a request got no answer.
pub(super) enum Unanswered {
    /// Not a byte was sent; here is the request again.
    Unsent(Box<Request<RequestBody>>),
    /// Some of it may have been sent.
    Broken(hyper::Error),
    /// The silence lasted too long.
    Silent(Duration),
}

impl Line {
    /// Makes a connection.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] if it was refused, or not made in time.
    pub(super) async fn open(
        settings: &Settings,
        deadlines: Deadlines,
    ) -> Result<Self, OriginError> {
        let unreachable = |source: BoxError| OriginError::Unreachable { source };
        let tcp = tokio::time::timeout(settings.connect, TcpStream::connect(&settings.address))
            .await
            .map_err(|elapsed| unreachable(elapsed.into()))?
            .map_err(|error| unreachable(error.into()))?;
        tcp.set_nodelay(true)
            .map_err(|error| unreachable(error.into()))?;

        let pulse = Arc::new(Pulse::new());
        let wire = TokioIo::new(Wire::new(tcp, Arc::clone(&pulse)));
        let (sender, connection) = http1::Builder::new()
            .max_buf_size(MAX_BUFFER)
            .max_header_size(MAX_HEAD)
            .handshake(wire)
            .await
            .map_err(|error| unreachable(error.into()))?;
        let connection = connection.with_upgrades();
        let driver = tokio::spawn(drive(connection, Arc::clone(&pulse), REST));
        Ok(Self {
            sender,
            pulse,
            ticker: Ticker::new(deadlines),
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
        let ticker = &mut self.ticker;
        let answered = poll_fn(|cx| match sent.as_mut().poll(cx) {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending => silence.poll_too_long(ticker, cx).map(Err),
        })
        .await
        .map_err(Unanswered::Silent)?;
        let answer = answered.map_err(|mut failure| match failure.take_message() {
            Some(request) => Unanswered::Unsent(Box::new(request)),
            None => Unanswered::Broken(failure.into_error()),
        })?;
        self.pulse.head_seen();
        silence.head_seen();
        Ok(answer)
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

    /// Whether the connection is closed, or as good as.
    pub(super) fn is_closed(&self) -> bool {
        self.retired || self.sender.is_closed()
    }
}

/// Moves a connection's bytes until either side closes it, or it has rested for a whole interval
/// of `rest`. What goes wrong is told to whoever waits for the answer or reads its body.
async fn drive(
    connection: impl Future<Output = hyper::Result<()>>,
    pulse: Arc<Pulse>,
    rest: Duration,
) {
    let mut connection = pin!(connection);
    while tokio::time::timeout(rest, connection.as_mut())
        .await
        .is_err()
    {
        if pulse.age() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;
    use crate::origin::testing::TicketSite;

    async fn open(site: &TicketSite) -> (Line, Silence) {
        let settings = site.settings();
        let deadlines = Deadlines::new(&settings);
        let line = Line::open(&settings, deadlines).await.unwrap();
        (line, Silence::new(deadlines, None))
    }

    #[tokio::test]
    async fn h15_a_request_that_was_not_sent_comes_back_whole() {
        let site = TicketSite::doing(async |caller| drop(caller)).await;
        let (mut line, mut silence) = open(&site).await;
        while !line.is_closed() {
            tokio::task::yield_now().await;
        }
        let (body, upload) = RequestBody::streaming(Full::from("order"), Some(5));

        let sent = line.send(Request::new(body), &mut silence).await;

        assert!(matches!(sent, Err(Unanswered::Unsent(_))));
        assert_eq!(upload.frames(), 0, "the body was not touched");
    }

    #[tokio::test]
    async fn a_connection_that_rests_too_long_is_closed_by_us() {
        let site = TicketSite::doing(async |mut caller| caller.hang_on().await).await;
        let (mut line, _) = open(&site).await;
        let tcp = TcpStream::connect(&site.settings().address).await.unwrap();
        let pulse = Arc::new(Pulse::new());
        let wire = TokioIo::new(Wire::new(tcp, Arc::clone(&pulse)));
        let (sender, connection) = http1::handshake(wire).await.unwrap();
        let driver = tokio::spawn(drive(connection, pulse.clone(), Duration::from_millis(10)));
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
