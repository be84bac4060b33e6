//! Whole sales with random baskets: how often those who were told a chance got something.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::domain::stock::{Over, Word};

/// Random numbers that are the same in every run: `SplitMix64`.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn within(&mut self, from: u64, to: u64) -> u64 {
        from + self.roll() % (to - from + 1)
    }
}

/// How the shop tells that a visitor is done.
#[derive(Clone, Copy, Debug)]
enum Shop {
    /// `complete` with the purchase; who buys nothing runs out.
    Completes,
    /// It never does: everybody runs out.
    SaysNothing,
    /// Visitors leave a while after they bought, or not.
    LetsStay,
}

/// What becomes of a visitor inside.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Buys so many, or what there is.
    Buys(u64),
    /// Looks, and would find something.
    Looks,
    /// Its session ends.
    Goes,
}

struct Sale {
    dice: Dice,
    shop: Shop,
    fans: u64,
    /// Of a hundred.
    buyers: u64,
    basket: u64,
    pace: u64,
    capacity: usize,
    idle: u64,
    left: u64,
    told: Stock,
    over: u64,
    next: u64,
    inside: BTreeSet<u64>,
    due: BTreeMap<u64, Vec<(u64, Deed)>>,
    got: BTreeSet<u64>,
    chances: Vec<(u64, Chance)>,
}

impl Sale {
    fn new(seed: u64, shop: Shop) -> Self {
        let mut dice = Dice(seed);
        let (fans, buyers) = (dice.within(300, 4_000), dice.within(20, 95));
        let basket = [1, 2, 4, 6, 8][dice.within(0, 4) as usize];
        let demand = fans * buyers * (1 + basket) / 200;
        let left = (demand * dice.within(7, 84) / 100).max(10);
        Self {
            shop,
            fans,
            buyers,
            basket,
            pace: [1, 2, 10][dice.within(0, 2) as usize],
            capacity: [50, 200, 1_000][dice.within(0, 2) as usize],
            idle: [120, 300][dice.within(0, 1) as usize],
            left,
            told: Stock::first(left, Over(0)),
            over: 0,
            next: 0,
            inside: BTreeSet::new(),
            due: BTreeMap::new(),
            got: BTreeSet::new(),
            chances: Vec::new(),
            dice,
        }
    }

    fn at(&mut self, second: u64, fan: u64, deed: Deed) {
        self.due.entry(second).or_default().push((fan, deed));
    }

    fn enters(&mut self, now: u64) {
        let fan = self.next;
        self.next += 1;
        self.inside.insert(fan);
        let stay = self.dice.within(30, self.idle);
        let ends = if self.dice.within(1, 100) <= self.buyers {
            let count = self.dice.within(1, self.basket);
            let bought = now + self.dice.within(10, stay.max(11));
            self.at(bought, fan, Deed::Buys(count));
            match self.shop {
                Shop::Completes => bought,
                Shop::SaysNothing => bought + self.idle,
                Shop::LetsStay => now + stay.max(11) + 5,
            }
        } else {
            self.at(now + stay / 2, fan, Deed::Looks);
            match self.shop {
                Shop::Completes | Shop::SaysNothing => now + stay + self.idle,
                Shop::LetsStay => now + stay,
            }
        };
        self.at(ends, fan, Deed::Goes);
    }

    fn does(&mut self, fan: u64, deed: Deed) {
        let something = self.left > 0;
        match deed {
            Deed::Buys(count) => self.left -= count.min(self.left),
            Deed::Looks => {}
            Deed::Goes => {
                self.over += 1;
                self.inside.remove(&fan);
                return;
            }
        }
        if something {
            self.got.insert(fan);
        }
    }

    /// Tells five of those waiting their chance.
    fn tells(&mut self) {
        for _ in 0..5 {
            let fan = self.dice.within(self.next, self.fans - 1);
            let before = Before {
                ahead: fan - self.next,
                inside: self.inside.len() as u64,
            };
            let told = chance(&self.told, before).map(|chance| (fan, chance));
            self.chances.extend(told);
        }
    }

    /// Runs until everything is sold, or everybody was inside; what was told, and whether it came
    /// true.
    fn run(mut self) -> Vec<(Chance, bool)> {
        let every = (self.fans / self.pace / 40).max(5);
        let mut now = 0;
        while self.left > 0 && (self.next < self.fans || !self.due.is_empty()) {
            now += 1;
            for (fan, deed) in self.due.remove(&now).unwrap_or_default() {
                self.does(fan, deed);
            }
            self.told = self.told.told(Word::Site, self.left, Over(self.over));
            for _ in 0..self.pace {
                if self.next < self.fans && self.inside.len() < self.capacity {
                    self.enters(now);
                }
            }
            if now % every == 0 && self.next < self.fans {
                self.tells();
            }
        }
        let Self { chances, got, .. } = self;
        let outcome = |(fan, chance)| (chance, got.contains(&fan));
        chances.into_iter().map(outcome).collect()
    }
}

/// How many were told a chance, and how many of them got something, over 200 sales.
fn hits(shop: Shop) -> [(u32, u32); 3] {
    let mut hits = [(0, 0); 3];
    for seed in 0..200 {
        for (chance, got) in Sale::new(seed, shop).run() {
            let (told, true_of) = &mut hits[chance as usize];
            *told += 1;
            *true_of += u32::from(got);
        }
    }
    hits
}

#[test]
fn what_is_told_comes_true_as_often_as_it_says() {
    for shop in [Shop::Completes, Shop::SaysNothing, Shop::LetsStay] {
        let [likely, possible, unlikely] = hits(shop);
        let share = |(told, got): (u32, u32)| f64::from(got) / f64::from(told);
        println!(
            "{shop:?}: likely {:.3} of {}, possible {:.3} of {}, unlikely {:.3} of {}",
            share(likely),
            likely.0,
            share(possible),
            possible.0,
            share(unlikely),
            unlikely.0
        );
        assert!(share(likely) >= 0.8, "{shop:?}: {likely:?}");
        assert!(share(unlikely) <= 0.2, "{shop:?}: {unlikely:?}");
        assert!(likely.0 > 5_000 && unlikely.0 > 5_000, "{shop:?}");
        let vague = f64::from(possible.0) / f64::from(likely.0 + possible.0 + unlikely.0);
        assert!(vague < 0.25, "{shop:?}: most are told something definite");
    }
}
