//! What a gateway saw change in the last minutes: paces by order, and the absent who came back.

use std::collections::VecDeque;

use super::leaving::Leaving;
use super::{SLOT, SLOTS};
use crate::domain::lane::{Lane, MOST_LANES};
use crate::domain::pace::{Corrected, micros};
use crate::domain::window::WindowId;

/// Changes of pace remembered at most; of more, the oldest are forgotten.
const MOST_CHANGES: usize = 16;

/// After how long, in seconds, what was counted weighs a third as much: "lately" is a minute.
const FADES_IN_S: f64 = 60.0;

/// How long, in microseconds, a lane had the door for itself before another one counts as having
/// joined it: lanes that begin with the sale are no news.
const ALONE: u64 = 60_000_000;

/// What one survey shows of a room's movement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sight {
    /// The sale window: with another one everything begins anew.
    pub window: WindowId,
    /// Room time, in microseconds.
    pub room_time: u64,
    /// Whether the room was open with somebody present waiting, so that its releases are measured.
    pub moving: bool,
    /// The pace in force.
    pub pace: Corrected,
    /// How many were found absent and wait.
    pub absent: u64,
    /// How many slots are taken.
    pub inside: u64,
    /// Slots that became free over the room's life.
    pub freed: u64,
    /// In which lanes somebody waits who was not.
    pub busy: [bool; MOST_LANES],
    /// Releases over the room's life.
    pub released: u64,
    /// Turns that nobody took, over the room's life.
    pub missed: u64,
}

/// What changed lately in a room.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Lately {
    /// Whether the pace is lower than it was while the releases of the estimate were measured.
    pub slowed: bool,
    /// How many of the absent came back, fading over a minute.
    pub returned: f64,
    /// How many were released, fading over a minute.
    pub released: f64,
    /// For which lanes another one lately began to take its share.
    joined: [bool; MOST_LANES],
}

impl Lately {
    /// Whether another lane than this one lately began to take its share of the releases.
    #[must_use]
    pub fn has_joined(&self, lane: Lane) -> bool {
        self.joined.get(lane.index()).is_some_and(|joined| *joined)
    }
}

/// Follows a room from survey to survey. It begins anew with every sale window and epoch, and is
/// lost with the gateway: then the estimate is measured, and only the reasons are missing.
#[derive(Clone, Debug, Default)]
pub struct Lookback {
    last: Option<Sight>,
    /// Measured time so far, in microseconds.
    measured: u64,
    /// Former paces, and the measured time until which each was in force, ascending.
    former: VecDeque<(u64, Corrected)>,
    returned: f64,
    released: f64,
    /// Those who left their slot.
    leaving: Leaving,
    /// Those who came back from absence.
    returning: Leaving,
    /// Missed turns since it began.
    missed: u64,
    /// Since when, in room time, somebody has been waiting in each lane.
    busy_since: [Option<u64>; MOST_LANES],
}

impl Lookback {
    /// Takes in the next survey.
    pub fn see(&mut self, sight: Sight) {
        if self.last.is_some_and(|last| last.window != sight.window) {
            *self = Self::default();
        }
        for (since, busy) in self.busy_since.iter_mut().zip(sight.busy) {
            *since = busy.then_some(since.unwrap_or(sight.room_time));
        }
        let Some(last) = self.last.replace(sight) else {
            return;
        };
        let passed = sight.room_time.saturating_sub(last.room_time);
        if last.moving {
            self.measured = self.measured.saturating_add(passed);
        }
        if last.pace != sight.pace {
            self.former.push_back((self.measured, last.pace));
        }
        let kept = self.measured.saturating_sub(micros(SLOT) * SLOTS as u64);
        let surplus = self.former.len().saturating_sub(MOST_CHANGES);
        self.former.drain(..surplus);
        self.former.retain(|(until, _)| *until > kept);
        let seconds = passed as f64 / 1e6;
        let fade = (-seconds / FADES_IN_S).exp();
        let back = last.absent.saturating_sub(sight.absent);
        let gone = sight.released.saturating_sub(last.released);
        self.returned = self.returned * fade + back as f64;
        self.released = self.released * fade + gone as f64;
        self.returning.see(last.absent, seconds, back);
        let freed = sight.freed.saturating_sub(last.freed);
        self.leaving.see(last.inside, seconds, freed);
        self.missed += sight.missed.saturating_sub(last.missed);
    }

    /// What changed lately.
    #[must_use]
    pub fn lately(&self) -> Lately {
        let slowed = self.last.is_some_and(|now| {
            let now = now.pace.per_minute();
            let faster = |(_, former): &(u64, Corrected)| former.per_minute() > now;
            self.former.iter().any(faster)
        });
        Lately {
            slowed,
            returned: self.returned,
            released: self.released,
            joined: self.joined(),
        }
    }

    /// For each lane in which people have waited for a minute or longer, whether another one began
    /// after that, within the time that is measured.
    fn joined(&self) -> [bool; MOST_LANES] {
        let now = self.last.map_or(0, |last| last.room_time);
        let lately = now.saturating_sub(micros(SLOT) * SLOTS as u64);
        let joins = |own: u64, other: u64| other > lately && other >= own + ALONE;
        self.busy_since.map(|own| {
            let mut others = self.busy_since.iter().flatten();
            own.is_some_and(|own| others.any(|other| joins(own, *other)))
        })
    }

    /// How many turns were missed in this window, as far as this gateway saw it.
    pub(super) const fn missed(&self) -> u64 {
        self.missed
    }

    /// How many of the absent come back in a second.
    pub(super) fn returns(&self) -> f64 {
        self.returned / FADES_IN_S
    }

    /// Those who left their slot in this window, as far as this gateway saw it.
    pub(super) const fn leaving(&self) -> &Leaving {
        &self.leaving
    }

    /// Those who came back from absence.
    pub(super) const fn returning(&self) -> &Leaving {
        &self.returning
    }

    /// For how long the pace in force has been measured, in microseconds; `None` where no other is
    /// remembered.
    pub(super) fn since_change(&self) -> Option<u64> {
        let (until, _) = self.former.back()?;
        Some(self.measured.saturating_sub(*until))
    }

    /// The former pace that was in force `ago` microseconds of measured time before now, if it was
    /// another one than now.
    pub(super) fn pace(&self, ago: u64) -> Option<Corrected> {
        let then = self.measured.saturating_sub(ago);
        let mut former = self.former.iter();
        former.find(|(until, _)| then < *until).map(|one| one.1)
    }
}
