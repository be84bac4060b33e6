//! The loop of each room: what waits for the store, the schedule, the tick, the survey.
//!
//! One loop a room and gateway. It moves facts between store and snapshot and decides nothing:
//! what a tick may release is `domain::tick`'s to say, inside the store.

mod beat;
#[cfg(test)]
pub(crate) mod house;
#[cfg(test)]
mod tests;

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::estimate::Flow;
use crate::domain::pace::TICK;
use crate::domain::session::{Jti, LEEWAY};
use crate::domain::tick::{Pacer, Sight};
use crate::store::survey::{Snapshot, StoreHealth, Survey};
use crate::store::{Ordered, StoreError, Touch, Touched};

pub use beat::{Beat, Told};

/// How often a room that has nobody is surveyed.
const IDLE_SURVEY: Duration = Duration::from_secs(1);

/// How often what lapsed is cleared away.
const SWEEP: Duration = Duration::from_secs(1);

/// Touches and ends carried in one call.
const NOTES_A_CALL: usize = 1_000;

/// The loop of one room.
pub struct RoomLoop {
    beat: Beat,
    pacer: Pacer,
    ends_seen: u64,
    ended: Arc<HashSet<Jti>>,
    /// The ends of the snapshot published last; `control` may have added to them since.
    shown: Arc<HashSet<Jti>>,
    forget: VecDeque<(Duration, Jti)>,
    swept: Duration,
}

impl RoomLoop {
    /// A loop that has not seen its room yet.
    #[must_use]
    pub fn new(beat: Beat) -> Self {
        Self {
            beat,
            pacer: Pacer::default(),
            ends_seen: 0,
            ended: Arc::default(),
            shown: Arc::default(),
            forget: VecDeque::new(),
            swept: Duration::ZERO,
        }
    }

    /// Runs until cancelled; what waits for the store is carried there once more at the end.
    pub async fn run(mut self, mut settings: Told, cancel: CancellationToken) {
        loop {
            self.beat.room = Arc::clone(&settings.borrow_and_update());
            let pause = self.step().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = settings.changed() => {}
                () = cancel.cancelled() => break,
            }
        }
        if let Err(fault) = self.carry_notes().await {
            tracing::warn!(room = %self.beat.room.name, %fault, "the last notes did not reach the store");
        }
    }

    /// One round; says how long to rest before the next.
    pub async fn step(&mut self) -> Duration {
        match self.round().await {
            Ok(pause) => pause,
            Err(fault) => {
                self.store_is_away(&fault);
                TICK
            }
        }
    }

    async fn round(&mut self) -> Result<Duration, StoreError> {
        self.carry_notes().await?;
        self.keep_schedule().await?;
        self.tick_if_due().await?;
        self.sweep_if_due().await?;
        let survey = self.survey().await?;
        let busy = has_somebody(&survey);
        self.publish(survey);
        Ok(if busy {
            self.until_due()
        } else {
            IDLE_SURVEY.min(self.until_opening())
        })
    }

    async fn carry_notes(&self) -> Result<(), StoreError> {
        let name = &self.beat.room.name;
        let endings = self.beat.notes.take_endings();
        for chunk in endings.chunks(NOTES_A_CALL) {
            if let Err(fault) = self.beat.store.end(name, chunk).await {
                self.beat.notes.put_back(endings);
                return Err(fault);
            }
        }
        let idle = self.beat.room.terms.session.idle;
        for chunk in self.beat.notes.take_touches().chunks(NOTES_A_CALL) {
            let sent = self.beat.clock.now().wall;
            let touches: Vec<Touch> = chunk
                .iter()
                .map(|alive| Touch {
                    session: alive.session,
                    rev: alive.rev,
                    life: idle.min(alive.ends.since(sent)),
                })
                .collect();
            let answers = self.beat.store.touch(name, &touches).await?;
            for ((alive, touch), answer) in chunk.iter().zip(&touches).zip(answers) {
                if answer == Touched::Held {
                    alive.renewal.hold_until(sent.after(touch.life));
                }
            }
        }
        Ok(())
    }

    async fn keep_schedule(&self) -> Result<(), StoreError> {
        let snapshot = self.beat.snapshot.load();
        if snapshot.store != StoreHealth::Reachable {
            return Ok(());
        }
        let orders = &snapshot.survey.orders;
        let now = self.beat.clock.now().wall;
        if let Some(next) = orders.due(&self.beat.room.schedule, now) {
            let name = &self.beat.room.name;
            let ordered = self.beat.store.order(name, &next, orders.version).await?;
            if ordered != Ordered::Done {
                return Ok(());
            }
            tracing::info!(room = %name, state = next.state.word(), window = next.window.0, "the schedule changed the room");
        }
        Ok(())
    }

    async fn tick_if_due(&mut self) -> Result<(), StoreError> {
        let now = self.beat.clock.now().mono;
        let due = self.pacer.due(Duration::ZERO).is_some_and(|due| due <= now);
        if !due || !has_somebody(&self.beat.snapshot.load().survey) {
            return Ok(());
        }
        let Some(proposal) = self.pacer.propose(now) else {
            return Ok(());
        };
        let room = &self.beat.room;
        let answer = self
            .beat
            .store
            .release(&room.name, &room.terms, proposal)
            .await?;
        let sight = if answer.won {
            Sight::Won { sent: now }
        } else {
            Sight::Told
        };
        let seen_at = self.beat.clock.now().mono;
        self.pacer.observe(seen_at, answer.ticks.seen(), sight);
        Ok(())
    }

    async fn sweep_if_due(&mut self) -> Result<(), StoreError> {
        let now = self.beat.clock.now().mono;
        if now.saturating_sub(self.swept) < SWEEP {
            return Ok(());
        }
        self.swept = now;
        let room = &self.beat.room;
        self.beat.store.sweep(&room.name, &room.terms).await?;
        Ok(())
    }

    async fn survey(&mut self) -> Result<Survey, StoreError> {
        let room = &self.beat.room;
        let survey = self
            .beat
            .store
            .survey(&room.name, &room.terms, self.ends_seen)
            .await?;
        let now = self.beat.clock.now().mono;
        self.pacer.observe(now, survey.ticks.seen(), Sight::Told);
        self.remember_ends(&survey, now);
        Ok(survey)
    }

    /// Keeps the ends as long as a token of such a session could be honoured.
    fn remember_ends(&mut self, survey: &Survey, now: Duration) {
        self.ends_seen = self.ends_seen.max(survey.ends_seq);
        let over = self
            .forget
            .iter()
            .take_while(|(until, _)| *until <= now)
            .count();
        if over == 0 && survey.ends.is_empty() {
            return;
        }
        let keep = self.beat.room.terms.session.idle * 2 + LEEWAY;
        let mut ended = HashSet::clone(&self.ended);
        for (_, session) in self.forget.drain(..over) {
            ended.remove(&session);
        }
        for session in &survey.ends {
            ended.insert(*session);
            self.forget.push_back((now.saturating_add(keep), *session));
        }
        self.ended = Arc::new(ended);
    }

    fn publish(&mut self, survey: Survey) {
        let last = self.beat.snapshot.load();
        if last.store != StoreHealth::Reachable {
            tracing::info!(room = %self.beat.room.name, "the store answers");
        }
        let flow = Flow::measure(&survey.history, survey.ticks.earned);
        let fresh = Arc::new(Snapshot {
            flow,
            survey,
            ended: Arc::clone(&self.ended),
            store: StoreHealth::Reachable,
        });
        // What was ordered and revoked since this survey stands: `control` has put it in already.
        let before = std::mem::take(&mut self.shown);
        self.beat.snapshot.rcu(|last| {
            let mut next = Snapshot::clone(&fresh);
            if last.survey.orders.version > fresh.survey.orders.version {
                next.survey.orders = last.survey.orders.clone();
            }
            if !Arc::ptr_eq(&last.ended, &before) {
                next.ended = Arc::new(last.ended.union(&fresh.ended).copied().collect());
            }
            self.shown = Arc::clone(&next.ended);
            next
        });
    }

    fn store_is_away(&self, fault: &StoreError) {
        if self.beat.snapshot.load().store != StoreHealth::Reachable {
            return;
        }
        tracing::warn!(room = %self.beat.room.name, %fault, "the store does not answer; nobody is released until it does");
        let since = StoreHealth::AwaySince(self.beat.clock.now().mono);
        self.beat.snapshot.rcu(|last| Snapshot {
            store: since,
            ..Snapshot::clone(last)
        });
    }

    fn until_due(&self) -> Duration {
        let now = self.beat.clock.now().mono;
        self.pacer
            .due(Duration::ZERO)
            .map_or(TICK, |due| due.saturating_sub(now))
            .clamp(Duration::from_millis(1), TICK)
    }

    fn until_opening(&self) -> Duration {
        let snapshot = self.beat.snapshot.load();
        let now = self.beat.clock.now().wall;
        snapshot
            .survey
            .orders
            .opening(&self.beat.room.schedule)
            .map_or(IDLE_SURVEY, |at| at.since(now))
            .max(Duration::from_millis(10))
    }
}

/// Whether a room has somebody, so that it ticks: someone waits or is inside.
fn has_somebody(survey: &Survey) -> bool {
    survey.waiting + survey.released + survey.active > 0
}
