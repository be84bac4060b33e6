//! What a visitor sends behind a request's head.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::BoxError;
use crate::edge::framing::Fault;
use crate::edge::guard::{Patience, Wait};

/// A request's body, whichever protocol it came in.
#[derive(Debug)]
pub struct SentBody {
    body: Incoming,
    patience: Option<Box<Patience>>,
}

impl SentBody {
    /// One whose bytes a guard under the connection judges and times.
    #[must_use]
    pub const fn guarded(body: Incoming) -> Self {
        Self {
            body,
            patience: None,
        }
    }

    /// One that shares its connection with others, and is waited for on its own account. It fails
    /// with [`Fault::BodySlow`].
    pub(in crate::edge) fn timed(body: Incoming, patience: impl FnOnce() -> Patience) -> Self {
        let patience = (!body.is_end_stream()).then(|| Box::new(patience()));
        Self { body, patience }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        let Some(patience) = &mut this.patience else {
            return polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)));
        };
        let Poll::Ready(frame) = polled else {
            ready!(patience.poll_end(cx, Wait::Body, 0));
            return Poll::Ready(Some(Err(Fault::BodySlow.into())));
        };
        Poll::Ready(match frame {
            None => None,
            Some(Err(fault)) => Some(Err(fault.into())),
            Some(Ok(frame)) => {
                patience.receive(frame.data_ref().map_or(0, Bytes::len), 0);
                Some(Ok(frame))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
