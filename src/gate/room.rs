//! One room as the gate knows it: its settings, its snapshot, its notes and its cookies' names.

use std::net::IpAddr;
use std::sync::Arc;

use http::request;
use sha2::{Digest, Sha256};

use crate::domain::pattern::PathPattern;
use crate::domain::room::{Exempt, Method as RoomMethod, RoomSettings};
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::store::Ending;
use crate::store::drawn::SharedDraw;
use crate::store::notes::{Glimpse, Notes};
use crate::store::survey::{SharedSnapshot, Snapshot, StoreHealth};
use crate::token::keyring::Keyring;
use crate::token::queue::QueueToken;

use super::admit::Door;
use super::canonical::Canonical;
use super::identify::CookieNames;
use super::pass::Alone;

/// A room at the gate.
#[derive(Clone, Debug)]
pub struct Room {
    /// What its file says.
    pub settings: Arc<RoomSettings>,
    /// What is known of it; `pacing` writes it.
    pub snapshot: SharedSnapshot,
    /// What it has to tell the store.
    pub notes: Arc<Notes>,
    /// How it paces whom it lets in while the store is away.
    pub alone: Arc<Alone>,
    /// What this gateway keeps of its draw; `pacing` writes it.
    pub draw: SharedDraw,
    /// Under which names its tokens travel.
    pub cookies: CookieNames,
}

impl Room {
    /// A room with nothing known of it yet.
    #[must_use]
    pub fn new(settings: RoomSettings) -> Self {
        Self {
            cookies: CookieNames::of(settings.name.as_str()),
            settings: Arc::new(settings),
            snapshot: SharedSnapshot::default(),
            notes: Arc::default(),
            alone: Arc::default(),
            draw: SharedDraw::default(),
        }
    }

    /// The same room with other settings: it goes on from what is known of it.
    #[must_use]
    pub fn renewed(&self, settings: RoomSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            ..self.clone()
        }
    }

    /// How specifically this room covers a request; `None` when it does not. A path that lost
    /// something in its comparing form is under no `except` and in no room where nobody waits.
    #[must_use]
    pub fn covers(&self, request: &Canonical) -> Option<(bool, usize)> {
        let key = &request.key;
        let open = || self.settings.rehearsal || self.method() == RoomMethod::Passthrough;
        let excepted = self.settings.except.iter().any(|path| path.covers(key));
        if (request.plain && excepted) || (!request.plain && open()) {
            return None;
        }
        self.settings
            .paths
            .iter()
            .filter(|path| path.covers(key))
            .map(PathPattern::weight)
            .max()
    }

    /// Who waits now: as the room's file says, or as the window that is under way.
    #[must_use]
    pub fn method(&self) -> RoomMethod {
        let snapshot = self.snapshot.load();
        snapshot.survey.orders.method(self.settings.method)
    }

    /// Whether a token is of the present window or a newer one; while nothing is known of the
    /// room, every one is.
    #[must_use]
    pub fn counts(&self, token: &QueueToken) -> bool {
        let snapshot = self.snapshot.load();
        snapshot.store == StoreHealth::NotYet || token.window >= snapshot.survey.orders.window
    }

    /// Leaves word where a token has seen more than this gateway knows: the next survey shows as
    /// much, or the store has lost it.
    pub fn witness(&self, token: &QueueToken) {
        let seen = Glimpse {
            window: token.window,
            epoch: token.epoch,
            tick: token.tick,
        };
        if seen > self.snapshot.load().survey.glimpse() {
            self.notes.saw(seen);
        }
    }

    /// What its admissions are judged by.
    pub(super) fn door<'a>(&'a self, keys: &'a Keyring, snapshot: &'a Snapshot) -> Door<'a> {
        Door {
            keys,
            room: &self.settings.name,
            terms: &self.settings.terms.session,
            snapshot,
            notes: &self.notes,
        }
    }

    /// Leaves word that a session has ended.
    pub(super) fn end(&self, session: Jti, why: EndedBy) {
        let life = self.settings.terms.session.longest_token();
        self.notes.end(Ending { session, why, life });
    }

    /// Whether a request passes without queueing, by the owner's `[[exempt]]`.
    #[must_use]
    pub fn exempts(&self, head: &request::Parts, request: &Canonical, client: IpAddr) -> bool {
        self.settings
            .exempt
            .iter()
            .any(|exempt| fits(exempt, head, request, client))
    }
}

fn fits(exempt: &Exempt, head: &request::Parts, request: &Canonical, client: IpAddr) -> bool {
    let by_method = exempt
        .method
        .as_ref()
        .is_none_or(|wanted| head.method.as_str() == wanted);
    let by_path = exempt
        .path
        .as_ref()
        .is_none_or(|path| request.plain && path.covers(&request.key));
    let by_net = exempt.from.is_empty() || exempt.from.iter().any(|net| net.contains(&client));
    let by_secret = exempt.header.as_ref().is_none_or(|(name, wanted)| {
        let shown = head.headers.get(name.as_str());
        let shown = shown.map(|value| Sha256::digest(value.as_bytes()));
        shown.is_some_and(|shown| {
            aws_lc_rs::constant_time::verify_slices_are_equal(&shown, wanted).is_ok()
        })
    });
    by_method && by_path && by_net && by_secret
}
