//! How many frames that cost us work and bring no request a visitor may send.
//!
//! The library under us bounds what it must remember: streams, header lists, resets of streams it
//! has not handed on, streams it had to reset itself. It answers every PING and every SETTINGS,
//! and reads as many PRIORITY, WINDOW_UPDATE and empty frames as come. Those are bounded here, by
//! buckets that fill with frames and leak with time, and so are resets of any stream.

use std::time::Duration;

use super::frames::{FrameHead, Kind};
use crate::telemetry::connections::Flood;

/// A thousandth of a frame, so that a leak of some frames a second is exact to the millisecond.
const FRAME: u64 = 1_000;

/// How many frames of a kind may come: `burst` at once, and so many a second in the long run.
#[derive(Clone, Copy, Debug)]
struct Bound {
    burst: u64,
    per_second: u64,
}

/// Somebody who leaves a page resets as many streams as are open.
const RESETS: Bound = Bound {
    burst: 200,
    per_second: 20,
};
/// Answers to our own PINGs count too: one each half minute.
const PINGS: Bound = Bound {
    burst: 50,
    per_second: 10,
};
/// One at the beginning, one that acknowledges ours, and few ever after.
const SETTINGS: Bound = Bound {
    burst: 20,
    per_second: 2,
};
/// Older browsers build a tree of them at first and place every stream in it.
const PRIORITIES: Bound = Bound {
    burst: 400,
    per_second: 100,
};
/// Beyond those that [`Meter::sent`] allows for.
const WINDOW_UPDATES: Bound = Bound {
    burst: 1_000,
    per_second: 100,
};
/// DATA that brings nothing and ends nothing.
const EMPTY: Bound = Bound {
    burst: 50,
    per_second: 10,
};
/// Kinds that mean nothing to a server.
const OTHERS: Bound = Bound {
    burst: 50,
    per_second: 10,
};

/// WINDOW_UPDATEs that one frame of ours with data may be answered with.
const UPDATES_PER_DATA: u64 = 4;

/// Parts a header block may be cut into. One that fits the header list we take needs three.
const PARTS: u32 = 8;

/// Bytes of one header block, in all its parts.
const BLOCK: u32 = 64 << 10;

/// A bucket that leaks.
#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    level: u64,
    at: Duration,
}

impl Bucket {
    /// Whether one more fits at this time.
    fn take(&mut self, bound: Bound, now: Duration) -> bool {
        let elapsed = now.saturating_sub(self.at).as_millis();
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX);
        let leaked = elapsed.saturating_mul(bound.per_second);
        self.level = self.level.saturating_sub(leaked).saturating_add(FRAME);
        self.at = self.at.max(now);
        self.level <= bound.burst * FRAME
    }

    fn give_back(&mut self, frames: u64) {
        self.level = self.level.saturating_sub(frames * FRAME);
    }
}

/// What a connection has sent of what costs us work.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Meter {
    resets: Bucket,
    pings: Bucket,
    settings: Bucket,
    priorities: Bucket,
    updates: Bucket,
    empty: Bucket,
    others: Bucket,
    block: Block,
}

/// The header block that is arriving.
#[derive(Clone, Copy, Debug, Default)]
struct Block {
    parts: u32,
    bytes: u32,
}

impl Meter {
    /// Takes note of a frame from the visitor.
    ///
    /// # Errors
    /// The [`Flood`] that this frame is one too many of.
    pub(super) fn receive(&mut self, head: FrameHead, now: Duration) -> Result<(), Flood> {
        let (bucket, bound, flood) = match head.kind {
            Kind::Headers | Kind::Continuation => return self.block(head),
            Kind::Data if head.length > 0 || head.ends_stream() => return Ok(()),
            Kind::Data => (&mut self.empty, EMPTY, Flood::Empty),
            Kind::Reset => (&mut self.resets, RESETS, Flood::Resets),
            Kind::Ping => (&mut self.pings, PINGS, Flood::Pings),
            Kind::Settings => (&mut self.settings, SETTINGS, Flood::Settings),
            Kind::Priority => (&mut self.priorities, PRIORITIES, Flood::Priorities),
            Kind::WindowUpdate => (&mut self.updates, WINDOW_UPDATES, Flood::WindowUpdates),
            Kind::GoAway | Kind::Other => (&mut self.others, OTHERS, Flood::Others),
        };
        if bucket.take(bound, now) {
            Ok(())
        } else {
            Err(flood)
        }
    }

    /// Takes note of a frame to the visitor: data may be answered with WINDOW_UPDATEs.
    pub(super) fn sent(&mut self, head: FrameHead) {
        if head.kind == Kind::Data {
            self.updates.give_back(UPDATES_PER_DATA);
        }
    }

    fn block(&mut self, head: FrameHead) -> Result<(), Flood> {
        if head.kind == Kind::Headers {
            self.block = Block::default();
        }
        self.block.parts = self.block.parts.saturating_add(1);
        self.block.bytes = self.block.bytes.saturating_add(head.length);
        if self.block.parts > PARTS || self.block.bytes > BLOCK {
            return Err(Flood::Continuations);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn head(kind: Kind, flags: u8, length: u32) -> FrameHead {
        FrameHead {
            length,
            kind,
            flags,
            stream: 1,
        }
    }

    /// How many frames of a kind are taken when `per_ms` come each millisecond for a minute.
    fn taken(frame: FrameHead, per_ms: u32) -> (u32, Option<Flood>) {
        let mut meter = Meter::default();
        for count in 0..60_000 * per_ms {
            let now = Duration::from_millis(u64::from(count / per_ms));
            if let Err(flood) = meter.receive(frame, now) {
                return (count, Some(flood));
            }
        }
        (60_000 * per_ms, None)
    }

    #[test]
    fn r3_each_flood_is_known_within_a_second() {
        for (kind, flood) in [
            (Kind::Reset, Flood::Resets),
            (Kind::Ping, Flood::Pings),
            (Kind::Settings, Flood::Settings),
            (Kind::Priority, Flood::Priorities),
            (Kind::WindowUpdate, Flood::WindowUpdates),
            (Kind::Data, Flood::Empty),
            (Kind::GoAway, Flood::Others),
            (Kind::Other, Flood::Others),
        ] {
            let (count, found) = taken(head(kind, 0, 0), 2);
            assert_eq!(found, Some(flood), "{kind:?}");
            assert!(
                count <= 2_000,
                "{kind:?} only after {count} in {count}/2 ms"
            );
        }
    }

    #[test]
    fn r3_a_header_block_has_few_parts_and_a_bounded_length() {
        let mut meter = Meter::default();
        assert!(
            meter
                .receive(head(Kind::Headers, 0, 0), Duration::ZERO)
                .is_ok()
        );
        let parts = (0..100).take_while(|_| {
            let part = head(Kind::Continuation, 0, 1);
            meter.receive(part, Duration::ZERO).is_ok()
        });
        assert_eq!(parts.count(), 7);

        let long = meter.receive(head(Kind::Headers, 4, BLOCK + 1), Duration::ZERO);
        assert_eq!(long, Err(Flood::Continuations));
        assert!(
            meter
                .receive(head(Kind::Headers, 4, 90), Duration::ZERO)
                .is_ok()
        );
    }

    #[test]
    fn what_brings_something_is_never_counted() {
        for frame in [
            head(Kind::Data, 0, 1),
            head(Kind::Data, 1, 0),
            head(Kind::Headers, 5, 40),
        ] {
            assert_eq!(taken(frame, 20).1, None, "{frame:?}");
        }
    }

    #[test]
    fn a_steady_visitor_is_never_taken_for_a_flood() {
        let mut meter = Meter::default();
        for second in 0..3_600_u64 {
            let now = Duration::from_secs(second);
            for (kind, count) in [
                (Kind::Reset, 10),
                (Kind::Ping, 2),
                (Kind::Settings, 1),
                (Kind::Priority, 60),
                (Kind::WindowUpdate, 60),
            ] {
                for _ in 0..count {
                    assert_eq!(meter.receive(head(kind, 0, 4), now), Ok(()), "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn data_may_be_answered_with_window_updates_however_much_it_is() {
        let mut meter = Meter::default();
        for _ in 0..100_000 {
            meter.sent(head(Kind::Data, 0, 16_384));
            for _ in 0..4 {
                let update = meter.receive(head(Kind::WindowUpdate, 0, 4), Duration::ZERO);
                assert_eq!(update, Ok(()));
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn a_bucket_never_lets_more_through_than_it_says(
            gaps in proptest::collection::vec(0_u64..200, 1..400),
        ) {
            let mut bucket = Bucket::default();
            let mut now = 0;
            let mut taken = 0;
            for gap in gaps {
                now += gap;
                if bucket.take(PINGS, Duration::from_millis(now)) {
                    taken += 1;
                }
            }
            proptest::prop_assert!(taken * 1_000 <= PINGS.burst * 1_000 + PINGS.per_second * now);
        }
    }
}
