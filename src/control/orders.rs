//! Operators' orders, read from a request's body.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::body::{nothing, number, parse, time, wrong};
use super::problem::Problem;
use crate::domain::clock::UnixTime;
use crate::domain::draw::steps::MOST_VALUE;
use crate::domain::pace::Pace;
use crate::domain::window::Order;

/// The longest message to those waiting, in characters.
pub const MOST_MESSAGE: usize = 500;

/// An order, and a warning about what was asked for and has no effect.
#[derive(Debug, PartialEq, Eq)]
pub struct Asked {
    /// What to do.
    pub order: Order,
    /// What will not be done.
    pub warning: Option<&'static str>,
}

impl From<Order> for Asked {
    fn from(order: Order) -> Self {
        Self {
            order,
            warning: None,
        }
    }
}

/// Reads an order from a request's body.
pub type ReadOrder = fn(&[u8]) -> Result<Asked, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    opens_at: Option<Value>,
    prequeue_opens_at: Option<Value>,
    ends_at: Option<Value>,
    external_source: Option<Value>,
}

/// `{"opens_at"?, "prequeue_opens_at"?, "ends_at"?}`. A prequeue is accepted with a warning; an
/// external source is not, because nobody may be promised a draw that does not take place.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for what is no time.
pub fn open(body: &[u8]) -> Result<Asked, Problem> {
    let body: OpenBody = parse(body)?;
    if body.external_source.is_some() {
        return Err(Problem::unacceptable(
            "`external_source` belongs to the draw, which this version does not hold: leave it out",
        ));
    }
    let at = |field, value: Option<&Value>| value.map(|value| time(field, value)).transpose();
    let prequeue: Option<UnixTime> = at("prequeue_opens_at", body.prequeue_opens_at.as_ref())?;
    let order = Order::Open {
        opens_at: at("opens_at", body.opens_at.as_ref())?,
        ends_at: at("ends_at", body.ends_at.as_ref())?,
    };
    let warning = "this version has no prequeue: `prequeue_opens_at` has no effect";
    Ok(Asked {
        order,
        warning: prequeue.map(|_| warning),
    })
}

/// `{}`: stops releases.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn pause(body: &[u8]) -> Result<Asked, Problem> {
    nothing(body).map(|()| Order::Pause.into())
}

/// `{}`: goes on after a pause.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn resume(body: &[u8]) -> Result<Asked, Problem> {
    nothing(body).map(|()| Order::Resume.into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    end: Option<Value>,
}

/// `{"end"?: true}`: closes and keeps the places, or ends the window.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 when `end` is neither true nor false.
pub fn close(body: &[u8]) -> Result<Asked, Problem> {
    let body: CloseBody = parse(body)?;
    match body.end {
        None | Some(Value::Bool(false)) => Ok(Order::Close.into()),
        Some(Value::Bool(true)) => Ok(Order::End.into()),
        Some(other) => Err(wrong("end", "true or false", Some(&other))),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaceBody {
    per_minute: Option<Value>,
    burst: Option<Value>,
}

/// `{"per_minute", "burst"?}`; without a burst, one second's worth.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 outside 1 to [`Pace::MOST`].
pub fn pace(body: &[u8]) -> Result<Asked, Problem> {
    let body: PaceBody = parse(body)?;
    let rate = number("per_minute", body.per_minute.as_ref(), Pace::MOST)?;
    let burst = body.burst.as_ref();
    let burst = burst.map(|burst| number("burst", Some(burst), Pace::MOST));
    let pace = Pace::per_minute(rate.get());
    let pace = match burst.transpose()? {
        Some(burst) => pace.and_then(|pace| pace.with_burst(burst.get())),
        None => pace,
    };
    let range = || Problem::unacceptable(format!("a pace is 1 to {}", Pace::MOST));
    Ok(Order::Pace(pace.ok_or_else(range)?).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CapacityBody {
    #[serde(default, deserialize_with = "given")]
    active: Option<Value>,
}

/// Keeps `null` apart from a field that is not there.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}

/// `{"active"}`: at most so many inside; `null` lifts the cap.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 outside 1 to [`Pace::MOST`].
pub fn capacity(body: &[u8]) -> Result<Asked, Problem> {
    let body: CapacityBody = parse(body)?;
    let capacity = match body.active {
        Some(Value::Null) => None,
        active => Some(number("active", active.as_ref(), Pace::MOST)?),
    };
    Ok(Order::Capacity(capacity).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MessageBody {
    message: Option<Value>,
}

/// `{"message"}`: 1 to [`MOST_MESSAGE`] characters without control characters.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for any other text.
pub fn message(body: &[u8]) -> Result<Asked, Problem> {
    let body: MessageBody = parse(body)?;
    let text = body.message.as_ref().and_then(Value::as_str).map(str::trim);
    let fits = |text: &&str| {
        (1..=MOST_MESSAGE).contains(&text.chars().count()) && !text.contains(char::is_control)
    };
    let Some(text) = text.filter(fits) else {
        let expected = format!(
            "a text of 1 to {MOST_MESSAGE} characters without line breaks and other control characters (DELETE takes the message down)"
        );
        return Err(wrong("message", &expected, body.message.as_ref()));
    };
    Ok(Order::Message(Some(text.to_owned())).into())
}

/// `{}`: takes the message down.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn no_message(body: &[u8]) -> Result<Asked, Problem> {
    nothing(body).map(|()| Order::Message(None).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrawBody {
    external_value: Option<Value>,
}

/// `{"external_value"}`: 1 to [`MOST_VALUE`] bytes, taken as they are.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for any other text.
pub fn draw(body: &[u8]) -> Result<Asked, Problem> {
    let body: DrawBody = parse(body)?;
    let text = body.external_value.as_ref().and_then(Value::as_str);
    let fits = |text: &&str| {
        (1..=MOST_VALUE).contains(&text.len())
            && !text.contains(char::is_control)
            && text.trim() == *text
    };
    let Some(text) = text.filter(fits) else {
        let expected = format!(
            "a text of 1 to {MOST_VALUE} bytes, exactly as its source published it, without control characters and without spaces at its ends"
        );
        return Err(wrong(
            "external_value",
            &expected,
            body.external_value.as_ref(),
        ));
    };
    Ok(Order::External(text.to_owned()).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseBody {
    count: Option<Value>,
}

/// `{"count"}`: lets the next so many in now. The one order whose repetition does more.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 outside 1 to [`Pace::MOST`].
pub fn release(body: &[u8]) -> Result<Asked, Problem> {
    let body: ReleaseBody = parse(body)?;
    let count = number("count", body.count.as_ref(), Pace::MOST)?;
    Ok(Order::Release(count).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(read: ReadOrder, body: &str) -> u16 {
        match read(body.as_bytes()) {
            Ok(_) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    fn order(read: ReadOrder, body: &str) -> Order {
        read(body.as_bytes()).unwrap().order
    }

    #[test]
    fn orders_are_read_from_their_bodies() {
        let paced = Pace::per_minute(7).unwrap();
        assert_eq!(order(pace, r#"{"per_minute":7}"#), Order::Pace(paced));
        let burst = paced.with_burst(3).unwrap();
        assert_eq!(
            order(pace, r#"{"per_minute":7,"burst":3}"#),
            Order::Pace(burst)
        );
        let value = Order::External("9f2a é".into());
        assert_eq!(order(draw, r#"{"external_value":"9f2a \u00e9"}"#), value);
        assert_eq!(order(close, ""), Order::Close);
        assert_eq!(order(close, r#"{"end":false}"#), Order::Close);
        assert_eq!(order(close, r#"{"end":true}"#), Order::End);
        assert_eq!(order(capacity, r#"{"active":null}"#), Order::Capacity(None));
        let told = Order::Message(Some("a <b>\u{202e}".into()));
        assert_eq!(order(message, r#"{"message":" a <b>\u202e "}"#), told);
        let opened = open(br#"{"prequeue_opens_at":"2026-12-01T09:00:00Z"}"#).unwrap();
        assert!(opened.warning.is_some());
        let expected = Order::Open {
            opens_at: None,
            ends_at: Some(UnixTime::from_secs(60)),
        };
        assert_eq!(
            order(open, r#"{"ends_at":"1970-01-01T00:01:00Z"}"#),
            expected
        );
    }

    #[test]
    fn values_out_of_range_and_unknown_fields_are_422_c3() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(501));
        let bytes = format!(r#"{{"external_value":"{}"}}"#, "é".repeat(513));
        let cases: [(ReadOrder, &str); 28] = [
            (pace, "{}"),
            (pace, r#"{"per_minute":0}"#),
            (pace, r#"{"per_minute":-1}"#),
            (pace, r#"{"per_minute":1000000000}"#),
            (pace, r#"{"per_minute":60,"burst":0}"#),
            (pace, r#"{"per_minute":60,"burst":10000001}"#),
            (pace, r#"{"per_minute":60,"confirm":true}"#),
            (capacity, "{}"),
            (capacity, r#"{"active":0}"#),
            (message, "{}"),
            (message, r#"{"message":""}"#),
            (message, r#"{"message":"  "}"#),
            (message, r#"{"message":"a\nb"}"#),
            (message, r#"{"message":"a\u0000"}"#),
            (message, &long),
            (draw, "{}"),
            (draw, r#"{"external_value":""}"#),
            (draw, r#"{"external_value":4711}"#),
            (draw, r#"{"external_value":" 9f"}"#),
            (draw, r#"{"external_value":"9\u0000f"}"#),
            (draw, r#"{"external_value":"9f","source":"x"}"#),
            (draw, &bytes),
            (release, r#"{"count":0}"#),
            (close, r#"{"end":"yes"}"#),
            (pause, r#"{"end":true}"#),
            (resume, r#"{"now":true}"#),
            (open, r#"{"opens_at":"soon"}"#),
            (open, r#"{"external_source":"beacon"}"#),
        ];
        for (read, body) in cases {
            assert_eq!(status(read, body), 422, "{body:.60}");
        }
        assert_eq!(status(pace, r#"{"per_minute":NaN}"#), 400);
    }
}
