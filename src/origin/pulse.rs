//! What a connection's two ends know of each other: whether it rests, whether it has grown old,
//! and how much may still come before the head of an answer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

const BUSY: u8 = 0;
const FRESH: u8 = 1;
const AGED: u8 = 2;
const OVER: u8 = 3;

/// Bytes that may arrive before an answer's head has been seen. Heads themselves are held to
/// 64 KiB; the rest is room for interim (1xx) answers and for the start of a body.
const BEFORE_HEAD: usize = 1024 * 1024;
const NO_LIMIT: usize = usize::MAX;

/// Bytes that may arrive on a shared connection without a head or a piece of a body among them
/// that somebody waits for: all that its window allows to come unread, and room for the rest.
pub(super) const UNREAD: usize = 10 * 1024 * 1024;

/// Shared by a connection's holder, its driver and its socket.
#[derive(Debug)]
pub(super) struct Pulse {
    state: AtomicU8,
    before_head: AtomicUsize,
    old: AtomicBool,
    /// How often something was read.
    reads: AtomicUsize,
    distrust: OnceLock<String>,
}

impl Pulse {
    /// Of a connection in use.
    pub(super) const fn new() -> Self {
        Self {
            state: AtomicU8::new(BUSY),
            before_head: AtomicUsize::new(NO_LIMIT),
            old: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            distrust: OnceLock::new(),
        }
    }

    /// The connection is to carry nothing after what it carries now.
    pub(super) fn grow_old(&self) {
        self.old.store(true, Ordering::Release);
    }

    /// Whether it is to carry nothing more.
    pub(super) fn is_old(&self) -> bool {
        self.old.load(Ordering::Acquire)
    }

    /// The connection rests from now on.
    pub(super) fn rest(&self) {
        self.state.store(FRESH, Ordering::Release);
    }

    /// Takes a resting connection into use. `false` if it is not resting or was given up: the
    /// driver and the next request never both have it.
    pub(super) fn rouse(&self) -> bool {
        self.turn(|state| matches!(state, FRESH | AGED).then_some(BUSY))
            .is_some()
    }

    /// Called at even intervals by the driver. `true` if the connection has rested for a whole
    /// one and is now given up.
    pub(super) fn age(&self) -> bool {
        let before = self.turn(|state| match state {
            FRESH => Some(AGED),
            AGED => Some(OVER),
            _ => None,
        });
        before == Some(AGED)
    }

    /// An answer is awaited: what comes before its head is limited.
    pub(super) fn await_head(&self) {
        self.before_head.store(BEFORE_HEAD, Ordering::Release);
    }

    /// Whether not a byte has come since an answer is awaited.
    pub(super) fn is_unheard(&self) -> bool {
        self.before_head.load(Ordering::Acquire) == BEFORE_HEAD
    }

    /// Something came that somebody waits for on a shared connection, or may be waited for from
    /// now on: so much more may come before the next such thing.
    pub(super) fn allow(&self) {
        self.before_head.store(UNREAD, Ordering::Release);
    }

    /// The head is there: the limit is lifted.
    pub(super) fn head_seen(&self) {
        self.before_head.store(NO_LIMIT, Ordering::Release);
    }

    fn turn(&self, next: impl FnMut(u8) -> Option<u8>) -> Option<u8> {
        self.state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, next)
            .ok()
    }

    /// How often bytes have come: what is the same as before says that none have since.
    pub(super) fn reads(&self) -> usize {
        self.reads.load(Ordering::Relaxed)
    }

    /// TLS broke the connection off, and said this.
    pub(super) fn distrust(&self, said: String) {
        // What was said first led to what followed.
        let _ = self.distrust.set(said);
    }

    /// What TLS said when it broke the connection off.
    pub(super) fn distrusted(&self) -> Option<&str> {
        self.distrust.get().map(String::as_str)
    }

    /// Counts bytes read. `false` if more came before a head than may.
    pub(super) fn heard(&self, bytes: usize) -> bool {
        if bytes > 0 {
            // Only the socket writes here.
            self.reads
                .store(self.reads().wrapping_add(1), Ordering::Relaxed);
        }
        let left = self.before_head.load(Ordering::Acquire);
        if left == NO_LIMIT {
            return true;
        }
        let Some(rest) = left.checked_sub(bytes) else {
            return false;
        };
        // If this fails the limit was lifted meanwhile, and stays lifted.
        let _ = self
            .before_head
            .compare_exchange(left, rest, Ordering::AcqRel, Ordering::Acquire);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resting_connection_is_given_up_at_the_second_interval() {
        let pulse = Pulse::new();
        assert!(!pulse.age(), "a busy connection never ages");

        pulse.rest();
        assert!(!pulse.age());
        assert!(pulse.age());
        assert!(!pulse.rouse(), "what was given up is not used again");
    }

    #[test]
    fn use_makes_a_connection_young_again() {
        let pulse = Pulse::new();
        pulse.rest();
        assert!(!pulse.age());

        assert!(pulse.rouse());
        assert!(!pulse.rouse(), "one request has it");
        assert!(!pulse.age());
        pulse.rest();
        assert!(!pulse.age());
    }

    #[test]
    fn only_what_comes_before_a_head_is_limited() {
        let pulse = Pulse::new();
        assert!(pulse.heard(BEFORE_HEAD + 1));

        pulse.await_head();
        assert!(pulse.heard(BEFORE_HEAD));
        assert!(!pulse.heard(1));

        pulse.head_seen();
        assert!(pulse.heard(BEFORE_HEAD + 1));
    }
}
