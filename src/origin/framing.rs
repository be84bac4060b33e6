//! Where messages end: said to the origin by us alone, and believed of an answer only if every
//! reader would find the same end.

use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::OriginError;

/// Says how long a request's body is; `None` if that is unknown. What the visitor said of it is
/// gone already.
///
/// hyper leaves out the body of a GET whose length is unknown unless it is told to send it in
/// chunks. Methods that usually have a body keep saying that theirs is empty.
pub(super) fn declare(method: &Method, length: Option<u64>, headers: &mut HeaderMap) {
    match length {
        None => {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        Some(0) if !matches!(*method, Method::POST | Method::PUT | Method::PATCH) => {}
        Some(length) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
    }
}

/// Whether an answer takes its connection out of HTTP.
pub(super) fn switches(status: StatusCode) -> bool {
    status == StatusCode::SWITCHING_PROTOCOLS
}

/// Whether an interim answer asks for the body.
pub(super) fn goes_on(status: StatusCode) -> bool {
    status == StatusCode::CONTINUE
}

/// Whether bytes may follow the head of an answer, whatever was asked.
pub(super) fn has_body(status: StatusCode) -> bool {
    !matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
}

/// Refuses an answer that two readers could take for different ones, and says its length once.
///
/// # Errors
///
/// [`OriginError::BadAnswer`] for a protocol switch that nobody asked for, a length beside a
/// transfer coding, lengths that differ or are none, and any transfer coding but `chunked`.
pub(super) fn check(status: StatusCode, headers: &mut HeaderMap) -> Result<(), OriginError> {
    let refuse = |fault: &'static str| {
        let source = fault.into();
        Err(OriginError::BadAnswer { source })
    };
    if switches(status) {
        return refuse("the answer switches protocols unasked");
    }
    match (length(headers), coding(headers)) {
        (Length::Unclear, _) => refuse("the answer's lengths differ, or one is no number"),
        (_, Coding::Other) => refuse("the answer has a transfer coding other than chunked"),
        (Length::Said(_), Coding::Chunked) => {
            refuse("the answer has both a length and a transfer coding")
        }
        (Length::Said(_), Coding::None) if status == StatusCode::NO_CONTENT => {
            headers.remove(CONTENT_LENGTH);
            Ok(())
        }
        (Length::Said(Lines::Several(length)), Coding::None) => {
            headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            Ok(())
        }
        (Length::Said(Lines::One) | Length::Unsaid, _) => Ok(()),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Unsaid,
    Said(Lines),
    Unclear,
}

/// Whether a length is said once, or several times alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lines {
    One,
    Several(u64),
}

fn length(headers: &HeaderMap) -> Length {
    let values = headers.get_all(CONTENT_LENGTH).iter();
    let mut said = Length::Unsaid;
    let mut first = None;
    for item in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
        let Some(length) = number(item) else {
            return Length::Unclear;
        };
        said = match first {
            None => Length::Said(Lines::One),
            Some(other) if other == length => Length::Said(Lines::Several(length)),
            Some(_) => return Length::Unclear,
        };
        first = Some(length);
    }
    said
}

/// Digits only: `u64::from_str` alone would take a sign.
fn number(item: &[u8]) -> Option<u64> {
    let digits = item.trim_ascii();
    if !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Coding {
    None,
    Chunked,
    Other,
}

fn coding(headers: &HeaderMap) -> Coding {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Coding::None,
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Coding::Chunked,
        (Some(_), _) => Coding::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(lines: &[(&'static str, &'static str)]) -> Option<HeaderMap> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        check(StatusCode::OK, &mut headers).ok().map(|()| headers)
    }

    #[test]
    fn h14_answers_with_two_possible_ends_are_refused() {
        const CL: &str = "content-length";
        const TE: &str = "transfer-encoding";
        let refused: &[&[(&str, &str)]] = &[
            &[(CL, "5"), (TE, "chunked")],
            &[(CL, "5"), (CL, "6")],
            &[(CL, "5, 6")],
            &[(CL, "+5")],
            &[(CL, "")],
            &[(CL, "5,")],
            &[(CL, "0x5")],
            &[(CL, "18446744073709551616")],
            &[(TE, "gzip, chunked")],
            &[(TE, "identity")],
            &[(TE, "chunked"), (TE, "chunked")],
            &[(TE, "")],
        ];
        for lines in refused {
            assert!(checked(lines).is_none(), "{lines:?}");
        }
    }

    #[test]
    fn h14_a_length_said_twice_alike_is_said_once() {
        for lines in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content-length", "5, 5")],
        ] {
            let headers = checked(lines).unwrap();
            let said: Vec<_> = headers.get_all(CONTENT_LENGTH).iter().collect();
            assert_eq!(said, ["5"], "{lines:?}");
        }
    }

    #[test]
    fn h14_an_answer_without_content_has_no_length() {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_LENGTH, HeaderValue::from_static("5"));

        check(StatusCode::NO_CONTENT, &mut headers).unwrap();

        assert!(headers.is_empty());
    }

    #[test]
    fn h14_a_protocol_switch_is_refused() {
        let switch = StatusCode::SWITCHING_PROTOCOLS;
        assert!(check(switch, &mut HeaderMap::new()).is_err());
    }
}
