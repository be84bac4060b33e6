//! Why a wait has grown or nothing moves: one plain reason, decided from what is known of the room.

use super::estimate::Lately;
use super::window::WindowState;

/// Why nothing moves, or why the wait has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Places are being made sure of after a loss, or the store is away.
    Recovering,
    /// Nothing is left to be sold.
    SoldOut,
    /// The operator paused the room.
    Paused,
    /// As many are inside as may be.
    CapacityFull,
    /// The pace is lower than it was in the last minutes.
    PaceLowered,
    /// Absent visitors came back to their places ahead.
    AbsentReturned,
    /// Others than this visitor's lane get a share of the releases.
    Lanes,
}

/// What is known of a room that bears on the waits in it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Facts {
    /// Whether the store is away, or places are coming back after a loss.
    pub recovering: bool,
    /// Whether the window ended because nothing is left to be sold.
    pub sold_out: bool,
    /// The state of the sale window.
    pub state: WindowState,
    /// Slots taken.
    pub inside: u64,
    /// Slots there are; `None` without a cap.
    pub capacity: Option<u64>,
    /// What changed lately.
    pub lately: Lately,
    /// Whether another lane lately began to take its share.
    pub other_lanes: bool,
}

/// The absent who came back count as a reason from this share of the releases on.
const MANY_RETURNED: f64 = 0.05;

/// The absent who came back count as a reason from so many on.
const FEW_RETURNED: f64 = 3.0;

impl Facts {
    /// The weightiest reason: what stops the line before what slows it.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        let full = self.capacity.is_some_and(|cap| self.inside >= cap);
        let returned = self.lately.returned;
        let many = returned >= FEW_RETURNED && returned >= MANY_RETURNED * self.lately.released;
        [
            (self.recovering, Reason::Recovering),
            (self.sold_out, Reason::SoldOut),
            (self.state == WindowState::Paused, Reason::Paused),
            (full, Reason::CapacityFull),
            (self.lately.slowed, Reason::PaceLowered),
            (many, Reason::AbsentReturned),
            (self.other_lanes, Reason::Lanes),
        ]
        .into_iter()
        .find_map(|(holds, reason)| holds.then_some(reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet() -> Facts {
        Facts {
            recovering: false,
            sold_out: false,
            state: WindowState::Open,
            inside: 10,
            capacity: Some(20),
            lately: Lately::default(),
            other_lanes: false,
        }
    }

    #[test]
    fn a_room_in_which_nothing_happened_gives_no_reason() {
        assert_eq!(quiet().reason(), None);
        let uncapped = Facts {
            capacity: None,
            inside: u64::MAX,
            ..quiet()
        };
        assert_eq!(uncapped.reason(), None);
    }

    #[test]
    fn what_stops_the_line_is_said_before_what_slows_it() {
        let mut facts = quiet();
        facts.other_lanes = true;
        assert_eq!(facts.reason(), Some(Reason::Lanes));
        facts.lately.returned = 5.0;
        facts.lately.released = 100.0;
        assert_eq!(facts.reason(), Some(Reason::AbsentReturned));
        facts.lately.slowed = true;
        assert_eq!(facts.reason(), Some(Reason::PaceLowered));
        facts.inside = 20;
        assert_eq!(facts.reason(), Some(Reason::CapacityFull));
        facts.state = WindowState::Paused;
        assert_eq!(facts.reason(), Some(Reason::Paused));
        facts.sold_out = true;
        assert_eq!(facts.reason(), Some(Reason::SoldOut));
        facts.recovering = true;
        assert_eq!(facts.reason(), Some(Reason::Recovering));
    }

    #[test]
    fn a_few_who_came_back_are_no_reason() {
        for (returned, released, says) in [
            (2.9, 0.0, false),
            (3.0, 60.0, true),
            (3.0, 61.0, false),
            (500.0, 600.0, true),
        ] {
            let mut facts = quiet();
            facts.lately.returned = returned;
            facts.lately.released = released;
            let reason = says.then_some(Reason::AbsentReturned);
            assert_eq!(facts.reason(), reason, "{returned} of {released}");
        }
    }
}
