//! The figures of a run, for programs.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::ask::Deed;
use crate::histogram::Histogram;
use crate::life::Life;
use crate::mind::End;
use crate::pace::Window;
use crate::plan::Plan;
use crate::promise::{Breach, Promise};
use crate::run::Outcome;
use crate::watch::{Sample, Setting};

/// How many broken promises are told one by one.
const TOLD: usize = 100;

/// All figures.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// What the run was to do.
    pub plan: Plan,
    /// How long it took.
    pub ran_s: f64,
    /// The promises, and how often each was broken.
    pub promises: Vec<Kept>,
    /// Broken promises, the first hundred.
    pub breaches: Vec<Breach>,
    /// The fans.
    pub fans: Fans,
    /// Requests.
    pub requests: Requests,
    /// Releases.
    pub pace: Paced,
    /// By the second.
    pub seconds: Vec<Row>,
    /// What the gateways said.
    pub samples: Vec<Sample>,
}

/// One promise.
#[derive(Clone, Debug, Serialize)]
pub struct Kept {
    /// Which.
    pub promise: Promise,
    /// How often it was broken.
    pub broken: usize,
}

/// How the fans fared.
#[derive(Clone, Debug, Serialize)]
pub struct Fans {
    /// Who came.
    pub came: usize,
    /// Who saw a position.
    pub joined: usize,
    /// Who got in.
    pub admitted: usize,
    /// How visits ended.
    pub ends: BTreeMap<End, usize>,
    /// Who was in line when the run ended.
    pub still_there: usize,
    /// From the first position to the turn, in seconds: half, nine of ten, the longest.
    pub waited_s: Option<[f64; 3]>,
    /// How many held a place, and how many of those asked on time.
    pub order: [usize; 2],
    /// Kendall's tau between their places and their turns.
    pub tau: Option<f64>,
}

/// Requests and answers.
#[derive(Clone, Debug, Serialize)]
pub struct Requests {
    /// In all.
    pub total: u64,
    /// In the second with the most.
    pub most_in_a_second: u32,
    /// By status code; 0 for no answer.
    pub answers: BTreeMap<u16, u64>,
    /// By what was asked.
    pub took: BTreeMap<Deed, Took>,
    /// How late the load generator sent them.
    pub sent_late: Took,
    /// Connections opened.
    pub connections: u64,
    /// How often a fan went over to another gateway.
    pub switches: u64,
    /// How often a fan waited because the load generator had too many connections open.
    pub held_back: u64,
}

/// How long something took, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Took {
    /// How often.
    pub count: u64,
    /// The median.
    pub p50_ms: f64,
    /// 95 of 100 took no longer.
    pub p95_ms: f64,
    /// 99 of 100 took no longer.
    pub p99_ms: f64,
    /// The longest.
    pub most_ms: f64,
}

/// How releases kept to the pace.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Paced {
    /// What the room is set to.
    pub setting: Option<Setting>,
    /// Releases in all.
    pub releases: u64,
    /// The window that came closest to the bound.
    pub tightest: Option<Window>,
    /// Releases while more waited than one batch, as a share of what the pace is worth.
    pub share: Option<f64>,
}

/// One second.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which.
    pub at_s: u64,
    /// Fans who came.
    pub arrivals: u32,
    /// Requests answered, by what was asked.
    pub asked: BTreeMap<Deed, u32>,
    /// Answers of 200 to 299, 300 to 399, 400 to 499, 500 and above, and none.
    pub classes: [u32; 5],
    /// The line's answers: median and 99 of 100.
    pub line_ms: [Option<f64>; 2],
    /// The shop's answers.
    pub site_ms: [Option<f64>; 2],
}

impl Report {
    /// The figures of `outcome`.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Self {
        let breaches = outcome.journal.checker.breaches();
        let promises = Promise::ALL.map(|promise| Kept {
            promise,
            broken: breaches.iter().filter(|one| one.promise == promise).count(),
        });
        Self {
            plan: Plan {
                control_token: String::new(),
                ..outcome.plan.clone()
            },
            ran_s: outcome.ran.as_secs_f64(),
            promises: promises.into(),
            breaches: breaches.iter().take(TOLD).cloned().collect(),
            fans: Fans::of(outcome),
            requests: Requests::of(outcome),
            pace: Paced::of(outcome),
            seconds: rows(outcome),
            samples: outcome.samples.clone(),
        }
    }

    /// Whether every promise was kept.
    #[must_use]
    pub fn all_kept(&self) -> bool {
        self.promises.iter().all(|kept| kept.broken == 0)
    }
}

impl Fans {
    fn of(outcome: &Outcome) -> Self {
        let lives = &outcome.journal.lives;
        let count = |is: fn(&Life) -> bool| lives.iter().filter(|life| is(life)).count();
        let mut ends = BTreeMap::new();
        for end in lives.iter().filter_map(|life| life.end) {
            *ends.entry(end).or_default() += 1;
        }
        let mut waits: Vec<f64> = lives
            .iter()
            .filter_map(|life| Some(life.called_s? - life.joined_s?))
            .collect();
        waits.sort_unstable_by(f64::total_cmp);
        let at =
            |share: f64| waits.get(((waits.len() as f64 * share) as usize).min(waits.len() - 1));
        let waited =
            (!waits.is_empty()).then(|| [0.5, 0.9, 1.0].map(|share| *at(share).unwrap_or(&0.0)));
        Self {
            came: count(|life| life.arrived_s.is_some()),
            joined: count(|life| life.joined_s.is_some()),
            admitted: count(|life| life.admitted_s.is_some()),
            ends,
            still_there: count(|life| life.arrived_s.is_some() && life.end.is_none()),
            waited_s: waited,
            order: [
                outcome.ways.len(),
                outcome.ways.iter().filter(|way| way.on_time).count(),
            ],
            tau: outcome.tau,
        }
    }
}

impl Requests {
    fn of(outcome: &Outcome) -> Self {
        let journal = &outcome.journal;
        let seconds = journal.seconds.values();
        let took = journal.took.iter();
        Self {
            total: journal.answers.values().sum(),
            most_in_a_second: seconds
                .map(|second| second.asked.values().sum())
                .max()
                .unwrap_or_default(),
            answers: journal.answers.clone(),
            took: took.map(|(deed, times)| (*deed, Took::of(times))).collect(),
            sent_late: Took::of(&journal.late),
            connections: journal.connections,
            switches: journal.switches,
            held_back: outcome.held_back,
        }
    }
}

impl Took {
    fn of(times: &Histogram) -> Self {
        let at = |share| rounded(times.quantile_ms(share).unwrap_or_default());
        Self {
            count: times.total(),
            p50_ms: at(0.5),
            p95_ms: at(0.95),
            p99_ms: at(0.99),
            most_ms: rounded(times.most_ms()),
        }
    }
}

impl Paced {
    fn of(outcome: &Outcome) -> Self {
        let last = outcome
            .samples
            .iter()
            .rev()
            .find(|sample| sample.gateways > 0);
        Self {
            setting: outcome.setting,
            releases: last.map_or(0, |sample| sample.releases),
            tightest: outcome.window,
            share: outcome
                .setting
                .and_then(|setting| share(&outcome.samples, setting)),
        }
    }
}

/// Releases in all spans in which more present fans waited than one batch takes.
fn share(samples: &[Sample], setting: Setting) -> Option<f64> {
    let mut released = 0;
    let mut millis = 0;
    for pair in samples.windows(2) {
        let [before, after] = pair else { continue };
        let enough = |sample: &Sample| {
            let present = sample.waiting.saturating_sub(sample.absent);
            sample.gateways > 0
                && present as f64 > setting.effective_burst + setting.per_minute / 60.0
        };
        if enough(before) && enough(after) {
            released += after.releases.saturating_sub(before.releases);
            millis += after.got_ms - before.got_ms;
        }
    }
    let worth = millis as f64 / 60_000.0 * setting.per_minute;
    (worth > 0.0).then(|| released as f64 / worth)
}

fn rows(outcome: &Outcome) -> Vec<Row> {
    let pair = |times: &Histogram| [0.5, 0.99].map(|share| times.quantile_ms(share).map(rounded));
    let seconds = outcome.journal.seconds.iter();
    seconds
        .map(|(at, second)| Row {
            at_s: *at,
            arrivals: second.arrivals,
            asked: second.asked.clone(),
            classes: second.classes,
            line_ms: pair(&second.line),
            site_ms: pair(&second.site),
        })
        .collect()
}

fn rounded(millis: f64) -> f64 {
    (millis * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_of_the_pace_counts_only_while_enough_wait() {
        let setting = Setting {
            per_minute: 600.0,
            effective_burst: 15.0,
        };
        let sample = |second: u64, waiting, releases| Sample {
            got_ms: second * 1_000,
            gateways: 1,
            waiting,
            releases,
            ..Sample::default()
        };
        let samples = [
            sample(0, 0, 0),
            sample(1, 100, 10),
            sample(2, 90, 20),
            sample(3, 80, 29),
            sample(4, 3, 30),
        ];
        assert_eq!(share(&samples, setting), Some(0.95));
        assert_eq!(share(&samples[3..], setting), None);
    }
}
