//! What has changed since it was last written to disk: names of rows, not their values.

use std::collections::HashSet;

use super::spent;
use crate::domain::place::Place;
use crate::domain::session::Jti;
use crate::domain::visitor::VisitorId;

/// Rows whose present value must be written, or which must go if there is none.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) head: bool,
    pub(super) visitors: HashSet<(Place, VisitorId)>,
    pub(super) sessions: HashSet<Jti>,
    pub(super) ends: HashSet<Jti>,
    pub(super) uses: HashSet<spent::Key>,
    /// Members of a lobby, with its number.
    pub(super) members: HashSet<(u32, VisitorId)>,
    /// Blocks of the roster.
    pub(super) roster: HashSet<u32>,
}

impl Dirty {
    /// Forgets everything: there is no disk.
    pub(super) fn clear(&mut self) {
        self.head = false;
        self.visitors.clear();
        self.sessions.clear();
        self.ends.clear();
        self.uses.clear();
        self.members.clear();
        self.roster.clear();
    }

    /// Adds what `other` names.
    pub(super) fn merge(&mut self, other: Self) {
        self.head |= other.head;
        self.visitors.extend(other.visitors);
        self.sessions.extend(other.sessions);
        self.ends.extend(other.ends);
        self.uses.extend(other.uses);
        self.members.extend(other.members);
        self.roster.extend(other.roster);
    }
}
