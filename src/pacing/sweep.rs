//! What lapsed is cleared away, a bounded number at a time.

use std::time::Duration;

use super::{RoomLoop, has_somebody};
use crate::store::StoreError;

/// How often what lapsed is cleared away by the gateway that has the ticks.
const SWEEP: Duration = Duration::from_secs(1);

/// How often every gateway looks for something to clear away in a room that does not tick.
const IDLE_SWEEP: Duration = Duration::from_mins(1);

impl RoomLoop {
    /// Clears away what lapsed, where this gateway has the ticks; where nobody has, every gateway
    /// looks now and then.
    pub(super) async fn sweep_if_due(&mut self) -> Result<(), StoreError> {
        let now = self.beat.clock.now().mono;
        let idle = !has_somebody(&self.beat.snapshot.load().survey);
        let every = match (self.leads, idle) {
            (true, false) => SWEEP,
            (_, true) if self.littered => SWEEP,
            (_, true) => IDLE_SWEEP,
            (false, false) => return Ok(()),
        };
        if now.saturating_sub(self.swept) < every {
            return Ok(());
        }
        self.swept = now;
        let room = &self.beat.room;
        self.littered = self.beat.store.sweep(&room.name, &self.terms()).await? > 0;
        Ok(())
    }
}
