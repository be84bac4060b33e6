//! A frozen lobby and the order drawn for it, small enough to keep: 29 bytes a fan.

use std::sync::Arc;

use super::Hash;
use super::formula::{self, Leaves};
use super::receipt::Receipt;
use super::tree::{BLOCK, Tree};
use crate::domain::room::RoomName;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;

/// Those who were in a room's lobby when it was frozen.
pub struct Lobby {
    room: RoomName,
    window: WindowId,
    leaves: Leaves,
    /// By ascending leaf.
    visitors: Box<[VisitorId]>,
    /// The first four bytes of each leaf, ascending, by which one is found.
    marks: Box<[u32]>,
    tree: Tree,
}

impl Lobby {
    /// Sorts by leaf and builds the tree, in O(n log n): work for a thread that may block. Whoever
    /// is named twice counts once.
    #[must_use]
    pub fn freeze(room: &RoomName, window: WindowId, visitors: &[VisitorId]) -> Self {
        let leaves = Leaves::of(room, window);
        let by_leaf = |visitor: &VisitorId| (leaves.leaf(*visitor), *visitor);
        let mut sorted: Vec<(Hash, VisitorId)> = visitors.iter().map(by_leaf).collect();
        sorted.sort_unstable();
        sorted.dedup();
        let ascending: Vec<Hash> = sorted.iter().map(|(leaf, _)| *leaf).collect();
        Self {
            room: room.clone(),
            window,
            leaves,
            visitors: sorted.iter().map(|(_, visitor)| *visitor).collect(),
            marks: ascending.iter().map(|leaf| mark(*leaf)).collect(),
            tree: Tree::over(&ascending),
        }
    }

    /// The tree head over all leaves.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.tree.head()
    }

    /// How many were in it.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.visitors.len()).unwrap_or(u32::MAX)
    }

    /// Who was in it, by ascending leaf.
    #[must_use]
    pub const fn visitors(&self) -> &[VisitorId] {
        &self.visitors
    }

    /// The leaf of a visitor, in the lobby or not.
    #[must_use]
    pub fn leaf(&self, visitor: VisitorId) -> Hash {
        self.leaves.leaf(visitor)
    }

    /// Which of the ascending leaves is this visitor's, from 0; `None` for who was not in it.
    #[must_use]
    pub fn index(&self, visitor: VisitorId) -> Option<u32> {
        let mark = mark(self.leaf(visitor));
        let first = self.marks.partition_point(|other| *other < mark);
        let rest = self.marks.iter().zip(&self.visitors).skip(first);
        let mut alike = rest.take_while(|(other, _)| **other == mark);
        let found = alike.position(|(_, other)| *other == visitor)?;
        u32::try_from(first + found).ok()
    }

    /// What a visitor can show to have been in it; `None` for who was not.
    #[must_use]
    pub fn receipt(&self, visitor: VisitorId) -> Option<Receipt> {
        let index = self.index(visitor)?;
        let at = usize::try_from(index).ok()?;
        let block = self.visitors.chunks(BLOCK).nth(at / BLOCK)?;
        let block: Vec<Hash> = block.iter().map(|one| self.leaf(*one)).collect();
        Some(Receipt {
            room: self.room.to_string(),
            window: self.window.0.into(),
            leaf: self.leaf(visitor),
            index: index.into(),
            count: self.count().into(),
            proof: self.tree.proof(at, &block),
            roster_root: self.root(),
            rank: None,
        })
    }

    /// Draws the order that follows from `seed`, in O(n log n): work for a thread that may block.
    #[must_use]
    pub fn draw(self: Arc<Self>, seed: Hash) -> Roster {
        let key = |visitor: &VisitorId| formula::sort_key(seed, self.leaf(*visitor));
        let mut sorted: Vec<(Hash, u32)> = self.visitors.iter().map(key).zip(0..).collect();
        sorted.sort_unstable();
        let order: Box<[u32]> = sorted.into_iter().map(|(_, index)| index).collect();
        let mut ranks = vec![0; order.len()];
        for (rank, index) in (1..).zip(&order) {
            let slot = usize::try_from(*index).ok();
            if let Some(slot) = slot.and_then(|index| ranks.get_mut(index)) {
                *slot = rank;
            }
        }
        Roster {
            order,
            ranks: ranks.into(),
            seed,
            lobby: self,
        }
    }
}

/// A lobby in its drawn order.
pub struct Roster {
    lobby: Arc<Lobby>,
    seed: Hash,
    /// The lobby's indices in drawn order.
    order: Box<[u32]>,
    /// The rank of each index.
    ranks: Box<[u32]>,
}

impl Roster {
    /// The lobby that was drawn.
    #[must_use]
    pub const fn lobby(&self) -> &Arc<Lobby> {
        &self.lobby
    }

    /// What the order follows from.
    #[must_use]
    pub const fn seed(&self) -> Hash {
        self.seed
    }

    /// A visitor's rank, from 1; `None` for who was not in the lobby.
    #[must_use]
    pub fn rank(&self, visitor: VisitorId) -> Option<u32> {
        let index = usize::try_from(self.lobby.index(visitor)?).ok()?;
        self.ranks.get(index).copied()
    }

    /// Those of the ranks `from + 1` up to `from + most`, in drawn order.
    #[must_use]
    pub fn slice(&self, from: u32, most: u32) -> Vec<VisitorId> {
        let (from, most) = (from as usize, most as usize);
        self.in_order().skip(from).take(most).collect()
    }

    /// All leaves in drawn order.
    pub fn leaves(&self) -> impl Iterator<Item = Hash> {
        self.in_order().map(|visitor| self.lobby.leaf(visitor))
    }

    /// What a visitor can show, with the rank.
    #[must_use]
    pub fn receipt(&self, visitor: VisitorId) -> Option<Receipt> {
        let rank = self.rank(visitor).map(u64::from);
        let receipt = self.lobby.receipt(visitor)?;
        Some(Receipt { rank, ..receipt })
    }

    fn in_order(&self) -> impl Iterator<Item = VisitorId> {
        let visitors = &self.lobby.visitors;
        let visitor = |index: &u32| visitors.get(*index as usize).copied();
        self.order.iter().filter_map(visitor)
    }
}

fn mark(leaf: Hash) -> u32 {
    let [first, second, third, fourth, ..] = leaf.0;
    u32::from_be_bytes([first, second, third, fourth])
}
