//! One session steered by its name: what a site's servers say where it cannot say it on an answer.

use std::time::Duration;

use http::{HeaderMap, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::body::{number, parse, wrong};
use super::problem::Problem;
use super::sessions;
use super::{Control, ControlRoom};
use crate::domain::clock::UnixTime;
use crate::domain::session::{Jti, Steer};
use crate::domain::standing::EndedBy;
use crate::domain::window::Orders;
use crate::store::{Held, Hold};

/// What is to be done to which session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Steering {
    /// Which.
    pub session: Jti,
    /// What.
    pub steer: Steer,
}

/// What became of a session.
#[derive(Clone, Debug, Serialize)]
pub struct SessionView {
    jti: String,
    ended_by: Option<&'static str>,
    held_until: Option<String>,
}

impl SessionView {
    fn ended(session: Jti, why: EndedBy) -> Self {
        Self {
            jti: session.to_string(),
            ended_by: Some(why.word()),
            held_until: None,
        }
    }

    fn held(session: Jti, until: UnixTime) -> Self {
        Self {
            jti: session.to_string(),
            ended_by: None,
            held_until: Some(until.rfc3339()),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SteerBody {
    order: Option<Value>,
    seconds: Option<Value>,
}

/// `{"order": "complete"}`, `{"order": "revoke"}` or `{"order": "hold", "seconds"}`, of the session
/// that the path names.
///
/// # Errors
/// 404 for a name that is none, 400 and 422 as [`parse`] says, 422 for another order, and for
/// seconds that are missing, out of range or of no use.
pub fn read(session: &str, body: &[u8]) -> Result<Steering, Problem> {
    let session = Jti::parse(session).ok_or_else(unknown)?;
    let body: SteerBody = parse(body)?;
    let order = body.order.as_ref().and_then(Value::as_str);
    let steer = match (order, &body.seconds) {
        (Some("complete"), None) => Steer::Complete,
        (Some("revoke"), None) => Steer::Revoke,
        (Some("complete" | "revoke"), Some(_)) => {
            return Err(Problem::unacceptable("`seconds` belongs to `hold` alone"));
        }
        (Some("hold"), seconds) => {
            let most = u32::try_from(Steer::LONGEST_HOLD.as_secs()).unwrap_or(u32::MAX);
            let seconds = number("seconds", seconds.as_ref(), most)?;
            Steer::Hold(Duration::from_secs(seconds.get().into()))
        }
        (_, _) => {
            let expected = "`complete`, `revoke` or `hold`";
            return Err(wrong("order", expected, body.order.as_ref()));
        }
    };
    Ok(Steering { session, steer })
}

/// Does it. An end is remembered also where the store does not know the session, which it may have
/// lost; a session that ended before keeps its first reason. Answers the room's orders, which stay,
/// and what became of the session.
///
/// # Errors
/// 404 where a session is to be held that the store does not know, 409 where that one has ended,
/// 412 when `If-Match` names another version, 503 when the store fails.
pub async fn carry_out(
    control: &Control,
    room: &ControlRoom,
    steering: Steering,
    headers: &HeaderMap,
) -> Result<(Orders, SessionView), Problem> {
    let Steering { session, steer } = steering;
    let orders = sessions::orders(control, room, headers).await?;
    let (length, why) = match steer {
        Steer::Complete => (Duration::ZERO, EndedBy::Completed),
        Steer::Revoke => (Duration::ZERO, EndedBy::Revoked),
        Steer::Hold(length) => {
            return match hold(control, room, (session, length)).await? {
                Held::Until(until) => Ok((orders, SessionView::held(session, until))),
                Held::Ended(why) => Err(over(why)),
                Held::Unknown => Err(unknown()),
            };
        }
    };
    // A hold of no time changes nothing, and tells whether the session has ended.
    let why = match hold(control, room, (session, length)).await? {
        Held::Ended(before) => before,
        Held::Until(_) | Held::Unknown => {
            sessions::end(control, room, (session, why)).await?;
            why
        }
    };
    Ok((orders, SessionView::ended(session, why)))
}

async fn hold(
    control: &Control,
    room: &ControlRoom,
    (session, length): (Jti, Duration),
) -> Result<Held, Problem> {
    let terms = &room.settings.terms.session;
    let snapshot = room.snapshot.load();
    let at = snapshot.skew.correct(control.clock.now()).wall;
    drop(snapshot);
    let hold = Hold {
        session,
        at,
        until: at.after(length.min(terms.hold_max)),
        longest: terms.longest_stay(),
        rev: None,
    };
    let name = &room.settings.name;
    let held = control.store.hold(name, &[hold]).await?;
    Ok(held.into_iter().next().unwrap_or(Held::Unknown))
}

fn unknown() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no session of this room has that name: it is the 32 hex digits that the site finds in `Anteroom-Session-Id`",
    )
}

fn over(why: EndedBy) -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        format!("the session has ended ({}) and stays so", why.word()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn orders_to_a_session_are_read_or_refused() {
        let steer = |body: &str| read(NAME, body.as_bytes()).map(|read| read.steer);
        assert_eq!(steer(r#"{"order":"complete"}"#).unwrap(), Steer::Complete);
        assert_eq!(steer(r#"{"order":"revoke"}"#).unwrap(), Steer::Revoke);
        let hold = Steer::Hold(Duration::from_secs(600));
        assert_eq!(steer(r#"{"order":"hold","seconds":600}"#).unwrap(), hold);
        for bad in [
            "{}",
            r#"{"order":"end"}"#,
            r#"{"order":"hold=60"}"#,
            r#"{"order":"hold"}"#,
            r#"{"order":"hold","seconds":0}"#,
            r#"{"order":"hold","seconds":2592001}"#,
            r#"{"order":"hold","seconds":"60"}"#,
            r#"{"order":"complete","seconds":60}"#,
            r#"{"order":"complete","jti":"x"}"#,
        ] {
            assert_eq!(steer(bad).unwrap_err().status(), 422, "{bad}");
        }
        let body = br#"{"order":"complete"}"#;
        for name in ["", "derby", &NAME.to_uppercase(), &NAME[1..]] {
            assert_eq!(read(name, body).unwrap_err().status(), 404, "{name}");
        }
    }
}
