//! One HTTP/2 connection to an origin, shared by the requests of one worker thread.
//!
//! The library is spoken to directly: only so are interim answers heard, and told apart what an
//! origin that goes away has taken up and what not.

mod driver;
mod given;
mod received;
mod stream;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes as Data;
use h2::client::{Builder, SendRequest};
use http::uri::Scheme;
use tokio::sync::Semaphore;

use super::OriginError;
use super::deadline::{Deadlines, Ticker};
use super::line::{Life, MAX_HEAD, Rounds};
use super::pulse::Pulse;
use super::wire::{Bytes, Wire};

pub(super) use received::Received;
pub(super) use stream::Stream;

/// The most streams on one connection; where the origin allows fewer, its word counts.
const MOST_STREAMS: usize = 64;

/// So many streams has a connection that was given up for want of any: no more begins.
const GIVEN_UP: usize = usize::MAX;

/// How much of one answer may come unread.
const STREAM_WINDOW: u32 = 128 * 1024;

/// As much as all streams together, so that visitors who do not read hold up nobody else.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * 64;

/// Bytes of one request's body that are held until the origin takes them.
const SEND_BUFFER: usize = 1024 * 1024;

/// A shared connection to an origin. Once this is dropped and every stream with it, its driver
/// takes leave of the origin and ends.
#[derive(Debug)]
pub(super) struct Trunk {
    scheme: Scheme,
    deadlines: Deadlines,
    traffic: Arc<Traffic>,
}

/// What a connection's users and its driver know of each other.
#[derive(Debug)]
struct Traffic {
    pulse: Arc<Pulse>,
    /// What begins streams. Without it the library takes leave of the origin.
    sender: Mutex<Option<SendRequest<Data>>>,
    streams: AtomicUsize,
    /// How many the origin allows.
    allowed: AtomicUsize,
    /// One for each of them; none before the origin has said how many. Closed when the connection
    /// is gone.
    places: Arc<Semaphore>,
    /// How many of these were ever made.
    made: AtomicUsize,
}

impl Trunk {
    /// Speaks HTTP/2 over these bytes.
    ///
    /// # Errors
    ///
    /// [`OriginError::Unreachable`] if that cannot begin.
    pub(super) async fn over(bytes: Bytes, life: Life) -> Result<Self, OriginError> {
        let scheme = match &bytes {
            Bytes::Plain(_) => Scheme::HTTP,
            Bytes::Tls(_) => Scheme::HTTPS,
        };
        let pulse = Arc::new(Pulse::new());
        pulse.allow();
        let wire = Wire::new(bytes, Arc::clone(&pulse));
        let begun = builder().handshake(wire).await;
        let (sender, connection) = begun.map_err(|error| OriginError::Unreachable {
            source: error.into(),
        })?;
        let traffic = Arc::new(Traffic::new(pulse, sender));
        let driving = driver::drive(connection, Arc::clone(&traffic), Rounds::of(life));
        tokio::spawn(driving);
        Ok(Self {
            scheme,
            deadlines: life.deadlines,
            traffic,
        })
    }

    /// Begins an exchange, if there is room for one more.
    pub(super) fn begin(self: &Arc<Self>) -> Option<Stream> {
        if self.is_closed() || !self.traffic.enter() {
            return None;
        }
        let ticker = Ticker::new(self.deadlines);
        Some(Stream::on(Arc::clone(self), ticker))
    }

    /// Whether it carries nothing new.
    pub(super) fn is_closed(&self) -> bool {
        self.traffic.pulse.is_old() || self.traffic.sender().is_none()
    }
}

impl Drop for Trunk {
    fn drop(&mut self) {
        self.traffic.hang_up();
    }
}

impl Traffic {
    fn new(pulse: Arc<Pulse>, sender: SendRequest<Data>) -> Self {
        Self {
            pulse,
            sender: Mutex::new(Some(sender)),
            streams: AtomicUsize::new(0),
            allowed: AtomicUsize::new(MOST_STREAMS),
            places: Arc::new(Semaphore::new(0)),
            made: AtomicUsize::new(0),
        }
    }

    /// Counts one more stream. `false` if there is no room for it.
    fn enter(&self) -> bool {
        let most = self.allowed.load(Ordering::Relaxed);
        let enter = |streams: usize| (streams < most).then(|| streams.saturating_add(1));
        self.streams
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, enter)
            .is_ok()
    }

    fn leave(&self) {
        self.streams.fetch_sub(1, Ordering::AcqRel);
    }

    fn is_idle(&self) -> bool {
        self.streams.load(Ordering::Acquire) == 0
    }

    /// Lets no more streams begin, and takes leave of the origin, if there is none.
    fn give_up(&self) -> bool {
        let given_up =
            self.streams
                .compare_exchange(0, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire);
        if given_up.is_ok() {
            self.hang_up();
        }
        given_up.is_ok()
    }

    /// What begins a stream; `None` where nothing new may be sent, for the connection is gone or
    /// either side is going.
    fn sender(&self) -> Option<SendRequest<Data>> {
        let sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sender = sender.clone()?;
        let mut nobody = Context::from_waker(Waker::noop());
        match sender.poll_ready(&mut nobody) {
            Poll::Ready(Err(_)) => None,
            Poll::Ready(Ok(())) | Poll::Pending => Some(sender),
        }
    }

    fn hang_up(&self) {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        drop(sender.take());
    }

    /// The origin allows so many streams; none before it has said how many. Where it allows fewer
    /// than before the library sees to it.
    fn allow(&self, streams: usize) {
        let streams = streams.min(MOST_STREAMS);
        if streams == 0 {
            return;
        }
        self.allowed.store(streams, Ordering::Relaxed);
        let made = self.made.fetch_max(streams, Ordering::Relaxed);
        self.places.add_permits(streams.saturating_sub(made));
    }
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        // Nothing is sent before the origin has said how many streams it allows: what comes too
        // early it refuses.
        .initial_max_send_streams(0)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_send_buffer_size(SEND_BUFFER)
        .enable_push(false);
    builder
}

#[cfg(test)]
mod tests;
