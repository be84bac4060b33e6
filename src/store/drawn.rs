//! What a gateway keeps of a window's draw, so that places, receipts and the roster are answered
//! without the store, and a store that lost them can be told again.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use crate::domain::draw::file::RosterFile;
use crate::domain::draw::receipt::Receipt;
use crate::domain::draw::roster::{Lobby, Roster};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// The draw of one window: frozen, and then drawn.
#[derive(Clone)]
pub struct KeptDraw {
    /// Which window.
    pub window: WindowId,
    /// Those who were in the lobby.
    pub lobby: Arc<Lobby>,
    /// Their order, once it is drawn.
    pub drawn: Option<Arc<Ordered>>,
}

/// A drawn order, and the file in which everybody may read it.
pub struct Ordered {
    /// The order.
    pub roster: Roster,
    /// The file.
    pub file: RosterFile,
}

impl KeptDraw {
    /// A visitor's rank, from 1; `None` before the draw and for who was not in the lobby.
    #[must_use]
    pub fn rank(&self, visitor: VisitorId) -> Option<u32> {
        self.drawn.as_ref()?.roster.rank(visitor)
    }

    /// What a visitor can show to have been in the lobby; `None` for who was not.
    #[must_use]
    pub fn receipt(&self, visitor: VisitorId) -> Option<Receipt> {
        match &self.drawn {
            Some(drawn) => drawn.roster.receipt(visitor),
            None => self.lobby.receipt(visitor),
        }
    }
}

impl fmt::Debug for KeptDraw {
    /// Never who is in it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptDraw")
            .field("window", &self.window)
            .field("count", &self.lobby.count())
            .field("drawn", &self.drawn.is_some())
            .finish_non_exhaustive()
    }
}

/// One room's draw: `pacing` writes, `gate` reads.
pub type SharedDraw = Arc<ArcSwapOption<KeptDraw>>;
