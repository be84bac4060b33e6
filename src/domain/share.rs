//! How the lanes of a room share its releases: by weight, at every moment.
//!
//! Each lane has a *lead*: how far it is ahead. The lane with the smallest lead has the next
//! release; all leads shrink by that lead, none below zero, and its own becomes its *stride*, one
//! release divided by its weight. A lane in which nobody waits is passed over: what it does not
//! use goes to the others at once, and since no lead is below zero nothing is saved up for later.
//!
//! # How far a lane can be off
//!
//! Let the same lanes wait for a while, `V` be what the leads shrank by in sum, and `w` a lane's
//! weight. A release moves a lane on by `1 ÷ w` and it has the next one when all have come so far,
//! so the lane has `V × w` releases, give or take one. Over all lanes that is `V × W`, give or
//! take one a lane, where `W` is the sum of the weights: against its share of all releases a lane
//! is off by less than one visitor and its share of the number of lanes, however many go. For the
//! same reason none starves: while a lane has one release, another has no more than its weight
//! against that lane's, and one.

use super::lane::{MOST_LANES, Weights};

/// One release. Divided by a weight it is a lane's stride: so fine that rounding it down shifts a
/// share by less than a billionth, and so coarse that a batch of them stays below 2⁵³.
const RELEASE: u64 = 1 << 40;

/// A number for each lane, general lane first.
pub type EachLane = [u64; MOST_LANES];

/// How far each lane is ahead of its share of the releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leads(EachLane);

impl Leads {
    /// Leads as they were kept.
    #[must_use]
    pub const fn new(kept: EachLane) -> Self {
        Self(kept)
    }

    /// The leads, to be kept.
    #[must_use]
    pub const fn kept(&self) -> EachLane {
        self.0
    }

    /// How many of the next `most` releases each lane has, where so many wait in each. Together
    /// they are `most`, or all who wait. It makes no difference in how many pieces a number of
    /// releases is shared.
    #[must_use]
    pub fn share(&mut self, weights: &Weights, waiting: EachLane, most: u64) -> EachLane {
        let mut race = Race::start(self, weights, waiting);
        race.run(most);
        *self = race.leads();
        race.shares()
    }
}

/// One lane while a batch is shared.
#[derive(Clone, Copy, Default)]
struct Runner {
    weight: u64,
    stride: u64,
    /// Its lead, counted from where all were at the start.
    at: u64,
    left: u64,
    share: u64,
}

/// The lanes while a batch is shared.
struct Race {
    runners: [Runner; MOST_LANES],
    /// How far the lane was that had the last release.
    passed: u64,
}

impl Race {
    fn start(leads: &Leads, weights: &Weights, waiting: EachLane) -> Self {
        let mut runners = [Runner::default(); MOST_LANES];
        let lanes = runners.iter_mut().zip(weights.each());
        for ((runner, weight), (lead, left)) in lanes.zip(leads.0.into_iter().zip(waiting)) {
            let weight = u64::from(weight).max(1);
            let stride = RELEASE / weight;
            *runner = Runner {
                weight,
                stride,
                // A lead from before the weights changed must not hold the lane back.
                at: lead.min(stride),
                left,
                share: 0,
            };
        }
        Self { runners, passed: 0 }
    }

    fn run(&mut self, most: u64) {
        let mut left = most;
        while left > 0 {
            let lanes = self.waiting().count() as u64;
            let gone = if left > 2 * lanes + 1 {
                self.leap(left - lanes - 1)
            } else {
                self.step()
            };
            if gone == 0 {
                return;
            }
            left -= gone;
        }
    }

    fn waiting(&self) -> impl Iterator<Item = &Runner> {
        self.runners.iter().filter(|runner| runner.left > 0)
    }

    /// One release: the lane that is least ahead.
    fn step(&mut self) -> u64 {
        let waiting = self.runners.iter_mut().filter(|runner| runner.left > 0);
        let Some(next) = waiting.min_by_key(|runner| runner.at) else {
            return 0;
        };
        self.passed = self.passed.max(next.at);
        next.go(1);
        1
    }

    /// About so many releases at once: all that lie before the point where the lanes would be
    /// after them, which is one a lane more at most.
    fn leap(&mut self, about: u64) -> u64 {
        let weights: u64 = self.waiting().map(|runner| runner.weight).sum();
        let span = u128::from(about) * u128::from(RELEASE) / u128::from(weights.max(1));
        let point = self.passed + u64::try_from(span).unwrap_or(u64::MAX / 2);
        let mut gone = 0;
        for runner in &mut self.runners {
            let ahead = point.saturating_sub(runner.at);
            let count = ahead.div_ceil(runner.stride).min(runner.left);
            if count > 0 {
                runner.go(count);
                self.passed = self.passed.max(runner.at - runner.stride);
                gone += count;
            }
        }
        gone
    }

    fn leads(&self) -> Leads {
        Leads(
            self.runners
                .map(|runner| runner.at.saturating_sub(self.passed)),
        )
    }

    fn shares(&self) -> EachLane {
        self.runners.map(|runner| runner.share)
    }
}

impl Runner {
    const fn go(&mut self, count: u64) {
        self.left -= count;
        self.share += count;
        self.at = self.at.saturating_add(count.saturating_mul(self.stride));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// More than will ever go.
    const MANY: u64 = 1 << 40;

    fn weights() -> impl Strategy<Value = Weights> {
        prop::collection::vec(prop_oneof![1..=10_u16, 1..=Weights::MOST], 1..=MOST_LANES)
            .prop_map(|given| Weights::new(&given).unwrap())
    }

    fn waiting(weights: &Weights, each: u64) -> EachLane {
        let mut all = [0; MOST_LANES];
        all.iter_mut()
            .take(weights.all().len())
            .for_each(|one| *one = each);
        all
    }

    /// The rule as it is told above, one release after another.
    fn one_by_one(leads: &mut EachLane, weights: &Weights, waits: EachLane, most: u64) -> EachLane {
        let mut shares = [0; MOST_LANES];
        let strides = weights.each().map(|weight| RELEASE / u64::from(weight));
        for (lead, stride) in leads.iter_mut().zip(strides) {
            *lead = (*lead).min(stride);
        }
        for _ in 0..most {
            let willing = (0..MOST_LANES).filter(|at| shares[*at] < waits[*at]);
            let Some(next) = willing.min_by_key(|at| leads[*at]) else {
                break;
            };
            let lead = leads[next];
            for one in leads.iter_mut() {
                *one = one.saturating_sub(lead);
            }
            leads[next] = strides[next];
            shares[next] += 1;
        }
        shares
    }

    #[test]
    fn a_thousand_releases_are_shared_by_weight() {
        let weights = Weights::new(&[70, 20, 10]).unwrap();
        let shares = Leads::default().share(&weights, waiting(&weights, MANY), 1_000);
        assert_eq!(shares[..3], [700, 200, 100]);
    }

    #[test]
    fn what_a_lane_does_not_use_goes_to_the_others_and_is_not_saved_up() {
        let weights = Weights::new(&[50, 50]).unwrap();
        let mut leads = Leads::default();
        let alone = leads.share(&weights, [MANY, 0, 0, 0, 0, 0, 0, 0], 10_000);
        assert_eq!(alone[..2], [10_000, 0]);

        let then = leads.share(&weights, waiting(&weights, MANY), 100);

        assert_eq!(then[..2], [50, 50], "no burst for those who come later");
        let ends = leads.share(&weights, [3, MANY, 0, 0, 0, 0, 0, 0], 100);
        assert_eq!(
            ends[..2],
            [3, 97],
            "and nothing is lost when a lane empties"
        );
        let few = leads.share(&weights, [3, 4, 0, 0, 0, 0, 0, 0], 100);
        assert_eq!(few[..2], [3, 4]);
    }

    #[test]
    fn changed_weights_hold_at_once() {
        let before = Weights::new(&[1_000, 1]).unwrap();
        let mut leads = Leads::default();
        let _ = leads.share(&before, waiting(&before, MANY), 2);
        let after = Weights::new(&[500, 500]).unwrap();
        let shares = leads.share(&after, waiting(&after, MANY), 20);
        assert_eq!(shares[..2], [10, 10]);
    }

    #[test]
    fn a_lane_in_which_somebody_waits_now_and_then_has_no_more_than_its_share() {
        let weights = Weights::new(&[90, 10]).unwrap();
        let mut leads = Leads::default();
        let mut shares = [0; 2];
        for turn in 0..4_000 {
            let comes = u64::from(turn % 2 == 0);
            let went = leads.share(&weights, [MANY, comes, 0, 0, 0, 0, 0, 0], 1);
            shares[0] += went[0];
            shares[1] += went[1];
        }
        assert!((390..=401).contains(&shares[1]), "{shares:?}");
    }

    proptest! {
        #[test]
        fn in_every_prefix_no_lane_is_off_by_more_than_a_visitor_and_its_share_of_the_lanes(
            (weights, other) in (weights(), weights()),
            steps in prop::collection::vec(0_u64..400, 1..60),
            before in 0_u64..3_000,
        ) {
            let mut leads = Leads::default();
            let _ = leads.share(&other, waiting(&other, MANY), before);
            let all = waiting(&weights, MANY);
            let lanes = weights.all().len() as f64;
            let sum: f64 = weights.all().iter().map(|weight| f64::from(*weight)).sum();
            let (mut total, mut shares) = (0.0, [0.0; MOST_LANES]);
            for most in steps {
                let went = leads.share(&weights, all, most);
                prop_assert_eq!(went.iter().sum::<u64>(), most);
                total += most as f64;
                for (lane, weight) in weights.all().iter().enumerate() {
                    shares[lane] += went[lane] as f64;
                    let part = f64::from(*weight) / sum;
                    let off = shares[lane] - total * part;
                    prop_assert!(off.abs() <= 1.001 + lanes * part, "lane {lane} is off by {off}");
                }
            }
        }

        #[test]
        fn whole_batches_are_shared_as_one_release_after_another(
            turns in prop::collection::vec(
                (weights(), prop::array::uniform8(prop_oneof![Just(0_u64), 0..30_u64, Just(MANY)]), 0_u64..600),
                1..12,
            ),
        ) {
            let (mut leads, mut told) = (Leads::default(), [0; MOST_LANES]);
            for (weights, waits, most) in turns {
                let shares = leads.share(&weights, waits, most);
                prop_assert_eq!(shares, one_by_one(&mut told, &weights, waits, most));
                prop_assert_eq!(leads.kept(), told);
            }
        }

        #[test]
        fn in_how_many_pieces_it_is_shared_makes_no_difference(
            weights in weights(),
            pieces in prop::collection::vec(0_u64..50, 1..30),
        ) {
            let all = waiting(&weights, MANY);
            let (mut whole, mut cut) = (Leads::default(), Leads::default());
            let mut sum = [0; MOST_LANES];
            for most in &pieces {
                let went = cut.share(&weights, all, *most);
                sum.iter_mut().zip(went).for_each(|(sum, went)| *sum += went);
            }
            prop_assert_eq!(whole.share(&weights, all, pieces.iter().sum()), sum);
            prop_assert_eq!(whole, cut);
        }

        #[test]
        fn no_lane_starves(
            weights in weights(),
            others in prop::collection::vec(prop::array::uniform8(0_u64..3), 0..3_000),
        ) {
            // Lane 0 always has somebody; the others come and go as they like.
            let least = u64::from(weights.all()[0]);
            let most = weights.each().iter().map(|one| u64::from(*one)).max().unwrap();
            let patience = MOST_LANES as u64 * (most / least + 2);
            let mut leads = Leads::default();
            let mut thirst = 0;
            for mut waits in others {
                waits[0] = 1;
                thirst = if leads.share(&weights, waits, 1)[0] == 1 { 0 } else { thirst + 1 };
                prop_assert!(thirst <= patience);
            }
        }
    }
}
