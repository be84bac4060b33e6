//! `[site.health]`: when an origin that fails is left out, and how it is asked whether it is well.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::uri::PathAndQuery;

use crate::origin::Fitness;
use crate::text::table::Table;
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
    let (reader, span) = (table.reader(), table.span());
    let failures = table.take("eject_after");
    let failures = failures.map(|value| value.number(1..=MOST_IN_A_ROW));
    let mut seconds = |key, default| {
        let given = table.take(key).map(Value::seconds);
        given.unwrap_or(Some(Duration::from_secs(default)))
    };
    let (eject, most) = (seconds("eject_s", 5), seconds("eject_max_s", 60));
    let slow_start = seconds("slow_start_s", 30);
    let counts_5xx = table.take("eject_on_5xx").map_or(Some(false), Value::flag);
    if let (Some(eject), Some(most)) = (eject, most)
        && eject > most
    {
        reader.fault(span, "`eject_s` in `[health]` is longer than `eject_max_s`");
    }
    Some(Fitness {
        failures: failures.unwrap_or(Some(5))?,
        eject: eject?,
        eject_most: most?,
        counts_5xx: counts_5xx?,
        slow_start: slow_start?,
    })
}

fn check(table: &mut Table<'_>) -> Option<Option<Check>> {
    let (reader, span) = (table.reader(), table.span());
    let path = table.take("path").map(Value::parse::<Path>);
    let mut idle = Vec::new();
    let mut take = |key| {
        let value = table.take(key);
        idle.extend(value.as_ref().map(|value| (key, value.span())));
        value
    };
    let seconds = |value: Option<Value<'_>>, usual| {
        value.map_or(Some(Duration::from_secs(usual)), Value::seconds)
    };
    let count = |value: Option<Value<'_>>, usual| {
        value.map_or(Some(usual), |value| value.number(1..=MOST_IN_A_ROW))
    };
    let interval = seconds(take("interval_s"), 5);
    let timeout = seconds(take("timeout_s"), 2);
    let healthy_after = count(take("healthy_after"), 2);
    let unhealthy_after = count(take("unhealthy_after"), 3);
    let Some(path) = path else {
        for (key, at) in idle {
            reader.warn(at, format!("`{key}` has no effect without `path`"));
        }
        return Some(None);
    };
    let (interval, timeout) = (interval?, timeout?);
    if timeout > interval {
        reader.fault(
            span,
            "`timeout_s` in `[health]` is longer than `interval_s`",
        );
    }
    Some(Some(Check {
        path: path?.0,
        interval,
        timeout,
        healthy_after: healthy_after?,
        unhealthy_after: unhealthy_after?,
    }))
}
