//! The draw of a window, from the promise to the open room, and that of each later round.
//!
//! Every gateway does every step; whoever comes first has done it, and the others find that they
//! have computed the same. What takes long (reading and writing a lobby, computing an order) is
//! a task beside the loop, so that the room is surveyed meanwhile. A step that breaks off, with
//! its gateway or without, is begun again by whoever looks next.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::RoomLoop;
use super::drawing::{Made, Seeds, Work};
use crate::domain::draw::{Draw, Drawn, Frozen, Hash, formula};
use crate::domain::skew::WallClock;
use crate::domain::window::{Orders, WindowId, WindowState};
use crate::store::drawn::KeptDraw;
use crate::store::lobby::Cut;
use crate::store::survey::{Snapshot, StoreHealth, Survey};
use crate::store::{Ordered, StoreError};

/// What is to be done next about a room's draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// Nothing, or nothing before somebody else has done something.
    Nothing,
    /// The prequeue is open, and nothing is promised yet.
    Promise,
    /// What is kept is not of what the room has frozen.
    Forget,
    /// Look for the frozen lobby on this gateway's disk.
    Recall,
    /// Read the frozen lobby.
    Read,
    /// Publish what was frozen.
    Freeze,
    /// Compute the order.
    Draw,
    /// Write the places.
    Place,
    /// Open the room.
    Open,
    /// Read an order that others drew.
    Restore,
    /// Write the file that everybody may fetch.
    Publish,
    /// Draw a later round.
    Round,
}

/// What this gateway has looked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tried {
    /// A lobby of this window on its own disk.
    disk: Option<WindowId>,
    /// The order of this window in the store, which is not the one that was published.
    no_order: Option<WindowId>,
}

/// The work on a room's draw.
#[derive(Default)]
pub(super) struct Drawing {
    work: Option<AbortOnDropHandle<Result<Made, StoreError>>>,
    made: Option<Made>,
    tried: Tried,
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
        match ended {
            Ok(Ok(made)) => self.made = Some(made),
            Ok(Err(fault)) => {
                tracing::debug!(%fault, "a step of a draw broke off; it is tried again")
            }
            Err(fault) => tracing::error!(%fault, "a step of a draw broke off; it is tried again"),
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
        if self.drawing.work.is_some() {
            self.drawing.ended().await;
        }
        let took = self.take_made();
        let snapshot = self.beat.snapshot.load_full();
        if snapshot.store != StoreHealth::Reachable || snapshot.unknown.is_some() {
            return Ok(took);
        }
        let survey = &snapshot.survey;
        let kept = self.beat.draw.load_full();
        let next = next(survey, kept.as_deref(), self.drawing.tried);
        let did = match next {
            Next::Nothing => false,
            Next::Forget => {
                self.beat.draw.store(None);
                true
            }
            Next::Promise | Next::Freeze | Next::Open => {
                self.write_step(next, &snapshot, kept.as_deref()).await?
            }
            Next::Recall
            | Next::Read
            | Next::Draw
            | Next::Place
            | Next::Restore
            | Next::Publish
            | Next::Round => {
                self.begin(next, survey, kept);
                false
            }
        };
        Ok(did || took)
    }

    fn take_made(&mut self) -> bool {
        let Some(made) = self.drawing.made.take() else {
            return false;
        };
        match made {
            Made::Known(kept) => self.beat.draw.store(Some(Arc::new(kept))),
            Made::NoOrder(window) => self.drawing.tried.no_order = Some(window),
            Made::Placed | Made::Overtaken => {}
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
            (Next::Promise, _) => Some(self.promised(orders)),
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
            tell(name, &changed);
        }
        Ok(done)
    }

    fn promised(&self, orders: &Orders) -> Orders {
        let keys = self.beat.keys.load();
        let next = keys.promise(&self.beat.room.name, orders.clone());
        Orders {
            version: orders.version.saturating_add(1),
            ..next
        }
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
        orders.with_drawn(Drawn {
            server_seed,
            seed: roster.seed(),
            digest: kept.digest?,
        })
    }

    /// The server's share of a draw; `None`, and said once, where its key is not here.
    fn server_seed(&mut self, window: WindowId, draw: &Draw) -> Option<Hash> {
        let room = &self.beat.room.name;
        let keys = self.beat.keys.load();
        let seed = keys.committed_seed(room, window, draw.commitment);
        if seed.is_none() && !std::mem::replace(&mut self.drawing.missed_key, true) {
            tracing::error!(%room, window = window.0, "the draw key that this window's draw was committed with is not in the keys' folder: the order cannot be drawn until it is put back");
        }
        if seed.is_some() {
            self.drawing.missed_key = false;
        }
        seed
    }

    /// Begins a step that takes long.
    fn begin(&mut self, next: Next, survey: &Survey, kept: Option<Arc<KeptDraw>>) {
        let orders = &survey.orders;
        let work = Work {
            store: Arc::clone(&self.beat.store),
            room: self.beat.room.name.clone(),
            window: orders.window,
            keeper: self.beat.keeper.clone(),
        };
        let work = match (next, &orders.draw, kept, survey.frozen) {
            (Next::Recall, ..) => {
                self.drawing.tried.disk = Some(orders.window);
                tokio::spawn(work.recall())
            }
            (Next::Read, _, _, Some(cut)) => tokio::spawn(work.read(cut)),
            (Next::Draw, Some(draw), Some(kept), _) => {
                let Some(seeds) = self.seeds(orders.window, draw) else {
                    return;
                };
                tokio::spawn(work.draw(kept, (draw.clone(), seeds)))
            }
            (Next::Place, Some(draw), Some(kept), _) => {
                let (Some(roster), Some(frozen)) = (kept.roster.clone(), draw.frozen) else {
                    return;
                };
                tokio::spawn(work.place(roster, placing(frozen, survey)))
            }
            (Next::Restore, Some(draw), _, _) => tokio::spawn(work.restore(draw.clone())),
            (Next::Publish, Some(draw), Some(kept), _) => {
                tokio::spawn(work.publish(kept, draw.clone()))
            }
            (Next::Round, draw, _, Some(cut)) => {
                let Some(server_seed) = self.round_share(orders.window, draw.as_ref()) else {
                    return;
                };
                tokio::spawn(work.round(cut, server_seed))
            }
            _ => return,
        };
        self.drawing.work = Some(AbortOnDropHandle::new(work));
    }

    /// What the order follows from: as published, or as it will be.
    fn seeds(&mut self, window: WindowId, draw: &Draw) -> Option<Seeds> {
        if let Some(drawn) = draw.drawn {
            return Some(Seeds {
                server_seed: drawn.server_seed,
                seed: drawn.seed,
            });
        }
        let (root, value) = (draw.frozen?.root, draw.value()?);
        let server_seed = self.server_seed(window, draw)?;
        let seed = formula::seed(server_seed, root, value);
        Some(Seeds { server_seed, seed })
    }

    /// The server's share of a later round: that of the window's draw where it has one.
    fn round_share(&mut self, window: WindowId, draw: Option<&Draw>) -> Option<Hash> {
        match draw {
            Some(draw) => self.server_seed(window, draw),
            None => Some(
                self.beat
                    .keys
                    .load()
                    .draw_seed(&self.beat.room.name, window),
            ),
        }
    }
}

/// The prequeue's cut, as far as the store keeps its order.
fn placing(frozen: Frozen, survey: &Survey) -> Cut {
    Cut {
        round: 0,
        epoch: frozen.epoch,
        base: frozen.base,
        count: frozen.count,
        placed: u32::try_from(survey.roster).unwrap_or(u32::MAX),
    }
}

/// What is next, given what the store shows and what this gateway keeps.
fn next(survey: &Survey, kept: Option<&KeptDraw>, tried: Tried) -> Next {
    let orders = &survey.orders;
    if kept.is_some_and(|kept| kept.window != orders.window) {
        return Next::Forget;
    }
    let Some(draw) = &orders.draw else {
        return match orders.state {
            WindowState::Prequeue => Next::Promise,
            _ => later_round(survey),
        };
    };
    match (orders.state, kept) {
        (WindowState::Prequeue, _) => Next::Nothing,
        (_, None) if tried.disk != Some(orders.window) => Next::Recall,
        (_, Some(kept)) if !kept.is_of(draw) => Next::Forget,
        (WindowState::Drawing, kept) => while_drawing(survey, draw, kept),
        (_, _) if draw.drawn.is_none() => Next::Nothing,
        (_, None) if survey.roster < frozen(draw) || tried.no_order == Some(orders.window) => {
            later_round(survey)
        }
        (_, None) => Next::Restore,
        (_, Some(kept)) => once_drawn(survey, draw, kept),
    }
}

/// How many were frozen.
fn frozen(draw: &Draw) -> u64 {
    draw.frozen.map_or(0, |frozen| frozen.count.into())
}

fn while_drawing(survey: &Survey, draw: &Draw, kept: Option<&KeptDraw>) -> Next {
    let cut = survey.frozen.filter(|cut| cut.round == 0);
    let Some(kept) = kept else {
        return if cut.is_some() {
            Next::Read
        } else {
            Next::Nothing
        };
    };
    if draw.frozen.is_none() {
        return Next::Freeze;
    }
    match (draw.value(), &kept.roster) {
        (None, _) => Next::Nothing,
        (Some(_), None) => Next::Draw,
        (Some(_), Some(_)) if survey.roster >= frozen(draw) => Next::Open,
        (Some(_), Some(_)) => Next::Place,
    }
}

fn once_drawn(survey: &Survey, draw: &Draw, kept: &KeptDraw) -> Next {
    let lives = survey.orders.state != WindowState::Ended;
    match (&kept.roster, &kept.file) {
        (None, _) => Next::Draw,
        (Some(_), _) if lives && survey.roster < frozen(draw) => Next::Place,
        (Some(_), None) => Next::Publish,
        (Some(_), Some(_)) => later_round(survey),
    }
}

fn later_round(survey: &Survey) -> Next {
    let waits = |cut: &Cut| cut.round > 0 && !cut.is_complete();
    match survey.frozen {
        Some(cut) if waits(&cut) && survey.orders.state.joins() => Next::Round,
        Some(_) | None => Next::Nothing,
    }
}

/// Says in the log what everybody may know.
fn tell(room: &crate::domain::room::RoomName, orders: &Orders) {
    let Some(draw) = &orders.draw else { return };
    let window = orders.window.0;
    match (draw.frozen, draw.drawn) {
        (None, _) => {
            tracing::info!(%room, window, commitment = %draw.commitment, source = draw.external_source, "the prequeue is open; its draw is committed to");
        }
        (Some(frozen), None) => {
            tracing::info!(%room, window, roster_root = %frozen.root, count = frozen.count, waits_for_value = draw.waits_for_value(), "the lobby is frozen");
        }
        (Some(frozen), Some(drawn)) => {
            tracing::info!(%room, window, digest = %drawn.digest, count = frozen.count, "the order is drawn; the room is open");
        }
    }
}
