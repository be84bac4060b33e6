//! Answers to whoever can ask for nothing else here: a request that cannot be read, a host that no
//! site has, and plain text where TLS is spoken. Their pages stand alone.

use bytes::Bytes;
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode, request};

use super::plain::{page, problem, problem_body};
use super::{Answer, Asking, Responder};
use crate::domain::clock::UnixTime;
use crate::edge::framing::{Fault, FaultKind};
use crate::edge::guard::Parting;
use crate::edge::negotiate::{self, Form, form};
use crate::edge::page::{alone, page_headers};
use crate::edge::texts::EN;

const fn fault_status(fault: Fault) -> StatusCode {
    match fault.kind() {
        FaultKind::BadRequest => StatusCode::BAD_REQUEST,
        FaultKind::UriTooLong => StatusCode::URI_TOO_LONG,
        FaultKind::FieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        FaultKind::VersionNotSupported => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
        FaultKind::Timeout => StatusCode::REQUEST_TIMEOUT,
    }
}

/// The answer to a request that cannot be taken as it is, where other requests of its connection
/// can.
#[must_use]
pub fn framing_fault(fault: Fault, head: &request::Parts) -> Answer {
    let status = fault_status(fault);
    match form(&head.headers) {
        Form::Html if head.method != Method::OPTIONS => stands_alone(status),
        Form::Html | Form::Json => problem(status, &fault.to_string()),
    }
}

/// The whole last answer to a connection whose next request cannot be read. Nothing of the request
/// is in it.
#[must_use]
pub fn farewell(parting: Parting<'_>) -> Bytes {
    let status = fault_status(parting.fault);
    if guessed_form(&parting) == Form::Html {
        return whole(
            (status, parting.at),
            &page_headers(),
            &alone(&EN, status.as_u16()),
        );
    }
    let body = problem_body(status, &parting.fault.to_string());
    whole(
        (status, parting.at),
        &plain_headers("application/problem+json"),
        &body,
    )
}

/// The whole answer to a request that came in plain text where TLS is spoken.
#[must_use]
pub fn speak_tls(at: UnixTime) -> Bytes {
    let headers = plain_headers("text/plain; charset=utf-8");
    let body = "This is the door for https: ask for the same address with https:// before it.\n";
    whole((StatusCode::BAD_REQUEST, at), &headers, body)
}

impl Responder {
    /// The form of an answer that says what went wrong.
    pub(super) fn form_of(&self, asking: Asking<'_>) -> Form {
        let head = asking.head;
        let own =
            head.uri.path().starts_with(&self.prefix) && !negotiate::names_html(&head.headers);
        if own || head.method == Method::OPTIONS {
            return Form::Json;
        }
        form(&head.headers)
    }

    /// The answer where this connection leads to no site of that name. The page's parts would be
    /// asked for under the same name, so that the page has none.
    pub(super) fn elsewhere(&self, detail: &str, asking: Asking<'_>) -> Answer {
        let status = StatusCode::MISDIRECTED_REQUEST;
        match self.form_of(asking) {
            Form::Html => stands_alone(status),
            Form::Json => problem(status, detail),
        }
    }
}

fn stands_alone(status: StatusCode) -> Answer {
    let html = alone(&EN, status.as_u16());
    let mut answer = page(status, Bytes::from(html));
    for (name, value) in page_headers() {
        answer.headers_mut().insert(name, value);
    }
    answer
}

fn plain_headers(kind: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ]
}

/// One answer of HTTP/1.1, behind which the connection is closed.
fn whole(
    (status, at): (StatusCode, UnixTime),
    headers: &[(HeaderName, HeaderValue)],
    body: &str,
) -> Bytes {
    let mut bytes = Vec::with_capacity(1_024 + body.len());
    let first = format!(
        "HTTP/1.1 {} {}\r\ndate: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default(),
        at.http_date(),
        body.len()
    );
    bytes.extend_from_slice(first.as_bytes());
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body.as_bytes());
    Bytes::from(bytes)
}

/// What can be told of who asks, where the head is not to be read: an `Accept` that names HTML is
/// a browser's. One whose address is too long may have said nothing but that so far, and gets the
/// page as everybody does who does not say what it takes.
fn guessed_form(parting: &Parting<'_>) -> Form {
    let mut accepts = parting
        .came
        .split(|byte| *byte == b'\n')
        .filter_map(accepted);
    match (accepts.next(), parting.fault.kind()) {
        (Some(first), _) if names_html(first) || accepts.any(names_html) => Form::Html,
        (None, FaultKind::UriTooLong) => Form::Html,
        (_, _) => Form::Json,
    }
}

/// The value of a line, if it is an `Accept`.
fn accepted(line: &[u8]) -> Option<&[u8]> {
    let (name, value) = line.split_at_checked(b"accept:".len())?;
    name.eq_ignore_ascii_case(b"accept:").then_some(value)
}

fn names_html(value: &[u8]) -> bool {
    let html = b"text/html";
    value
        .windows(html.len())
        .any(|window| window.eq_ignore_ascii_case(html))
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: UnixTime = UnixTime::from_secs(784_111_777);

    fn said(fault: Fault, came: &str) -> (String, String) {
        let parting = Parting {
            fault,
            came: came.as_bytes(),
            at: AT,
        };
        let said = String::from_utf8(farewell(parting).to_vec()).unwrap();
        let (head, body) = said.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"));
        assert!(head.contains("\r\nconnection: close\r\n"));
        assert!(head.contains(&format!("\r\ncontent-length: {}\r\n", body.len())));
        assert!(head.contains("\r\ncache-control: no-store"));
        (head.to_owned(), body.to_owned())
    }

    #[test]
    fn a_browser_gets_a_page_and_everybody_else_json_though_the_head_is_bad() {
        let browser = "GET /a HTTP/1.1\r\nhost: a\r\nACCEPT: image/png, Text/HTML;q=0.9\r\nX";
        let app = "GET /a HTTP/1.1\r\nhost: a\r\naccept: */*\r\nX";
        for (fault, code) in [
            (Fault::FieldTooLarge, 431),
            (Fault::TooManyFields, 431),
            (Fault::TargetTooLong, 414),
            (Fault::LineEnd, 400),
            (Fault::HeadSlow, 408),
            (Fault::Version, 505),
        ] {
            let (head, body) = said(fault, browser);
            assert!(head.starts_with(&format!("HTTP/1.1 {code} ")), "{head}");
            assert!(head.contains("\r\ncontent-type: text/html; charset=utf-8"));
            let policy = format!(
                "\r\ncontent-security-policy: {}\r\n",
                crate::edge::page::CSP
            );
            assert!(head.contains(&policy), "{head}");
            assert!(body.contains((EN.fault)(code).head), "{code}");
            let (head, body) = said(fault, app);
            assert!(head.starts_with(&format!("HTTP/1.1 {code} ")), "{head}");
            assert!(head.contains("\r\ncontent-type: application/problem+json"));
            assert!(body.contains(&fault.to_string()), "{body}");
        }
    }

    #[test]
    fn an_address_that_is_too_long_is_answered_by_a_page_before_the_fields_have_come() {
        let html = "\r\ncontent-type: text/html";
        assert!(
            said(Fault::TargetTooLong, "GET /aaaaaaaaaaa")
                .0
                .contains(html)
        );
        assert!(!said(Fault::RequestLine, "GET /a a").0.contains(html));
    }

    #[test]
    fn w1_nothing_of_a_bad_request_is_said_back() {
        let came = "GET /<script>x</script> HTTP/1.1\r\naccept: text/html\r\ncookie: xyzzy\r\n";
        for fault in [Fault::Target, Fault::FieldTooLarge, Fault::TargetTooLong] {
            let (head, body) = said(fault, came);
            for word in ["<script", "xyzzy"] {
                assert!(!head.contains(word) && !body.contains(word), "{word}");
            }
        }
    }

    #[test]
    fn text_html_elsewhere_than_in_accept_makes_no_page() {
        let came = "GET /?accept:text/html HTTP/1.1\r\nx: accept: text/html\r\n";
        let (head, _) = said(Fault::LineEnd, came);
        assert!(head.contains("application/problem+json"), "{head}");
    }
}
