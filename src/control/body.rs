//! Request bodies: read within limits, understood as JSON whatever their content type says, and
//! checked field by field so that a refusal says which value is wrong and what it may be.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;

use super::problem::Problem;
use crate::domain::clock::UnixTime;

/// The longest body that is read.
pub const MOST_BYTES: usize = 64 * 1024;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Reads a whole body.
///
/// # Errors
/// 413 beyond [`MOST_BYTES`], 408 when it does not arrive in time, 400 when it breaks off.
pub async fn read(body: Body) -> Result<Bytes, Problem> {
    let whole = Limited::new(body, MOST_BYTES).collect();
    match tokio::time::timeout(PATIENCE, whole).await {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(fault)) if fault.is::<LengthLimitError>() => Err(Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is longer than {MOST_BYTES} bytes"),
        )),
        Ok(Err(_)) => Err(malformed("the body broke off or is wrongly framed")),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {} s", PATIENCE.as_secs()),
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Understands a body that has nothing to say: `{}`.
///
/// # Errors
/// As [`parse`].
pub fn nothing(bytes: &[u8]) -> Result<(), Problem> {
    parse::<Nothing>(bytes).map(|Nothing {}| ())
}

/// Understands a body as a JSON object; an empty one is `{}`.
///
/// # Errors
/// 400 for what is no JSON, 422 for another kind of value, unknown and repeated fields.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = match bytes.trim_ascii() {
        [] => b"{}",
        text => text,
    };
    serde_json::from_slice::<IgnoredAny>(text).map_err(no_json)?;
    if !text.starts_with(b"{") {
        return Err(Problem::unacceptable("the body must be a JSON object"));
    }
    serde_json::from_slice(text).map_err(|fault| {
        if fault.is_data() {
            Problem::unacceptable(format!("the body does not fit: {fault}"))
        } else {
            no_json(fault)
        }
    })
}

/// A whole number from 1 to `most`.
///
/// # Errors
/// 422 with the range, for anything else and for nothing.
pub fn number(field: &str, value: Option<&Value>, most: u32) -> Result<NonZeroU32, Problem> {
    let small = value
        .and_then(Value::as_u64)
        .filter(|n| *n <= u64::from(most));
    let number = small
        .and_then(|n| u32::try_from(n).ok())
        .and_then(NonZeroU32::new);
    number.ok_or_else(|| wrong(field, &format!("a whole number from 1 to {most}"), value))
}

/// A time with a zone or offset; times before 1970 are 1970.
///
/// # Errors
/// 422 for anything else.
pub fn time(field: &str, value: &Value) -> Result<UnixTime, Problem> {
    let stamp = value
        .as_str()
        .and_then(|text| text.parse::<jiff::Timestamp>().ok());
    let stamp = stamp.ok_or_else(|| {
        let expected = "a time such as \"2026-12-01T10:00:00+01:00\"";
        wrong(field, expected, Some(value))
    })?;
    let millis = u64::try_from(stamp.as_millisecond()).unwrap_or(0);
    Ok(UnixTime::from_millis(millis))
}

/// Says that `field` must be `expected`, and what it was.
#[must_use]
pub fn wrong(field: &str, expected: &str, value: Option<&Value>) -> Problem {
    let Some(value) = value else {
        return Problem::unacceptable(format!("`{field}` is missing: it must be {expected}"));
    };
    let text = value.to_string();
    let shown: String = text.chars().take(40).collect();
    let cut = if shown == text { "" } else { "…" };
    Problem::unacceptable(format!("`{field}` must be {expected}, not {shown}{cut}"))
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of `map_err`")]
fn no_json(fault: serde_json::Error) -> Problem {
    malformed(&format!("the body is no JSON: {fault}"))
}

fn malformed(detail: &str) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Asked {
        count: Option<Value>,
    }

    fn status(text: &str) -> u16 {
        match parse::<Asked>(text.as_bytes()) {
            Ok(asked) => {
                assert_eq!(asked.count.is_some(), text.contains("count"));
                200
            }
            Err(problem) => problem.status().as_u16(),
        }
    }

    #[test]
    fn what_is_no_json_is_400_and_what_does_not_fit_is_422() {
        let deep = format!("{{\"count\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
        for (text, expected) in [
            ("", 200),
            (" \r\n", 200),
            ("{}", 200),
            (r#"{"count":1}"#, 200),
            ("{", 400),
            ("{}{}", 400),
            (r#"{"count":NaN}"#, 400),
            (r#"{"conut":"#, 400),
            ("hello", 400),
            (deep.as_str(), 400),
            (r#"{"conut":1}"#, 422),
            (r#"{"count":1,"count":2}"#, 422),
            ("[1]", 422),
            ("null", 422),
            ("1", 422),
        ] {
            assert_eq!(status(text), expected, "{text:.60}");
        }
    }

    #[test]
    fn numbers_are_whole_and_in_range_c3() {
        let most = 10_000_000;
        for good in ["1", "600", "10000000"] {
            let value: Value = serde_json::from_str(good).unwrap();
            assert!(number("n", Some(&value), most).is_ok(), "{good}");
        }
        for bad in [
            "0", "-1", "1e9", "10000001", "1.5", "\"600\"", "null", "1e400", "true",
        ] {
            let Ok(value) = serde_json::from_str::<Value>(bad) else {
                continue;
            };
            let problem = number("n", Some(&value), most).unwrap_err();
            assert_eq!(problem.status(), 422, "{bad}");
        }
        assert!(number("n", None, most).is_err());
    }

    #[test]
    fn a_time_needs_its_zone() {
        let at = |text: &str| time("t", &Value::from(text)).map(UnixTime::secs).ok();
        assert_eq!(at("1970-01-01T01:00:10+01:00"), Some(10));
        assert_eq!(at("1960-01-01T00:00:00Z"), Some(0));
        assert_eq!(at("2026-12-01T10:00:00"), None);
        assert_eq!(at("tomorrow"), None);
        assert!(time("t", &Value::from(5)).is_err());
    }
}
