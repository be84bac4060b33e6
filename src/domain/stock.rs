//! What is left to be sold in a window, and how much of it a visitor takes, as far as that can be
//! measured.

use serde::{Deserialize, Serialize};

use super::clock::UnixTime;
use super::window::{Finish, Orders, WindowState};

/// What is said to be left, and what was counted on the way there.
///
/// Only how much is left is ever said. What falls below the lowest number so far counts as sold;
/// every session that ended since the first number counts as a visitor who has bought or has not.
/// A number that rises on a site's answers takes nothing back and is sold but once: baskets are
/// given up, and of several gateways one may tell an older number after another's newer one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stock {
    /// How many are left; 0 is sold out.
    pub left: u64,
    /// The lowest number from which falls are counted.
    pub low: u64,
    /// How many were sold since it was first told.
    pub sold: u64,
    /// How many sessions ended meanwhile.
    pub over: u64,
    /// The count of sessions that were over when it last fell.
    pub seen: u64,
}

/// Who says what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// An order, one after another: what rises was put on sale.
    Order,
    /// The site, on answers that several gateways pass on.
    Site,
}

/// The most that can be said to be left.
pub const MOST_STOCK: u64 = 1_000_000_000;

/// How many sessions have ended over a room's life, when something was said about its stock. It
/// begins anew where a store lost the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over(pub u64);

impl Stock {
    /// What is left, told for the first time in a window.
    #[must_use]
    pub const fn first(left: u64, over: Over) -> Self {
        Self {
            left,
            low: left,
            sold: 0,
            over: 0,
            seen: over.0,
        }
    }

    /// What is left now. Telling the same number again changes nothing, nor does a site's number
    /// after nothing was left: that is an older one, told by another gateway.
    #[must_use]
    pub fn told(self, word: Word, left: u64, over: Over) -> Self {
        if self.is_sold_out() && word == Word::Site {
            return self;
        }
        let rises = left > self.left;
        let mut next = Self { left, ..self };
        if left < self.low {
            next.low = left;
            next.sold = self.sold.saturating_add(self.low - left);
            next.over = self.over.saturating_add(over.0.saturating_sub(self.seen));
            next.seen = over.0;
        }
        if rises && word == Word::Order {
            next.low = left;
        }
        next
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_sold_out(self) -> bool {
        self.left == 0
    }
}

impl Orders {
    /// Whether the window ended because nothing is left.
    #[must_use]
    pub fn is_sold_out(&self) -> bool {
        self.state == WindowState::Ended && self.stock.is_some_and(Stock::is_sold_out)
    }

    /// Takes in what is left. Nothing left ends the window, if there is one.
    pub(super) fn tell_stock(&mut self, (word, left, over): (Word, u64, Over), now: UnixTime) {
        let first = Stock::first(left, over);
        let told = self
            .stock
            .map_or(first, |stock| stock.told(word, left, over));
        self.stock = Some(told);
        if told.is_sold_out() && self.has_window() {
            self.end(now, Finish::SoldOut);
        }
    }

    /// What a new window begins with: it sells what is left, and is measured by itself; after one
    /// that was sold out nobody knows what there is.
    pub(super) fn measure_stock_anew(&mut self) {
        let stock = self.stock.filter(|stock| !stock.is_sold_out());
        self.stock = stock.map(|stock| Stock::first(stock.left, Over(stock.seen)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::window::Order;

    const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

    #[test]
    fn falls_count_as_sold_once() {
        let first = Stock::first(100, Over(40));
        let fell = first.told(Word::Site, 90, Over(44));
        let rose = fell.told(Word::Site, 95, Over(45));
        let again = rose.told(Word::Site, 90, Over(47));
        let last = again.told(Word::Site, 89, Over(50));

        assert_eq!((fell.sold, fell.over), (10, 4));
        assert_eq!((rose.left, rose.sold, rose.over), (95, 10, 4));
        assert_eq!(
            (again.left, again.sold),
            (90, 10),
            "given up and sold again"
        );
        assert_eq!((last.left, last.sold, last.over), (89, 11, 10));
        assert_eq!(last.told(Word::Site, 89, Over(60)), last, "nothing new");
    }

    #[test]
    fn what_an_order_puts_on_sale_is_sold_anew() {
        let stock = Stock::first(10, Over(0)).told(Word::Order, 4, Over(3));
        let more = stock.told(Word::Order, 50, Over(5));
        let last = more.told(Word::Order, 45, Over(9));
        assert_eq!((last.left, last.sold, last.over), (45, 11, 9));
    }

    #[test]
    fn a_count_that_begins_anew_takes_nothing_back() {
        let stock = Stock::first(100, Over(40)).told(Word::Site, 90, Over(60));
        let after = stock.told(Word::Site, 80, Over(3));
        let after = after.told(Word::Site, 70, Over(8));
        assert_eq!((after.sold, after.over), (30, 25));
    }

    fn stock(left: u64) -> Order {
        let over = Over(7);
        let word = Word::Order;
        Order::Stock { left, over, word }
    }

    #[test]
    fn nothing_left_ends_the_window_and_the_next_one_begins_without_a_number() {
        let begin = Order::OPEN_NOW;
        let open = Orders::default().apply(&begin, NOON).unwrap();
        let some = open.apply(&stock(5), NOON).unwrap();
        assert_eq!((some.state, some.is_sold_out()), (WindowState::Open, false));
        assert_eq!(some.apply(&stock(5), NOON).unwrap(), some);

        let out = some.apply(&stock(0), NOON).unwrap();
        assert_eq!((out.state, out.is_sold_out()), (WindowState::Ended, true));
        assert_eq!(out.apply(&stock(0), NOON).unwrap(), out);
        let late = Order::Stock {
            left: 2,
            over: Over(7),
            word: Word::Site,
        };
        assert_eq!(out.apply(&late, NOON).unwrap(), out, "an older number");
        let back = out.apply(&stock(3), NOON).unwrap();
        assert_eq!(
            (back.state, back.is_sold_out()),
            (WindowState::Ended, false),
            "what came back opens nothing"
        );

        assert_eq!(out.apply(&begin, NOON).unwrap().stock, None);
        let again = back.apply(&begin, NOON).unwrap();
        assert_eq!(again.stock, Some(Stock::first(3, Over(7))));
        let closed = Orders::default().apply(&stock(0), NOON).unwrap();
        assert_eq!(closed.state, WindowState::Closed, "there is no window");
    }
}
