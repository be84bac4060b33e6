//! What a gateway keeps of a window's draw, so that places, receipts and the roster are answered
//! without the store, and a store that lost them can be told again.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;

use super::lobby::Cut;
use crate::domain::draw::file::RosterFile;
use crate::domain::draw::receipt::Receipt;
use crate::domain::draw::roster::{Lobby, Roster};
use crate::domain::draw::{Draw, Hash};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// The draw of one window: frozen, and then drawn.
#[derive(Clone)]
pub struct KeptDraw {
    /// Which window.
    pub window: WindowId,
    /// How its lobby was frozen.
    pub cut: Cut,
    /// Those who were in it.
    pub lobby: Arc<Lobby>,
    /// Their order, once it is drawn.
    pub roster: Option<Arc<Roster>>,
    /// What the facts and that order are together known by.
    pub digest: Option<Hash>,
    /// The file in which everybody may read it.
    pub file: Option<Arc<RosterFile>>,
}

impl KeptDraw {
    /// A lobby that is not drawn yet.
    #[must_use]
    pub const fn frozen(window: WindowId, cut: Cut, lobby: Arc<Lobby>) -> Self {
        Self {
            window,
            cut,
            lobby,
            roster: None,
            digest: None,
            file: None,
        }
    }

    /// Whether this is the lobby, and the order, that were published.
    #[must_use]
    pub fn is_of(&self, draw: &Draw) -> bool {
        let frozen = draw.frozen.map(|frozen| frozen.root);
        let seed = draw.drawn.map(|drawn| drawn.seed);
        let mine = self.roster.as_ref().map(|roster| roster.seed());
        frozen.is_none_or(|root| root == self.lobby.root())
            && seed.is_none_or(|seed| mine.is_none_or(|mine| mine == seed))
    }

    /// A visitor's rank, from 1; `None` before the draw and for who was not in the lobby.
    #[must_use]
    pub fn rank(&self, visitor: VisitorId) -> Option<u32> {
        self.roster.as_ref()?.rank(visitor)
    }

    /// What a visitor can show to have been in the lobby; `None` for who was not.
    #[must_use]
    pub fn receipt(&self, visitor: VisitorId) -> Option<Receipt> {
        match &self.roster {
            Some(roster) => roster.receipt(visitor),
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
            .field("drawn", &self.roster.is_some())
            .finish_non_exhaustive()
    }
}

/// One room's draw: `pacing` writes, `gate` reads.
pub type SharedDraw = Arc<ArcSwapOption<KeptDraw>>;
