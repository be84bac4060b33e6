//! What the gate leaves for the store is carried there: ends and holds at once, touches and what
//! the site says is left once a second.

use std::time::Duration;

use super::RoomLoop;
use crate::domain::session::{Jti, LEEWAY};
use crate::domain::standing::EndedBy;
use crate::domain::stock::Word;
use crate::domain::window::Order;
use crate::store::notes::{Alive, Kept};
use crate::store::survey::StoreHealth;
use crate::store::{Ending, Held, Hold, Ordered, StoreError, Touch, Touched};

/// How often touches are carried: a session waits a hundred times longer for one.
const TOUCHES: Duration = Duration::from_secs(1);

/// How often what is left is told again where other orders come between.
const TRIES: usize = 5;

/// Touches and ends carried in one call.
const NOTES_A_CALL: usize = 1_000;

impl RoomLoop {
    /// Carries every end and hold that waits, and the touches and what was said of the stock if
    /// they have waited long enough.
    pub(super) async fn carry_due(&mut self) -> Result<(), StoreError> {
        self.carry_ends().await?;
        self.carry_holds().await?;
        let now = self.beat.clock.now().mono;
        let due = self
            .touched
            .is_none_or(|last| now.saturating_sub(last) >= TOUCHES);
        if due {
            self.touched = Some(now);
            self.carry_touches().await?;
            self.carry_stock().await?;
        }
        Ok(())
    }

    /// Carries everything that waits.
    pub(super) async fn carry_all(&mut self) -> Result<(), StoreError> {
        self.carry_ends().await?;
        self.carry_holds().await?;
        self.carry_touches().await?;
        self.carry_stock().await
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
        let ends: Vec<_> = endings.iter().map(|end| (end.session, end.why)).collect();
        self.learn_ends(&ends);
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
    pub(super) fn learn_ends(&mut self, ends: &[(Jti, EndedBy)]) {
        let now = self.beat.clock.now().mono;
        let terms = &self.beat.room.terms.session;
        let keep = terms.longest_token() + terms.idle + LEEWAY;
        if self.ends.learn(ends, now.saturating_add(keep), now) {
            self.keeping.ends_changed();
        }
    }

    /// Carries the holds that the store could not take when the site asked for them.
    async fn carry_holds(&self) -> Result<(), StoreError> {
        let waiting = self.beat.notes.take_holds();
        let mut chunks = waiting.chunks(NOTES_A_CALL);
        while let Some(chunk) = chunks.next() {
            if let Err(fault) = self.carry_some_holds(chunk).await {
                self.beat.notes.put_back_holds(chunk);
                chunks.for_each(|rest| self.beat.notes.put_back_holds(rest));
                return Err(fault);
            }
        }
        Ok(())
    }

    async fn carry_some_holds(&self, chunk: &[Kept]) -> Result<(), StoreError> {
        let at = self.watch.skew().correct(self.beat.clock.now()).wall;
        let holds: Vec<Hold> = chunk.iter().map(|kept| Hold { at, ..kept.hold }).collect();
        let answers = self.beat.store.hold(&self.beat.room.name, &holds).await?;
        for (kept, answer) in chunk.iter().zip(answers) {
            if let Held::Until(until) = answer {
                kept.renewal.keep_until(until);
            }
        }
        Ok(())
    }

    /// Tells the store what the site last said is left.
    async fn carry_stock(&self) -> Result<(), StoreError> {
        let Some(left) = self.beat.notes.take_stock() else {
            return Ok(());
        };
        let told = self.tell_stock(left).await;
        if !matches!(told, Ok(true)) {
            self.beat.notes.put_back_stock(left);
        }
        told.map(drop)
    }

    /// Whether what is left stands in the orders now.
    async fn tell_stock(&self, left: u64) -> Result<bool, StoreError> {
        let snapshot = self.beat.snapshot.load_full();
        if snapshot.store != StoreHealth::Reachable || snapshot.unknown.is_some() {
            return Ok(false);
        }
        let (name, now) = (&self.beat.room.name, self.beat.clock.now().wall);
        let order = Order::Stock {
            left,
            over: snapshot.survey.over(),
            word: Word::Site,
        };
        let mut orders = snapshot.survey.orders.clone();
        for _ in 0..TRIES {
            let next = match orders.apply(&order, now) {
                Ok(next) if next != orders => next,
                Ok(_) | Err(_) => return Ok(true),
            };
            match self.beat.store.order(name, &next, orders.version).await? {
                Ordered::Changed(current) => orders = *current,
                Ordered::Done => {
                    if next.is_sold_out() {
                        tracing::info!(room = %name, window = next.window.0, "the site says that nothing is left: the window has ended");
                    }
                    return Ok(true);
                }
            }
        }
        Ok(false)
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
            life: idle
                .min(alive.ends.since(sent))
                .max(alive.least.since(sent)),
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
