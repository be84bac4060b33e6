//! When fans come: read from a file of one's own, or drawn from a named shape.

use std::fmt;

use super::dice::Dice;
use super::span;
use crate::domain::pace::Pace;

/// Fans at most.
pub const MOST_FANS: u32 = 5_000_000;

/// Faults of a file that are listed; of more, only the number is said.
const MOST_FAULTS: usize = 50;

/// A sale as one knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Shape {
    /// The rush at an opening: what comes a second grows tenfold in two minutes, then dies away.
    Spike,
    /// Half as many again as are let in, all the time.
    Steady,
    /// The rush, and three of ten never come back to the page.
    NoShows,
    /// The rush, and one of fifty is a bot that joins twenty times.
    Bots,
}

/// For how long the rush grows, in seconds.
const GROWS_S: f64 = 120.0;

/// How many times as many come a second at its height.
const GROWTH: f64 = 10.0;

/// How fast it dies away: in so many seconds to a third.
const FADES_S: f64 = 300.0;

/// How many times as many come as are let in, where it is steady.
const OVERLOAD: f64 = 1.5;

impl Shape {
    /// The word on the command line.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Spike => "spike",
            Self::Steady => "steady",
            Self::NoShows => "no-shows",
            Self::Bots => "bots",
        }
    }

    /// When each of `count` fans comes, in microseconds after the opening, ascending.
    #[must_use]
    pub fn arrivals(self, count: u32, pace: Pace, dice: &mut Dice) -> Vec<u64> {
        let mut times: Vec<u64> = match self {
            Self::Spike | Self::NoShows | Self::Bots => {
                (0..count).map(|_| micros(rush(dice.share()))).collect()
            }
            Self::Steady => {
                let lasts = f64::from(count) * 60.0 / (OVERLOAD * f64::from(pace.per_minute.get()));
                (0..count).map(|_| micros(dice.share() * lasts)).collect()
            }
        };
        times.sort_unstable();
        times
    }
}

/// By when, in seconds, a share of the rush has come.
///
/// It comes at 10^(t ÷ 120) a second for the first two minutes and at 10 × e^(−(t − 120) ÷ 300)
/// after that; this is the inverse of that curve's integral.
fn rush(share: f64) -> f64 {
    let steepness = GROWTH.ln() / GROWS_S;
    let growing = (GROWTH - 1.0) / steepness;
    let fading = GROWTH * FADES_S;
    let area = share * (growing + fading);
    if area < growing {
        (1.0 + area * steepness).ln() / steepness
    } else {
        GROWS_S - FADES_S * (1.0 - (area - growing) / fading).ln()
    }
}

fn micros(seconds: f64) -> u64 {
    (seconds * 1e6) as u64
}

/// What is wrong with a file of arrivals, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    listed: Vec<(usize, String)>,
    more: usize,
}

impl Faults {
    fn add(&mut self, line: usize, what: impl Into<String>) {
        if self.listed.len() < MOST_FAULTS {
            self.listed.push((line, what.into()));
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (line, what)) in self.listed.iter().enumerate() {
            let ending = if at == 0 { "" } else { "\n" };
            write!(f, "{ending}line {line}: {what}")?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for Faults {}

/// Reads arrivals: a line is `SECONDS` for one fan or `SECONDS,COUNT` for so many, spread over the
/// second that begins then. Empty lines, lines that begin with `#`, and a heading without digits
/// in the first line are passed over. The times need no order; what is returned has it.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn read(text: &str, dice: &mut Dice) -> Result<Vec<u64>, Faults> {
    let mut faults = Faults::default();
    let mut times = Vec::new();
    let mut total = 0;
    for (line, number) in text.trim_start_matches('\u{feff}').lines().zip(1..) {
        let line = line.trim();
        let heading = number == 1 && !line.contains(|sign: char| sign.is_ascii_digit());
        if line.is_empty() || line.starts_with('#') || heading {
            continue;
        }
        match arrival(line) {
            Ok((at, count)) => {
                total += u64::from(count);
                if total <= MOST_FANS.into() {
                    times.extend(spread(at, count, dice));
                }
            }
            Err(what) => faults.add(number, what),
        }
    }
    let lines = text.lines().count().max(1);
    if total > MOST_FANS.into() {
        let (all, most) = (span::grouped(total), span::grouped(MOST_FANS.into()));
        faults.add(
            lines,
            format!("{all} fans in all; at most {most} can be simulated"),
        );
    } else if times.is_empty() && faults == Faults::default() {
        faults.add(lines, "nobody comes");
    }
    if faults != Faults::default() {
        return Err(faults);
    }
    times.sort_unstable();
    Ok(times)
}

/// A time in seconds and how many come in it.
fn arrival(line: &str) -> Result<(f64, u32), String> {
    let (at, count) = line
        .split_once([',', ';', '\t'])
        .map_or((line, None), |(at, count)| (at.trim(), Some(count.trim())));
    let longest = span::LONGEST.as_secs_f64();
    let seconds = at
        .parse::<f64>()
        .ok()
        .filter(|at| (0.0..=longest).contains(at))
        .ok_or_else(|| {
            format!("`{at:.40}` is no time: seconds after the opening, 0 to {longest}")
        })?;
    let count = match count {
        None => 1,
        Some(count) => count
            .parse()
            .ok()
            .filter(|count| *count <= MOST_FANS)
            .ok_or_else(|| {
                format!("`{count:.40}` is no count: a whole number, 0 to {MOST_FANS}")
            })?,
    };
    Ok((seconds, count))
}

fn spread(at: f64, count: u32, dice: &mut Dice) -> impl Iterator<Item = u64> {
    let alone = count == 1;
    (0..count).map(move |_| micros(at + if alone { 0.0 } else { dice.share() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dice() -> Dice {
        Dice::of(1)
    }

    fn per_second(times: &[u64], from: u64, to: u64) -> f64 {
        let within = times
            .iter()
            .filter(|at| (from..to).contains(&(*at / 1_000_000)));
        within.count() as f64 / (to - from) as f64
    }

    #[test]
    fn a_rush_grows_tenfold_in_two_minutes_and_dies_away() {
        let pace = Pace::per_minute(600).unwrap();
        let times = Shape::Spike.arrivals(200_000, pace, &mut dice());

        assert!(times.is_sorted());
        let (first, height) = (per_second(&times, 0, 4), per_second(&times, 116, 120));
        assert!(
            (9.0..10.8).contains(&(height / first)),
            "{first} to {height}"
        );
        let later = per_second(&times, 418, 422);
        assert!(
            (2.5..3.0).contains(&(height / later)),
            "{height} to {later}"
        );
    }

    #[test]
    fn a_steady_overload_is_half_as_much_again_as_the_pace() {
        let pace = Pace::per_minute(600).unwrap();
        let times = Shape::Steady.arrivals(30_000, pace, &mut dice());
        assert!((14.5..15.5).contains(&per_second(&times, 100, 1_900)));
        assert!(times.iter().all(|at| *at <= 2_000_000_000));
    }

    #[test]
    fn a_file_gives_one_time_a_line_or_a_count_for_a_second() {
        let text = "seconds,count\n# the doors open\n0\n10, 3\n\n5.5\n2;0\n";
        let times = read(text, &mut dice()).unwrap();
        assert_eq!(times[..2], [0, 5_500_000]);
        assert_eq!(times.len(), 5);
        assert!(
            times[2..]
                .iter()
                .all(|at| (10_000_000..11_000_000).contains(at))
        );
    }

    #[test]
    fn every_bad_line_is_named_at_once() {
        let text = "0\nsoon\n-1,5\n4,many\n1e9\n7,1.5\nNaN\n8\n";
        let faults = read(text, &mut dice()).unwrap_err().to_string();
        let lines: Vec<&str> = faults.lines().collect();
        let numbers: Vec<_> = lines
            .iter()
            .map(|line| line.split(':').next().unwrap())
            .collect();
        assert_eq!(
            numbers,
            ["line 2", "line 3", "line 4", "line 5", "line 6", "line 7"]
        );
        assert_eq!(
            lines[0],
            "line 2: `soon` is no time: seconds after the opening, 0 to 2592000"
        );
        assert_eq!(
            lines[2],
            "line 4: `many` is no count: a whole number, 0 to 5000000"
        );
    }

    #[test]
    fn a_file_with_nobody_or_too_many_is_refused() {
        for text in ["", "seconds\n", "# nobody\n", "5,0\n"] {
            let faults = read(text, &mut dice()).unwrap_err().to_string();
            assert!(faults.ends_with("nobody comes"), "{text}: {faults}");
        }
        let crowd = read("0,4000000\n1,4000000\n", &mut dice()).unwrap_err();
        assert_eq!(
            crowd.to_string(),
            "line 2: 8,000,000 fans in all; at most 5,000,000 can be simulated"
        );
        let bad = "x\n".repeat(200);
        let faults = read(&bad, &mut dice()).unwrap_err().to_string();
        assert!(faults.ends_with("\nand 149 more"), "{faults}");
    }
}
