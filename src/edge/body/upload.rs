//! The body of a request on a stream of HTTP/2.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream};
use http::HeaderMap;
use http::header::{CONTENT_LENGTH, EXPECT};
use http_body::{Body, Frame, SizeHint};

use super::BoxError;
use crate::edge::interim::Heads;

/// What comes on a stream behind the head of its request.
#[derive(Debug)]
pub struct Upload {
    stream: RecvStream,
    /// What is still to come, if the visitor said.
    left: Option<u64>,
    /// Whether only trailers can come.
    is_over: bool,
    /// Whether the visitor waits to be asked for it, and has not been.
    waits: bool,
    /// What is said before the answer.
    heads: Heads,
}

impl Upload {
    /// The body behind this head. A visitor who asks whether to send it is told so on `heads` when
    /// somebody wants it and none of it is there.
    pub(in crate::edge) fn of(stream: RecvStream, head: &HeaderMap, heads: Heads) -> Self {
        let length = head.get(CONTENT_LENGTH).and_then(|said| said.to_str().ok());
        Self {
            left: length.and_then(|said| said.parse().ok()),
            is_over: false,
            waits: head.contains_key(EXPECT),
            heads,
            stream,
        }
    }

    /// Whether it is one half of a conversation: nobody said how long it is, and the answer has
    /// begun. Then the site knows how long it may be silent.
    pub(super) fn converses(&self) -> bool {
        self.left.is_none() && self.heads.is_over()
    }

    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        let polled = self.stream.poll_data(cx);
        let waits = std::mem::take(&mut self.waits);
        let Poll::Ready(came) = polled else {
            if waits {
                self.heads.invite();
            }
            return Poll::Pending;
        };
        Poll::Ready(match came {
            Some(Ok(data)) => {
                // A stream that is over has no window to give back.
                let _ = self.stream.flow_control().release_capacity(data.len());
                let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
                self.left = self.left.map(|left| left.saturating_sub(length));
                Some(Ok(data))
            }
            Some(Err(fault)) if fault.reason() == Some(Reason::NO_ERROR) => None,
            Some(Err(fault)) => Some(Err(fault.into())),
            None => None,
        })
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if !this.is_over {
            if let Some(data) = ready!(this.poll_data(cx)) {
                return Poll::Ready(Some(data.map(Frame::data)));
            }
            this.is_over = true;
        }
        let trailers = ready!(this.stream.poll_trailers(cx));
        Poll::Ready(trailers.transpose().map(|came| match came {
            Ok(trailers) => Ok(Frame::trailers(trailers)),
            Err(fault) => Err(fault.into()),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            return SizeHint::with_exact(0);
        }
        self.left
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
