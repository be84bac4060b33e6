//! `[site.health]`: when an origin that fails is left out, and how it is asked whether it is well.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::uri::PathAndQuery;

use crate::origin::Fitness;
use crate::text::span::Span;
use crate::text::table::{Reader, Table};
use crate::text::value::Value;

/// The most failures or answers in a row that may be set.
const MOST_IN_A_ROW: u32 = 1_000;

/// How origins are asked whether they are well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// What they are asked for.
    pub path: PathAndQuery,
    /// How often; 5 s.
    pub interval: Duration,
    /// How long they have to answer; 2 s.
    pub timeout: Duration,
    /// Good answers in a row that make an unwell one well; 2.
    pub healthy_after: u32,
    /// Bad ones that make it unwell; 3.
    pub unhealthy_after: u32,
}

/// A path to ask for.
struct Path(PathAndQuery);

impl FromStr for Path {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let path = text.parse().ok().filter(|_| text.starts_with('/'));
        path.map(Self).ok_or("a path, as in `/healthz`")
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (interval, timeout) = (self.interval.as_secs(), self.timeout.as_secs());
        let (path, well, unwell) = (&self.path, self.healthy_after, self.unhealthy_after);
        write!(
            f,
            "{path} every {interval} s within {timeout} s, {well} good or {unwell} bad in a row"
        )
    }
}

/// Reads the table. What could not be read is `None`.
pub(super) fn read(mut table: Table<'_>) -> (Option<Fitness>, Option<Option<Check>>) {
    let check = check(&mut table);
    let fitness = fitness(&mut table);
    table.finish();
    (fitness, check)
}

fn fitness(table: &mut Table<'_>) -> Option<Fitness> {
    let reader = table.reader();
    let failures = table.take("eject_after");
    let failures = failures.map(|value| value.number(1..=MOST_IN_A_ROW));
    let (eject, eject_at) = seconds(table.take("eject_s"), 5);
    let (most, most_at) = seconds(table.take("eject_max_s"), 60);
    let (slow_start, _) = seconds(table.take("slow_start_s"), 30);
    let counts_5xx = table.take("eject_on_5xx").map_or(Some(false), Value::flag);
    let spans = [("eject_s", eject, eject_at), ("eject_max_s", most, most_at)];
    in_order(reader, spans);
    Some(Fitness {
        failures: failures.unwrap_or(Some(5))?,
        eject: eject?,
        eject_most: most?,
        counts_5xx: counts_5xx?,
        slow_start: slow_start?,
    })
}

/// Seconds, or the usual ones; with where they stand if they are written.
fn seconds(value: Option<Value<'_>>, usual: u64) -> (Option<Duration>, Option<Span>) {
    match value {
        None => (Some(Duration::from_secs(usual)), None),
        Some(value) => {
            let at = value.span();
            (value.seconds(), Some(at))
        }
    }
}

/// Refuses a first span that is longer than the second, by the name of one that was written.
fn in_order(
    reader: Reader<'_>,
    [(short, shorter, short_at), (long, longer, long_at)]: [(&str, Option<Duration>, Option<Span>);
        2],
) {
    let (Some(shorter), Some(longer)) = (shorter, longer) else {
        return;
    };
    if shorter <= longer {
        return;
    }
    let (usual_short, usual_long) = (shorter.as_secs(), longer.as_secs());
    match (short_at, long_at) {
        (None, Some(at)) => reader.fault(
            at,
            format!("`{long}` in `[site.health]` is shorter than `{short}`, which is {usual_short} unless it is set"),
        ),
        (Some(at), None) => reader.fault(
            at,
            format!("`{short}` in `[site.health]` is longer than `{long}`, which is {usual_long} unless it is set"),
        ),
        (Some(at), Some(_)) => reader.fault(
            at,
            format!("`{short}` in `[site.health]` is longer than `{long}`"),
        ),
        (None, None) => {}
    }
}

fn check(table: &mut Table<'_>) -> Option<Option<Check>> {
    let reader = table.reader();
    let path = table.take("path").map(Value::parse::<Path>);
    let mut idle = Vec::new();
    let mut take = |key| {
        let value = table.take(key);
        idle.extend(value.as_ref().map(|value| (key, value.span())));
        value
    };
    let count = |value: Option<Value<'_>>, usual| {
        value.map_or(Some(usual), |value| value.number(1..=MOST_IN_A_ROW))
    };
    let (interval, interval_at) = seconds(take("interval_s"), 5);
    let (timeout, timeout_at) = seconds(take("timeout_s"), 2);
    let healthy_after = count(take("healthy_after"), 2);
    let unhealthy_after = count(take("unhealthy_after"), 3);
    let Some(path) = path else {
        for (key, at) in idle {
            reader.warn(at, format!("`{key}` has no effect without `path`"));
        }
        return Some(None);
    };
    let spans = [
        ("timeout_s", timeout, timeout_at),
        ("interval_s", interval, interval_at),
    ];
    in_order(reader, spans);
    let (interval, timeout) = (interval?, timeout?);
    Some(Some(Check {
        path: path?.0,
        interval,
        timeout,
        healthy_after: healthy_after?,
        unhealthy_after: unhealthy_after?,
    }))
}
