//! Carrying out an order: compare-and-set on the room's orders in the store.

use std::sync::Arc;

use http::header::IF_MATCH;
use http::{HeaderMap, StatusCode};

use super::lost::{enter_epoch, forgotten, has_forgotten};
use super::problem::Problem;
use super::{Control, ControlRoom};
use crate::domain::window::{Order, Orders, Seal};
use crate::store::Ordered;

/// How often an order is tried again when somebody else's came between.
const TRIES: usize = 5;

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: u64) -> String {
    format!("\"v{version}\"")
}

/// Whether `If-Match`, if there is one, names this version or is `*`. A weak tag never matches.
fn matches(headers: &HeaderMap, version: u64) -> bool {
    let mut tags = headers.get_all(IF_MATCH).iter().peekable();
    let (wanted, unconditional) = (etag(version), tags.peek().is_none());
    unconditional
        || tags
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .any(|tag| tag.trim() == wanted || tag.trim() == "*")
}

/// Carries out an order on the room's orders as the store has them now. Every reader of the
/// snapshot sees the orders then in force from then on. Answers the room's orders before and after:
/// alike where the order was in force already.
///
/// # Errors
/// 412 when `If-Match` names another version, 409 when the room's state does not allow the
/// order, 422 for an end too early, 503 when the store fails or others keep coming between.
pub async fn carry_out(
    control: &Control,
    room: &ControlRoom,
    order: &Order,
    headers: &HeaderMap,
) -> Result<(Orders, Orders), Problem> {
    let (name, terms) = (&room.settings.name, &room.settings.terms);
    let known = room.snapshot.load_full();
    let seen = known.survey.ends_seq;
    let survey = control.store.survey(name, terms, seen).await?;
    if has_forgotten(&survey, &known) {
        return Err(forgotten());
    }
    let (newest, totals, keys) = (known.window(), survey.totals(), control.keys.load_full());
    let commitment = |window| keys.commitment(name, window);
    let order = &order.clone().counting(survey.over());
    let mut orders = survey.orders;
    for _ in 0..TRIES {
        demand_version(headers, orders.version)?;
        let next = orders.apply_after(order, control.clock.now().wall, newest)?;
        let next = next.sealed(
            &orders,
            Seal {
                commitment: &commitment,
                totals: Some(totals),
            },
        );
        if next == orders {
            return Ok((orders, shown(room, next)));
        }
        if let Some(seen) = known.unknown.filter(|_| next.window > orders.window) {
            enter_epoch(control, room, seen).await?;
        }
        match control.store.order(name, &next, orders.version).await? {
            Ordered::Done => return Ok((orders, shown(room, next))),
            Ordered::Changed(current) => orders = *current,
        }
    }
    Err(Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "other orders for this room kept coming between: look at the room, then send the order again",
    ))
}

/// Puts the orders into the room's snapshot, unless that holds newer ones already.
fn shown(room: &ControlRoom, orders: Orders) -> Orders {
    room.snapshot.rcu(|last| {
        if last.survey.orders.version > orders.version {
            return Arc::clone(last);
        }
        let mut next = (**last).clone();
        next.survey.orders.clone_from(&orders);
        Arc::new(next)
    });
    orders
}

/// Demands that `If-Match`, if there is one, names this version.
///
/// # Errors
/// 412 when it names another.
pub fn demand_version(headers: &HeaderMap, version: u64) -> Result<(), Problem> {
    if matches(headers, version) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::PRECONDITION_FAILED,
        format!(
            "the room was changed by somebody else: it is at version {version}; look at it, then send the order again with `If-Match: {}`",
            etag(version)
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn if_match_compares_strongly() {
        let asked = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(IF_MATCH, HeaderValue::from_str(value).unwrap());
            matches(&headers, 7)
        };
        assert!(matches(&HeaderMap::new(), 7));
        assert!(asked("\"v7\"") && asked("*") && asked("\"v6\", \"v7\""));
        assert!(!asked("\"v6\"") && !asked("W/\"v7\"") && !asked("v7") && !asked(""));
    }
}
