//! The survey: held against what is remembered, put right where the store lost something, and
//! published.

use std::sync::Arc;

use super::RoomLoop;
use crate::domain::estimate::{Flow, Lookback, Measured, Sight as Movement};
use crate::domain::pace::Corrected;
use crate::domain::session::ALONE;
use crate::domain::skew::{Heard, Skew, WallClock};
use crate::domain::tick::{Pacer, Sight};
use crate::store::StoreError;
use crate::store::memory::{Judged, Loss, Memory, Witness};
use crate::store::notes::Glimpse;
use crate::store::recovery::{Recovery, Rest};
use crate::store::survey::{LaneSurvey, Snapshot, StoreHealth, Survey};

/// Surveys asked for in one round at most: one that shows a loss, one that shows it put back, one
/// that brings what is counted from then on.
const MOST_SURVEYS: usize = 4;

impl RoomLoop {
    /// Surveys the room and publishes what is found. What the store lost is put back first: until
    /// that is done the last snapshot stays.
    pub(super) async fn look(&mut self) -> Result<Survey, StoreError> {
        for _ in 0..MOST_SURVEYS {
            // Read before the survey is asked for: it must show at least this much.
            let seen = self.beat.notes.newest_seen();
            self.memory.heed(&self.beat.snapshot.load().survey.orders);
            let survey = self.survey().await?;
            match self.memory.judge(&survey, self.witness(seen)) {
                Judged::Sound if self.passed_alone() => self.rest(&survey).await?,
                Judged::Sound => {
                    self.take_in(&survey);
                    let unknown = self.memory.unknown(&survey, seen);
                    self.publish(&survey, unknown);
                    return Ok(survey);
                }
                Judged::Renewed => self.renew(&survey).await?,
                Judged::Outdated => self.begin_anew(&survey).await?,
                Judged::Lost(loss) => self.put_back(&loss).await?,
            }
        }
        Err(StoreError::Lost)
    }

    fn witness(&self, seen: Glimpse) -> Witness {
        Witness {
            seen,
            minutes: self.wall_minutes(),
            idle: self.beat.room.terms.session.idle,
            ends: self.ends.count(),
        }
    }

    fn wall_minutes(&self) -> u32 {
        let now = self.watch.skew().correct(self.beat.clock.now());
        now.wall.minutes_since_2025()
    }

    async fn survey(&mut self) -> Result<Survey, StoreError> {
        let room = &self.beat.room;
        let asked = self.beat.clock.now().mono;
        let survey = self
            .beat
            .store
            .survey(&room.name, &self.terms(), self.ends_seen)
            .await?;
        let now = self.beat.clock.now();
        self.surveyed_at = now.mono;
        if let Some(store) = survey.store_time {
            let took = now.mono.saturating_sub(asked);
            self.compare_clocks(Heard { now, took, store });
        }
        Ok(survey)
    }

    fn compare_clocks(&mut self, heard: Heard) {
        let before = self.watch.skew().clock;
        let Skew { ahead_ms, clock } = self.watch.hear(heard);
        let room = &self.beat.room.name;
        match (before, clock) {
            (WallClock::Right, WallClock::Off) => {
                tracing::error!(%room, ahead_ms, "this gateway's clock is not the store's: nothing is signed until it is put right");
            }
            (WallClock::Off, WallClock::Right) => {
                tracing::info!(%room, ahead_ms, "this gateway's clock is right again");
            }
            (WallClock::Right, WallClock::Right) | (WallClock::Off, WallClock::Off) => {}
        }
    }

    fn take_in(&mut self, survey: &Survey) {
        let seen = survey.ticks.seen();
        if self.newest_tick.is_none_or(|last| last < seen.tick) {
            self.newest_tick = Some(seen.tick);
            self.leads = false;
            self.draw_jitter();
        }
        self.pacer.observe(self.surveyed_at, seen, Sight::Told);
        self.ends_seen = self.ends_seen.max(survey.ends_seq);
        self.learn_ends(&survey.ends);
        self.look_back(survey);
        self.memory.remember(survey);
    }

    fn look_back(&mut self, survey: &Survey) {
        let moves = survey.orders.state.releases() && survey.recovering.is_zero();
        let called = survey.totals().released;
        self.lookback.see(Movement {
            window: survey.orders.window,
            room_time: survey.ticks.earned,
            moving: moves && survey.waiting > survey.absent,
            pace: self.pace(survey),
            absent: survey.absent,
            inside: survey.inside(),
            freed: called.saturating_sub(survey.released.saturating_add(survey.active)),
            busy: survey.busy(),
            released: survey.releases_total,
            missed: survey.missed_total,
        });
    }

    /// What was measured of each lane.
    fn flows(&self, survey: &Survey) -> Vec<Option<Flow>> {
        let all: u64 = survey
            .lanes
            .iter()
            .map(|lane| lane.history.measured())
            .sum();
        let terms = &self.beat.room.terms;
        let flow = |lane: &LaneSurvey| {
            Flow::measure(&Measured {
                history: &lane.history,
                now: survey.ticks.earned,
                pace: self.pace(survey),
                part: lane.history.measured() as f64 / all.max(1) as f64,
                lookback: &self.lookback,
                absent: lane.absent,
                unclaimed: survey.released,
                horizon: terms.horizon,
                capacity: survey.orders.capacity.unwrap_or(terms.capacity),
                inside: survey.inside(),
            })
        };
        survey.lanes.iter().map(flow).collect()
    }

    fn pace(&self, survey: &Survey) -> Corrected {
        self.beat.room.terms.pace_in_force(survey.orders.pace)
    }

    /// This gateway or another put the room back: what is counted by epoch begins anew, and the
    /// ends known here are told again, for the store has forgotten them.
    async fn renew(&mut self, survey: &Survey) -> Result<(), StoreError> {
        tracing::warn!(room = %self.beat.room.name, epoch = survey.epoch.0, "the room is in a new epoch: what the store had lost of it was put back");
        self.tell_ends_again().await?;
        self.start_over(survey);
        Ok(())
    }

    /// What this gateway remembers is of a sale long gone: it obeys the one that runs.
    async fn begin_anew(&mut self, survey: &Survey) -> Result<(), StoreError> {
        tracing::warn!(room = %self.beat.room.name, kept = self.memory.orders().window.0, runs = survey.orders.window.0, "the store was emptied since this gateway last saw it, and another sale runs: what is known here of the old one is dropped");
        self.tell_ends_again().await?;
        self.memory = Memory::default();
        self.beat.snapshot.rcu(|last| {
            let mut next = Snapshot::clone(last);
            next.survey.orders.clone_from(&survey.orders);
            next
        });
        self.start_over(survey);
        Ok(())
    }

    fn start_over(&mut self, survey: &Survey) {
        self.pacer = Pacer::default();
        self.lookback = Lookback::default();
        self.newest_tick = None;
        self.leads = false;
        self.ends_seen = 0;
        self.drawing.start_over();
        let idle = self.beat.room.terms.session.idle;
        self.memory.renew(survey, idle);
    }

    async fn put_back(&mut self, loss: &Loss) -> Result<(), StoreError> {
        let room = Arc::clone(&self.beat.room);
        if self.note_health(StoreHealth::LostSince) {
            tracing::error!(room = %room.name, why = loss.why, "the store has lost what it knew of the room; its orders are put back, and nobody is released meanwhile");
        }
        let epoch = self.beat.store.recover(&room.name, &loss.recovery).await?;
        tracing::warn!(
            room = %room.name,
            epoch = epoch.0,
            version = loss.recovery.orders.version,
            rest_ms = u64::try_from(loss.recovery.pause.as_millis()).unwrap_or(u64::MAX),
            "what was known here was put back; visitors bring their places back as they ask"
        );
        Ok(())
    }

    /// Whether this gateway let anybody in while the store was away, and has not said so yet.
    fn passed_alone(&mut self) -> bool {
        self.owes_rest |= self.beat.notes.take_passed_alone();
        self.owes_rest
    }

    /// Nobody is released for as long as those may stay whom this gateway let in on its own.
    async fn rest(&mut self, survey: &Survey) -> Result<(), StoreError> {
        let room = &self.beat.room.name;
        let recovery = Recovery {
            epoch: survey.epoch,
            orders: survey.orders.clone(),
            pause: ALONE,
            rest: Rest::Always,
            inside: 0,
            inside_for: ALONE,
        };
        self.beat.store.recover(room, &recovery).await?;
        self.owes_rest = false;
        tracing::warn!(%room, "visitors were let in while the store was away; nobody is released for a minute");
        Ok(())
    }

    fn publish(&mut self, survey: &Survey, unknown: Option<Glimpse>) {
        let last = self.beat.snapshot.load();
        let room = &self.beat.room.name;
        match last.store {
            StoreHealth::Reachable => {}
            StoreHealth::NotYet | StoreHealth::AwaySince(_) => {
                tracing::info!(%room, "the store answers");
            }
            StoreHealth::LostSince(_) => tracing::info!(%room, "the store knows the room again"),
        }
        if let (None, Some(seen)) = (last.unknown, unknown) {
            tracing::error!(%room, window = seen.window.0, "tokens of a newer sale window exist, and nobody knows its orders: `room open` continues it; until then nobody is released");
        }
        let fresh = Arc::new(Snapshot {
            flows: self.flows(survey),
            lately: self.lookback.lately(),
            survey: survey.clone(),
            ended: self.ends.shared(),
            store: StoreHealth::Reachable,
            unknown,
            skew: self.watch.skew(),
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

    /// Says in the snapshot that the store is of no use since now, unless it has said so before;
    /// tells whether that is new. The rest of the snapshot stays.
    pub(super) fn note_health(&self, since: fn(std::time::Duration) -> StoreHealth) -> bool {
        if self.beat.snapshot.load().store != StoreHealth::Reachable {
            return false;
        }
        let health = since(self.beat.clock.now().mono);
        self.beat.snapshot.rcu(|last| Snapshot {
            store: health,
            ..Snapshot::clone(last)
        });
        true
    }
}
