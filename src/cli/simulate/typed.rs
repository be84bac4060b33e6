//! Values of the options of `anteroom simulate`, as they are typed.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::Time;

use super::plan::Ordered;
use super::span;
use crate::domain::pace::{Correction, Pace};
use crate::domain::window::Order;

/// An order with its time, as it is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timed(pub Ordered);

/// A span after the opening, or a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the opening.
    After(Duration),
    /// At this time of day, the next one after the opening.
    At(Time),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains(':') {
            let time = text.parse().map(Self::At);
            return time.map_err(|_| format!("`{text}` is no time of day: it is written as 12:00"));
        }
        let span = span::parse(text)?;
        if span.is_zero() {
            return Err("nobody is done at once".to_owned());
        }
        Ok(Self::After(span))
    }
}

impl FromStr for Timed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |text: &str, what| {
            let number = text.parse().ok().and_then(NonZeroU32::new);
            let number = number.filter(|number| number.get() <= Pace::MOST);
            number.ok_or_else(|| format!("{what} is a number from 1 to {}", Pace::MOST))
        };
        let (at, order) = match words.as_slice() {
            [at, "pause"] => (at, Order::Pause),
            [at, "resume"] => (at, Order::Resume),
            [at, "pace", pace] => {
                let pace = Pace::per_minute(number(pace, "a pace")?.get());
                (at, Order::Pace(pace.ok_or("that is no pace")?))
            }
            [at, "capacity", "none"] => (at, Order::Capacity(None)),
            [at, "capacity", most] => (at, Order::Capacity(Some(number(most, "a capacity")?))),
            [at, "release", count] => (at, Order::Release(number(count, "a release")?)),
            _ => {
                return Err(
                    "an order is a span and `pause`, `resume`, `pace N`, `capacity N` or `release N`"
                        .to_owned(),
                );
            }
        };
        let at = span::parse(at)?;
        Ok(Self(Ordered { at, order }))
    }
}

/// A share as `0.3` or `30%`.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let (number, of) = text
        .strip_suffix('%')
        .map_or((text, 1.0), |text| (text, 100.0));
    let share = number.trim().parse::<f64>().ok().map(|number| number / of);
    share
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| "a share is written as 0.3 or 30%, from 0 to 1".to_owned())
}

/// A correction as `1.15`.
pub(super) fn correction(text: &str) -> Result<Correction, String> {
    let thousandths = text
        .parse::<f64>()
        .ok()
        .map(|factor| (factor * 1_000.0).round() as u16);
    thousandths
        .and_then(Correction::thousandths)
        .ok_or_else(|| "a correction is a number from 1.0 to 1.3".to_owned())
}
