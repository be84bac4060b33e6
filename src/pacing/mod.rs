//! The loop of each room: what waits for the store, the schedule, the tick, the survey.
//!
//! One loop a room and gateway. It moves facts between store and snapshot and decides nothing:
//! what a tick may release is `domain::tick`'s to say, inside the store; whether the store has
//! lost something is `store::memory`'s.

mod carry;
mod draw;
mod ends;
mod jitter;
mod keep;
mod look;
mod schedule;
mod sweep;

#[cfg(test)]
mod absence;
mod beat;
#[cfg(test)]
pub(crate) mod house;
#[cfg(test)]
mod loss;
#[cfg(test)]
mod many;
#[cfg(test)]
mod overload;
#[cfg(test)]
mod promises;
#[cfg(test)]
mod resets;
#[cfg(test)]
mod steering;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod watching;
#[cfg(test)]
mod windows;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::domain::estimate::Lookback;
use crate::domain::pace::TICK;
use crate::domain::room::{Activation, Terms};
use crate::domain::session::Jti;
use crate::domain::skew::SkewWatch;
use crate::domain::tick::{Pacer, Sight};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowState;
use crate::store::memory::Memory;
use crate::store::survey::{Snapshot, StoreHealth, Survey};
use crate::store::{MOST_CALLED, StoreError};
use draw::Drawing;
use ends::Ends;
use jitter::Jitter;
use keep::Keeping;

pub use beat::{Beat, Told};

/// How often a room that has nobody is surveyed, at least: up to one tick less, by chance.
const IDLE_SURVEY: Duration = Duration::from_secs(1);

/// Ticks in a row at most, where each called as many as a tick can; what is left keeps its credit.
const MOST_TICKS: usize = 64;

/// The loop of one room.
pub struct RoomLoop {
    beat: Beat,
    pacer: Pacer,
    jitter: Jitter,
    /// Drawn anew for each tick seen.
    patience: Duration,
    newest_tick: Option<u64>,
    /// Whether this gateway won the newest tick.
    leads: bool,
    memory: Memory,
    lookback: Lookback,
    watch: SkewWatch,
    ends: Ends,
    /// The ends of the snapshot published last; `control` may have added to them since.
    shown: Arc<HashSet<Jti>>,
    ends_seen: u64,
    surveyed_at: Duration,
    touched: Option<Duration>,
    swept: Duration,
    /// Whether the last sweep found something.
    littered: bool,
    /// Whether visitors were let in without the store, which has not been told yet.
    owes_rest: bool,
    keeping: Keeping,
    /// Whom the last round called.
    called: Vec<VisitorId>,
    drawing: Drawing,
}

impl RoomLoop {
    /// A loop that has not seen its room yet.
    #[must_use]
    pub fn new(beat: Beat) -> Self {
        Self::with_jitter(beat, Jitter::by_chance())
    }

    /// The same, with spans that follow from `seed`: a simulated sale can be run again.
    #[must_use]
    pub fn seeded(beat: Beat, seed: u64) -> Self {
        Self::with_jitter(beat, Jitter::of(seed))
    }

    fn with_jitter(beat: Beat, jitter: Jitter) -> Self {
        let mut new = Self {
            keeping: Keeping::new(beat.keeper.clone()),
            called: Vec::new(),
            beat,
            pacer: Pacer::default(),
            jitter,
            patience: Duration::ZERO,
            newest_tick: None,
            leads: false,
            memory: Memory::default(),
            lookback: Lookback::default(),
            watch: SkewWatch::default(),
            ends: Ends::default(),
            shown: Arc::default(),
            ends_seen: 0,
            surveyed_at: Duration::ZERO,
            touched: None,
            swept: Duration::ZERO,
            littered: true,
            owes_rest: false,
            drawing: Drawing::default(),
        };
        new.draw_jitter();
        new
    }

    /// Runs until cancelled; what waits for the store and the disk is carried there at the end.
    pub async fn run(mut self, mut settings: Told, cancel: CancellationToken) {
        loop {
            self.beat.room = Arc::clone(&settings.borrow_and_update());
            let pause = self.step().await;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = settings.changed() => {}
                () = self.drawing.ended() => {}
                () = cancel.cancelled() => break,
            }
        }
        if let Err(fault) = self.carry_all().await {
            tracing::warn!(room = %self.beat.room.name, %fault, "the last notes did not reach the store");
        }
        self.kept().await;
    }

    /// Whom the last [`step`](Self::step) called, in order of release.
    #[must_use]
    pub fn called(&self) -> &[VisitorId] {
        &self.called
    }

    /// One round; says how long to rest before the next.
    pub async fn step(&mut self) -> Duration {
        self.called.clear();
        self.remember_kept().await;
        match self.round().await {
            Ok(pause) => pause,
            Err(fault) => {
                self.store_is_away(&fault);
                TICK
            }
        }
    }

    async fn round(&mut self) -> Result<Duration, StoreError> {
        self.carry_due().await?;
        self.keep_schedule().await?;
        self.tick_if_due().await?;
        self.sweep_if_due().await?;
        let survey = self.look().await?;
        self.keep(&survey).await;
        let at_once = self.keep_drawing().await?;
        Ok(if at_once {
            Duration::ZERO
        } else if self.is_awake(&survey) || is_drawing(&survey) {
            self.until_due()
        } else {
            let idle = IDLE_SURVEY.saturating_sub(self.jitter.below(TICK));
            idle.min(self.until_change())
        })
    }

    async fn tick_if_due(&mut self) -> Result<(), StoreError> {
        let snapshot = self.beat.snapshot.load_full();
        if !self.ticks(&snapshot) {
            return Ok(());
        }
        let now = self.beat.clock.now().mono;
        let due = self.pacer.due(self.patience).is_some_and(|due| due <= now);
        let mut more = due;
        for _ in 0..MOST_TICKS {
            if !more {
                break;
            }
            more = self.tick().await? == MOST_CALLED;
        }
        Ok(())
    }

    /// Proposes a tick; says how many it called.
    async fn tick(&mut self) -> Result<u64, StoreError> {
        let now = self.beat.clock.now().mono;
        let Some(proposal) = self.pacer.propose(now) else {
            return Ok(0);
        };
        let room = &self.beat.room;
        let answer = self
            .beat
            .store
            .release(&room.name, &self.terms(), proposal)
            .await?;
        let sight = if answer.won {
            Sight::Won { sent: now }
        } else {
            Sight::Told
        };
        self.leads = answer.won;
        self.newest_tick = Some(answer.ticks.tick);
        self.draw_jitter();
        let seen_at = self.beat.clock.now().mono;
        self.pacer.observe(seen_at, answer.ticks.seen(), sight);
        if !answer.won {
            return Ok(0);
        }
        self.called.extend_from_slice(&answer.batch);
        Ok(answer.batch.len() as u64)
    }

    fn store_is_away(&self, fault: &StoreError) {
        if self.note_health(StoreHealth::AwaySince) {
            tracing::warn!(room = %self.beat.room.name, %fault, "the store does not answer; nobody is released until it does");
        }
    }

    /// Whether the room ticks: the store knows it, its orders are known, and it has somebody or
    /// anybody may pass.
    fn ticks(&self, snapshot: &Snapshot) -> bool {
        snapshot.store == StoreHealth::Reachable
            && snapshot.unknown.is_none()
            && self.is_awake(&snapshot.survey)
    }

    /// Whether the room has somebody, or must always have something in its bucket.
    fn is_awake(&self, survey: &Survey) -> bool {
        let passes = self.beat.room.activation == Activation::Overload
            && survey.orders.state == WindowState::Open;
        passes || has_somebody(survey)
    }

    /// The terms that hold now.
    fn terms(&self) -> Terms {
        let snapshot = self.beat.snapshot.load();
        snapshot.survey.orders.terms(&self.beat.room)
    }

    fn draw_jitter(&mut self) {
        self.patience = self.jitter.below(TICK);
    }

    fn until_due(&self) -> Duration {
        let now = self.beat.clock.now().mono;
        let due = self.pacer.due(self.patience);
        due.map_or(TICK, |due| due.saturating_sub(now))
            .clamp(Duration::from_millis(1), TICK)
    }
}

/// Whether the room stands at its draw, where the next step may be due any moment.
fn is_drawing(survey: &Survey) -> bool {
    survey.orders.state == WindowState::Drawing
}

/// Whether a room has somebody: someone waits, is inside, or is expected back after a loss.
fn has_somebody(survey: &Survey) -> bool {
    survey.waiting + survey.released + survey.active > 0 || !survey.recovering.is_zero()
}
