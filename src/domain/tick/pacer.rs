//! A gateway's side of one room's ticks.

use std::time::Duration;

use super::{Lead, Proposal, Seen};
use crate::domain::pace::{TICK, micros};

/// How a gateway came to see a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// In a survey, or in the answer that refused its proposal.
    Told,
    /// In the answer that accepted its proposal.
    Won {
        /// The local time at which [`Pacer::propose`] made that proposal.
        sent: Duration,
    },
}

/// A gateway's side of one room's ticks: it anchors, and proposes.
///
/// All times are readings of this gateway's own monotonic clock. A pacer belongs to one epoch of
/// a room; a new epoch needs a new one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pacer {
    last: Option<Sighting>,
}

#[derive(Clone, Copy, Debug)]
struct Sighting {
    seen: Seen,
    at: Duration,
    lead: Lead,
    line: Line,
}

/// A line of room time: it was `earned` at the local time `at` and runs on with the local clock.
#[derive(Clone, Copy, Debug)]
struct Line {
    at: Duration,
    earned: u64,
}

impl Line {
    fn reads(self, now: Duration) -> u64 {
        self.earned
            .saturating_add(micros(now.saturating_sub(self.at)))
    }
}

impl Pacer {
    /// Takes in what the store said at `now`. What a newer answer overtook is ignored.
    pub fn observe(&mut self, now: Duration, seen: Seen, sight: Sight) {
        let known = match self.last {
            Some(last) if seen.tick < last.seen.tick => return,
            Some(last) if seen.tick == last.seen.tick => Some(last),
            _ => None,
        };
        let line = |at| Line {
            at,
            earned: seen.earned,
        };
        let at = known.map_or(now, |last| last.at);
        self.last = Some(match (sight, known) {
            (Sight::Told, Some(last)) => last,
            (Sight::Told, None) => Sighting {
                seen,
                at,
                lead: Lead::Taken,
                line: self.higher(now, seen, line(now)),
            },
            (Sight::Won { sent }, _) => Sighting {
                seen,
                at,
                lead: Lead::Kept,
                line: line(sent),
            },
        });
    }

    /// The higher of `fresh` and the line so far, if that one is still good.
    fn higher(&self, now: Duration, seen: Seen, fresh: Line) -> Line {
        match self.last {
            Some(last) if last.seen.anchor == seen.anchor && last.line.reads(now) > seen.earned => {
                last.line
            }
            _ => fresh,
        }
    }

    /// The local time at which to propose the next tick; `None` before the room was seen.
    ///
    /// One period after it saw a tick of its own; three to four periods after it saw another's,
    /// by `jitter`, a random span of at most one period, so that not all step in at once.
    #[must_use]
    pub fn due(&self, jitter: Duration) -> Option<Duration> {
        let last = self.last?;
        let patience = if last.lead == Lead::Kept {
            TICK
        } else {
            3 * TICK + jitter.min(TICK)
        };
        Some(last.at.saturating_add(patience))
    }

    /// What to ask of the store at `now`; `None` before the room was seen.
    #[must_use]
    pub fn propose(&self, now: Duration) -> Option<Proposal> {
        let last = self.last?;
        let elapsed = last.line.reads(now).saturating_sub(last.seen.earned);
        Some(Proposal {
            seen_tick: last.seen.tick,
            elapsed,
            waited: micros(now.saturating_sub(last.at)).min(elapsed),
            lead: last.lead,
        })
    }
}
