//! Who is in the running lobby and in the frozen one, and what is left on disk of older ones.

use std::collections::{BTreeMap, VecDeque};
use std::vec;

use crate::domain::lane::Lane;
use crate::domain::visitor::VisitorId;

/// A room's lobbies. Members are kept in order of their ids, which says nothing of when they came.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    running: BTreeMap<VisitorId, Lane>,
    /// Ascending by visitor; complete, whatever became of its members.
    frozen: Vec<(VisitorId, Lane)>,
    /// Of the frozen, those who wait for their place.
    pub(super) undrawn: u64,
    /// Members of lobbies gone by, with their numbers, not yet cleared from disk.
    pub(super) leftovers: VecDeque<(u32, vec::IntoIter<(VisitorId, Lane)>)>,
}

impl Lobby {
    /// How many are in the running one.
    pub(super) fn gathered(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }

    /// Puts somebody into the running one.
    pub(super) fn add(&mut self, visitor: VisitorId, lane: Lane) {
        self.running.insert(visitor, lane);
    }

    /// Takes somebody out of the running one.
    pub(super) fn remove(&mut self, visitor: VisitorId) {
        self.running.remove(&visitor);
    }

    /// The lane of a member of the running one.
    pub(super) fn running(&self, visitor: VisitorId) -> Option<Lane> {
        self.running.get(&visitor).copied()
    }

    /// The lane of a member of the frozen one.
    pub(super) fn frozen(&self, visitor: VisitorId) -> Option<Lane> {
        let at = self.frozen.binary_search_by_key(&visitor, |(id, _)| *id);
        self.frozen.get(at.ok()?).map(|(_, lane)| *lane)
    }

    /// Freezes the running one; how many were in it.
    pub(super) fn freeze(&mut self) -> u32 {
        let count = self.gathered();
        self.frozen = std::mem::take(&mut self.running).into_iter().collect();
        self.undrawn = u64::from(count);
        count
    }

    /// Adds a member to the frozen one as it is read from disk, ascending.
    pub(super) fn read_frozen(&mut self, visitor: VisitorId, lane: Lane) {
        self.frozen.push((visitor, lane));
    }

    /// A part of the frozen one.
    pub(super) fn page(&self, from: u32, most: u32) -> Vec<VisitorId> {
        let page = part(&self.frozen, from, most);
        page.iter().map(|(visitor, _)| *visitor).collect()
    }

    /// Gives up the frozen one, of this number.
    pub(super) fn dismiss_frozen(&mut self, number: u32) {
        let members = std::mem::take(&mut self.frozen);
        self.undrawn = 0;
        self.leave_over(number, members);
    }

    /// Gives up the running one, of this number.
    pub(super) fn dismiss_running(&mut self, number: u32) {
        let members = std::mem::take(&mut self.running).into_iter().collect();
        self.leave_over(number, members);
    }

    /// Notes members whose rows are no longer needed.
    pub(super) fn leave_over(&mut self, number: u32, members: Vec<(VisitorId, Lane)>) {
        if !members.is_empty() {
            self.leftovers.push_back((number, members.into_iter()));
        }
    }
}

/// At most `most` from index `from`.
pub(super) fn part<T>(all: &[T], from: u32, most: u32) -> &[T] {
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(all.len());
    let (_, rest) = all.split_at(from);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    rest.get(..most).unwrap_or(rest)
}
