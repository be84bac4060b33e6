//! Codes that lead into a lane: a batch is written into the room's orders, and its codes are
//! answered once.

use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{json, tagged};
use super::body::{number, parse, time, wrong};
use super::carry::carry_out;
use super::problem::Problem;
use super::{Control, ControlRoom};
use crate::domain::clock::UnixTime;
use crate::domain::invitation::{Batch, Invite, MOST_CODES};
use crate::domain::lane::Lane;
use crate::domain::room::{RoomName, RoomSettings};
use crate::domain::window::{Order, Orders};
use crate::token::code::CodeKey;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CodesBody {
    lane: Option<Value>,
    count: Option<Value>,
    expires_at: Option<Value>,
}

/// What is answered; it stands nowhere else.
#[derive(Serialize)]
struct Codes<'a> {
    room: &'a str,
    lane: &'a str,
    batch: u16,
    count: u16,
    expires_at: Option<String>,
    codes: Vec<String>,
}

/// `{"lane", "count", "expires_at"?}`: so many codes into a lane of this room.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for a lane that the room does not have or where everybody
/// waits anyway, and for a count outside 1 to [`MOST_CODES`].
pub fn read(body: &[u8], room: &RoomSettings) -> Result<Invite, Problem> {
    let body: CodesBody = parse(body)?;
    let count = number("count", body.count.as_ref(), u32::from(MOST_CODES))?;
    let expires_at = body.expires_at.filter(|value| !value.is_null());
    let expires_at = expires_at.map(|value| time("expires_at", &value));
    Ok(Invite {
        lane: lane(body.lane.as_ref(), room)?,
        count: u16::try_from(count.get()).unwrap_or(MOST_CODES),
        expires_at: expires_at.transpose()?,
    })
}

fn lane(value: Option<&Value>, room: &RoomSettings) -> Result<RoomName, Problem> {
    let name = value.and_then(Value::as_str);
    let found = name.and_then(|name| room.lane_named(name));
    let lanes = room.lanes.iter().skip(1).map(|lane| lane.name.as_str());
    let lanes: Vec<&str> = lanes.collect();
    match (found, name.and_then(|name| name.parse().ok())) {
        (Some(lane), Some(name)) if lane != Lane::GENERAL => Ok(name),
        (Some(_), _) => Err(Problem::unacceptable(
            "everybody waits in the room's first lane: a code leads into another",
        )),
        (None, _) if lanes.is_empty() => Err(Problem::unacceptable(format!(
            "the room `{}` has no lanes beside the general one",
            room.name
        ))),
        (None, _) => {
            let expected = format!("a lane of the room ({})", lanes.join(", "));
            Err(wrong("lane", &expected, value))
        }
    }
}

/// Adds the batch to the room's orders; answers its codes, and the orders before and after.
///
/// # Errors
/// As [`carry_out`]; 409 for a batch too many.
pub async fn hand_out(
    (control, key): (&Control, &CodeKey),
    room: &ControlRoom,
    invite: &Invite,
    headers: &HeaderMap,
) -> Result<(Response, (Orders, Orders)), Problem> {
    let order = Order::Invite(invite.clone());
    let (before, after) = carry_out(control, room, &order, headers).await?;
    let name = &room.settings.name;
    let batch = after.batches.last();
    let answer = batch.map(|batch| answer(key, name, batch));
    let response = answer.unwrap_or_else(|| json(&Value::Null));
    let response = tagged(response, after.version);
    Ok((response, (before, after)))
}

fn answer(key: &CodeKey, room: &RoomName, batch: &Batch) -> Response {
    let lapses = batch.expires_at.map(UnixTime::from_millis);
    json(&Codes {
        room: room.as_str(),
        lane: &batch.lane,
        batch: batch.number,
        count: batch.count,
        expires_at: lapses.map(UnixTime::rfc3339),
        codes: batch
            .codes()
            .map(|number| key.code(room, number).to_string())
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lane::LaneSettings;
    use crate::telemetry::reading::settings_for_test;

    fn room(lanes: &[&str]) -> RoomSettings {
        let lane = |name: &&str| LaneSettings {
            name: name.parse().unwrap(),
            weight: 1,
        };
        RoomSettings {
            lanes: lanes.iter().map(lane).collect(),
            ..settings_for_test("derby")
        }
    }

    #[test]
    fn codes_lead_into_a_lane_that_is_there_and_not_where_everybody_waits() {
        let room = room(&["general", "members"]);
        let asked = r#"{"lane":"members","count":10000,"expires_at":"1970-01-01T00:01:00Z"}"#;
        let invite = read(asked.as_bytes(), &room).unwrap();
        assert_eq!((invite.lane.as_str(), invite.count), ("members", 10_000));
        assert_eq!(invite.expires_at, Some(UnixTime::from_secs(60)));
        for (asked, says) in [
            (r#"{"lane":"general","count":1}"#, "everybody waits"),
            (
                r#"{"lane":"member","count":1}"#,
                "a lane of the room (members)",
            ),
            (r#"{"lane":7,"count":1}"#, "a lane of the room (members)"),
            (r#"{"count":1}"#, "`lane` is missing"),
            (
                r#"{"lane":"members"}"#,
                "`count` is missing: it must be a whole number from 1 to 10000",
            ),
            (r#"{"lane":"members","count":0}"#, "from 1 to 10000"),
            (r#"{"lane":"members","count":10001}"#, "from 1 to 10000"),
            (
                r#"{"lane":"members","count":1,"expires_at":"soon"}"#,
                "`expires_at` must be a time",
            ),
            (
                r#"{"lane":"members","count":1,"code":"x"}"#,
                "unknown field",
            ),
        ] {
            let problem = read(asked.as_bytes(), &room).unwrap_err();
            assert_eq!(problem.status(), 422, "{asked}");
            assert!(
                format!("{problem:?}").contains(says),
                "{asked}: {problem:?}"
            );
        }
        let none = read(br#"{"lane":"members","count":1}"#, &super::tests::room(&[]));
        assert!(format!("{none:?}").contains("has no lanes"));
    }
}
