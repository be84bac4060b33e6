//! What a connection's guard and its service tell each other.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crate::edge::framing::Fault;

/// Shared by one connection's guard and its service: how many requests are being answered, which
/// only the service knows, and what was wrong with the bytes, which only the guard knows.
#[derive(Clone, Debug, Default)]
pub struct Activity(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    in_flight: AtomicU32,
    begun: AtomicU64,
    rests: AtomicBool,
    ends: AtomicBool,
    waits: AtomicBool,
    fault: OnceLock<Fault>,
}

impl Activity {
    /// Counts a request until the returned value is dropped. The service keeps that in the
    /// response's body, so that it goes when the answer has been handed over or given up.
    #[must_use]
    pub fn begin(&self) -> InFlight {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        self.0.waits.store(false, Ordering::Relaxed);
        InFlight(self.clone())
    }

    /// How many requests are being answered.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.0.in_flight.load(Ordering::Relaxed)
    }

    /// How many requests have been begun so far.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.0.begun.load(Ordering::Relaxed)
    }

    /// The fault that ended the reading of this connection, once there is one.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.0.fault.get().copied()
    }

    /// Notes that nothing is under way, and nothing has been for a while.
    pub(super) fn rest(&self) {
        self.0.rests.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted since this was last asked.
    #[must_use]
    pub fn takes_rest(&self) -> bool {
        self.0.rests.swap(false, Ordering::Relaxed)
    }

    /// Notes that a request is waited for, of whose head a part has come or nothing.
    pub(super) fn wait(&self) {
        self.0.waits.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted, and no request has begun since.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.0.waits.load(Ordering::Relaxed)
    }

    /// Nothing more is to be read than what has begun.
    pub fn end(&self) {
        self.0.ends.store(true, Ordering::Relaxed);
    }

    /// Whether that was said.
    pub(super) fn ends(&self) -> bool {
        self.0.ends.load(Ordering::Relaxed)
    }

    /// Notes the fault; the first one stays.
    pub(super) fn note(&self, fault: Fault) {
        self.0.fault.get_or_init(|| fault);
    }
}

/// One request that is being answered; see [`Activity::begin`].
#[derive(Debug)]
pub struct InFlight(Activity);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}
