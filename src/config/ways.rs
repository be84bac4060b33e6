//! Who queues in a room, and when: `method` and the keys that go with it.

use std::time::Duration;

use crate::domain::room::{Activation, Method, WhenStoreFails};
use crate::text::table::Table;
use crate::text::value::Value;

/// `fairness_window_s` where a `random` room does not say.
const FAIRNESS_WINDOW: Duration = Duration::from_mins(1);

/// Seconds that a fairness window may last: shorter ones draw nothing, longer ones keep people
/// without a place for too long.
const FAIRNESS_WINDOWS: std::ops::RangeInclusive<u32> = 5..=3_600;

/// Who queues, and when.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ways {
    pub method: Method,
    pub rehearsal: bool,
    pub activation: Activation,
    pub when_store_fails: WhenStoreFails,
}

/// Whether anybody queues in a room of this method, so that it needs a pace.
pub(super) const fn queues(method: Method) -> bool {
    matches!(method, Method::Fifo | Method::Random)
}

/// Reads the keys of a room's file; `None` when a fault was noted.
pub(super) fn read(table: &mut Table<'_>) -> Option<Ways> {
    let method = table.take("method");
    let method = method.map_or(Some(Method::Fifo), method_word);
    let activation = activation(table, method);
    let when_store_fails = when_store_fails(table, activation);
    let rehearsal = rehearsal(table);
    Some(Ways {
        method: method?,
        rehearsal: rehearsal?,
        activation: activation?,
        when_store_fails: when_store_fails?,
    })
}

/// Whether only the crew meets the room. Left in a sale's file by mistake it would let everybody in,
/// so whoever checks the file is warned.
fn rehearsal(table: &mut Table<'_>) -> Option<bool> {
    let reader = table.reader();
    let Some(value) = table.take("rehearsal") else {
        return Some(false);
    };
    let at = value.span();
    let rehearsal = value.flag()?;
    if rehearsal {
        let message = "a rehearsal: nobody waits in this room but its crew, who come by \
                       `anteroom room preview`; take `rehearsal` out before the sale";
        reader.warn(at, message);
    }
    Some(rehearsal)
}

/// Reads the word for who waits, of a room or a window.
pub(super) fn method_word(value: Value<'_>) -> Option<Method> {
    let methods = [
        ("fifo", Method::Fifo),
        ("random", Method::Random),
        ("passthrough", Method::Passthrough),
        ("reject", Method::Reject),
    ];
    value.word(&methods, &[])
}

/// Reads how long a round lasts where the room, or one of its windows, is `random`.
#[expect(
    clippy::option_option,
    reason = "the outer `None` is a fault already noted"
)]
pub(super) fn fairness_window(
    table: &mut Table<'_>,
    draws: Option<bool>,
) -> Option<Option<Duration>> {
    let reader = table.reader();
    let given = table.take("fairness_window_s");
    match (draws, given) {
        (Some(true), None) => Some(Some(FAIRNESS_WINDOW)),
        (Some(true), Some(value)) => value.seconds_within(FAIRNESS_WINDOWS).map(Some),
        (Some(false), Some(value)) => {
            let message = "`fairness_window_s` needs `method = \"random\"`";
            reader.fault(value.key_span(), message);
            None
        }
        (Some(false) | None, None) | (None, Some(_)) => Some(None),
    }
}

fn activation(table: &mut Table<'_>, method: Option<Method>) -> Option<Activation> {
    let reader = table.reader();
    let words = [
        ("always", Activation::Always),
        ("overload", Activation::Overload),
    ];
    let Some(value) = table.take("activation") else {
        return Some(Activation::Always);
    };
    let at = value.span();
    let activation = value.word(&words, &[])?;
    if activation == Activation::Overload && method == Some(Method::Random) {
        let message = "`activation = \"overload\"` lets pass who comes first: \
                       it needs `method = \"fifo\"`";
        reader.fault(at, message);
    }
    Some(activation)
}

fn when_store_fails(
    table: &mut Table<'_>,
    activation: Option<Activation>,
) -> Option<WhenStoreFails> {
    let reader = table.reader();
    let words = [
        ("hold", WhenStoreFails::Hold),
        ("pass", WhenStoreFails::Pass),
    ];
    let Some(value) = table.take("when_store_fails") else {
        return Some(WhenStoreFails::Hold);
    };
    let at = value.span();
    let fails = value.word(&words, &[])?;
    if fails == WhenStoreFails::Pass && activation == Some(Activation::Always) {
        let message = "`when_store_fails = \"pass\"` needs `activation = \"overload\"`: \
                       where everybody queues, nobody may pass meanwhile";
        reader.fault(at, message);
    }
    Some(fails)
}
