//! The body of an answer as it comes from its origin, in whichever protocol.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::BoxError;
use super::trunk::Received;

/// The body of an answer, before anything of it is judged.
#[derive(Debug)]
pub(super) enum Inflow {
    /// On a connection of its own.
    Line(Incoming),
    /// On a stream of a shared connection. In a box, so that the other costs no more room than alone.
    Stream(Box<Received>),
}

impl Body for Inflow {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.get_mut() {
            Self::Line(incoming) => Pin::new(incoming)
                .poll_frame(cx)
                .map_err(|fault| fault.into()),
            Self::Stream(received) => Pin::new(received.as_mut()).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Line(incoming) => incoming.is_end_stream(),
            Self::Stream(received) => received.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Line(incoming) => incoming.size_hint(),
            Self::Stream(received) => received.size_hint(),
        }
    }
}
