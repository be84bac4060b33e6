//! The schedule: what has become due is written into the room's orders, by whichever gateway comes
//! first.

use std::time::Duration;

use super::{IDLE_SURVEY, RoomLoop};
use crate::domain::skew::WallClock;
use crate::domain::window::{Orders, Seal};
use crate::store::survey::StoreHealth;
use crate::store::{Ordered, StoreError};

impl RoomLoop {
    /// Acts on the times that have come. A gateway whose clock is off does not.
    pub(super) async fn keep_schedule(&self) -> Result<(), StoreError> {
        let snapshot = self.beat.snapshot.load();
        if snapshot.store != StoreHealth::Reachable || snapshot.skew.clock == WallClock::Off {
            return Ok(());
        }
        let orders = &snapshot.survey.orders;
        let now = self.beat.clock.now().wall;
        // A window that only tokens know is an operator's to continue; the opening of that very
        // one or of a newer one needs nobody.
        let is_known = |next: &Orders| {
            snapshot
                .unknown
                .is_none_or(|seen| next.window >= seen.window)
        };
        let due = orders.due(&self.beat.room.schedule, now);
        if let Some(next) = due.filter(is_known) {
            let (name, keys) = (&self.beat.room.name, self.beat.keys.load_full());
            let commitment = |window| keys.commitment(name, window);
            let next = next.sealed(
                orders,
                Seal {
                    commitment: &commitment,
                    totals: Some(snapshot.survey.totals()),
                },
            );
            let ordered = self.beat.store.order(name, &next, orders.version).await?;
            if ordered != Ordered::Done {
                return Ok(());
            }
            (self.beat.heard)("schedule", name, (orders, &next));
            tracing::info!(room = %name, state = next.state.word(), window = next.window.0, "the schedule changed the room");
        }
        Ok(())
    }

    /// Until the schedule, or a time that was ordered, changes the room; at most a survey's rest.
    pub(super) fn until_change(&self) -> Duration {
        let snapshot = self.beat.snapshot.load();
        let now = self.beat.clock.now().wall;
        snapshot
            .survey
            .orders
            .next_change(&self.beat.room.schedule)
            .map_or(IDLE_SURVEY, |at| at.since(now))
            .max(Duration::from_millis(10))
    }
}
