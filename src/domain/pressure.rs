//! When a gateway has so much to do that it turns new visitors away for a moment, so that those
//! inside and those in line are served.

use std::time::Duration;

/// How long lies between two looks.
pub const LOOK: Duration = Duration::from_millis(250);

/// So many looks in a row must find too much before it counts.
const HEAVY_LOOKS: u32 = 4;

/// So many looks in a row must find little before it is over.
const LIGHT_LOOKS: u32 = 8;

/// A task that had to be run is run so late where there is too much.
const LATE: Duration = Duration::from_millis(500);

/// And no later than so where there is little.
const PROMPT: Duration = Duration::from_millis(100);

/// How much a gateway has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pressure {
    /// No more than it can do.
    #[default]
    Calm,
    /// Too much: those who wait for nothing yet are sent away for a moment.
    High,
}

/// What one look finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Connections that are at work, and so cannot make way for others.
    pub at_work: usize,
    /// Connections there may be.
    pub most: usize,
    /// How late a task was run that was due.
    pub late: Duration,
}

/// Looks again and again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Watch {
    pressure: Pressure,
    /// Looks in a row that spoke for the other pressure.
    against: u32,
}

impl Watch {
    /// Takes note of a look, and says what holds from now on. Pressure rises above nine tenths of
    /// the connections or half a second of lateness, and falls below three quarters and a tenth
    /// of a second, so that it does not flutter.
    #[must_use]
    pub fn look(&mut self, load: Load) -> Pressure {
        let Load {
            at_work,
            most,
            late,
        } = load;
        let heavy = at_work.saturating_mul(10) >= most.saturating_mul(9) || late >= LATE;
        let light = at_work.saturating_mul(4) < most.saturating_mul(3) && late < PROMPT;
        let (against, needed, other) = match self.pressure {
            Pressure::Calm => (heavy, HEAVY_LOOKS, Pressure::High),
            Pressure::High => (light, LIGHT_LOOKS, Pressure::Calm),
        };
        self.against = if against { self.against + 1 } else { 0 };
        if self.against >= needed {
            *self = Self {
                pressure: other,
                against: 0,
            };
        }
        self.pressure
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn load(at_work: usize, late_ms: u64) -> Load {
        Load {
            at_work,
            most: 1_000,
            late: Duration::from_millis(late_ms),
        }
    }

    /// What holds after so many looks at the same load.
    fn after(watch: &mut Watch, looks: u32, load: Load) -> Pressure {
        (0..looks).fold(watch.pressure, |_, _| watch.look(load))
    }

    #[test]
    fn too_much_for_a_second_is_pressure_and_little_for_two_ends_it() {
        for heavy in [load(900, 0), load(0, 500), load(1_000, 9_000)] {
            let mut watch = Watch::default();
            assert_eq!(after(&mut watch, 3, heavy), Pressure::Calm);
            assert_eq!(after(&mut watch, 1, heavy), Pressure::High);
            assert_eq!(
                after(&mut watch, 100, load(800, 0)),
                Pressure::High,
                "in between"
            );
            assert_eq!(after(&mut watch, 7, load(749, 99)), Pressure::High);
            assert_eq!(after(&mut watch, 1, load(749, 99)), Pressure::Calm);
        }
    }

    #[test]
    fn a_moment_of_too_much_is_none() {
        let mut watch = Watch::default();
        for _ in 0..100 {
            assert_eq!(after(&mut watch, 3, load(1_000, 2_000)), Pressure::Calm);
            assert_eq!(after(&mut watch, 1, load(899, 499)), Pressure::Calm);
        }
    }
}
