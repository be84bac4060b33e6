//! What an open stream has to say, on its way to the connection.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::held;

/// Events that may wait for a reader, beyond what the connection itself has taken in.
pub(super) const MOST_WAITING: usize = 8;

/// The writing end.
pub(super) struct Outbox(Arc<Mutex<Waiting>>);

/// The body of a stream's answer.
pub struct EventBody(Arc<Mutex<Waiting>>);

#[derive(Default)]
struct Waiting {
    events: VecDeque<Bytes>,
    reader: Option<Waker>,
    /// Nothing more will be said.
    over: bool,
    /// Nobody reads any more.
    gone: bool,
}

/// Why nothing can be said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unheard {
    /// The connection is gone.
    Gone,
    /// The reader is too slow.
    Full,
}

impl Outbox {
    /// Both ends; `first` is said at once.
    pub(super) fn new(first: impl IntoIterator<Item = Bytes>) -> (Self, EventBody) {
        let waiting = Waiting {
            events: first.into_iter().collect(),
            ..Waiting::default()
        };
        let shared = Arc::new(Mutex::new(waiting));
        (Self(Arc::clone(&shared)), EventBody(shared))
    }

    /// Says something more.
    pub(super) fn say(&self, event: Bytes) -> Result<(), Unheard> {
        let mut waiting = held(&self.0);
        if waiting.gone {
            return Err(Unheard::Gone);
        }
        if waiting.events.len() >= MOST_WAITING {
            return Err(Unheard::Full);
        }
        waiting.events.push_back(event);
        let reader = waiting.reader.take();
        drop(waiting);
        if let Some(reader) = reader {
            reader.wake();
        }
        Ok(())
    }

    /// Whether nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        held(&self.0).gone
    }
}

impl Drop for Outbox {
    fn drop(&mut self) {
        let mut waiting = held(&self.0);
        waiting.over = true;
        let reader = waiting.reader.take();
        drop(waiting);
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl EventBody {
    /// A body that says this and ends.
    pub(super) fn only(events: impl IntoIterator<Item = Bytes>) -> Self {
        Outbox::new(events).1
    }

    /// The next bytes; `None` once all is said.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let mut waiting = held(&self.0);
        if let Some(event) = waiting.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if waiting.over {
            return Poll::Ready(None);
        }
        waiting.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for EventBody {
    fn drop(&mut self) {
        let mut waiting = held(&self.0);
        waiting.gone = true;
        waiting.events = VecDeque::new();
        waiting.reader = None;
    }
}

impl fmt::Debug for EventBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBody").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn next(body: &mut EventBody) -> Poll<Option<Bytes>> {
        body.poll_next(&mut Context::from_waker(Waker::noop()))
    }

    #[test]
    fn events_are_read_in_order_and_what_was_said_is_read_to_the_end() {
        let (outbox, mut body) = Outbox::new([one("a"), one("b")]);
        assert_eq!(next(&mut body), Poll::Ready(Some(one("a"))));
        assert_eq!(next(&mut body), Poll::Ready(Some(one("b"))));
        assert_eq!(next(&mut body), Poll::Pending);
        outbox.say(one("c")).unwrap();
        drop(outbox);
        assert_eq!(next(&mut body), Poll::Ready(Some(one("c"))));
        assert_eq!(next(&mut body), Poll::Ready(None));
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken() {
        let (outbox, mut body) = Outbox::new([]);
        let reads =
            tokio::spawn(async move { std::future::poll_fn(|cx| body.poll_next(cx)).await });
        tokio::task::yield_now().await;
        outbox.say(one("a")).unwrap();
        assert_eq!(reads.await.unwrap(), Some(one("a")));
    }

    #[test]
    fn r1_a_slow_reader_is_refused_and_never_buffered_for() {
        let (outbox, body) = Outbox::new([]);
        for _ in 0..MOST_WAITING {
            outbox.say(one("x")).unwrap();
        }
        assert_eq!(outbox.say(one("x")), Err(Unheard::Full));
        assert!(!outbox.is_gone());
        drop(body);
        assert_eq!(outbox.say(one("x")), Err(Unheard::Gone));
        assert!(outbox.is_gone());
    }
}
