//! `[session]` of a room: how long sessions last, and where they may be used from.

use std::num::NonZeroU8;
use std::time::Duration;

use crate::domain::session::SessionTerms;
use crate::text::table::Table;
use crate::text::value::{Placed, Value};

/// The highest limit on the networks that one session is used from: more are not told apart.
const MOST_NETWORKS: u32 = 15;

/// Reads the section; a fault is noted and gives nothing.
pub(super) fn read(mut table: Table<'_>) -> Option<SessionTerms> {
    let reader = table.reader();
    let defaults = SessionTerms::default();
    let claim_window = seconds(&mut table, "claim_window_s", defaults.claim_window);
    let absolute = seconds(&mut table, "absolute_s", defaults.absolute);
    let longest_idle = absolute.map_or(defaults.idle, |absolute| absolute.value);
    let idle = seconds(&mut table, "idle_s", defaults.idle.min(longest_idle));
    let hold_max = seconds(&mut table, "hold_max_s", defaults.hold_max);
    let networks = table.take("max_networks");
    let networks = networks.map(|value| value.number(1..=MOST_NETWORKS));
    table.finish();
    let (idle, absolute) = (idle?, absolute?);
    if idle.value > absolute.value {
        let (idle_s, absolute_s) = (idle.value.as_secs(), absolute.value.as_secs());
        let message =
            format!("`idle_s` ({idle_s}) must not be longer than `absolute_s` ({absolute_s})");
        reader.fault(idle.at, message);
    }
    Some(SessionTerms {
        idle: idle.value,
        absolute: absolute.value,
        claim_window: claim_window?.value,
        hold_max: hold_max?.value,
        max_networks: match networks {
            None => None,
            Some(most) => u8::try_from(most?).ok().and_then(NonZeroU8::new),
        },
    })
}

fn seconds(
    table: &mut Table<'_>,
    key: &'static str,
    default: Duration,
) -> Option<Placed<Duration>> {
    let given = table.take(key);
    let at = given.as_ref().map_or(table.span(), Value::span);
    let value = given.map_or(Some(default), Value::seconds)?;
    Some(Placed { at, value })
}
