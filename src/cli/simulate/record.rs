//! What is written down while a simulated sale runs.

use super::figures::Overshoot;
use crate::domain::pace::{Corrected, TICK, VISITOR};
use crate::store::survey::Survey;

/// Points of the curve at most; of more, every second is left out.
const MOST_POINTS: usize = 2_400;

/// A point of the curve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Point {
    /// Microseconds after the opening.
    pub at: u64,
    /// How many have joined.
    pub joined: u64,
    /// How many wait, without those found absent.
    pub waiting: u64,
    /// How many were released.
    pub released: u64,
    /// How many slots are taken.
    pub inside: u64,
}

/// What is written down.
#[derive(Clone, Debug)]
pub struct Record {
    /// The curve, at even steps.
    pub points: Vec<Point>,
    /// The length of a step, in microseconds.
    every: u64,
    last: u64,
    /// Fans in the order in which they were first called.
    pub order: Vec<u32>,
    /// Releases against the pace, in parts of [`VISITOR`].
    pub overshoot: Overshoot,
    /// The greatest effective burst that was in force.
    pub effective_burst: u64,
    /// The most that were inside at once.
    pub most_inside: u64,
    /// The most that waited at once.
    pub most_waiting: u64,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            points: Vec::new(),
            every: 1_000_000,
            last: 0,
            order: Vec::new(),
            overshoot: Overshoot::default(),
            effective_burst: 0,
            most_inside: 0,
            most_waiting: 0,
        }
    }
}

impl Record {
    /// Writes down what the room's loop found and did at a moment.
    pub fn round(&mut self, at: u64, called: u64, survey: &Survey, pace: Corrected) {
        let passed = at.saturating_sub(self.last);
        self.last = at;
        let rate = u64::from(pace.pace.per_minute.get()) * u64::from(pace.correction.get());
        self.overshoot.allow(passed.saturating_mul(rate) / 1_000);
        self.overshoot.count(called.saturating_mul(VISITOR));
        self.effective_burst = self.effective_burst.max(pace.effective_burst(TICK));
        let point = Point {
            at,
            joined: survey.joins_total,
            waiting: survey.waiting.saturating_sub(survey.absent),
            released: survey.releases_total,
            inside: survey.inside(),
        };
        self.most_inside = self.most_inside.max(point.inside);
        self.most_waiting = self.most_waiting.max(point.waiting);
        self.plot(point);
    }

    fn plot(&mut self, point: Point) {
        let due = self.points.last().map_or(0, |last| last.at + self.every);
        if point.at < due {
            return;
        }
        self.points.push(point);
        if self.points.len() > MOST_POINTS {
            let mut odd = false;
            self.points.retain(|_| {
                odd = !odd;
                odd
            });
            self.every *= 2;
        }
    }

    /// Writes down how the sale stood when it was over.
    pub fn close(&mut self, survey: &Survey) {
        let at = self.last;
        self.every = 0;
        self.plot(Point {
            at,
            joined: survey.joins_total,
            waiting: survey.waiting.saturating_sub(survey.absent),
            released: survey.releases_total,
            inside: survey.inside(),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::pace::Pace;

    #[test]
    fn a_long_sale_is_drawn_with_as_many_points_as_a_short_one() {
        let pace = Corrected::from(Pace::per_minute(600).unwrap());
        let mut record = Record::default();
        for tick in 0..80_000u64 {
            let survey = Survey {
                releases_total: tick,
                ..Survey::default()
            };
            record.round(tick * 250_000, 2, &survey, pace);
        }
        let points = &record.points;
        assert!((1_200..=2_400).contains(&points.len()), "{}", points.len());
        assert!(points.windows(2).all(|pair| pair[0].at < pair[1].at));
        assert_eq!(points[0].at, 0);
        assert!(record.overshoot.most() <= 2 * VISITOR);
        assert_eq!(record.effective_burst, 15);
    }
}
