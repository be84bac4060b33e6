//! What is to be simulated, checked.

use std::num::NonZeroU32;
use std::time::Duration;

use super::fan::{Fan, Kind};
use crate::domain::pace::{Correction, Pace};
use crate::domain::window::Order;

/// A sale to be simulated.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How fast fans are let in.
    pub pace: Pace,
    /// What that is multiplied by for those who will not come.
    pub correction: Correction,
    /// How many may be inside.
    pub capacity: Option<NonZeroU32>,
    /// How long a fan stays inside, on average.
    pub stay: Duration,
    /// Joins a second that one address may make; `None` without a limit.
    pub limit: Option<NonZeroU32>,
    /// Who comes, in order of coming.
    pub fans: Vec<Fan>,
    /// What the operator orders, and when, in order of time.
    pub orders: Vec<Ordered>,
    /// What all chance follows from.
    pub seed: u64,
}

/// An order at a time after the opening.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// When.
    pub at: Duration,
    /// What.
    pub order: Order,
}

impl Plan {
    /// How many come, a bot counted once.
    #[must_use]
    pub fn heads(&self) -> u64 {
        let mut bots = std::collections::BTreeSet::new();
        let new = |fan: &&Fan| match fan.kind {
            Kind::Person => true,
            Kind::Bot(number) => bots.insert(number),
        };
        self.fans.iter().filter(new).count() as u64
    }
}
