//! What the gate leaves for the store is carried there: ends at once, touches once a second.

use std::time::Duration;

use super::RoomLoop;
use crate::domain::session::LEEWAY;
use crate::store::notes::Alive;
use crate::store::{Ending, StoreError, Touch, Touched};

/// How often touches are carried: a session waits a hundred times longer for one.
const TOUCHES: Duration = Duration::from_secs(1);

/// Touches and ends carried in one call.
const NOTES_A_CALL: usize = 1_000;

impl RoomLoop {
    /// Carries every end that waits, and the touches if they have waited long enough.
    pub(super) async fn carry_due(&mut self) -> Result<(), StoreError> {
        self.carry_ends().await?;
        let now = self.beat.clock.now().mono;
        let due = self
            .touched
            .is_none_or(|last| now.saturating_sub(last) >= TOUCHES);
        if due {
            self.touched = Some(now);
            self.carry_touches().await?;
        }
        Ok(())
    }

    /// Carries everything that waits.
    pub(super) async fn carry_all(&mut self) -> Result<(), StoreError> {
        self.carry_ends().await?;
        self.carry_touches().await
    }

    /// Tells the store again of the ends that this gateway remembers.
    pub(super) async fn tell_ends_again(&self) -> Result<(), StoreError> {
        let endings = self.ends.to_tell(self.beat.clock.now().mono);
        self.tell_ends(&endings).await
    }

    async fn carry_ends(&mut self) -> Result<(), StoreError> {
        let endings = self.beat.notes.take_endings();
        if let Err(fault) = self.tell_ends(&endings).await {
            self.beat.notes.put_back(endings);
            return Err(fault);
        }
        let sessions: Vec<_> = endings.iter().map(|ending| ending.session).collect();
        self.learn_ends(&sessions);
        Ok(())
    }

    async fn tell_ends(&self, endings: &[Ending]) -> Result<(), StoreError> {
        let name = &self.beat.room.name;
        for chunk in endings.chunks(NOTES_A_CALL) {
            self.beat.store.end(name, chunk).await?;
        }
        Ok(())
    }

    /// Remembers ends as long as a token of such a session could be honoured.
    pub(super) fn learn_ends(&mut self, sessions: &[crate::domain::session::Jti]) {
        let now = self.beat.clock.now().mono;
        let keep = self.beat.room.terms.session.idle * 2 + LEEWAY;
        if self.ends.learn(sessions, now.saturating_add(keep), now) {
            self.keeping.ends_changed();
        }
    }

    async fn carry_touches(&self) -> Result<(), StoreError> {
        let waiting = self.beat.notes.take_touches();
        let mut chunks = waiting.chunks(NOTES_A_CALL);
        while let Some(chunk) = chunks.next() {
            if let Err(fault) = self.carry_chunk(chunk).await {
                self.beat.notes.put_back_touches(chunk);
                chunks.for_each(|rest| self.beat.notes.put_back_touches(rest));
                return Err(fault);
            }
        }
        Ok(())
    }

    async fn carry_chunk(&self, chunk: &[Alive]) -> Result<(), StoreError> {
        let idle = self.beat.room.terms.session.idle;
        let sent = self.watch.skew().correct(self.beat.clock.now()).wall;
        let touch = |alive: &Alive| Touch {
            session: alive.session,
            rev: alive.rev,
            life: idle.min(alive.ends.since(sent)),
        };
        let touches: Vec<Touch> = chunk.iter().map(touch).collect();
        let name = &self.beat.room.name;
        let answers = self.beat.store.touch(name, &touches).await?;
        for ((alive, touch), answer) in chunk.iter().zip(&touches).zip(answers) {
            if answer == Touched::Held {
                alive.renewal.hold_until(sent.after(touch.life));
            }
        }
        Ok(())
    }
}
