//! What a room knows less of than gateways do, and how it is put back.

use std::time::Duration;

use super::moment::Moment;
use super::room::Room;
use crate::domain::place::{Epoch, Place};
use crate::domain::window::WindowId;
use crate::store::recovery::{Recovery, Rest};
use crate::store::{CheckIn, StoreError};

impl Room {
    /// Whether the room knows of the newest window it is asked about.
    pub(super) fn has_reached(&self, newest: Option<WindowId>) -> Result<(), StoreError> {
        if newest.is_some_and(|window| window > self.window()) {
            return Err(StoreError::Lost);
        }
        Ok(())
    }

    /// Whether the room still knows what a token was made from.
    pub(super) fn has_made(&self, token: &CheckIn) -> Result<(), StoreError> {
        let seen = (token.window, token.epoch, token.tick);
        if seen > (self.window(), self.epoch(), self.head.ticks.tick) {
            return Err(StoreError::Lost);
        }
        Ok(())
    }

    /// Room time left of a recovery.
    pub(super) fn recovering(&self) -> Duration {
        self.head.recovering_until.left(self.now())
    }

    /// How many count as inside although the room does not know them.
    pub(super) fn missing(&self) -> u64 {
        if self.head.missing_until > self.now() {
            self.head.missing
        } else {
            0
        }
    }

    /// One of the missing was found, or has ended.
    pub(super) const fn one_found(&mut self) {
        self.head.missing = self.head.missing.saturating_sub(1);
    }

    /// Takes a gateway's memory of the room.
    pub(super) fn recover(&mut self, recovery: &Recovery) -> Epoch {
        let older = recovery.orders.version > self.head.orders.version;
        if older {
            self.write(&recovery.orders);
        }
        let enters = recovery.epoch > self.epoch() && Place::new(recovery.epoch, 0).is_some();
        if enters {
            self.head.epoch = recovery.epoch.0;
            self.head.last_number = 0;
        }
        if older || enters || recovery.rest == Rest::Always {
            self.rest(recovery);
        }
        self.epoch()
    }

    /// Nobody is released for a while, and the bucket starts empty after it.
    fn rest(&mut self, recovery: &Recovery) {
        let known = self.turns.len() as u64 + self.sessions.active();
        let head = &mut self.head;
        let now = Moment(head.ticks.earned);
        head.recovering_until = head.recovering_until.max(now.after(recovery.pause));
        head.missing = head.missing.max(recovery.inside.saturating_sub(known));
        head.missing_until = head.missing_until.max(now.after(recovery.inside_for));
        head.ticks.credit = 0;
        head.ticks.spent = 0;
        head.ticks.slack = 0;
        head.ticks.last_pace = None;
        head.ticks.anchor += 1;
        self.changed();
    }
}
