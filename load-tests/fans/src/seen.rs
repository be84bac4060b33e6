//! What an answer tells a fan.

use std::time::Duration;

use serde_json::Value;

use crate::shop::MARKER;
use crate::wire::Answer;

/// What a fan makes of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// A page of the shop.
    Site,
    /// The line: on the queue page, or from the status address.
    Line(Standing),
    /// A claim too early.
    NotReleased,
    /// An answer of another kind; try again, no sooner than this.
    Refused(Duration),
    /// No answer at all.
    Nothing,
}

/// Where a fan stands, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// What the fan is to the room.
    pub state: State,
    /// 1 for who is next.
    pub position: Option<u64>,
    /// When to ask again.
    pub poll_after: Duration,
    /// The figures are the last known ones: the store cannot be asked.
    pub recovering: bool,
    /// The gateway says why an earlier turn ended.
    pub told_why: bool,
}

/// What a fan is to the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// In line, however slowly it moves; without a position, on the way into it.
    Waits,
    /// Called.
    Released,
    /// Inside.
    Admitted,
    /// Not let in: closed, ended or full.
    Shut,
}

/// How long to wait where nothing is said.
const A_WHILE: Duration = Duration::from_secs(2);

/// Reads an answer.
#[must_use]
pub fn read(answer: &Answer) -> Seen {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status == 200 && text.contains(MARKER) {
        return Seen::Site;
    }
    if answer.status == 409 {
        return Seen::NotReleased;
    }
    let fitting = matches!(answer.status, 200 | 202);
    let told = fitting.then(|| standing(&text)).flatten();
    told.map_or_else(
        || Seen::Refused(answer.retry_after.map_or(A_WHILE, Duration::from_secs)),
        Seen::Line,
    )
}

/// The status in JSON, or the copy of it that the queue page carries for its script.
fn standing(text: &str) -> Option<Standing> {
    if text.starts_with('{') {
        return of_json(text);
    }
    let (_, rest) = text.split_once("data-status=\"")?;
    let (quoted, _) = rest.split_once('"')?;
    of_json(
        &quoted
            .replace("&quot;", "\"")
            .replace("&#39;", "'")
            .replace("&amp;", "&"),
    )
}

fn of_json(text: &str) -> Option<Standing> {
    let told: Value = serde_json::from_str(text).ok()?;
    let poll_after = told.get("poll_after_s")?.as_u64()?;
    let reason = told.get("reason").and_then(Value::as_str);
    let state = match told.get("state")?.as_str()? {
        "released" => State::Released,
        "admitted" => State::Admitted,
        "closed" | "ended" | "full" => State::Shut,
        _ => State::Waits,
    };
    Some(Standing {
        state,
        position: told.get("position").and_then(Value::as_u64),
        poll_after: Duration::from_secs(poll_after),
        recovering: reason == Some("recovering"),
        told_why: told.get("ended_by").is_some_and(|why| !why.is_null()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status,
            body: body.as_bytes().to_vec(),
            ..Answer::default()
        }
    }

    const WAITS: &str = r#"{"room":"sale","state":"waiting","position":12,"ahead":11,"waiting":50,
        "reason":null,"poll_after_s":7,"message":"it's & on","ended_by":null}"#;

    #[test]
    fn the_status_is_read_from_json_and_from_the_page() {
        let expected = Seen::Line(Standing {
            state: State::Waits,
            position: Some(12),
            poll_after: Duration::from_secs(7),
            recovering: false,
            told_why: false,
        });
        assert_eq!(read(&answer(200, WAITS)), expected);
        let quoted = WAITS
            .replace('&', "&amp;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;");
        let page = format!("<!doctype html><main data-status=\"{quoted}\">");
        assert_eq!(read(&answer(200, &page)), expected);
    }

    #[test]
    fn the_shop_is_known_by_its_marker_and_all_else_is_refused() {
        assert_eq!(read(&answer(200, &format!("<p>{MARKER}"))), Seen::Site);
        assert_eq!(read(&answer(409, WAITS)), Seen::NotReleased);
        for (status, body) in [
            (200, "<p>"),
            (429, WAITS),
            (503, ""),
            (500, MARKER),
            (200, "{"),
        ] {
            assert_eq!(
                read(&answer(status, body)),
                Seen::Refused(A_WHILE),
                "{body}"
            );
        }
        let later = Answer {
            retry_after: Some(30),
            ..answer(503, "")
        };
        assert_eq!(read(&later), Seen::Refused(Duration::from_secs(30)));
    }
}
