//! Whether this gateway lives, and whether it should be sent visitors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::domain::clock::{Now, UnixTime};
use crate::domain::skew::{Skew, WallClock};
use crate::store::survey::{Snapshot, StoreHealth};

/// For so long the store may be away before the gateway says that it is not ready. Admitted
/// visitors are served all the while.
pub const STORE_PATIENCE: Duration = Duration::from_secs(2);

/// What the process knows about itself, shared by those who change it and `/readyz`.
#[derive(Debug, Default)]
pub struct Readiness {
    draining: AtomicBool,
}

/// Why the gateway should be sent no visitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotReady {
    /// It is about to stop.
    Draining,
    /// The store has not answered since the start.
    StoreNotYet,
    /// The store has not answered since then, for longer than [`STORE_PATIENCE`].
    StoreAway(UnixTime),
    /// What the store lost could not be put back since then, for longer than [`STORE_PATIENCE`].
    StoreLost(UnixTime),
    /// The wall clock is so many milliseconds ahead of the store's (negative: behind), so that
    /// nothing is signed.
    ClockOff(i64),
}

impl NotReady {
    /// The word in the answer of `/readyz`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::StoreNotYet => "store_not_yet",
            Self::StoreAway(_) => "store_away",
            Self::StoreLost(_) => "store_lost",
            Self::ClockOff(_) => "clock_off",
        }
    }

    /// The same in a sentence.
    #[must_use]
    pub fn detail(self) -> String {
        match self {
            Self::Draining => "the gateway is about to stop".into(),
            Self::StoreNotYet => "the store has not answered since the gateway started".into(),
            Self::StoreAway(since) => {
                format!("the store has not answered since {}", since.rfc3339())
            }
            Self::StoreLost(since) => format!(
                "the store has known less than this gateway since {}, and it could not be put back",
                since.rfc3339()
            ),
            Self::ClockOff(ahead_ms) => {
                let word = if ahead_ms < 0 { "behind" } else { "ahead of" };
                let (secs, millis) = (ahead_ms.abs() / 1_000, ahead_ms.abs() % 1_000);
                format!(
                    "this gateway's clock is {secs}.{millis:03} s {word} the store's: it lets nobody new in until that is put right"
                )
            }
        }
    }
}

impl Readiness {
    /// Says from now on that the gateway is about to stop. There is no way back.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Every reason against sending visitors, each kind once, given what is known of each room;
    /// none means ready.
    #[must_use]
    pub fn reasons<'a>(
        &self,
        rooms: impl IntoIterator<Item = &'a Snapshot>,
        now: Now,
    ) -> Vec<NotReady> {
        let mut reasons = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            reasons.push(NotReady::Draining);
        }
        for room in rooms {
            for reason in [store(room.store, now), clock(room.skew)] {
                let known = |reason: &NotReady| {
                    let word = reason.word();
                    reasons.iter().any(|known| known.word() == word)
                };
                let new = reason.filter(|reason| !known(reason));
                reasons.extend(new);
            }
        }
        reasons
    }
}

fn store(store: StoreHealth, now: Now) -> Option<NotReady> {
    let (at, reason): (_, fn(UnixTime) -> NotReady) = match store {
        StoreHealth::Reachable => return None,
        StoreHealth::NotYet => return Some(NotReady::StoreNotYet),
        StoreHealth::AwaySince(at) => (at, NotReady::StoreAway),
        StoreHealth::LostSince(at) => (at, NotReady::StoreLost),
    };
    let lasts = now.mono.saturating_sub(at);
    let millis = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
    let since = UnixTime::from_millis(now.wall.millis().saturating_sub(millis));
    (lasts >= STORE_PATIENCE).then(|| reason(since))
}

fn clock(skew: Skew) -> Option<NotReady> {
    match skew.clock {
        WallClock::Right => None,
        WallClock::Off => Some(NotReady::ClockOff(skew.ahead_ms)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Now = Now {
        mono: Duration::from_secs(100),
        wall: UnixTime::from_secs(1_800_000_000),
    };

    fn away(millis: u64) -> StoreHealth {
        StoreHealth::AwaySince(NOW.mono - Duration::from_millis(millis))
    }

    fn rooms(stores: &[StoreHealth]) -> Vec<Snapshot> {
        let room = |store: &StoreHealth| Snapshot {
            store: *store,
            ..Snapshot::default()
        };
        stores.iter().map(room).collect()
    }

    #[test]
    fn a_gateway_is_ready_until_it_drains_or_the_store_is_long_away() {
        let readiness = Readiness::default();
        let lost = StoreHealth::LostSince(NOW.mono - Duration::from_secs(5));
        let since = |secs| UnixTime::from_secs(NOW.wall.secs() - secs);
        for (stores, expected) in [
            (vec![], vec![]),
            (vec![StoreHealth::Reachable], vec![]),
            (vec![StoreHealth::Reachable, away(1_999)], vec![]),
            (
                vec![away(2_000), away(9_000)],
                vec![NotReady::StoreAway(since(2))],
            ),
            (vec![lost], vec![NotReady::StoreLost(since(5))]),
            (
                vec![StoreHealth::NotYet, away(3_000)],
                vec![NotReady::StoreNotYet, NotReady::StoreAway(since(3))],
            ),
        ] {
            assert_eq!(readiness.reasons(&rooms(&stores), NOW), expected);
        }
        readiness.drain();
        assert_eq!(readiness.reasons([], NOW), [NotReady::Draining]);
    }

    #[test]
    fn t17_f20_a_gateway_whose_clock_is_wrong_says_how_far() {
        let mut room = Snapshot {
            store: StoreHealth::Reachable,
            ..Snapshot::default()
        };
        room.skew = Skew {
            ahead_ms: -4_250,
            clock: WallClock::Off,
        };
        let reasons = Readiness::default().reasons([&room], NOW);
        assert_eq!(reasons, [NotReady::ClockOff(-4_250)]);
        let told = reasons[0].detail();
        assert!(told.contains("4.250 s behind the store's"), "{told}");
        let away = NotReady::StoreAway(NOW.wall).detail();
        assert!(away.ends_with("since 2027-01-15T08:00:00Z"), "{away}");
    }
}
