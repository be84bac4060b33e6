//! The figures of a run, for people.

use std::fmt::Write as _;

use crate::mind::End;
use crate::report::{Paced, Report, Took};

/// The whole report as plain text.
#[must_use]
pub fn text(report: &Report) -> String {
    let mut text = format!(
        "A sale of {}, in {:.0} s\n",
        report.plan.title, report.ran_s
    );
    for mark in &report.plan.marks {
        let _ = writeln!(text, "  at {:.0} s: {}", mark.at_s, mark.text);
    }
    fans(&mut text, report);
    paced(&mut text, &report.pace);
    requests(&mut text, report);
    promises(&mut text, report);
    text
}

fn fans(text: &mut String, report: &Report) {
    let fans = &report.fans;
    let end = |end: End| fans.ends.get(&end).copied().unwrap_or_default();
    let _ = writeln!(text, "\nFans");
    let rows = [
        ("came", fans.came),
        ("took a place", fans.joined),
        ("got in", fans.admitted),
        ("shopped, and left or went", end(End::Left) + end(End::Went)),
        ("vanished while waiting", end(End::Vanished)),
        ("were called and did not come", end(End::NeverClaimed)),
        ("found the room shut", end(End::TurnedAway)),
        ("still there at the end", fans.still_there),
    ];
    for (what, count) in rows {
        let _ = writeln!(text, "  {what:<30} {count:>10}");
    }
    if let Some([half, most, longest]) = fans.waited_s {
        let _ = writeln!(
            text,
            "  waited {half:.1} s (half), {most:.1} s (nine of ten), {longest:.1} s (longest)"
        );
    }
}

fn paced(text: &mut String, pace: &Paced) {
    let _ = writeln!(text, "\nReleases");
    let _ = writeln!(text, "  {:<30} {:>10}", "in all", pace.releases);
    if let Some(setting) = pace.setting {
        let _ = writeln!(
            text,
            "  {:<30} {:>10} a minute, effective burst {}",
            "pace", setting.per_minute, setting.effective_burst
        );
    }
    if let Some(share) = pace.share {
        let what = "of the pace while enough wait";
        let _ = writeln!(text, "  {what:<30} {:>9.1} %", share * 100.0);
    }
    if let Some(window) = pace.tightest {
        let _ = writeln!(
            text,
            "  tightest window: {} from {:.1} s to {:.1} s, where {:.1} may be",
            window.released, window.from_s, window.to_s, window.allowed
        );
    }
}

fn requests(text: &mut String, report: &Report) {
    let requests = &report.requests;
    let _ = writeln!(
        text,
        "\nRequests       {:>10} {:>10} {:>10} {:>10} {:>10}",
        "count", "median ms", "95 %", "99 %", "longest"
    );
    let mut row = |name: &str, took: &Took| {
        let _ = writeln!(
            text,
            "  {name:<12} {:>10} {:>10.2} {:>10.2} {:>10.2} {:>10.2}",
            took.count, took.p50_ms, took.p95_ms, took.p99_ms, took.most_ms
        );
    };
    for (deed, took) in &requests.took {
        row(deed.word(), took);
    }
    row("sent late", &requests.sent_late);
    let answers: Vec<String> = requests
        .answers
        .iter()
        .map(|(status, count)| match status {
            0 => format!("none {count}"),
            status => format!("{status} {count}"),
        })
        .collect();
    let _ = writeln!(text, "  answers: {}", answers.join(", "));
    let _ = writeln!(
        text,
        "  {} requests, at most {} in a second, on {} connections; {} went to another gateway, {} held back",
        requests.total,
        requests.most_in_a_second,
        requests.connections,
        requests.switches,
        requests.held_back
    );
}

fn promises(text: &mut String, report: &Report) {
    let _ = writeln!(text, "\nPromises");
    for kept in &report.promises {
        let result = match kept.broken {
            0 => "kept".to_owned(),
            broken => format!("BROKEN {broken} times"),
        };
        let _ = writeln!(text, "  {:<44} {result}", kept.promise.words());
    }
    let [placed, on_time] = report.fans.order;
    if let Some(tau) = report.fans.tau {
        let _ = writeln!(
            text,
            "  {on_time} of {placed} in line asked on time; Kendall's tau of places and turns {tau:.5}"
        );
    }
    for breach in report.breaches.iter().take(10) {
        let fan = breach
            .fan
            .map(|fan| format!(", fan {fan}"))
            .unwrap_or_default();
        let _ = writeln!(text, "    at {:.1} s{fan}: {}", breach.at_s, breach.what);
    }
}
