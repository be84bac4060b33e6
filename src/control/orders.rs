//! Operators' orders, read from a request's body.

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::body::{nothing, number, parse, time, wrong};
use super::problem::Problem;
use crate::domain::draw::steps::MOST_VALUE;
use crate::domain::order::MOST_SOURCE;
use crate::domain::pace::Pace;
use crate::domain::stock::{MOST_STOCK, Over, Word};
use crate::domain::window::{Opening, Order};

/// The longest message to those waiting, in characters.
pub const MOST_MESSAGE: usize = 500;

/// Reads an order from a request's body.
pub type ReadOrder = fn(&[u8]) -> Result<Order, Problem>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OpenBody {
    opens_at: Option<Value>,
    prequeue_opens_at: Option<Value>,
    ends_at: Option<Value>,
    external_source: Option<Value>,
}

/// `{"opens_at"?, "prequeue_opens_at"?, "ends_at"?, "external_source"?}`: opens now, or at a time.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 for what is no time or no name of a source.
pub fn open(body: &[u8]) -> Result<Order, Problem> {
    let body: OpenBody = parse(body)?;
    let at = |field, value: Option<&Value>| value.map(|value| time(field, value)).transpose();
    let source = body.external_source.as_ref();
    let source = source.map(|value| line("external_source", Some(value), MOST_SOURCE));
    Ok(Order::Open(Opening {
        opens_at: at("opens_at", body.opens_at.as_ref())?,
        prequeue_opens_at: at("prequeue_opens_at", body.prequeue_opens_at.as_ref())?,
        ends_at: at("ends_at", body.ends_at.as_ref())?,
        external_source: source.transpose()?,
    }))
}

/// `{}`: stops releases.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn pause(body: &[u8]) -> Result<Order, Problem> {
    nothing(body).map(|()| Order::Pause)
}

/// `{}`: goes on after a pause.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn resume(body: &[u8]) -> Result<Order, Problem> {
    nothing(body).map(|()| Order::Resume)
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
pub fn close(body: &[u8]) -> Result<Order, Problem> {
    let body: CloseBody = parse(body)?;
    match body.end {
        None | Some(Value::Bool(false)) => Ok(Order::Close),
        Some(Value::Bool(true)) => Ok(Order::End),
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
pub fn pace(body: &[u8]) -> Result<Order, Problem> {
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
    Ok(Order::Pace(pace.ok_or_else(range)?))
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
pub fn capacity(body: &[u8]) -> Result<Order, Problem> {
    let body: CapacityBody = parse(body)?;
    let capacity = match body.active {
        Some(Value::Null) => None,
        active => Some(number("active", active.as_ref(), Pace::MOST)?),
    };
    Ok(Order::Capacity(capacity))
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
pub fn message(body: &[u8]) -> Result<Order, Problem> {
    let body: MessageBody = parse(body)?;
    if body.message.is_none() {
        return Err(wrong(
            "message",
            "a text (DELETE takes the message down)",
            None,
        ));
    }
    let text = line("message", body.message.as_ref(), MOST_MESSAGE)?;
    Ok(Order::Message(Some(text)))
}

/// A text of 1 to `most` characters in one line.
fn line(field: &str, value: Option<&Value>, most: usize) -> Result<String, Problem> {
    let text = value.and_then(Value::as_str).map(str::trim);
    let fits = |text: &&str| {
        (1..=most).contains(&text.chars().count()) && !text.contains(char::is_control)
    };
    let expected = || {
        format!("a text of 1 to {most} characters without line breaks and other control characters")
    };
    text.filter(fits)
        .map(str::to_owned)
        .ok_or_else(|| wrong(field, &expected(), value))
}

/// `{}`: takes the message down.
///
/// # Errors
/// 400 and 422 as [`parse`] says.
pub fn no_message(body: &[u8]) -> Result<Order, Problem> {
    nothing(body).map(|()| Order::Message(None))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StockBody {
    remaining: Option<Value>,
}

/// `{"remaining"}`: so much is left to be sold; 0 ends the window.
///
/// # Errors
/// 400 and 422 as [`parse`] says, 422 outside 0 to [`MOST_STOCK`].
pub fn stock(body: &[u8]) -> Result<Order, Problem> {
    let body: StockBody = parse(body)?;
    let remaining = body.remaining.as_ref();
    let left = remaining
        .and_then(Value::as_u64)
        .filter(|left| *left <= MOST_STOCK);
    let expected = format!("a whole number from 0 to {MOST_STOCK}");
    let left = left.ok_or_else(|| wrong("remaining", &expected, remaining))?;
    Ok(Order::Stock {
        left,
        over: Over(0),
        word: Word::Order,
    })
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
pub fn draw(body: &[u8]) -> Result<Order, Problem> {
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
    Ok(Order::External(text.to_owned()))
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
pub fn release(body: &[u8]) -> Result<Order, Problem> {
    let body: ReleaseBody = parse(body)?;
    let count = number("count", body.count.as_ref(), Pace::MOST)?;
    Ok(Order::Release(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::UnixTime;

    fn status(read: ReadOrder, body: &str) -> u16 {
        match read(body.as_bytes()) {
            Ok(_) => 200,
            Err(problem) => problem.status().as_u16(),
        }
    }

    fn order(read: ReadOrder, body: &str) -> Order {
        read(body.as_bytes()).unwrap()
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
        let expected = Order::Open(Opening {
            ends_at: Some(UnixTime::from_secs(60)),
            ..Opening::default()
        });
        assert_eq!(
            order(open, r#"{"ends_at":"1970-01-01T00:01:00Z"}"#),
            expected
        );
        let drawn = r#"{"prequeue_opens_at":"1970-01-01T00:01:00Z",
            "opens_at":"1970-01-01T01:02:00+01:00","external_source":" round 4,711 "}"#;
        let expected = Order::Open(Opening {
            prequeue_opens_at: Some(UnixTime::from_secs(60)),
            opens_at: Some(UnixTime::from_secs(120)),
            ends_at: None,
            external_source: Some("round 4,711".into()),
        });
        assert_eq!(order(open, drawn), expected);
    }

    #[test]
    fn values_out_of_range_and_unknown_fields_are_422_c3() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(501));
        let bytes = format!(r#"{{"external_value":"{}"}}"#, "é".repeat(513));
        let cases: [(ReadOrder, &str); 34] = [
            (stock, "{}"),
            (stock, r#"{"remaining":-1}"#),
            (stock, r#"{"remaining":"5"}"#),
            (stock, r#"{"remaining":1000000001}"#),
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
            (open, r#"{"external_source":"a\nb"}"#),
            (open, r#"{"external_source":""}"#),
            (open, r#"{"external_source":7}"#),
        ];
        for (read, body) in cases {
            assert_eq!(status(read, body), 422, "{body:.60}");
        }
        assert_eq!(status(pace, r#"{"per_minute":NaN}"#), 400);
    }
}
