//! What a simulated sale showed, for people to read.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::civil::Time;

use super::curve::{columns, rates};
use super::findings::{Findings, Finish};
use super::record::Point;
use super::shown::Moment;
use super::span::{fans, grouped, time_of_day, words};

/// Characters of a curve, from nothing to its height.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Characters in a curve.
const COLUMNS: u64 = 60;

/// What stands above the figures.
#[derive(Clone, Debug)]
pub struct Heading {
    /// How many fans came.
    pub fans: u64,
    /// How many are let in each minute.
    pub per_minute: u32,
    /// The time of day at which the sale opens, if it is known.
    pub opens_at: Option<Time>,
    /// What was simulated, in a line.
    pub line: String,
}

/// The findings as text.
#[must_use]
pub fn text(heading: &Heading, findings: &Findings) -> String {
    let mut text = format!("{}\n\n{}\n", heading.line, planning(heading, findings));
    waits(&mut text, findings);
    fairness(&mut text, findings);
    bounds(&mut text, findings);
    shown(&mut text, findings);
    curves(&mut text, &findings.curve);
    text
}

/// The sentences for somebody who plans a sale.
#[must_use]
pub fn planning(heading: &Heading, findings: &Findings) -> String {
    let (fans, pace) = (fans(heading.fans), grouped(heading.per_minute.into()));
    let last = Duration::from_secs_f64(findings.last_called_s);
    let at = heading.opens_at.map_or(String::new(), |opens| {
        format!("at {}, ", time_of_day(opens, last))
    });
    let after = words(last);
    let text =
        format!("With {fans} at {pace} a minute the last gets in {at}{after} after the opening.");
    match &findings.finish {
        Some(finish) => format!("{text}\n{}", to_finish(finish, heading.opens_at)),
        None => text,
    }
}

fn to_finish(finish: &Finish, opens_at: Option<Time>) -> String {
    let within = Duration::from_secs(finish.within_s);
    let by = opens_at.map_or_else(
        || format!("within {}", words(within)),
        |opens| format!("by {}", time_of_day(opens, within)),
    );
    let takes = |pace: u64| {
        let inside = grouped(finish.capacity.unwrap_or(0));
        let pace = grouped(pace);
        format!("{pace} a minute, and a site that bears {inside} inside at once")
    };
    if let Some(pace) = finish.per_minute {
        return format!("To finish {by} you need {}.", takes(pace));
    }
    let comes = words(Duration::from_secs(finish.last_comes_s));
    let never = format!("No pace finishes {by}: the last fan comes {comes} after the opening");
    match finish.per_minute_for_most {
        Some(pace) => format!(
            "{never}.\nFor the first 99 of 100 you need {}.",
            takes(pace)
        ),
        None => format!("{never}."),
    }
}

fn section(text: &mut String, heading: &str, lines: &[(&str, String)]) {
    let _ = writeln!(text, "\n{heading}");
    for (label, value) in lines {
        let _ = writeln!(text, "  {label:<24}{value}");
    }
}

fn waits(text: &mut String, findings: &Findings) {
    let waits = &findings.waits;
    if waits.count == 0 {
        let _ = writeln!(
            text,
            "\nNobody stayed on the page until called: there are no waits."
        );
        return;
    }
    let span = |seconds: f64| words(Duration::from_secs_f64(seconds));
    section(
        text,
        "Waits of those who stay, from joining until called",
        &[
            ("one of ten up to", span(waits.p10_s)),
            ("half up to", span(waits.p50_s)),
            ("nine of ten up to", span(waits.p90_s)),
            ("99 of 100 up to", span(waits.p99_s)),
            ("longest", span(waits.most_s)),
        ],
    );
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn fairness(text: &mut String, findings: &Findings) {
    let order = &findings.order;
    let kept = if order.greatest_displacement == 0 {
        "exactly".to_owned()
    } else {
        format!(
            "nobody further than {} places from its own",
            grouped(order.greatest_displacement)
        )
    };
    section(
        text,
        "Fairness",
        &[
            ("joins", grouped(findings.joins)),
            ("called", grouped(findings.called)),
            ("took their turn", grouped(findings.served)),
            ("there all the time", grouped(order.present)),
            ("their order was kept", kept),
            ("Kendall's tau", format!("{:.6}", order.kendall_tau)),
        ],
    );
    let bots = &findings.bots;
    if bots.count > 0 {
        section(
            text,
            "Bots",
            &[
                ("of all who came", percent(bots.share_of_heads)),
                ("of all places", percent(bots.share_of_places)),
                ("of the first tenth in", percent(bots.share_of_first_tenth)),
            ],
        );
    }
}

fn bounds(text: &mut String, findings: &Findings) {
    let bounds = &findings.bounds;
    let verdict = if bounds.are_kept() { "kept" } else { "BROKEN" };
    section(
        text,
        "Bounds",
        &[
            (
                "over pace \u{d7} window",
                format!(
                    "at most {} in any window, {} allowed: {verdict}",
                    grouped(bounds.overshoot),
                    grouped(bounds.effective_burst)
                ),
            ),
            ("most inside at once", grouped(bounds.most_inside)),
            ("most waiting at once", grouped(bounds.most_waiting)),
        ],
    );
}

fn shown(text: &mut String, findings: &Findings) {
    let _ = writeln!(text, "\nWaits shown, and how many came true");
    for (hits, moment) in findings.shown.iter().zip(Moment::ALL) {
        let Some(share) = hits.share() else {
            let _ = writeln!(text, "  {:<24}none shown", moment.words());
            continue;
        };
        let of = |part: u64| percent(part as f64 / hits.shown as f64);
        let _ = writeln!(
            text,
            "  {:<24}{:>7}   sooner {:>7}   later {:>7}   range \u{b1}{} of its middle",
            moment.words(),
            percent(share),
            of(hits.sooner),
            of(hits.later),
            percent(hits.width / 2.0),
        );
    }
    let overtaken: u64 = findings.shown.iter().map(|hits| hits.overtaken).sum();
    if overtaken > 0 {
        let _ = writeln!(
            text,
            "  {:<24}{:>7} more, while something was still ordered",
            "overtaken",
            grouped(overtaken)
        );
    }
    if let Some(share) = findings.calibration() {
        let _ = writeln!(text, "  {:<24}{:>7}", "together", percent(share));
    }
}

fn curves(text: &mut String, points: &[Point]) {
    let end = points.last().map_or(0, |last| last.at);
    let span = words(Duration::from_micros(end));
    let _ = writeln!(text, "\nFrom the opening to {span} after it");
    let joined = rates(points, COLUMNS, |point| point.joined);
    let released = rates(points, COLUMNS, |point| point.released);
    let waiting: Vec<f64> = columns(points, COLUMNS)
        .map(|point| point.waiting as f64)
        .collect();
    for (label, values, unit) in [
        ("joining", joined, " a minute"),
        ("waiting", waiting, ""),
        ("released", released, " a minute"),
    ] {
        let height = values.iter().copied().fold(0.0, f64::max);
        let bars: String = values.iter().map(|value| bar(*value, height)).collect();
        let most = grouped(height.round() as u64);
        let _ = writeln!(text, "  {label:<10}{bars}  up to {most}{unit}");
    }
}

fn bar(value: f64, height: f64) -> char {
    let step = if height > 0.0 {
        (value / height * 8.0).ceil()
    } else {
        0.0
    };
    BARS.get(step as usize).copied().unwrap_or('█')
}
