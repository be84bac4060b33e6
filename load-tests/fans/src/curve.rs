//! When each fan comes.

use std::time::Duration;

use crate::chance::Chance;
use crate::plan::Shape;

/// The time that [`Shape::Spike`] takes to grow tenfold, where the run is long enough.
const RAMP_S: f64 = 120.0;

/// How a curve's text cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub struct BadCurve {
    /// The line, from 1.
    pub line: usize,
}

impl std::fmt::Display for BadCurve {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "line {} of the curve is no `second,count`", self.line)
    }
}

impl std::error::Error for BadCurve {}

/// When each of `fans` comes within `seconds`, in order; at random, with the shape's odds.
#[must_use]
pub fn shaped(shape: Shape, fans: u32, seconds: u32, chance: &mut Chance) -> Vec<Duration> {
    let odds: Vec<f64> = (0..seconds)
        .map(|second| rate(shape, f64::from(second) + 0.5, f64::from(seconds)))
        .collect();
    let whole: f64 = odds.iter().sum();
    let mut times: Vec<Duration> = (0..fans)
        .map(|_| {
            let mut left = chance.unit() * whole;
            let second = odds.iter().position(|odd| {
                left -= odd;
                left < 0.0
            });
            let second = second.unwrap_or_default() as f64;
            Duration::from_secs_f64(second + chance.unit())
        })
        .collect();
    times.sort_unstable();
    times
}

/// How many come at `at` of `length` seconds, beside other times of the same shape.
fn rate(shape: Shape, at: f64, length: f64) -> f64 {
    match shape {
        Shape::Steady => 1.0,
        Shape::Burst if at < length / 20.0 => 0.8 / (length / 20.0),
        Shape::Burst => 0.2 / (length - length / 20.0),
        Shape::Spike => {
            let ramp = RAMP_S.min(length / 4.0);
            let phase = at / ramp;
            1.0 + 9.0 * phase.min(1.0).min((3.0 - phase).max(0.0))
        }
    }
}

/// When each fan comes whom the rows `second,count` announce; a first row of words is passed over.
///
/// # Errors
/// [`BadCurve`] names the first row that cannot be read.
pub fn read(text: &str, chance: &mut Chance) -> Result<Vec<Duration>, BadCurve> {
    let mut times = Vec::new();
    for (row, line) in text.lines().zip(1..) {
        if row.trim().is_empty() || (line == 1 && row.starts_with(char::is_alphabetic)) {
            continue;
        }
        let (second, count) = cells(row).ok_or(BadCurve { line })?;
        for _ in 0..count {
            times.push(Duration::from_secs_f64(f64::from(second) + chance.unit()));
        }
    }
    times.sort_unstable();
    Ok(times)
}

fn cells(row: &str) -> Option<(u32, u32)> {
    let (second, count) = row.split_once(',')?;
    Some((second.trim().parse().ok()?, count.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn within(times: &[Duration], from: u64, to: u64) -> usize {
        let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
        times
            .iter()
            .filter(|time| (from..to).contains(*time))
            .count()
    }

    #[test]
    fn a_spike_grows_tenfold_within_two_minutes_and_falls_back() {
        let times = shaped(Shape::Spike, 60_000, 600, &mut Chance::seeded(1));
        let (early, top) = (within(&times, 0, 5), within(&times, 150, 155));
        assert!(top > 7 * early && top < 11 * early, "{early} then {top}");
        assert!(within(&times, 500, 600) < within(&times, 130, 230) / 7);
        assert_eq!(within(&times, 0, 600), 60_000);
    }

    #[test]
    fn a_burst_brings_four_of_five_in_a_twentieth_of_the_time() {
        let times = shaped(Shape::Burst, 10_000, 100, &mut Chance::seeded(1));
        let first = within(&times, 0, 5);
        assert!((7_700..8_300).contains(&first), "{first}");
        assert!(times.is_sorted());
    }

    #[test]
    fn rows_bring_as_many_as_they_say_in_their_second() {
        let times = read("second,count\n0,3\n\n7, 2\n", &mut Chance::seeded(1)).unwrap();
        assert_eq!((within(&times, 0, 1), within(&times, 7, 8)), (3, 2));
        assert_eq!(times.len(), 5);
        for bad in ["0,3\n1", "0,3\nx,1", "0,3\n1,-1"] {
            let fault = read(bad, &mut Chance::seeded(1)).unwrap_err();
            assert_eq!(fault, BadCurve { line: 2 });
        }
    }
}
