//! The same rules for a head that came in frames of HTTP/2, whose lines nobody ever saw.

use http::{HeaderMap, header, request};

use super::fault::Fault;
use super::field::{self, Name};
use super::limits::Limits;

/// Judges a head as [`super::HeadScan`] judges one of HTTP/1.1, as far as frames leave a choice.
/// What is left to the gate there, as the host, is left to it here.
///
/// # Errors
/// The first [`Fault`] found.
pub fn judge(head: &request::Parts, limits: &Limits) -> Result<(), Fault> {
    if head.method.as_str().len() > limits.method {
        return Err(Fault::MethodTooLong);
    }
    let target = head.uri.path_and_query();
    if target.is_some_and(|target| target.as_str().len() > limits.target) {
        return Err(Fault::TargetTooLong);
    }
    // The library takes a query alone for a path.
    if target.is_some_and(|target| !matches!(target.as_str().as_bytes(), [b'/', ..] | b"*")) {
        return Err(Fault::Target);
    }
    if head.headers.len() > limits.fields {
        return Err(Fault::TooManyFields);
    }
    lengths(&head.headers)?;
    for (name, value) in &head.headers {
        if name.as_str().len() + value.len() > limits.field {
            return Err(Fault::FieldTooLarge);
        }
        field::value(value.as_bytes())?;
        // The library takes a quotation mark in a name, which no site does.
        if !name.as_str().bytes().all(field::is_token) {
            return Err(Fault::FieldName);
        }
        Name::of(name.as_str().as_bytes())?;
    }
    Ok(())
}

/// The library compares a length with the body, and takes several that agree.
fn lengths(headers: &HeaderMap) -> Result<(), Fault> {
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    let Some(first) = lengths.next() else {
        return Ok(());
    };
    if lengths.next().is_some() {
        return Err(Fault::LengthTwice);
    }
    field::length(first.as_bytes()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(lines: &[(&str, &[u8])]) -> Result<(), Fault> {
        let (mut head, ()) = http::Request::new(()).into_parts();
        for (name, value) in lines {
            // As a name comes out of a frame.
            let name = http::HeaderName::from_lowercase(name.as_bytes()).unwrap();
            let value = http::HeaderValue::from_bytes(value).unwrap();
            head.headers.append(name, value);
        }
        judge(&head, &Limits::default())
    }

    #[test]
    fn h3_h6_a9_fields_keep_the_rules_of_http_1_1() {
        for (lines, fault) in [
            (
                &[("content-length", &b"5"[..]), ("content-length", b"5")][..],
                Fault::LengthTwice,
            ),
            (&[("content-length", b"05")], Fault::LengthInvalid),
            (&[("content-length", b"+5")], Fault::LengthInvalid),
            (&[("content-length", b"5,5")], Fault::LengthInvalid),
            (&[("content_length", b"5")], Fault::Lookalike),
            (&[("transfer_encoding", b"chunked")], Fault::Lookalike),
            (&[("x", b"a\xA0b")], Fault::NotText),
            (&[("x\"", b"1")], Fault::FieldName),
            (&[("content-length\"", b"0")], Fault::FieldName),
        ] {
            assert_eq!(judged(lines), Err(fault), "{lines:?}");
        }
        let fine: &[(&str, &[u8])] = &[
            ("content-length", b"5"),
            ("x", b"a\tb"),
            ("y", "é".as_bytes()),
            ("cookie", b"n=M\xFCller"),
        ];
        assert_eq!(judged(fine), Ok(()));
    }

    #[test]
    fn h12_a_target_is_a_path_or_a_star() {
        let judged = |target: &str| {
            let (mut head, ()) = http::Request::new(()).into_parts();
            head.uri = http::Uri::builder()
                .scheme("https")
                .authority("a")
                .path_and_query(target)
                .build()
                .unwrap();
            judge(&head, &Limits::default())
        };
        for target in ["/", "/a?b", "*"] {
            assert_eq!(judged(target), Ok(()), "{target}");
        }
        assert_eq!(judged("?a"), Err(Fault::Target));
    }

    #[test]
    fn n4_heads_are_bounded() {
        let many: Vec<(&str, &[u8])> = vec![("x", b"1"); 101];
        assert_eq!(judged(&many), Err(Fault::TooManyFields));
        assert_eq!(judged(&many[..100]), Ok(()));
        let long = vec![b'a'; 17 << 10];
        assert_eq!(judged(&[("x", &long)]), Err(Fault::FieldTooLarge));

        let (mut head, ()) = http::Request::new(()).into_parts();
        head.uri = format!("https://a/{}", "a".repeat(9_000)).parse().unwrap();
        assert_eq!(judge(&head, &Limits::default()), Err(Fault::TargetTooLong));
        head.uri = http::Uri::default();
        head.method = "A".repeat(33).parse().unwrap();
        assert_eq!(judge(&head, &Limits::default()), Err(Fault::MethodTooLong));
    }
}
