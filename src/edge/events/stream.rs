//! One open stream: what it has shown, and when it says something again.

use std::time::Duration;

use bytes::Bytes;

use super::Slot;
use super::outbox::{Outbox, Unheard};
use crate::domain::clock::UnixTime;
use crate::edge::notice::status_of;
use crate::gate::notice::{Face, Notice, Reason};
use crate::gate::watch::Watcher;
use crate::telemetry::streams::{EventName, StreamEnd};

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
    opens_at: Option<UnixTime>,
    message: Option<Box<str>>,
}

impl Shown {
    pub(super) fn of(notice: &Notice) -> Self {
        Self {
            face: notice.face,
            position: notice.position,
            reason: notice.reason,
            away_until: notice.away_until,
            opens_at: notice.opens_at,
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
        // Whoever has no position is told of what changes for everybody.
        let pause = match seen.position {
            Some(position) if position <= NEAR_POSITION => NEAR,
            Some(_) | None => FAR,
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::{Most, Streams};
    use super::*;
    use crate::telemetry::metrics::Metrics;
    use crate::telemetry::reading::settings_for_test;

    fn shown(position: u64) -> Shown {
        Shown {
            face: Face::Waiting,
            position: Some(position),
            reason: None,
            away_until: None,
            opens_at: None,
            message: None,
        }
    }

    #[test]
    fn an_event_tells_what_is_different_and_nothing_else_is_one() {
        let was = shown(7);
        assert_eq!(was.event(&shown(7)), None);
        assert_eq!(was.event(&shown(6)), Some(EventName::Standing));
        assert!(was.only_moved(&shown(6)));
        let message = Shown {
            message: Some("Doors at 8".into()),
            ..shown(6)
        };
        assert_eq!(was.event(&message), Some(EventName::Message));
        assert!(!was.only_moved(&message));
        let called = Shown {
            face: Face::Released,
            position: None,
            ..message.clone()
        };
        assert_eq!(message.event(&called), Some(EventName::Released));
        let paused = Shown {
            face: Face::Paused,
            ..shown(7)
        };
        assert_eq!(was.event(&paused), Some(EventName::Standing));
        assert!(!was.only_moved(&paused));
    }

    #[test]
    fn a_stream_tells_of_a_position_now_and_then_and_drops_who_reads_too_slowly() {
        let metrics = Arc::new(Metrics::new().unwrap());
        let most = Most {
            all: 1,
            per_network: 1,
        };
        let streams = Streams::new(most, Arc::clone(&metrics));
        let client = "192.0.2.1".parse().unwrap();
        let slot = streams.take_place(client).unwrap();
        assert!(streams.take_place(client).is_err());
        let (outbox, body) = Outbox::new([]);
        let settings = Arc::new(settings_for_test("derby"));
        let at = |position| {
            let now = UnixTime::from_secs(1_800_000_000);
            let mut notice = Notice::of(Arc::clone(&settings), Face::Waiting, now);
            notice.position = Some(position);
            notice
        };
        let seconds = Duration::from_secs;
        let watching = (Watcher::for_test(), outbox, slot);
        let mut stream = Stream::new(watching, Shown::of(&at(900)), (seconds(1), 0));
        let told = |metrics: &Metrics| {
            let text = metrics.scrape(&[]).unwrap();
            let line = text
                .lines()
                .find(|line| line.contains("event=\"standing\""));
            line.unwrap().rsplit(' ').next().unwrap().to_owned()
        };
        for (position, now, expected) in
            [(899, 2, "0"), (898, 5, "1"), (898, 9, "1"), (99, 10, "2")]
        {
            stream.tell(&at(position), seconds(now)).unwrap();
            assert_eq!(told(&metrics), expected, "{position} at {now} s");
        }
        for number in 3..=8 {
            stream
                .tell(&at(99 - number), seconds(20 + 2 * number))
                .unwrap();
        }
        assert_eq!(stream.beat(seconds(40)), Ok(()));
        let slow = stream.tell(&at(1), seconds(50));
        assert_eq!(slow, Err(StreamEnd::Slow));
        assert_eq!(stream.is_over(seconds(600)), None);
        assert_eq!(stream.is_over(seconds(601)), Some(StreamEnd::Lifetime));
        stream.ends_by(StreamEnd::Slow);
        drop(stream);
        let text = metrics.scrape(&[]).unwrap();
        assert!(text.contains("anteroom_event_streams_ended_total{by=\"slow\"} 1\n"));
        assert!(text.contains("anteroom_event_streams_open 0\n"));
        assert!(streams.take_place(client).is_ok(), "its place is free");
        drop(body);
    }

    #[test]
    fn an_event_is_a_name_and_one_line_of_data() {
        let text = event("standing", br#"{"position":7}"#);
        assert_eq!(text, "event: standing\ndata: {\"position\":7}\n\n");
        for seed in [0, 4_999, 5_000, u64::MAX] {
            let text = String::from_utf8(retry(seed).to_vec()).unwrap();
            let wait = text.strip_prefix("retry: ").unwrap().trim();
            assert!(
                (2_000..7_000).contains(&wait.parse::<u64>().unwrap()),
                "{text}"
            );
            assert!(spread(LIFE_SPREAD, seed) < LIFE_SPREAD);
        }
    }
}
