//! One open stream: what it has shown, and when it says something again.

use std::time::Duration;

use bytes::Bytes;

use super::Slot;
use super::outbox::{Outbox, Unheard};
use crate::domain::clock::UnixTime;
use crate::edge::notice::status_of;
use crate::gate::notice::{Face, Notice, Reason};
use crate::gate::watch::Watcher;
use crate::telemetry::labels::{EventName, StreamEnd};

/// How long a stream lasts, at least; the page opens another. Spread over [`LIFE_SPREAD`].
const LIFE: Duration = Duration::from_mins(10);
const LIFE_SPREAD: Duration = Duration::from_mins(2);

/// A comment goes out after this time without an event, so that nothing on the way gives up.
const COMMENT: Duration = Duration::from_secs(15);

/// The shortest time between two events that only tell of a position: near the front, and far.
const NEAR: Duration = Duration::from_secs(1);
const FAR: Duration = Duration::from_secs(4);

/// Positions up to this one are near enough to be told of every second.
const NEAR_POSITION: u64 = 100;

/// What a visitor was last shown, as far as a change of it is worth an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shown {
    face: Face,
    position: Option<u64>,
    reason: Option<Reason>,
    away_until: Option<UnixTime>,
    message: Option<Box<str>>,
}

impl Shown {
    pub(super) fn of(notice: &Notice) -> Self {
        Self {
            face: notice.face,
            position: notice.position,
            reason: notice.reason,
            away_until: notice.away_until,
            message: notice.message.as_deref().map(Box::from),
        }
    }

    /// The event that tells what is different now; `None` where nothing is.
    fn event(&self, now: &Self) -> Option<EventName> {
        if self == now {
            return None;
        }
        Some(match now.face {
            Face::Released => EventName::Released,
            _ if self.message != now.message => EventName::Message,
            _ => EventName::Standing,
        })
    }

    /// Whether only the position is different.
    fn only_moved(&self, now: &Self) -> bool {
        let position = now.position;
        let moved = Self {
            position,
            ..self.clone()
        };
        moved == *now
    }
}

/// One open stream.
pub(super) struct Stream {
    pub(super) watcher: Watcher,
    /// Whether the store is being asked where it stands.
    pub(super) asked: bool,
    outbox: Outbox,
    slot: Slot,
    shown: Shown,
    ends_at: Duration,
    said_at: Duration,
    told_at: Duration,
    /// When it is worth looking at it again, unless something in the room changes for everybody.
    look_at: Duration,
}

impl Stream {
    pub(super) fn new(
        (watcher, outbox, slot): (Watcher, Outbox, Slot),
        shown: Shown,
        (now, seed): (Duration, u64),
    ) -> Self {
        Self {
            watcher,
            asked: false,
            outbox,
            slot,
            shown,
            ends_at: now + LIFE + spread(LIFE_SPREAD, seed),
            said_at: now,
            told_at: now,
            look_at: now,
        }
    }

    /// Whether it is time to look at it, where nothing changed for everybody.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        now >= self.look_at
    }

    /// Why it ends of itself, if it does.
    pub(super) fn is_over(&self, now: Duration) -> Option<StreamEnd> {
        if self.outbox.is_gone() {
            return Some(StreamEnd::Visitor);
        }
        (now >= self.ends_at).then_some(StreamEnd::Lifetime)
    }

    /// Tells what there is to tell, if it is different and not too soon.
    ///
    /// # Errors
    /// Why the stream is over: nobody reads, the reader is too slow, or it was called.
    pub(super) fn tell(&mut self, notice: &Notice, now: Duration) -> Result<(), StreamEnd> {
        let seen = Shown::of(notice);
        let pause = match seen.position {
            Some(position) if position > NEAR_POSITION => FAR,
            Some(_) | None => NEAR,
        };
        self.look_at = if pause == FAR { now + FAR } else { now };
        let Some(name) = self.shown.event(&seen) else {
            return Ok(());
        };
        if self.shown.only_moved(&seen) && now < self.told_at + pause {
            return Ok(());
        }
        self.shown = seen;
        self.told_at = now;
        self.say(event(name.word(), &status_of(notice).to_json()), now)?;
        self.slot.metrics.streams.told(name);
        if name == EventName::Released {
            return Err(StreamEnd::Over);
        }
        Ok(())
    }

    /// Shows that the stream is alive, if nothing else did so lately.
    ///
    /// # Errors
    /// Why the stream is over.
    pub(super) fn beat(&mut self, now: Duration) -> Result<(), StreamEnd> {
        if now < self.said_at + COMMENT {
            return Ok(());
        }
        self.say(Bytes::from_static(b": \n\n"), now)
    }

    /// Notes why it ends. It does when it is dropped; what waits to be read is still sent.
    pub(super) const fn ends_by(&mut self, why: StreamEnd) {
        self.slot.end = why;
    }

    fn say(&mut self, event: Bytes, now: Duration) -> Result<(), StreamEnd> {
        self.said_at = now;
        self.outbox.say(event).map_err(|unheard| match unheard {
            Unheard::Gone => StreamEnd::Visitor,
            Unheard::Full => StreamEnd::Slow,
        })
    }
}

/// An event as it goes over the wire. JSON has no line breaks of its own.
pub(super) fn event(name: &str, json: &[u8]) -> Bytes {
    let mut text = Vec::with_capacity(json.len() + name.len() + 16);
    text.extend_from_slice(b"event: ");
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b"\ndata: ");
    text.extend_from_slice(json);
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}

/// When the browser opens another stream after this one: two to seven seconds later.
pub(super) fn retry(seed: u64) -> Bytes {
    Bytes::from(format!("retry: {}\n\n", 2_000 + seed % 5_000))
}

/// A part of `most` that `seed` chooses.
fn spread(most: Duration, seed: u64) -> Duration {
    let parts = u32::try_from(seed % 1_024).unwrap_or(0);
    most * parts / 1_024
}
