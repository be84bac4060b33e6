//! What a change is recorded as: what was asked for, and what it changed.

use serde_json::{Map, Value, json};

use super::audit::Entry;
use super::body;
use super::policies::Reloaded;
use super::problem::Problem;
use crate::domain::room::RoomName;
use crate::domain::window::Orders;

/// Changes of the policies that one record names at most.
const MOST_RECORDED: usize = 100;

/// What was asked for, the session that the path names included.
pub(super) fn asked(body: &[u8], session: &str) -> Result<Value, Problem> {
    let mut asked: Map<String, Value> = body::parse(body)?;
    if !session.is_empty() {
        asked.insert("jti".to_owned(), session.into());
    }
    Ok(asked.into())
}

/// Those fields of a room's orders that differ: before, and after.
pub(super) fn difference(before: &Orders, after: &Orders) -> (Value, Value) {
    let fields = |orders: &Orders| match serde_json::to_value(orders) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    let (old, new) = (fields(before), fields(after));
    let (kept, put): (Map<_, _>, Map<_, _>) = old
        .into_iter()
        .filter_map(|(name, was)| {
            let is = new.get(&name)?.clone();
            (was != is).then(|| ((name.clone(), was), (name, is)))
        })
        .unzip();
    (kept.into(), put.into())
}

/// What a gateway did to a room by itself, as it is recorded.
#[must_use]
pub fn automatic(by: &'static str, room: &RoomName, before: &Orders, after: &Orders) -> Entry {
    let (before, after) = difference(before, after);
    Entry::Automatic {
        by,
        room: Some(room.to_string()),
        before,
        after,
    }
}

/// A reload that a signal asked for, as it is recorded.
#[must_use]
pub fn signalled(reloaded: &Reloaded) -> Entry {
    let (before, after) = replaced(reloaded);
    Entry::Automatic {
        by: "signal",
        room: None,
        before,
        after,
    }
}

/// The number of the policies before and after, and what changed.
pub(super) fn replaced(reloaded: &Reloaded) -> (Value, Value) {
    let changes = reloaded.found.changes.iter().take(MOST_RECORDED);
    let changes: Vec<String> = changes.map(ToString::to_string).collect();
    let number = reloaded.version;
    (
        json!({"policies": number.saturating_sub(1)}),
        json!({"policies": number, "changes": changes}),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UnixTime;
    use crate::domain::window::Order;

    #[test]
    fn only_what_changed_is_told() {
        let now = UnixTime::from_secs(1_800_000_000);
        let before = Orders::default();
        let message = Order::Message(Some("Soon".into()));
        let after = before.apply(&message, now).unwrap();
        let told = difference(&before, &after);
        let expected = (
            json!({"message": null, "version": 0}),
            json!({"message": "Soon", "version": 1}),
        );
        assert_eq!(told, expected);
        assert_eq!(difference(&after, &after), (json!({}), json!({})));
    }
}
