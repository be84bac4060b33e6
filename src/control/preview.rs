//! Links for the crew: signed when asked for, kept nowhere, and withdrawn all at once.

use std::time::Duration;

use axum::response::Response;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::api::{json, tagged};
use super::body::{nothing, number, parse};
use super::problem::Problem;
use super::{Control, ControlRoom, sessions};
use crate::domain::window::Order;
use crate::token::crew::CrewPass;

/// The longest a link may work, in seconds: 30 days.
const LONGEST_S: u32 = 30 * 24 * 3_600;

/// How long one works where nothing is said: a day.
const USUAL: Duration = Duration::from_hours(24);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PreviewBody {
    valid_s: Option<Value>,
}

/// What is answered; it stands nowhere else.
#[derive(Serialize)]
struct Preview<'a> {
    room: &'a str,
    link: String,
    expires_at: String,
    rehearsal: bool,
}

/// `{"valid_s"?}`: a link that works so long.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for a time outside 1 to [`LONGEST_S`].
pub fn read(body: &[u8]) -> Result<Duration, Problem> {
    let body: PreviewBody = parse(body)?;
    let Some(value) = body.valid_s.filter(|value| !value.is_null()) else {
        return Ok(USUAL);
    };
    let seconds = number("valid_s", Some(&value), LONGEST_S)?;
    Ok(Duration::from_secs(u64::from(seconds.get())))
}

/// `{}`: withdraws every link of the room.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn withdraw(body: &[u8]) -> Result<Order, Problem> {
    nothing(body).map(|()| Order::RevokeCrew)
}

/// Signs a link under the room's orders as the store has them now.
///
/// # Errors
/// 412 when `If-Match` names another version, 503 when the store fails.
pub async fn hand_out(
    control: &Control,
    room: &ControlRoom,
    valid: Duration,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let orders = sessions::orders(control, room, headers).await?;
    let name = &room.settings.name;
    let pass = CrewPass {
        rev: orders.crew_rev,
        expires: control.clock.now().wall.after(valid),
    };
    let signed = control.keys.load().sign_crew(name, pass);
    let answer = json(&Preview {
        room: name.as_str(),
        link: format!("{}/rooms/{name}/crew?pass={signed}", room.surface),
        expires_at: pass.expires.rfc3339(),
        rehearsal: room.settings.rehearsal,
    });
    Ok(tagged(answer, orders.version))
}
