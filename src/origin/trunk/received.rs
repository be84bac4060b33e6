//! The body of an answer that comes on a shared connection.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes as Data;
use h2::{Reason, RecvStream};
use http::Response;
use http::header::{CONTENT_LENGTH, HeaderMap};
use http_body::{Body, Frame, SizeHint};

use crate::origin::BoxError;
use crate::origin::framing::has_body;

/// The body of an answer. What is read of it makes room for more of it.
#[derive(Debug)]
pub(in crate::origin) struct Received {
    stream: RecvStream,
    /// Bytes to come, if the origin has said how many. The library holds it to that.
    left: Option<u64>,
    kind: Kind,
    next: Next,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Full,
    /// Of an answer that has no body, whatever its head says.
    Empty,
}

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Data,
    Trailers,
    Nothing,
}

type Piece = Option<Result<Frame<Data>, BoxError>>;

impl Received {
    /// The same answer with its body.
    pub(super) fn of(answer: Response<RecvStream>) -> Response<Self> {
        let (head, stream) = answer.into_parts();
        let left = length(&head.headers).or_else(|| stream.is_end_stream().then_some(0));
        let kind = if has_body(head.status) {
            Kind::Full
        } else {
            Kind::Empty
        };
        let body = Self {
            stream,
            left,
            kind,
            next: Next::Data,
        };
        Response::from_parts(head, body)
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let data = match ready!(self.stream.poll_data(cx)) {
            Some(Ok(data)) => data,
            Some(Err(fault)) => return Poll::Ready(self.end_with(fault)),
            None => {
                self.next = Next::Trailers;
                return self.poll_trailers(cx);
            }
        };
        if self.kind == Kind::Empty && !data.is_empty() {
            self.next = Next::Nothing;
            return Poll::Ready(Some(Err("an answer without a body has one".into())));
        }
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.left = self.left.map(|left| left.saturating_sub(length));
        // It fails where more is given back than came.
        let _ = self.stream.flow_control().release_capacity(data.len());
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn poll_trailers(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let trailers = ready!(self.stream.poll_trailers(cx));
        self.next = Next::Nothing;
        Poll::Ready(match trailers {
            Ok(trailers) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(fault) => self.end_with(fault),
        })
    }

    /// An origin that wants no more of a request's body says so behind a whole answer by a reset
    /// without an error (RFC 9113, section 8.1).
    fn end_with(&mut self, fault: h2::Error) -> Piece {
        self.next = Next::Nothing;
        let is_whole = self.left.is_none_or(|left| left == 0);
        let wants_no_more = fault.is_reset() && fault.reason() == Some(Reason::NO_ERROR);
        (!wants_no_more || !is_whole).then(|| Err(fault.into()))
    }
}

/// What an answer says that its length is. The library has seen that it says so once.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl Body for Received {
    type Data = Data;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Piece> {
        let this = self.get_mut();
        match this.next {
            Next::Data => this.poll_data(cx),
            Next::Trailers => this.poll_trailers(cx),
            Next::Nothing => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.next == Next::Nothing || self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
