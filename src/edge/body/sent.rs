//! What a visitor sends behind a request's head.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::{BoxError, Upload};
use crate::edge::framing::Fault;
use crate::edge::guard::{Patience, Wait};

/// A request's body, whichever protocol it came in.
#[derive(Debug)]
pub struct SentBody(Sent);

#[derive(Debug)]
enum Sent {
    Guarded(Incoming),
    Timed(Box<(Upload, Patience)>),
    Empty,
}

impl SentBody {
    /// One whose bytes a guard under the connection judges and times.
    #[must_use]
    pub const fn guarded(body: Incoming) -> Self {
        Self(Sent::Guarded(body))
    }

    /// One that shares its connection with others, and is waited for on its own account. It fails
    /// with [`Fault::BodySlow`], except in a conversation, whose silence the site's side times.
    pub(in crate::edge) fn timed(body: Upload, patience: impl FnOnce() -> Patience) -> Self {
        Self(if body.is_end_stream() {
            Sent::Empty
        } else {
            Sent::Timed(Box::new((body, patience())))
        })
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let timed = match &mut self.get_mut().0 {
            Sent::Guarded(body) => {
                let polled = Pin::new(body).poll_frame(cx);
                return polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)));
            }
            Sent::Timed(timed) => timed,
            Sent::Empty => return Poll::Ready(None),
        };
        let (body, patience) = timed.as_mut();
        let Poll::Ready(frame) = Pin::new(&mut *body).poll_frame(cx) else {
            if body.converses() {
                return Poll::Pending;
            }
            ready!(patience.poll_end(cx, Wait::Body, 0));
            return Poll::Ready(Some(Err(Fault::BodySlow.into())));
        };
        if let Some(Ok(frame)) = &frame {
            patience.receive(frame.data_ref().map_or(0, Bytes::len), 0);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Sent::Guarded(body) => body.is_end_stream(),
            Sent::Timed(timed) => timed.0.is_end_stream(),
            Sent::Empty => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Sent::Guarded(body) => body.size_hint(),
            Sent::Timed(timed) => timed.0.size_hint(),
            Sent::Empty => SizeHint::with_exact(0),
        }
    }
}
