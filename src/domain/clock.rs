//! The only file that reads a clock. Everything else takes [`Now`] as an argument.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time since the clock was made. Order and pacing use only this.
    pub mono: Duration,
    /// Wall time. Token lifetimes, schedules and what people read use this.
    pub wall: UnixTime,
}

/// Wall time in milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

/// 2025-01-01T00:00:00Z in seconds since 1970: the year zero of windows, epochs and queue tokens.
pub const YEAR_ZERO_S: u64 = 1_735_689_600;

impl UnixTime {
    /// From milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn secs(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole minutes since 2025-01-01 UTC, 0 before it; at most `u32::MAX`.
    #[must_use]
    pub fn minutes_since_2025(self) -> u32 {
        u32::try_from(self.secs().saturating_sub(YEAR_ZERO_S) / 60).unwrap_or(u32::MAX)
    }

    /// This time less `span`, no earlier than 1970.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_sub(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// This time plus `span`, saturating.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(
            self.0
                .saturating_add(u64::try_from(span.as_millis()).unwrap_or(u64::MAX)),
        )
    }

    /// How long after `earlier` this is; zero if it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0))
    }

    /// RFC 3339 in UTC with whole seconds, as every answer of ours shows times.
    #[must_use]
    pub fn rfc3339(self) -> String {
        i64::try_from(self.secs())
            .ok()
            .and_then(|secs| jiff::Timestamp::from_second(secs).ok())
            .map_or_else(
                || "9999-12-31T23:59:59Z".to_owned(),
                |stamp| stamp.to_string(),
            )
    }

    /// As a `Date` field says it, RFC 9110 section 5.6.7.
    #[must_use]
    pub fn http_date(self) -> String {
        let stamp = i64::try_from(self.secs())
            .ok()
            .and_then(|secs| jiff::Timestamp::from_second(secs).ok());
        let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
        stamp
            .and_then(|stamp| printer.timestamp_to_rfc9110_string(&stamp).ok())
            .unwrap_or_else(|| "Fri, 31 Dec 9999 23:59:59 GMT".to_owned())
    }
}

/// A source of [`Now`]: the machine's clocks, or one that a test moves by hand.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Machine { started: std::time::Instant },
    ByHand(Arc<ByHand>),
}

#[derive(Debug, Default)]
struct ByHand {
    mono_micros: AtomicU64,
    wall_millis: AtomicU64,
}

impl Clock {
    /// The machine's monotonic and wall clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn machine() -> Self {
        Self(Source::Machine {
            started: std::time::Instant::now(),
        })
    }

    /// A clock that stands still at `wall` until [`Clock::advance`] moves it.
    #[must_use]
    pub fn by_hand(wall: UnixTime) -> Self {
        let hands = ByHand::default();
        hands.wall_millis.store(wall.millis(), Ordering::SeqCst);
        Self(Source::ByHand(Arc::new(hands)))
    }

    /// Reads both clocks.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn now(&self) -> Now {
        match &self.0 {
            Source::Machine { started } => Now {
                mono: started.elapsed(),
                wall: UnixTime(
                    std::time::SystemTime::now()
                        .duration_since(std::time::UNIX_EPOCH)
                        .map_or(0, |span| {
                            u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
                        }),
                ),
            },
            Source::ByHand(hands) => Now {
                mono: Duration::from_micros(hands.mono_micros.load(Ordering::SeqCst)),
                wall: UnixTime(hands.wall_millis.load(Ordering::SeqCst)),
            },
        }
    }

    /// Moves a clock made by [`Clock::by_hand`]; the machine's clock moves by itself.
    pub fn advance(&self, span: Duration) {
        if let Source::ByHand(hands) = &self.0 {
            let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
            hands.mono_micros.fetch_add(micros, Ordering::SeqCst);
            hands
                .wall_millis
                .fetch_add(micros / 1_000, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_by_hand_moves_only_when_moved() {
        let clock = Clock::by_hand(UnixTime::from_secs(YEAR_ZERO_S + 120));
        let before = clock.now();

        clock.advance(Duration::from_millis(1_500));

        let after = clock.now();
        assert_eq!(after.mono - before.mono, Duration::from_millis(1_500));
        assert_eq!(after.wall.since(before.wall), Duration::from_millis(1_500));
        assert_eq!(before.wall.minutes_since_2025(), 2);
        assert_eq!(before.wall.rfc3339(), "2025-01-01T00:02:00Z");
    }

    #[test]
    fn a_date_field_has_the_form_that_every_client_reads() {
        for (secs, date) in [
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (u64::MAX / 1_000, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(UnixTime::from_secs(secs).http_date(), date);
        }
    }
}
