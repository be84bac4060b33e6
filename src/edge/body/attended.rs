//! An event stream of the site, which ends with the session of who opened it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::BoxError;
use crate::domain::clock::Clock;
use crate::gate::stay::{Over, Stay};
use crate::origin::OriginBody;
use crate::telemetry::metrics::Metrics;

/// How often an open stream is looked after.
const LOOK: Duration = Duration::from_secs(1);

/// What an event stream is looked after by.
pub struct Care {
    /// Until when it may stay open.
    pub stay: Stay,
    /// The clock.
    pub clock: Clock,
    /// Where its end is counted.
    pub metrics: Arc<Metrics>,
}

impl fmt::Debug for Care {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Care").field(&self.stay).finish()
    }
}

/// The site's answer, for as long as a session goes on.
#[derive(Debug)]
pub(super) struct Attended {
    /// `None` once the session is over: the site's connection is let go of at once.
    body: Option<OriginBody>,
    care: Care,
    looks: Interval,
}

impl Attended {
    pub(super) fn new(body: OriginBody, care: Care) -> Self {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let body = Some(body);
        Self { body, care, looks }
    }

    /// Whether the session was found to be over just now.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.looks.poll_tick(cx).is_ready() {
            if self.care.stay.look(self.care.clock.now()).is_err() {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    /// Ends the stream as the site would: a browser then asks for it again, and is told to wait.
    /// One that said how long it is cannot be ended so and is broken off.
    fn end(&mut self) -> Option<Result<Frame<Bytes>, BoxError>> {
        self.care.metrics.site.stream_ended();
        let body = self.body.take()?;
        let promised = body.size_hint().exact()?;
        (promised > 0).then(|| Err(Over.into()))
    }
}

impl Body for Attended {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        if this.body.is_some() && this.poll_over(cx).is_ready() {
            return Poll::Ready(this.end());
        }
        let Some(body) = &mut this.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        polled.map(|frame| frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let hint = self.body.as_ref().map(Body::size_hint);
        hint.unwrap_or_else(|| SizeHint::with_exact(0))
    }
}

/// Whether an answer with this head is an event stream, whatever the parameters of its type are
/// and in whichever of several lines it says so.
#[must_use]
pub fn is_event_stream(head: &HeaderMap) -> bool {
    let kinds = head.get_all(CONTENT_TYPE).iter();
    kinds
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|kind| kind.split(|byte| *byte == b';').next())
        .any(|kind| kind.trim_ascii().eq_ignore_ascii_case(b"text/event-stream"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_stream_is_known_by_its_type_alone() {
        let says = |lines: &[&'static str]| {
            let mut head = HeaderMap::new();
            for line in lines {
                head.append(CONTENT_TYPE, http::HeaderValue::from_static(line));
            }
            is_event_stream(&head)
        };
        for lines in [
            &["text/event-stream"][..],
            &["Text/Event-Stream ; charset=utf-8"],
            &["text/event-stream;a=\"b;c\""],
            &["text/html", "text/event-stream"],
            &["text/html, text/event-stream"],
        ] {
            assert!(says(lines), "{lines:?}");
        }
        for lines in [
            &[][..],
            &["text/html"],
            &["text/event-streams"],
            &["application/octet-stream; name=text/event-stream"],
        ] {
            assert!(!says(lines), "{lines:?}");
        }
    }
}
