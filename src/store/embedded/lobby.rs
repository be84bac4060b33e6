//! Who is in the running lobby and in the frozen one, and what is left on disk of older ones.

use std::collections::{BTreeMap, VecDeque};
use std::vec;

use super::lanes::ByLane;
use crate::domain::lane::Lane;
use crate::domain::visitor::VisitorId;

/// A room's lobbies. Members are kept in order of their ids, which says nothing of when they came.
#[derive(Debug, Default)]
pub(super) struct Lobby {
    running: BTreeMap<VisitorId, Lane>,
    /// How many of the running one are of each lane.
    by_lane: ByLane<u64>,
    /// Ascending by visitor; complete, whatever became of its members.
    frozen: Vec<(VisitorId, Lane)>,
    /// Of the frozen, those of each lane who wait for their place.
    undrawn: ByLane<u64>,
    /// Members of lobbies gone by, with their numbers, not yet cleared from disk.
    pub(super) leftovers: VecDeque<(u32, vec::IntoIter<(VisitorId, Lane)>)>,
}

impl Lobby {
    /// How many are in the running one.
    pub(super) fn gathered(&self) -> u32 {
        u32::try_from(self.running.len()).unwrap_or(u32::MAX)
    }

    /// How many of a lane are in the running one.
    pub(super) fn gathered_in(&self, lane: Lane) -> u64 {
        *self.by_lane.of(lane)
    }

    /// Of the frozen, those who wait for their place.
    pub(super) fn undrawn(&self) -> u64 {
        self.undrawn.iter().sum()
    }

    /// Of the frozen, those of a lane who wait for their place.
    pub(super) fn undrawn_in(&self, lane: Lane) -> u64 {
        *self.undrawn.of(lane)
    }

    /// Notes that one more of a lane waits for its place in the frozen one.
    pub(super) fn wait(&mut self, lane: Lane) {
        *self.undrawn.of_mut(lane) += 1;
    }

    /// Notes that one of a lane does so no longer.
    pub(super) fn wait_no_longer(&mut self, lane: Lane) {
        let undrawn = self.undrawn.of_mut(lane);
        *undrawn = undrawn.saturating_sub(1);
    }

    /// Puts somebody into the running one.
    pub(super) fn add(&mut self, visitor: VisitorId, lane: Lane) {
        self.remove(visitor);
        self.running.insert(visitor, lane);
        *self.by_lane.of_mut(lane) += 1;
    }

    /// Takes somebody out of the running one.
    pub(super) fn remove(&mut self, visitor: VisitorId) {
        if let Some(lane) = self.running.remove(&visitor) {
            let count = self.by_lane.of_mut(lane);
            *count = count.saturating_sub(1);
        }
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
        self.undrawn = std::mem::take(&mut self.by_lane);
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
        self.undrawn = ByLane::default();
        self.leave_over(number, members);
    }

    /// Gives up the running one, of this number.
    pub(super) fn dismiss_running(&mut self, number: u32) {
        let members = std::mem::take(&mut self.running).into_iter().collect();
        self.by_lane = ByLane::default();
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
