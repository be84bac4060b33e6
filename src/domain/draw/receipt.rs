//! What a fan can show: the leaf, and the proof that it was in the frozen lobby.

use serde::{Deserialize, Serialize};

use super::Hash;
use super::tree::proves;

/// A fan's receipt, as `GET …/receipt` answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The room's name.
    pub room: String,
    /// The sale window.
    pub window: u64,
    /// The fan in the roster.
    pub leaf: Hash,
    /// Which of the ascending leaves that is, from 0.
    pub index: u64,
    /// How many leaves there are.
    pub count: u64,
    /// What the path from the leaf to the root is paired with, from the bottom up.
    pub proof: Vec<Hash>,
    /// The root.
    pub roster_root: Hash,
    /// The fan's rank in the drawn order, from 1; none before the draw.
    pub rank: Option<u64>,
}

impl Receipt {
    /// Whether the proof shows the leaf to be under the root.
    #[must_use]
    pub fn holds(&self) -> bool {
        let leaf = (self.leaf, self.index);
        proves(self.roster_root, leaf, self.count, &self.proof)
    }
}
