//! Ticks: how many gateways share one pace without a leader and without a clock to agree on.
//!
//! The store keeps a [`TickState`] and accepts one [`Proposal`] per tick number. Each gateway
//! keeps a [`Pacer`] and proposes how much time has gone by on its own monotonic clock.
//!
//! # Why no window ever exceeds the bound
//!
//! A gateway's line of room time says `earned` of a tick at the moment that tick was *sent*, and
//! runs on with the gateway's clock. What a tick spends in flight is therefore missing at its
//! commit and caught up by a later one: between the commits `a < b` more than `b − a` may be
//! earned. Along one line that surplus is at most the time the proposer found missing when it
//! saw `a`, which is [`Proposal::elapsed`] − [`Proposal::waited`]. The store lets it be earned
//! only as far as the bucket had room at `a` ([`TickState::slack`]), so that both together never
//! exceed one bucket.
//!
//! Among several gateways this holds because no line is ever above the one before it. A gateway
//! that did not win anchors where it sees a tick, which is later than where the winner sent it,
//! and a line is good only while the anchor number stays the same: that number grows where
//! another gateway takes over and where time is cut short. A handover so costs the room what
//! its best sight of the winner was late, some milliseconds.
//!
//! Who passes between two ticks ([`TickState::pass`]) is paid for at the next one, after it has
//! earned and the bucket was capped: as if released then. It is not let in on more than was left
//! at the tick before, so whatever window begins or ends between, the bound holds for it too.

mod pacer;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::pace::{Corrected, PaceState, TICK, VISITOR, plan};
pub use pacer::{Pacer, Sight};

/// What the store keeps of a room's ticks. The bucket starts empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickState {
    /// How many ticks were accepted.
    pub tick: u64,
    /// The room time: the sum of accepted elapsed time in microseconds. It never runs fast.
    pub earned: u64,
    /// Allowance left over, in parts of [`VISITOR`].
    pub credit: u64,
    /// How much of it went to those who passed since this tick.
    #[serde(default)]
    pub spent: u64,
    /// How much time in flight the next tick may earn, in microseconds: the room that the
    /// bucket had at this tick before anybody was released.
    pub slack: u64,
    /// Grows where another gateway took over or time was cut short, so that all anchor anew.
    pub anchor: u64,
    /// The pace of this tick; `None` while nobody may be released, and before the first tick.
    pub last_pace: Option<Corrected>,
}

/// Whether the room's state lets anybody be released now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The room is open.
    Open,
    /// The room is paused, closed, ended or recovering: time goes on, nothing is earned.
    Shut,
}

/// What a gateway asks of the store: the next tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The tick it follows.
    pub seen_tick: u64,
    /// Microseconds of room time that have gone by since that tick, in flight or after.
    pub elapsed: u64,
    /// Microseconds since the proposer saw that tick; never more than `elapsed`.
    pub waited: u64,
    /// Whether the proposer won that tick.
    pub lead: Lead,
}

/// Who had the tick before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lead {
    /// The same gateway.
    Kept,
    /// Another one, or nobody.
    Taken,
}

/// An accepted tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickStep {
    /// What the store keeps from now on, once [`TickState::spend`] took off who went.
    pub state: TickState,
    /// How many visitors may go at this tick.
    pub batch: u64,
}

impl TickState {
    /// Takes the next tick; `None` when it was proposed on an older tick than the last.
    /// `pace` and `door` are what the store holds at this moment. Elapsed time counts at most as
    /// long as the effective burst takes to earn; the rest is lost to the room. A change of pace
    /// earns at the slower one once and forgets what is in flight. While the door is shut the
    /// bucket is emptied, and the first tick after that earns nothing: nobody gets a burst for
    /// having been paused.
    #[must_use]
    pub fn accept(
        &self,
        proposal: Proposal,
        pace: impl Into<Corrected>,
        door: Door,
    ) -> Option<TickStep> {
        let pace = (proposal.seen_tick == self.tick).then(|| pace.into())?;
        let longest = pace.time_for(pace.ceiling(TICK));
        let elapsed = proposal.elapsed.min(longest);
        let new_line = proposal.elapsed > longest || proposal.lead == Lead::Taken;
        let moved = Self {
            tick: self.tick.saturating_add(1),
            earned: self.earned.saturating_add(elapsed),
            anchor: self.anchor.saturating_add(u64::from(new_line)),
            ..*self
        };
        let surely = proposal.waited.saturating_add(self.slack);
        Some(match door {
            Door::Open => moved.earn(elapsed.min(surely), pace),
            Door::Shut => moved.rest(),
        })
    }

    /// Lets one visitor in between two ticks, if enough is left of what was earned, and of what the
    /// bucket of the pace in force may hold: after an order there may have been no tick yet.
    #[must_use]
    pub fn pass(&mut self, pace: Corrected) -> bool {
        let most = self.credit.min(pace.ceiling(TICK));
        let enough = most.saturating_sub(self.spent) >= VISITOR;
        if enough {
            self.spent += VISITOR;
        }
        enough
    }

    /// Takes off who was released at this tick.
    pub fn spend(&mut self, released: u64) {
        self.credit = self.credit.saturating_sub(released.saturating_mul(VISITOR));
    }

    /// The state as gateways have it from a survey or a tick: what passed since is the store's
    /// own affair.
    #[must_use]
    pub const fn as_told(self) -> Self {
        Self { spent: 0, ..self }
    }

    /// What gateways are told.
    #[must_use]
    pub const fn seen(&self) -> Seen {
        Seen {
            tick: self.tick,
            earned: self.earned,
            anchor: self.anchor,
        }
    }

    fn earn(self, time: u64, pace: Corrected) -> TickStep {
        let (earning, time) = match self.last_pace {
            Some(last) => (pace.slower(last), time),
            None => (pace, 0),
        };
        let carried = PaceState {
            credit: self.credit,
        };
        let step = plan(earning, carried, Duration::from_micros(time), TICK);
        let credit = step.next.credit;
        // After a change, time in flight may belong to the old pace: none of it is earned.
        let changed = self.last_pace.is_some_and(|last| last != pace);
        let slack = if changed {
            0
        } else {
            pace.time_for(pace.ceiling(TICK).saturating_sub(credit))
        };
        let credit = credit.saturating_sub(self.spent);
        let state = Self {
            credit,
            spent: 0,
            slack,
            last_pace: Some(pace),
            ..self
        };
        TickStep {
            state,
            batch: credit / VISITOR,
        }
    }

    fn rest(self) -> TickStep {
        let state = Self {
            credit: 0,
            spent: 0,
            slack: 0,
            last_pace: None,
            ..self
        };
        TickStep { state, batch: 0 }
    }
}

/// What a gateway learns of a room's ticks from a survey or from the answer to its proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The newest tick.
    pub tick: u64,
    /// The room time at that tick, in microseconds.
    pub earned: u64,
    /// The anchor number at that tick.
    pub anchor: u64,
}

#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;
