//! Beginning what takes long, and the secrets that it needs.

use std::sync::Arc;

use tokio_util::task::AbortOnDropHandle;

use super::due::Next;
use super::work::{Seeds, Work};
use crate::domain::draw::{Draw, Frozen, Hash, formula};
use crate::domain::window::WindowId;
use crate::pacing::RoomLoop;
use crate::store::drawn::KeptDraw;
use crate::store::lobby::Cut;
use crate::store::survey::Survey;

impl RoomLoop {
    /// The server's share of a draw; `None`, and said once, where its key is not here.
    pub(super) fn server_seed(&mut self, window: WindowId, draw: &Draw) -> Option<Hash> {
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
    pub(super) fn begin(&mut self, next: Next, survey: &Survey, kept: Option<Arc<KeptDraw>>) {
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
