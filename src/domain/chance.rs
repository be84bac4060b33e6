//! Whether something will be left at a visitor's turn: what is left against what those before it
//! are likely to take.

#[cfg(test)]
mod sim;

use super::stock::Stock;

/// Whether something will be left at a visitor's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Chance {
    /// At least four in five.
    Likely,
    /// Between the two.
    Possible,
    /// At most one in five.
    Unlikely,
}

/// Who comes before a visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Before {
    /// Those waiting ahead.
    pub ahead: u64,
    /// Those called or inside.
    pub inside: u64,
}

/// What a visitor takes before anything was measured: one in two or so buys, two or three each.
const USUAL_BASKET: f64 = 1.5;

/// The most that visitors can be thought to take each: a number that fell by more was put right and
/// not sold, and says nothing of baskets.
const LARGEST_BASKET: f64 = 12.0;

/// So many visitors the usual basket counts for beside those measured.
const USUAL_COUNTS: f64 = 5.0;

/// How far visitors differ: the variance of what one takes against its mean. Every second one
/// taking two to four comes to about 2; sales differ, and this is rather too wide than too narrow.
const SPREAD: f64 = 3.0;

/// How much of their purchases those inside have done already, on the average.
const HALF: f64 = 0.5;

/// The distance from the mean, in standard deviations, below which four of five values of a normal
/// distribution lie.
const FOUR_IN_FIVE: f64 = 0.841_621;

/// Whether something will be left when everybody in `before` has bought. `None` where nothing is
/// left now: that is no question of chance.
///
/// What one visitor takes is measured: what was sold against the visitors who took it, that is,
/// those who have gone and half of those who are still inside. What all in `before` take together
/// is then about normal, as a sum of many; its variance has a part for how visitors differ and one
/// for how little may have been measured.
#[must_use]
pub fn chance(stock: &Stock, before: Before) -> Option<Chance> {
    let left = stock.left.checked_sub(1)?;
    let half_inside = HALF * number(before.inside);
    let measured = USUAL_COUNTS + number(stock.over) + half_inside;
    let basket = (USUAL_COUNTS * USUAL_BASKET + number(stock.sold)) / measured;
    let basket = if basket > LARGEST_BASKET {
        USUAL_BASKET
    } else {
        basket
    };
    let buyers = number(before.ahead) + half_inside;
    let demand = buyers * basket;
    let variance = SPREAD * basket * buyers * (1.0 + buyers / measured);
    let margin = number(left) - demand;
    let clear = FOUR_IN_FIVE * variance.sqrt();
    Some(if margin >= clear {
        Chance::Likely
    } else if margin <= -clear {
        Chance::Unlikely
    } else {
        Chance::Possible
    })
}

/// A count as a fraction; those that visitors and tickets come to are exact.
fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::from(u32::MAX), f64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::stock::{Over, Word};

    fn chance_of(left: u64, sold: u64, over: u64, ahead: u64) -> Option<Chance> {
        let stock = Stock {
            left,
            low: left,
            sold,
            over,
            seen: over,
        };
        chance(&stock, Before { ahead, inside: 0 })
    }

    #[test]
    fn who_is_next_gets_what_is_left_and_sold_out_is_no_chance() {
        assert_eq!(chance_of(1, 0, 0, 0), Some(Chance::Likely));
        assert_eq!(chance_of(0, 500, 250, 0), None);
    }

    #[test]
    fn what_was_measured_beats_what_is_usual() {
        let measured = |sold| chance_of(1_000, sold, 500, 1_000);
        assert_eq!(chance_of(1_000, 0, 0, 1_000), Some(Chance::Possible));
        assert_eq!(measured(250), Some(Chance::Likely), "half a ticket each");
        assert_eq!(measured(500), Some(Chance::Possible), "one each");
        assert_eq!(measured(1_000), Some(Chance::Unlikely), "two each");
    }

    #[test]
    fn a_number_that_was_put_right_says_nothing_of_baskets() {
        assert_eq!(chance_of(1_000, 50_000, 10, 100), Some(Chance::Likely));
        assert_eq!(chance_of(1_000, 0, 0, 100), Some(Chance::Likely));
    }

    #[test]
    fn a_chance_never_grows_with_more_ahead() {
        let stock = Stock::first(5_000, Over(0)).told(Word::Site, 4_000, Over(700));
        let rank = |ahead| {
            let inside = 50;
            chance(&stock, Before { ahead, inside }).map(|one| one as u8)
        };
        for step in 0..100 {
            assert!(rank(step * 100) <= rank(step * 100 + 100), "{step}");
        }
        assert_eq!(rank(0), Some(Chance::Likely as u8));
        assert_eq!(rank(u64::MAX), Some(Chance::Unlikely as u8));
    }
}
