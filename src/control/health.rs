//! Whether this gateway lives, and whether it should be sent visitors.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::store::survey::StoreHealth;

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
    /// The store has not answered for longer than [`STORE_PATIENCE`].
    StoreAway,
}

impl NotReady {
    /// The word in the answer of `/readyz`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::StoreNotYet => "store_not_yet",
            Self::StoreAway => "store_away",
        }
    }
}

impl Readiness {
    /// Says from now on that the gateway is about to stop. There is no way back.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Every reason against sending visitors, each once, given the store's health as each room
    /// last saw it and the monotonic time; none means ready.
    #[must_use]
    pub fn reasons(
        &self,
        stores: impl IntoIterator<Item = StoreHealth>,
        now: Duration,
    ) -> Vec<NotReady> {
        let mut reasons = Vec::new();
        if self.draining.load(Ordering::Acquire) {
            reasons.push(NotReady::Draining);
        }
        for store in stores {
            let reason = match store {
                StoreHealth::Reachable => None,
                StoreHealth::NotYet => Some(NotReady::StoreNotYet),
                StoreHealth::AwaySince(at) => {
                    (now.saturating_sub(at) >= STORE_PATIENCE).then_some(NotReady::StoreAway)
                }
            };
            reasons.extend(reason.filter(|reason| !reasons.contains(reason)));
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_ready_until_it_drains_or_the_store_is_long_away() {
        let readiness = Readiness::default();
        let now = Duration::from_secs(100);
        let away = |secs| StoreHealth::AwaySince(now - Duration::from_millis(secs));
        for (stores, expected) in [
            (vec![], vec![]),
            (vec![StoreHealth::Reachable], vec![]),
            (vec![StoreHealth::Reachable, away(1_999)], vec![]),
            (vec![away(2_000), away(9_000)], vec![NotReady::StoreAway]),
            (
                vec![StoreHealth::NotYet, away(3_000)],
                vec![NotReady::StoreNotYet, NotReady::StoreAway],
            ),
        ] {
            assert_eq!(readiness.reasons(stores, now), expected);
        }
        readiness.drain();
        assert_eq!(readiness.reasons([], now), [NotReady::Draining]);
    }
}
