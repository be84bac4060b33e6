//! The reference: everybody in one list, each rule written as plainly as it can be.

use std::time::Duration;

use crate::domain::lane::{Lane, MOST_LANES};
use crate::domain::place::{Place, Turn};
use crate::domain::presence::{EXPECTED_AFTER, HorizonHistory, check_in_lasts, from_behind};
use crate::domain::room::Terms;
use crate::domain::share::{EachLane, Leads};
use crate::domain::standing::{EndedBy, Standing};
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowState;
use crate::store::conformance::{PROMISED, ShownBy, ended, visitor, waiting};

/// Where somebody is, times in µs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum At {
    Waiting { seen_until: u64 },
    Absent,
    Away { until: u64 },
    Released { until: u64 },
    Inside { until: u64 },
    Over(EndedBy),
}

#[derive(Clone, Debug)]
pub(super) struct Person {
    pub(super) number: u32,
    pub(super) turn: Turn,
    pub(super) place: Place,
    pub(super) lane: Lane,
    pub(super) at: At,
    pub(super) missed: bool,
    pub(super) step_aways: u8,
    pub(super) extensions: u8,
}

/// The reference: everybody of every turn, in order of joining, hence of place.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) people: Vec<Person>,
    pub(super) state: WindowState,
    pub(super) now: u64,
    pub(super) claim_time: u64,
    pub(super) missed_total: u64,
    pub(super) leads: Leads,
    pub(super) lanes: [LaneModel; MOST_LANES],
}

/// What the reference knows of a lane besides who is in it.
#[derive(Clone, Debug)]
pub(super) struct LaneModel {
    front: Place,
    carry: u64,
    pub(super) horizons: HorizonHistory,
}

impl Default for LaneModel {
    fn default() -> Self {
        Self {
            front: Place::LOWEST,
            carry: 0,
            horizons: HorizonHistory::default(),
        }
    }
}

pub(super) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap()
}

impl Model {
    pub(super) fn last(&mut self, number: u32) -> Option<&mut Person> {
        self.people.iter_mut().rfind(|one| one.number == number)
    }

    pub(super) fn count(&self, wanted: impl Fn(&At) -> bool) -> u64 {
        self.people.iter().filter(|one| wanted(&one.at)).count() as u64
    }

    pub(super) fn counts(&self) -> (u64, u64, u64, u64) {
        (
            self.count(|at| matches!(at, At::Waiting { .. } | At::Absent | At::Away { .. })),
            self.count(|at| matches!(at, At::Absent | At::Away { .. })),
            self.count(|at| matches!(at, At::Released { .. })),
            self.count(|at| matches!(at, At::Inside { .. })),
        )
    }

    pub(super) fn see(&mut self, number: u32, now: u64, by: ShownBy) {
        let until = now + micros(check_in_lasts(PROMISED));
        if let Some(one) = self.last(number) {
            match one.at {
                At::Waiting { seen_until } => {
                    one.at = At::Waiting {
                        seen_until: seen_until.max(until),
                    }
                }
                At::Absent => one.at = At::Waiting { seen_until: until },
                At::Away { until: away } if away > now && by == ShownBy::Page => {}
                At::Away { .. } => one.at = At::Waiting { seen_until: until },
                At::Released { .. } | At::Inside { .. } | At::Over(_) => {}
            }
        }
    }

    /// Lets somebody step away; whether it is so then, and whether it could ever be.
    pub(super) fn step_away(&mut self, terms: &Terms, number: u32) -> (bool, bool) {
        let now = self.now;
        let until = now + micros(terms.absence.step_away);
        let Some(one) = self.last(number) else {
            return (false, false);
        };
        match one.at {
            At::Away { until } if until > now => return (true, true),
            At::Inside { .. } | At::Over(_) => return (false, false),
            At::Waiting { .. } | At::Absent | At::Away { .. } | At::Released { .. } => {}
        }
        if one.step_aways == terms.absence.step_aways {
            return (false, true);
        }
        one.step_aways += 1;
        one.at = At::Away { until };
        (true, true)
    }

    /// Gives somebody more time; the same.
    pub(super) fn extend(&mut self, terms: &Terms, number: u32) -> (bool, bool) {
        let window = micros(terms.session.claim_window);
        let now = self.claim_time;
        let Some(one) = self.last(number) else {
            return (false, false);
        };
        let At::Released { until } = one.at else {
            return (false, false);
        };
        if until.saturating_sub(now) * 4 > window * 3 {
            return (true, true);
        }
        if one.extensions == terms.absence.extensions {
            return (false, true);
        }
        one.extensions += 1;
        let until = until.max(now + window);
        one.at = At::Released { until };
        (true, true)
    }

    pub(super) fn over(&mut self, number: u32, why: EndedBy) {
        if let Some(one) = self.last(number)
            && !matches!(one.at, At::Over(_))
        {
            one.at = At::Over(why);
        }
    }

    pub(super) fn ahead_of(&self, who: &Person) -> u64 {
        let ahead = |one: &&Person| {
            matches!(one.at, At::Waiting { .. }) && one.lane == who.lane && one.place < who.place
        };
        self.people.iter().filter(ahead).count() as u64
    }

    pub(super) fn waiting_in(&self, lane: Lane) -> u64 {
        let waits = |at: &At| matches!(at, At::Waiting { .. } | At::Absent | At::Away { .. });
        let here = |one: &&Person| one.lane == lane && waits(&one.at);
        self.people.iter().filter(here).count() as u64
    }

    pub(super) fn standing(&self, number: u32) -> Option<Standing> {
        let one = self.people.iter().rfind(|one| one.number == number)?;
        Some(match one.at {
            At::Away { until } if until > self.now => Standing::Away {
                left: Duration::from_micros(until - self.now),
            },
            At::Waiting { .. } | At::Absent | At::Away { .. } => waiting(self.ahead_of(one)),
            At::Released { until } => Standing::Released {
                left: Duration::from_micros(until - self.claim_time.min(until)),
            },
            At::Inside { .. } => Standing::Admitted,
            At::Over(why) => ended(why),
        })
    }

    /// Ends what expired.
    pub(super) fn expire(&mut self, now: u64, elapsed: u64) {
        self.now = now;
        if self.state.claims() {
            self.claim_time += elapsed;
        }
        for one in &mut self.people {
            match one.at {
                At::Released { until } if self.state.claims() && until <= self.claim_time => {
                    one.at = if one.missed {
                        At::Over(EndedBy::Missed)
                    } else {
                        At::Absent
                    };
                    one.missed = true;
                    self.missed_total += 1;
                }
                At::Inside { until } if until <= now => one.at = At::Over(EndedBy::Expired),
                _ => {}
            }
        }
    }

    fn expected(&self, lane: Lane, now: u64) -> Place {
        let lane = &self.lanes[lane.index()];
        let covered = lane.horizons.expected(now);
        covered.unwrap_or(Place::LOWEST).max(lane.front)
    }

    /// Who must be released when `most` may go.
    pub(super) fn release(&mut self, terms: &Terms, now: u64, most: u64) -> Vec<VisitorId> {
        let mut batch = Vec::new();
        // Those of the terms, and those that somebody was in.
        let used = self.people.iter().map(|one| one.lane.index() + 1).max();
        let count = terms.lanes.all().len().max(used.unwrap_or(1));
        let lanes: Vec<_> = Lane::all().take(count).collect();
        // Where lanes stand when the tick begins.
        let lines = lanes.iter().map(|lane| Line {
            lane: *lane,
            front: self.lanes[lane.index()].front,
            expected: self.expected(*lane, now),
        });
        let lines: Vec<_> = lines.collect();
        let mut waits = EachLane::default();
        for one in &self.people {
            waits[one.lane.index()] += u64::from(matches!(one.at, At::Waiting { .. }));
        }
        while (batch.len() as u64) < most {
            let left = most - batch.len() as u64;
            let shares = match lanes.len() {
                1 if waits[0] > 0 => [left, 0, 0, 0, 0, 0, 0, 0],
                1 => EachLane::default(),
                _ => self.leads.share(&terms.lanes, waits, left),
            };
            if shares == EachLane::default() {
                break;
            }
            for line in &lines {
                let at = line.lane.index();
                let called = self.call_in(*line, terms, now, shares[at]);
                let gone = called.len() as u64;
                waits[at] = if gone < shares[at] {
                    0
                } else {
                    waits[at].saturating_sub(gone)
                };
                batch.extend(called);
            }
        }
        batch
    }

    /// Who must be released of one lane when `most` of it may go.
    fn call_in(&mut self, line: Line, terms: &Terms, now: u64, most: u64) -> Vec<VisitorId> {
        let Line {
            lane,
            front,
            expected,
        } = line;
        let mut batch = Vec::new();
        if most == 0 {
            return batch;
        }
        let behind = |one: &Person| {
            matches!(one.at, At::Waiting { .. }) && one.lane == lane && one.place <= front
        };
        let mut half = 0;
        if self.people.iter().any(behind) {
            let carry = &mut self.lanes[lane.index()].carry;
            (half, *carry) = from_behind(most, *carry);
        }
        for (behind, most) in [(true, half), (false, most), (true, most)] {
            self.people.sort_by_key(|one| one.place);
            for one in &mut self.people {
                let At::Waiting { seen_until } = one.at else {
                    continue;
                };
                let here = one.lane == lane && (one.place <= front) == behind;
                if !here || batch.len() as u64 == most {
                    continue;
                }
                if one.place <= expected && seen_until <= now {
                    one.at = At::Absent;
                    continue;
                }
                let late = u32::from(one.place > expected);
                let window = terms.session.claim_window + EXPECTED_AFTER * late;
                one.at = At::Released {
                    until: self.claim_time + micros(window),
                };
                let front = &mut self.lanes[lane.index()].front;
                *front = (*front).max(one.place);
                batch.push(visitor(one.number));
            }
        }
        batch
    }

    pub(super) fn sweep(&mut self, now: u64) {
        let expected: Vec<_> = Lane::all().map(|lane| self.expected(lane, now)).collect();
        for one in &mut self.people {
            if let At::Waiting { seen_until } = one.at
                && seen_until <= now
                && one.place <= expected[one.lane.index()]
            {
                one.at = At::Absent;
            }
        }
    }
}

/// A lane while somebody is called from it.
#[derive(Clone, Copy)]
struct Line {
    lane: Lane,
    front: Place,
    expected: Place,
}
