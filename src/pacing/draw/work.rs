//! What takes long in a draw: reading a lobby, computing its order, writing the places. Each is a
//! task of its own; what is computed is computed on a thread that may block.

use std::sync::Arc;

use crate::domain::draw::file::RosterFile;
use crate::domain::draw::published::Published;
use crate::domain::draw::roster::{Lobby, Roster};
use crate::domain::draw::{Draw, Drawn, Hash, formula};
use crate::domain::room::RoomName;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;
use crate::store::drawn::KeptDraw;
use crate::store::kept::{Keeper, KeptError, KeptLobby};
use crate::store::lobby::{Chunk, Cut, MOST_PAGE};
use crate::store::{QueueStore, StoreError};

/// What came of a task.
pub(super) enum Made {
    /// This is known of the draw now.
    Known(KeptDraw),
    /// Some more places are written.
    Placed,
    /// This gateway's disk has no lobby of this window.
    NotKept,
    /// The store has no order of this window.
    NoOrder(WindowId),
    /// Nothing: the room stands otherwise by now, or there is nothing to read.
    Nothing,
}

/// The secret of a draw that is about to be told, and what the order follows from.
#[derive(Clone, Copy)]
pub(super) struct Seeds {
    pub(super) server_seed: Hash,
    pub(super) seed: Hash,
}

impl Seeds {
    /// The draw with these told. Its digest is not computed yet.
    fn put_into(self, draw: Draw) -> Draw {
        let drawn = Drawn {
            server_seed: self.server_seed,
            seed: self.seed,
            digest: self.seed,
        };
        Draw {
            drawn: Some(drawn),
            ..draw
        }
    }
}

/// What a task works with.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) store: Arc<dyn QueueStore>,
    pub(super) room: RoomName,
    pub(super) window: WindowId,
    pub(super) keeper: Option<Arc<Keeper>>,
}

impl Work {
    /// Reads the frozen lobby of the prequeue.
    pub(super) async fn read(self, cut: Cut) -> Result<Made, StoreError> {
        let Some(lobby) = self.frozen(cut).await? else {
            return Ok(Made::Nothing);
        };
        let kept = KeptDraw::frozen(self.window, cut, Arc::new(lobby));
        self.keep(&kept).await;
        Ok(Made::Known(kept))
    }

    /// Looks for the frozen lobby on this gateway's disk.
    pub(super) async fn recall(self) -> Result<Made, StoreError> {
        let Some(keeper) = self.keeper else {
            return Ok(Made::NotKept);
        };
        let (room, window) = (self.room, self.window);
        let read = computed(move || {
            let kept = keeper.read_lobby(&room, window)?;
            Ok(kept.map(|kept| {
                let lobby = Lobby::freeze(&room, window, &kept.visitors);
                KeptDraw::frozen(window, kept.cut, Arc::new(lobby))
            }))
        });
        match read.await? {
            Ok(Some(kept)) => Ok(Made::Known(kept)),
            Ok(None) => Ok(Made::NotKept),
            Err(fault) => {
                tell(&fault);
                Ok(Made::NotKept)
            }
        }
    }

    /// Keeps a frozen lobby on this gateway's disk.
    async fn keep(&self, kept: &KeptDraw) {
        let Some(keeper) = self.keeper.clone() else {
            return;
        };
        let (room, window) = (self.room.clone(), self.window);
        let (cut, lobby) = (kept.cut, Arc::clone(&kept.lobby));
        let write = move || {
            let visitors = lobby.visitors().to_vec();
            let kept = KeptLobby { cut, visitors };
            keeper.write_lobby(&room, window, &kept)
        };
        if let Ok(Err(fault)) = computed(write).await {
            tell(&fault);
        }
    }

    /// Draws the order that follows from the seeds.
    pub(super) async fn draw(
        self,
        kept: Arc<KeptDraw>,
        (draw, seeds): (Draw, Seeds),
    ) -> Result<Made, StoreError> {
        let (room, window) = (self.room, self.window);
        let compute = move || {
            let roster = Arc::clone(&kept.lobby).draw(seeds.seed);
            let facts = Published::of(&room, window, &seeds.put_into(draw));
            Made::Known(KeptDraw {
                digest: Some(facts.digest_of(roster.leaves())),
                roster: Some(Arc::new(roster)),
                ..KeptDraw::clone(&kept)
            })
        };
        computed(compute).await
    }

    /// Writes every place of a drawn order that the store does not have.
    pub(super) async fn place(self, roster: Arc<Roster>, cut: Cut) -> Result<Made, StoreError> {
        self.write(&roster, cut).await
    }

    /// Reads an order that others drew, and takes it only if it is the published one.
    pub(super) async fn restore(self, draw: Draw) -> Result<Made, StoreError> {
        let (Some(frozen), Some(drawn)) = (draw.frozen, draw.drawn) else {
            return Ok(Made::Nothing);
        };
        let mut visitors = Vec::new();
        loop {
            let from = u32::try_from(visitors.len()).unwrap_or(u32::MAX);
            let (room, window) = (&self.room, self.window);
            let page = self.store.roster(room, window, from, MOST_PAGE).await?;
            if page.is_empty() || from >= frozen.count {
                break;
            }
            visitors.extend(page);
        }
        let (room, window) = (self.room.clone(), self.window);
        let lobby = computed(move || Lobby::freeze(&room, window, &visitors)).await?;
        if lobby.root() != frozen.root {
            return Ok(Made::NoOrder(window));
        }
        let cut = Cut {
            round: 0,
            epoch: frozen.epoch,
            base: frozen.base,
            count: frozen.count,
            placed: frozen.count,
        };
        let kept = KeptDraw::frozen(window, cut, Arc::new(lobby));
        self.keep(&kept).await;
        let seeds = Seeds {
            server_seed: drawn.server_seed,
            seed: drawn.seed,
        };
        self.draw(Arc::new(kept), (draw, seeds)).await
    }

    /// Makes the file that everybody may fetch.
    pub(super) async fn publish(self, kept: Arc<KeptDraw>, draw: Draw) -> Result<Made, StoreError> {
        let Some(roster) = kept.roster.clone() else {
            return Ok(Made::Nothing);
        };
        let (room, window) = (self.room, self.window);
        let written = computed(move || RosterFile::write((&room, window), &draw, &roster)).await?;
        let file = written.map_err(|fault| StoreError::Unreachable(fault.into()))?;
        Ok(Made::Known(KeptDraw {
            file: Some(Arc::new(file)),
            ..KeptDraw::clone(&kept)
        }))
    }

    /// Draws a later round and writes its places.
    pub(super) async fn round(self, cut: Cut, server_seed: Hash) -> Result<Made, StoreError> {
        let Some(lobby) = self.frozen(cut).await? else {
            return Ok(Made::Nothing);
        };
        let seed = formula::round_seed(server_seed, lobby.root(), cut.round);
        let roster = computed(move || Arc::new(lobby).draw(seed)).await?;
        self.write(&roster, cut).await
    }

    /// The lobby of this cut; `None` where the store has frozen another one meanwhile.
    async fn frozen(&self, cut: Cut) -> Result<Option<Lobby>, StoreError> {
        let mut visitors: Vec<VisitorId> = Vec::new();
        while let Ok(from) = u32::try_from(visitors.len()) {
            if from >= cut.count {
                break;
            }
            let page = self.store.lobby(&self.room, from, MOST_PAGE).await?;
            if page.round != cut.round || page.count != cut.count || page.visitors.is_empty() {
                return Ok(None);
            }
            visitors.extend(page.visitors);
        }
        let (room, window) = (self.room.clone(), self.window);
        let lobby = computed(move || Lobby::freeze(&room, window, &visitors)).await?;
        Ok((lobby.count() == cut.count).then_some(lobby))
    }

    /// Writes a drawn order in chunks, from where the store says that it is missing.
    async fn write(&self, roster: &Roster, cut: Cut) -> Result<Made, StoreError> {
        let mut from = cut.placed;
        while from < cut.count {
            let chunk = Chunk {
                window: self.window,
                round: cut.round,
                epoch: cut.epoch,
                base: cut.base,
                from,
                visitors: roster.slice(from, MOST_PAGE),
            };
            let upto = self.store.place(&self.room, &chunk).await?.upto;
            // Where the store takes no more, the next look at the room tells why.
            if upto <= from {
                break;
            }
            from = upto;
        }
        Ok(if from > cut.placed {
            Made::Placed
        } else {
            Made::Nothing
        })
    }
}

fn tell(fault: &KeptError) {
    let source = std::error::Error::source(fault).map(ToString::to_string);
    tracing::warn!(%fault, source, "a frozen lobby could not be kept on this gateway's disk, or not be read there; it goes on without");
}

/// Runs on a thread that may block.
async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StoreError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|fault| StoreError::Unreachable(fault.into()))
}
