//! The pictures of a run.

use crate::histogram::Histogram;
use crate::journal::Second;
use crate::run::Outcome;
use crate::svg::{Chart, Curve, Scale};
use crate::watch::Sample;

/// The pictures, by the names of their files.
#[must_use]
pub fn pictures(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let charts = [
        ("arrivals.svg", arrivals(outcome)),
        ("waiting.svg", waiting(outcome)),
        ("releases.svg", releases(outcome)),
        ("latency.svg", latency(outcome)),
    ];
    charts.map(|(name, chart)| (name, chart.draw())).into()
}

fn chart(outcome: &Outcome, title: &str, curves: Vec<Curve>) -> Chart {
    let marks = outcome.plan.marks.iter();
    Chart {
        title: format!("{title} ({})", outcome.plan.title),
        scale: Scale::Linear,
        curves,
        marks: marks.map(|mark| (mark.at_s, mark.text.clone())).collect(),
    }
}

fn arrivals(outcome: &Outcome) -> Chart {
    let arrivals = by_second(outcome, |second| Some(f64::from(second.arrivals)));
    let requests = by_second(outcome, |second| {
        Some(f64::from(second.asked.values().sum::<u32>()))
    });
    let curves = vec![
        curve("fans who come", arrivals),
        curve("requests answered", requests),
    ];
    chart(outcome, "Arrivals and requests a second", curves)
}

fn waiting(outcome: &Outcome) -> Chart {
    let curves = vec![
        curve("waiting", by_sample(outcome, |sample| sample.waiting)),
        curve("found absent", by_sample(outcome, |sample| sample.absent)),
        curve("called", by_sample(outcome, |sample| sample.released)),
        curve("inside", by_sample(outcome, |sample| sample.active)),
    ];
    chart(outcome, "Fans in the room", curves)
}

/// The pace begins with the first release.
fn releases(outcome: &Outcome) -> Chart {
    let released = by_sample(outcome, |sample| sample.releases);
    let first = released.iter().rev().find(|(_, total)| *total < 1.0);
    let begin = first.map_or(0.0, |(at, _)| *at);
    let rate = outcome.setting.unwrap_or_default().per_minute / 60.0;
    let most = released.last().map_or(0.0, |(_, total)| *total);
    let pace = released
        .iter()
        .map(|(at, _)| (*at, ((at - begin) * rate).max(0.0)))
        .take_while(|(_, total)| *total <= most * 1.1)
        .collect();
    let claims = by_sample(outcome, |sample| sample.claims);
    let curves = vec![
        curve("released", released),
        curve("pace", pace),
        curve("claimed", claims),
    ];
    chart(outcome, "Releases in all", curves)
}

fn latency(outcome: &Outcome) -> Chart {
    let share = |of: fn(&Second) -> &Histogram, share| {
        by_second(outcome, move |second| of(second).quantile_ms(share))
    };
    let curves = vec![
        curve("line, median", share(|second| &second.line, 0.5)),
        curve("line, 99 %", share(|second| &second.line, 0.99)),
        curve("shop, median", share(|second| &second.site, 0.5)),
        curve("shop, 99 %", share(|second| &second.site, 0.99)),
    ];
    Chart {
        scale: Scale::Log,
        ..chart(outcome, "Time to an answer in milliseconds", curves)
    }
}

const fn curve(name: &'static str, points: Vec<(f64, f64)>) -> Curve {
    Curve { name, points }
}

fn by_second(outcome: &Outcome, figure: impl Fn(&Second) -> Option<f64>) -> Vec<(f64, f64)> {
    let seconds = outcome.journal.seconds.iter();
    seconds
        .filter_map(|(at, second)| Some((*at as f64, figure(second)?)))
        .collect()
}

fn by_sample(outcome: &Outcome, figure: impl Fn(&Sample) -> u64) -> Vec<(f64, f64)> {
    let answered = outcome.samples.iter().filter(|sample| sample.gateways > 0);
    answered
        .map(|sample| (sample.got_ms as f64 / 1e3, figure(sample) as f64))
        .collect()
}
