//! Where a visitor stands, as the status JSON says it: to the page, to apps and to event streams.

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use crate::domain::clock::UnixTime;
use crate::domain::room::RoomName;
use crate::domain::standing::EndedBy;
use crate::domain::visitor::Reference;

/// The status JSON: plain data, in the order in which it is written.
///
/// It decides nothing: whoever builds it has already made the position stand still or fall.
/// What is unknown is written as `null`, never left out, but for `away_until`, which is only there
/// for who is away, the two tokens, which are only there for a visitor that sends headers instead
/// of cookies, and what only some rooms have.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Status<'a> {
    /// The room's name.
    #[serde(serialize_with = "plain")]
    pub room: &'a RoomName,
    /// What the visitor is to the room now.
    pub state: State,
    /// `ahead` + 1; `None` without a place and when released.
    pub position: Option<u64>,
    /// Unreleased smaller places less those found absent; `None` without a place and when
    /// released.
    pub ahead: Option<u64>,
    /// All who are unreleased in this room.
    pub waiting: u64,
    /// How long it will take; `None` while the room is paused or too few releases were measured.
    #[serde(serialize_with = "wait")]
    pub wait: Option<WaitRange>,
    /// Why nothing moves, or why the wait has grown.
    pub reason: Option<Reason>,
    /// Seconds until the next poll is due, 2 to 60.
    pub poll_after_s: u32,
    /// Until when a released visitor's turn is kept.
    #[serde(serialize_with = "moment_or_null")]
    pub claim_by: Option<UnixTime>,
    /// When the room opens, if it is not open and that is known.
    #[serde(serialize_with = "moment_or_null")]
    pub opens_at: Option<UnixTime>,
    /// When its lobby opens, if there is one and it is still to come; else left out.
    #[serde(
        serialize_with = "moment_or_null",
        skip_serializing_if = "Option::is_none"
    )]
    pub prequeue_opens_at: Option<UnixTime>,
    /// The operator's words to those waiting, as they were typed: plain text, never HTML.
    pub message: Option<&'a str>,
    /// The code by which the support desk finds this visitor; `None` before there is an identity.
    #[serde(serialize_with = "plain_or_null")]
    pub reference: Option<Reference>,
    /// How the visitor's last turn ended: the answer to "why am I here again?".
    #[serde(serialize_with = "ended_by")]
    pub ended_by: Option<EndedBy>,
    /// Whether something will be left at this visitor's turn, where the stock is known.
    pub chance: Option<Chance>,
    /// The lane's name; left out where the room has no lanes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane: Option<&'a str>,
    /// The lane's part of the releases while people wait in all lanes, 0 to 1; left out with the
    /// name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lane_share: Option<f64>,
    /// The visitor must sign in at the site before there can be a place; left out otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignIn<'a>>,
    /// When these figures were true.
    #[serde(serialize_with = "moment")]
    pub updated_at: UnixTime,
    /// Until when the visitor is away by its own wish; left out where it is not.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "moment_or_null"
    )]
    pub away_until: Option<UnixTime>,
    /// The signed queue token, for a visitor that sends headers instead of cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_token: Option<&'a str>,
    /// The signed admission token, for a visitor that sends headers instead of cookies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admission_token: Option<&'a str>,
}

/// Bytes that hold a status without message and tokens.
const USUAL_LENGTH: usize = 384;

impl Status<'_> {
    /// The JSON text, in UTF-8.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(USUAL_LENGTH);
        match serde_json::to_writer(&mut text, self) {
            Ok(()) => text,
            // Every field is a number, a word or text, so there is nothing that could fail.
            Err(_) => Vec::new(),
        }
    }
}

/// Signing in comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SignIn<'a> {
    /// Where, if that is known.
    pub url: Option<&'a str>,
}

/// What a visitor is to a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// In the lobby before the opening.
    Prequeue,
    /// The lobby is being put into its drawn order.
    Drawing,
    /// In line; without a position, on the way into it.
    Waiting,
    /// Called: the turn may be claimed until `claim_by`.
    Released,
    /// Inside.
    Admitted,
    /// In line, and nobody is released by the operator's order.
    Paused,
    /// The room is not open.
    Closed,
    /// The sale window is over, or this visitor's turn is: then `ended_by` says how.
    Ended,
    /// No room for newcomers.
    Full,
    /// A puzzle is to be solved first.
    Challenge,
    /// Places are being made sure of after a loss; nobody is released meanwhile.
    Recovering,
}

/// A range of waits in whole seconds, from measured releases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitRange {
    /// A short wait.
    pub low_s: u32,
    /// The wait to expect.
    pub median_s: u32,
    /// A long wait.
    pub high_s: u32,
}

/// Why nothing moves, or why the wait has grown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The operator lets people in more slowly.
    PaceLowered,
    /// The operator paused the room.
    Paused,
    /// As many are inside as the site can bear.
    CapacityFull,
    /// People ahead came back to their places.
    AbsentReturned,
    /// Other lanes take their share.
    Lanes,
    /// Places are being made sure of after a loss.
    Recovering,
    /// Nothing is left to sell.
    SoldOut,
}

/// Whether something will be left at a visitor's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Chance {
    /// More is left than those ahead are likely to buy.
    Likely,
    /// About as much is left as those ahead are likely to buy.
    Possible,
    /// Less is left than those ahead are likely to buy.
    Unlikely,
}

fn plain<S: Serializer>(value: &impl std::fmt::Display, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(value)
}

fn plain_or_null<S: Serializer>(value: &Option<Reference>, to: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => to.collect_str(value),
        None => to.serialize_none(),
    }
}

fn wait<S: Serializer>(range: &Option<WaitRange>, to: S) -> Result<S::Ok, S::Error> {
    let mut object = to.serialize_struct("wait", 4)?;
    object.serialize_field("known", &range.is_some())?;
    object.serialize_field("low_s", &range.map(|range| range.low_s))?;
    object.serialize_field("median_s", &range.map(|range| range.median_s))?;
    object.serialize_field("high_s", &range.map(|range| range.high_s))?;
    object.end()
}

fn moment<S: Serializer>(time: &UnixTime, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&time.rfc3339())
}

fn moment_or_null<S: Serializer>(time: &Option<UnixTime>, to: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => moment(time, to),
        None => to.serialize_none(),
    }
}

fn ended_by<S: Serializer>(end: &Option<EndedBy>, to: S) -> Result<S::Ok, S::Error> {
    match end {
        Some(end) => to.serialize_str(end.word()),
        None => to.serialize_none(),
    }
}

/// A status to test with: 1,234th of 50,321 in the room `derby`.
#[cfg(test)]
pub(crate) fn sample(room: &RoomName) -> Status<'_> {
    let visitor = crate::domain::visitor::VisitorId::from_bytes([7; 16]);
    Status {
        room,
        state: State::Waiting,
        position: Some(1_234),
        ahead: Some(1_233),
        waiting: 50_321,
        wait: Some(WaitRange {
            low_s: 240,
            median_s: 300,
            high_s: 420,
        }),
        reason: None,
        poll_after_s: 60,
        claim_by: None,
        opens_at: None,
        prequeue_opens_at: None,
        message: None,
        reference: Some(visitor.reference(room)),
        ended_by: None,
        chance: None,
        lane: None,
        lane_share: None,
        sign_in: None,
        // 2026-11-21T20:00:00Z
        updated_at: UnixTime::from_secs(1_795_291_200),
        away_until: None,
        queue_token: None,
        admission_token: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(status: &Status<'_>) -> String {
        String::from_utf8(status.to_json()).unwrap()
    }

    #[test]
    fn a_waiting_visitor_reads_exactly_the_documented_json() {
        let room: RoomName = "derby".parse().unwrap();
        let status = sample(&room);
        let reference = status.reference.unwrap();

        let expected = format!(
            concat!(
                r#"{{"room":"derby","state":"waiting","position":1234,"ahead":1233,"waiting":50321,"#,
                r#""wait":{{"known":true,"low_s":240,"median_s":300,"high_s":420}},"reason":null,"#,
                r#""poll_after_s":60,"claim_by":null,"opens_at":null,"message":null,"#,
                r#""reference":"{}","ended_by":null,"chance":null,"#,
                r#""updated_at":"2026-11-21T20:00:00Z"}}"#,
            ),
            reference
        );
        assert_eq!(json(&status), expected);
    }

    #[test]
    fn what_is_unknown_is_null_and_tokens_appear_only_when_asked_for() {
        let room: RoomName = "derby".parse().unwrap();
        let mut status = Status {
            position: None,
            ahead: None,
            wait: None,
            reference: None,
            claim_by: Some(UnixTime::from_secs(1_795_291_320)),
            opens_at: Some(UnixTime::from_secs(1_795_294_800)),
            prequeue_opens_at: Some(UnixTime::from_secs(1_795_293_000)),
            queue_token: Some("q"),
            ..sample(&room)
        };

        let text = json(&status);
        assert!(text.contains(
            r#""wait":{"known":false,"low_s":null,"median_s":null,"high_s":null},"reason":null"#
        ));
        assert!(text.contains(r#""position":null,"ahead":null"#));
        assert!(text.contains(
            r#""claim_by":"2026-11-21T20:02:00Z","opens_at":"2026-11-21T21:00:00Z","prequeue_opens_at":"2026-11-21T20:30:00Z","message""#
        ));
        assert!(text.contains(r#""reference":null"#));
        assert!(text.ends_with(r#""updated_at":"2026-11-21T20:00:00Z","queue_token":"q"}"#));

        status.away_until = Some(UnixTime::from_secs(1_795_291_320));
        assert!(json(&status).contains(r#","away_until":"2026-11-21T20:02:00Z","queue_token""#));
        status.admission_token = Some("a");
        assert!(json(&status).ends_with(r#""queue_token":"q","admission_token":"a"}"#));
    }

    #[test]
    fn lane_and_sign_in_stand_there_only_where_they_mean_something() {
        let room: RoomName = "derby".parse().unwrap();
        let status = Status {
            lane: Some("members"),
            lane_share: Some(0.3),
            sign_in: Some(SignIn { url: None }),
            ..sample(&room)
        };
        let text = json(&status);
        let there = r#""chance":null,"lane":"members","lane_share":0.3,"sign_in":{"url":null},"updated_at""#;
        assert!(text.contains(there), "{text}");
    }

    #[test]
    fn every_word_is_the_documented_one() {
        use State::*;
        let states = [
            Prequeue, Drawing, Waiting, Released, Admitted, Paused, Closed, Ended, Full, Challenge,
            Recovering,
        ];
        assert_eq!(
            serde_json::to_string(&states).unwrap().replace('"', ""),
            "[prequeue,drawing,waiting,released,admitted,paused,closed,ended,full,challenge,recovering]"
        );
        let reasons = [
            Reason::PaceLowered,
            Reason::Paused,
            Reason::CapacityFull,
            Reason::AbsentReturned,
            Reason::Lanes,
            Reason::Recovering,
            Reason::SoldOut,
        ];
        assert_eq!(
            serde_json::to_string(&reasons).unwrap().replace('"', ""),
            "[pace_lowered,paused,capacity_full,absent_returned,lanes,recovering,sold_out]"
        );
        let chances = [Chance::Likely, Chance::Possible, Chance::Unlikely];
        assert_eq!(
            serde_json::to_string(&chances).unwrap(),
            r#"["likely","possible","unlikely"]"#
        );
        let room: RoomName = "derby".parse().unwrap();
        for end in EndedBy::ALL {
            let status = Status {
                ended_by: Some(end),
                ..sample(&room)
            };
            let word = format!(r#""ended_by":"{}""#, end.word());
            assert!(json(&status).contains(&word));
        }
    }
}
