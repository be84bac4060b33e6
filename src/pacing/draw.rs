//! The draw of a window, from the promise to the open room, and that of each later round.
//!
//! Every gateway does every step; whoever comes first has done it, and the others find that they
//! have computed the same. What takes long (reading and writing a lobby, computing an order) is
//! a task beside the loop, so that the room is surveyed meanwhile. A step that breaks off, with
//! its gateway or without, is begun again by whoever looks next.

mod begin;
mod due;
#[cfg(test)]
mod measured;
#[cfg(test)]
mod stories;
mod work;

use std::sync::Arc;
use std::time::Duration;

use tokio_util::task::AbortOnDropHandle;

use super::RoomLoop;
use crate::domain::draw::{Drawn, Frozen};
use crate::domain::estimate::LONGEST_JITTERED_POLL;
use crate::domain::pace::TICK;
use crate::domain::skew::WallClock;
use crate::domain::window::{Orders, WindowState};
use crate::store::drawn::KeptDraw;
use crate::store::survey::{Snapshot, StoreHealth, Survey};
use crate::store::{Ordered, StoreError};
use due::{Next, Tried, next};
use work::Made;

/// How long the members of a lost lobby have to come back: their pages ask at least as often.
const GATHERS: Duration = LONGEST_JITTERED_POLL;

/// How long a gateway rests whose part of a draw does not fit what was published.
const ASKS_AGAIN: Duration = Duration::from_secs(1);

/// The work on a room's draw.
#[derive(Default)]
pub(super) struct Drawing {
    work: Option<AbortOnDropHandle<Result<Made, StoreError>>>,
    made: Option<Made>,
    /// Work has ended whose outcome was not looked at yet.
    has_ended: bool,
    tried: Tried,
    /// What was tried without getting further is not tried again before.
    rests_until: Duration,
    /// Since when a lost lobby is gathered again.
    gathers_since: Option<Duration>,
    /// That the draw key is missing was said already.
    missed_key: bool,
}

impl Drawing {
    /// Waits until the work under way ends; for ever where there is none.
    pub(super) async fn ended(&mut self) {
        let Some(work) = &mut self.work else {
            return std::future::pending().await;
        };
        let ended = work.await;
        self.work = None;
        self.has_ended = true;
        match ended {
            Ok(Ok(made)) => self.made = Some(made),
            Ok(Err(fault)) => {
                tracing::debug!(%fault, "a step of a draw broke off; it is tried again")
            }
            Err(fault) => tracing::error!(%fault, "a step of a draw broke off; it is tried again"),
        }
    }

    /// Lets the work under way, if there is any, come to its end.
    #[cfg(test)]
    pub(super) async fn settle(&mut self) {
        if self.work.is_some() {
            self.ended().await;
        }
    }

    /// Looks again for what the store did not have before it was put right.
    pub(super) const fn start_over(&mut self) {
        self.tried.no_order = None;
    }
}

impl RoomLoop {
    /// Does what is next about the draw, as the snapshot shows the room; says whether something
    /// was done that another look at the room may follow at once.
    pub(super) async fn keep_drawing(&mut self) -> Result<bool, StoreError> {
        if self
            .drawing
            .work
            .as_ref()
            .is_some_and(|work| !work.is_finished())
        {
            return Ok(false);
        }
        let ended = self.drawing.work.is_some() || self.drawing.has_ended;
        if self.drawing.work.is_some() {
            self.drawing.ended().await;
        }
        self.drawing.has_ended = false;
        let now = self.beat.clock.now().mono;
        let took = self.take_made();
        if ended && !took {
            self.drawing.rests_until = now.saturating_add(TICK / 2);
        }
        if now < self.drawing.rests_until {
            return Ok(false);
        }
        let snapshot = self.beat.snapshot.load_full();
        if snapshot.store != StoreHealth::Reachable || snapshot.unknown.is_some() {
            return Ok(took);
        }
        let survey = &snapshot.survey;
        let mut kept = self.beat.draw.load_full();
        let mut due = next(survey, kept.as_deref(), self.drawing.tried);
        if due == Next::Forget {
            self.beat.draw.store(None);
            let dropped = kept.take().map(|kept| kept.window);
            if dropped == Some(survey.orders.window) {
                tracing::error!(room = %self.beat.room.name, "the lobby or the order that this gateway had of the draw is not the published one; it is read again");
                self.drawing.rests_until = now.saturating_add(ASKS_AGAIN);
                return Ok(took);
            }
            due = next(survey, None, self.drawing.tried);
        }
        let did = match due {
            Next::Nothing | Next::Forget => false,
            Next::Gather => self.freeze_again(survey).await?,
            Next::Freeze | Next::Open => self.write_step(due, &snapshot, kept.as_deref()).await?,
            Next::Recall
            | Next::Read
            | Next::Draw
            | Next::Place
            | Next::Restore
            | Next::Publish
            | Next::Round => {
                self.begin(due, survey, kept);
                false
            }
        };
        if due != Next::Gather {
            self.drawing.gathers_since = None;
        }
        Ok(did || took)
    }

    fn take_made(&mut self) -> bool {
        let Some(made) = self.drawing.made.take() else {
            return false;
        };
        match made {
            Made::Known(kept) => self.beat.draw.store(Some(Arc::new(kept))),
            Made::NoOrder(window) => self.drawing.tried.no_order = Some(window),
            Made::Placed | Made::NotKept => {}
            Made::Nothing => return false,
        }
        true
    }

    /// A step that changes the room's orders.
    async fn write_step(
        &mut self,
        next: Next,
        snapshot: &Snapshot,
        kept: Option<&KeptDraw>,
    ) -> Result<bool, StoreError> {
        if snapshot.skew.clock == WallClock::Off {
            return Ok(false);
        }
        let orders = &snapshot.survey.orders;
        let changed = match (next, kept) {
            (Next::Freeze, Some(kept)) => orders.with_frozen(self.frozen(kept)),
            (Next::Open, Some(kept)) => self.drawn(orders, kept),
            _ => None,
        };
        let Some(changed) = changed else {
            return Ok(false);
        };
        let name = &self.beat.room.name;
        let ordered = self
            .beat
            .store
            .order(name, &changed, orders.version)
            .await?;
        let done = ordered == Ordered::Done;
        if done {
            (self.beat.heard)("draw", name, (orders, &changed));
            tell(name, &changed);
        }
        Ok(done)
    }

    /// Freezes a lobby again that was lost before its root was published: once everybody's page
    /// has asked again. The room goes through the prequeue's state for that, in which the store
    /// freezes.
    async fn freeze_again(&mut self, survey: &Survey) -> Result<bool, StoreError> {
        let now = self.beat.clock.now().mono;
        let since = *self.drawing.gathers_since.get_or_insert(now);
        if now.saturating_sub(since) < GATHERS {
            return Ok(false);
        }
        self.drawing.gathers_since = None;
        let name = &self.beat.room.name;
        tracing::warn!(room = %name, window = survey.orders.window.0, lobby = survey.lobby, "the store lost the frozen lobby before its root was published: those who came back are frozen again");
        let turned = |orders: &Orders, state| Orders {
            version: orders.version.saturating_add(1),
            state,
            ..orders.clone()
        };
        let back = turned(&survey.orders, WindowState::Prequeue);
        let again = turned(&back, WindowState::Drawing);
        for (before, next) in [(&survey.orders, &back), (&back, &again)] {
            let ordered = self.beat.store.order(name, next, before.version).await?;
            if ordered != Ordered::Done {
                break;
            }
            (self.beat.heard)("draw", name, (before, next));
        }
        Ok(true)
    }

    fn frozen(&self, kept: &KeptDraw) -> Frozen {
        let now = self.watch.skew().correct(self.beat.clock.now());
        Frozen {
            root: kept.lobby.root(),
            count: kept.cut.count,
            at: now.wall.millis(),
            epoch: kept.cut.epoch,
            base: kept.cut.base,
        }
    }

    fn drawn(&mut self, orders: &Orders, kept: &KeptDraw) -> Option<Orders> {
        let draw = orders.draw.as_ref()?;
        let server_seed = self.server_seed(orders.window, draw)?;
        let roster = kept.roster.as_deref()?;
        let drawn = Drawn {
            server_seed,
            seed: roster.seed(),
            digest: kept.digest?,
        };
        let now = self.watch.skew().correct(self.beat.clock.now());
        orders.drawn(drawn, now.wall).ok()
    }
}

/// Says in the log what everybody may know.
fn tell(room: &crate::domain::room::RoomName, orders: &Orders) {
    let Some(draw) = &orders.draw else { return };
    let window = orders.window.0;
    match (draw.frozen, draw.drawn) {
        (None, _) => {}
        (Some(frozen), None) => {
            tracing::info!(%room, window, roster_root = %frozen.root, count = frozen.count, waits_for_value = draw.waits_for_value(), "the lobby is frozen");
        }
        (Some(frozen), Some(drawn)) => {
            tracing::info!(%room, window, digest = %drawn.digest, count = frozen.count, "the order is drawn; the room is open");
        }
    }
}
