//! The bodies we answer with, and what must be let go of when one has ended.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::origin::OriginBody;

use super::events::EventBody;
use super::guard::InFlight;

/// A fault while an answer is sent; the connection is cut, so nothing looks complete.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The body of an answer: our own bytes, or the site's as they come.
#[derive(Debug)]
pub struct AnswerBody {
    source: Source,
    /// The connection counts as answering until this is dropped.
    _in_flight: Option<InFlight>,
}

#[derive(Debug)]
enum Source {
    Own(Option<Bytes>),
    Origin(Box<OriginBody>),
    Events(EventBody),
}

impl AnswerBody {
    /// Our own bytes.
    #[must_use]
    pub const fn own(bytes: Bytes) -> Self {
        Self {
            source: Source::Own(Some(bytes)),
            _in_flight: None,
        }
    }

    /// The site's answer.
    #[must_use]
    pub fn origin(body: OriginBody) -> Self {
        Self {
            source: Source::Origin(Box::new(body)),
            _in_flight: None,
        }
    }

    /// Events as they happen.
    #[must_use]
    pub const fn events(body: EventBody) -> Self {
        Self {
            source: Source::Events(body),
            _in_flight: None,
        }
    }

    /// Keeps the connection counted as answering until this body has ended.
    #[must_use]
    pub fn holding(self, in_flight: InFlight) -> Self {
        Self {
            _in_flight: Some(in_flight),
            ..self
        }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.get_mut().source {
            Source::Own(bytes) => Poll::Ready(
                bytes
                    .take()
                    .filter(|bytes| !bytes.is_empty())
                    .map(|bytes| Ok(Frame::data(bytes))),
            ),
            Source::Origin(body) => Pin::new(body.as_mut())
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Source::Events(body) => body
                .poll_next(cx)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.source {
            Source::Own(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            Source::Origin(body) => body.is_end_stream(),
            Source::Events(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.source {
            Source::Own(bytes) => SizeHint::with_exact(
                bytes
                    .as_ref()
                    .map_or(0, |bytes| u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            ),
            Source::Origin(body) => body.size_hint(),
            Source::Events(_) => SizeHint::default(),
        }
    }
}
