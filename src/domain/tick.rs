//! Stand-in.
use super::pace::Pace;
use serde::{Deserialize, Serialize};
/// Tick state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickState {
    /// Number of the last tick.
    pub tick: u64,
    /// Room time in µs.
    pub earned: u64,
    /// Credit.
    pub credit: u64,
    /// Anchor number.
    pub anchor: u64,
    /// Pace of last tick.
    pub last_pace: Option<Pace>,
}
/// A proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Tick it follows.
    pub seen_tick: u64,
    /// Elapsed µs.
    pub elapsed: u64,
    /// Anchor number it was computed under.
    pub anchor: u64,
}
/// A step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TickStep {
    /// After.
    pub state: TickState,
    /// Whole visitors that may go.
    pub batch: u64,
}
impl TickState {
    /// Accepts.
    #[must_use]
    pub fn accept(&self, proposal: Proposal, pace: Pace, releasing: bool) -> Option<TickStep> {
        if proposal.seen_tick != self.tick {
            return None;
        }
        let mut state = *self;
        state.tick += 1;
        state.earned += proposal.elapsed;
        state.last_pace = Some(pace);
        state.credit = if releasing {
            state.credit + proposal.elapsed * u64::from(pace.per_minute.get())
        } else {
            0
        };
        Some(TickStep {
            state,
            batch: state.credit / 60_000_000,
        })
    }
    /// Spends.
    pub fn spend(&mut self, released: u64) {
        self.credit -= released * 60_000_000;
    }
}
