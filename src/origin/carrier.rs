//! What carries one exchange: a connection of its own, or a stream among others on a shared one.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};

use super::BoxError;
use super::deadline::{Silence, Ticker};
use super::inflow::Inflow;
use super::line::Line;
use super::trunk::Stream;
use super::upload::RequestBody;

/// Carries one exchange. Dropping it before the end breaks the exchange off.
#[derive(Debug)]
pub(super) enum Carrier {
    /// A whole connection.
    Line(Line),
    /// A stream of a shared connection.
    Stream(Stream),
}

/// Why a request got no answer.
pub(super) enum Unanswered {
    /// Not a byte was sent; here is the request again.
    Unsent(Box<Request<RequestBody>>),
    /// Some of it may have been sent.
    Broken {
        /// What went wrong.
        error: BoxError,
        /// How it came about.
        by: Break,
    },
    /// The silence lasted too long.
    Silent(Duration),
}

/// How an exchange broke before the head of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Break {
    /// The origin took the request up as little as one that it never heard, and says so (RFC 9113,
    /// section 8.7).
    Declined,
    /// It hung up before the first byte of an answer.
    HangUp,
    /// TLS broke the connection off.
    Untrusted,
    /// What came made no sense, or something of our own went wrong.
    Nonsense,
}

impl Carrier {
    /// Sends one request and waits for the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<RequestBody>,
        silence: &mut Silence,
    ) -> Result<Response<Inflow>, Unanswered> {
        silence.begin();
        match self {
            Self::Line(line) => {
                let answer = line.send(request, silence).await?;
                Ok(answer.map(Inflow::Line))
            }
            Self::Stream(stream) => {
                let answer = stream.send(request, silence).await?;
                Ok(answer.map(|received| Inflow::Stream(Box::new(received))))
            }
        }
    }

    /// The timer for what is left of the exchange.
    pub(super) const fn ticker(&mut self) -> &mut Ticker {
        match self {
            Self::Line(line) => line.ticker(),
            Self::Stream(stream) => stream.ticker(),
        }
    }

    /// A piece of the answer's body came.
    pub(super) fn moved(&self) {
        match self {
            Self::Line(_) => {}
            Self::Stream(stream) => stream.moved(),
        }
    }
}

/// What `poll` comes to, unless the silence lasts too long before.
pub(super) async fn patiently<T>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>,
    (silence, ticker): (&mut Silence, &mut Ticker),
) -> Result<T, Unanswered> {
    poll_fn(|cx| match poll(cx) {
        Poll::Ready(outcome) => Poll::Ready(Ok(outcome)),
        Poll::Pending => silence.poll_too_long(ticker, cx).map(Err),
    })
    .await
    .map_err(Unanswered::Silent)
}
