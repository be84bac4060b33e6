//! Attacks on request framing (docs/security.md, rows H and N), each a test named by its id.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// What came of some bytes.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    passed: Vec<u8>,
    fault: Option<Fault>,
    heads: u64,
}

/// Feeds pieces as a connection would and gathers what is passed.
fn follow<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut framing = Framing::new(Limits::default());
    let (mut held, mut passed, mut fault) = (Vec::new(), Vec::new(), None);
    for piece in pieces {
        held.extend_from_slice(piece);
        loop {
            match framing.feed(&held) {
                Step::Pass(count) => passed.extend(held.drain(..count)),
                Step::Drop(count) => drop(held.drain(..count)),
                Step::More => break,
                Step::Refuse(found) => {
                    assert_eq!(
                        framing.feed(&held),
                        Step::Refuse(found),
                        "a refusal is final"
                    );
                    fault = Some(found);
                    break;
                }
            }
        }
        if fault.is_some() {
            break;
        }
    }
    let heads = framing.heads();
    Outcome {
        passed,
        fault,
        heads,
    }
}

fn fault_of(bytes: impl AsRef<[u8]>) -> Option<Fault> {
    follow([bytes.as_ref()]).fault
}

/// A POST with these field lines after Host.
fn post(lines: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = b"POST /buy HTTP/1.1\r\nHost: shop.example\r\n".to_vec();
    bytes.extend_from_slice(lines.as_ref());
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// A chunked POST with this body.
fn chunked(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut bytes = post("Transfer-Encoding: chunked\r\n");
    bytes.extend_from_slice(body.as_ref());
    bytes
}

fn head_of(bytes: &[u8]) -> Result<Option<Head>, Fault> {
    HeadScan::default().scan(bytes, &Limits::default())
}

fn body_of(lines: impl AsRef<[u8]>) -> Result<Body, Fault> {
    head_of(&post(lines)).map(|head| head.expect("a whole head").body)
}

fn refuses(cases: &[(&str, Fault)]) {
    for (bytes, fault) in cases {
        assert_eq!(fault_of(bytes), Some(*fault), "{bytes:?}");
    }
}

fn passes(cases: &[&str]) {
    for bytes in cases {
        let outcome = follow([bytes.as_bytes()]);
        assert_eq!(outcome.fault, None, "{bytes:?}");
        assert_eq!(outcome.passed, bytes.as_bytes(), "{bytes:?}");
    }
}

/// Every line that comes of putting one byte into `line`, or in place of one of its bytes.
fn mutations(line: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..=line.len()).flat_map(move |at| {
        (0..=u8::MAX).flat_map(move |byte| {
            let inserted = [&line[..at], &[byte], &line[at..]].concat();
            let rest = line.get(at + 1..).unwrap_or_default();
            [inserted, [&line[..at], &[byte], rest].concat()]
        })
    })
}

#[test]
fn ordinary_requests_pass_untouched() {
    passes(&[
        "GET / HTTP/1.1\r\nHost: shop.example\r\n\r\n",
        "GET /a?b={c}|d HTTP/1.1\r\nhost: shop.example:8443\r\nCookie: a=b; c=\"d\"\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [2001:db8::1]:80\r\nX: caf\u{e9}\r\nEmpty:\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n",
        "GET http://shop.example/ HTTP/1.1\r\nHost:\tshop.example \t\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=\"y z\"\r\n0123456789\r\n0\r\n\r\n",
    ]);
}

#[test]
fn h1_a_length_beside_an_encoding_is_refused_in_both_orders() {
    let (length, encoding) = ("Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n");

    assert_eq!(body_of(length), Ok(Body::Length(5)));
    assert_eq!(body_of(encoding), Ok(Body::Chunked));
    for lines in [
        format!("{length}{encoding}"),
        format!("{encoding}{length}"),
        format!("{length}X: y\r\n{encoding}"),
        format!("{encoding}Content-Length: 0\r\n"),
    ] {
        assert_eq!(body_of(&lines), Err(Fault::LengthAndEncoding), "{lines:?}");
    }
}

#[test]
fn h2_only_the_single_token_chunked_is_a_transfer_encoding() {
    for value in ["chunked", "Chunked", "CHUNKED", " \t chunked\t "] {
        assert_eq!(
            body_of(format!("transfer-encoding:{value}\r\n")),
            Ok(Body::Chunked)
        );
    }
    for value in [
        "",
        ",",
        ",chunked",
        "chunked,",
        "cow, chunked",
        "chunked, identity",
        "identity",
        "chunked, chunked",
        "chunked;x",
        "chunked;q=1",
        "\"chunked\"",
        "'chunked'",
        "x chunked",
        "chunked x",
        "gzip, chunked",
        "gzip",
        "chunke",
        "chunkedd",
        "chu nked",
        "chunked\u{a0}",
        "\u{a0}chunked",
        "chunKed\u{2028}",
        "\u{212a}hunked",
    ] {
        let got = body_of(format!("Transfer-Encoding: {value}\r\n"));
        assert_eq!(got, Err(Fault::EncodingUnknown), "{value:?}");
    }
    let twice = "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n";
    assert_eq!(body_of(twice), Err(Fault::EncodingTwice));
    for lines in [
        "Transfer-Encoding:\r\n chunked\r\n",
        "X: y\r\n\tTransfer-Encoding: chunked\r\n",
    ] {
        assert!(body_of(lines).is_err(), "{lines:?}");
    }
    for separator in ["_", ".", "!", "~", "|", "*"] {
        for (name, value) in [("transfer-encoding", "chunked"), ("CONTENT-LENGTH", "5")] {
            let line = format!("{}: {value}\r\n", name.replace('-', separator));
            assert_eq!(body_of(&line), Err(Fault::Lookalike), "{line:?}");
        }
    }
}

#[test]
fn h2_no_byte_put_anywhere_in_the_encoding_line_hides_or_makes_a_chunked_body() {
    let exact = regex::bytes::Regex::new(r"(?i-u)^transfer-encoding:[ \t]*chunked[ \t]*$").unwrap();
    let alike = regex::bytes::Regex::new(r"(?i-u)^transfer[^a-z0-9:]encoding[ \t]*:").unwrap();
    let (mut tried, mut refused) = (0, 0);

    for line in mutations(b"Transfer-Encoding: chunked") {
        let got = body_of([&line[..], b"\r\n"].concat());
        tried += 1;
        refused += u32::from(got.is_err());
        assert_eq!(got == Ok(Body::Chunked), exact.is_match(&line), "{line:?}");
        if got == Ok(Body::Absent) {
            assert!(!alike.is_match(&line), "{line:?} passed as another field");
        }
    }

    assert!(
        tried > 13_000 && refused > 8_000,
        "{refused} of {tried} refused"
    );
}

#[test]
fn h3_only_one_plain_number_is_a_content_length() {
    assert_eq!(body_of("Content-Length: 0\r\n"), Ok(Body::Length(0)));
    assert_eq!(
        body_of("content-length:\t9223372036854775808 \r\n"),
        Ok(Body::Length(1 << 63))
    );
    for value in [
        "",
        "+5",
        "-5",
        "-0",
        "05",
        "00",
        "5,5",
        "5, 6",
        "5 5",
        "5;",
        "0x5",
        "5.0",
        "5_0",
        "1e1",
        "\"5\"",
        "five",
        "٥",
        "9223372036854775809",
        "18446744073709551616",
        "99999999999999999999",
    ] {
        let got = body_of(format!("Content-Length: {value}\r\n"));
        assert_eq!(got, Err(Fault::LengthInvalid), "{value:?}");
    }
    for second in ["5", "6", "0", "05", ""] {
        let got = body_of(format!("Content-Length: 5\r\nContent-Length: {second}\r\n"));
        assert_eq!(got, Err(Fault::LengthTwice), "{second:?}");
    }
}

#[test]
fn h3_no_byte_put_anywhere_in_the_length_line_makes_another_length() {
    let exact =
        regex::bytes::Regex::new(r"(?i-u)^content-length:[ \t]*([1-9][0-9]*)[ \t]*$").unwrap();
    let alike = regex::bytes::Regex::new(r"(?i-u)^content[^a-z0-9:]length[ \t]*:").unwrap();

    for line in mutations(b"Content-Length: 57") {
        let wanted = exact.captures(&line).map(|found| {
            let digits = std::str::from_utf8(found.get(1).unwrap().as_bytes()).unwrap();
            Body::Length(digits.parse().unwrap())
        });
        match body_of([&line[..], b"\r\n"].concat()) {
            Ok(Body::Absent) => assert!(!alike.is_match(&line), "{line:?} passed as another field"),
            Ok(body) => assert_eq!(Some(body), wanted, "{line:?}"),
            Err(_) => assert_eq!(wanted, None, "{line:?}"),
        }
    }
}

#[test]
fn h4_chunk_sizes_are_hexadecimal_digits_alone() {
    for size in [
        "",
        "0x5",
        "5_",
        "_5",
        " 5",
        "5 ",
        "\t5",
        "5\t",
        "+5",
        "-5",
        "5.",
        "g",
        "5\0",
        "٥",
        "\"5\"",
        "8000000000000001",
        "ffffffffffffffff",
        "00000000000000005",
        "5 ;x",
    ] {
        let got = fault_of(chunked(format!("{size}\r\nhello\r\n0\r\n\r\n")));
        assert_eq!(got, Some(Fault::ChunkSize), "{size:?}");
    }
    let huge = "f".repeat(2_000);
    assert_eq!(fault_of(chunked(huge)), Some(Fault::ChunkExtension));
    for size in ["5", "0000000000000005"] {
        assert_eq!(
            fault_of(chunked(format!("{size}\r\nhello\r\n000\r\n\r\n"))),
            None
        );
    }
}

#[test]
fn h4_chunk_line_ends_are_exact() {
    for (body, fault) in [
        ("5\nhello\r\n0\r\n\r\n", Fault::LineEnd),
        ("5\rhello\r\n0\r\n\r\n", Fault::ChunkSize),
        ("5\r\r\nhello\r\n0\r\n\r\n", Fault::ChunkSize),
        ("5;a\nhello\r\n0\r\n\r\n", Fault::LineEnd),
        ("5;a\rb\r\nhello\r\n0\r\n\r\n", Fault::ChunkExtension),
        ("5;a\0\r\nhello\r\n0\r\n\r\n", Fault::ChunkExtension),
        ("5;\u{e9}\r\nhello\r\n0\r\n\r\n", Fault::ChunkExtension),
        ("5\r\nhello0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello\n0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello\r0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello\r\r\n0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello!!\r\n0\r\n\r\n", Fault::ChunkEnd),
        ("6\r\nhello\r\n0\r\n\r\n", Fault::ChunkEnd),
        ("5\r\nhello\r\n\r\n0\r\n\r\n", Fault::ChunkSize),
        ("0\r\n\n", Fault::LineEnd),
        ("0\n\r\n", Fault::LineEnd),
        ("0\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", Fault::NoColon),
    ] {
        let outcome = follow([&chunked(body)[..]]);
        assert_eq!(outcome.fault, Some(fault), "{body:?}");
        assert_eq!(outcome.heads, 1, "{body:?} must not make a second request");
    }
}

#[test]
fn h4_chunk_extensions_are_bounded_for_a_chunk_and_for_a_body() {
    let one = |len: usize| format!("1;{}\r\nx\r\n", "e".repeat(len - 1));

    assert_eq!(fault_of(chunked(one(1_024))), None);
    assert_eq!(fault_of(chunked(one(1_025))), Some(Fault::ChunkExtension));
    assert_eq!(
        fault_of(chunked(one(16 << 10))),
        Some(Fault::ChunkExtension)
    );
    assert_eq!(fault_of(chunked(one(1_024).repeat(16))), None);
    let seventeen = one(1_024).repeat(16) + &one(2);
    assert_eq!(fault_of(chunked(seventeen)), Some(Fault::ChunkExtension));
}

#[test]
fn h5_trailers_are_checked_and_those_taken_out_that_none_may_be() {
    let trailers = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: evil.example\r\n\
                    Authorization: x\r\nCookie: a=b\r\nAnteroom-Session: complete\r\n\
                    X-Forwarded-For: 6.6.6.6\r\n";
    let passing = "Server-Timing: db\r\ngrpc-status: 0\r\n";
    let next = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";
    let bytes = chunked(format!("5\r\nhello\r\n0\r\n{trailers}{passing}\r\n{next}"));

    let outcome = follow([&bytes[..]]);

    assert_eq!(
        outcome.passed,
        chunked(format!("5\r\nhello\r\n0\r\n{passing}\r\n{next}"))
    );
    assert_eq!((outcome.fault, outcome.heads), (None, 2));
    for (trailer, fault) in [
        ("X y\r\n", Fault::NoColon),
        ("X : y\r\n", Fault::FieldName),
        (" X: y\r\n", Fault::Folded),
        ("X: y\n", Fault::LineEnd),
        ("X: \0\r\n", Fault::ControlByte),
    ] {
        assert_eq!(
            fault_of(chunked(format!("0\r\n{trailer}\r\n"))),
            Some(fault),
            "{trailer:?}"
        );
    }
    for (count, len, fault) in [
        (32, 10, None),
        (33, 10, Some(Fault::TrailersTooLarge)),
        (1, 9_000, Some(Fault::TrailersTooLarge)),
        (31, 300, Some(Fault::TrailersTooLarge)),
    ] {
        let many = format!("X: {}\r\n", "y".repeat(len)).repeat(count);
        assert_eq!(
            fault_of(chunked(format!("0\r\n{many}\r\n"))),
            fault,
            "{count} of {len}"
        );
    }
}

#[test]
fn h6_malformed_lines_are_refused() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (line, fault) in [
        ("X: y\n", Fault::LineEnd),
        ("X: y\r", Fault::ControlByte),
        ("X: y\rZ: z\r\n", Fault::ControlByte),
        ("X: a\0b\r\n", Fault::ControlByte),
        ("X: a\x0bb\r\n", Fault::ControlByte),
        ("X: a\x7fb\r\n", Fault::ControlByte),
        (": y\r\n", Fault::FieldName),
        ("X : y\r\n", Fault::FieldName),
        ("X\t: y\r\n", Fault::FieldName),
        ("X(y): z\r\n", Fault::FieldName),
        ("X\u{e9}: z\r\n", Fault::FieldName),
        ("X\0: z\r\n", Fault::FieldName),
        ("X y\r\n", Fault::NoColon),
        (" X: y\r\n", Fault::Folded),
        ("X: y\r\n folded\r\n", Fault::Folded),
        ("X: y\r\n\tfolded\r\n", Fault::Folded),
        (" \r\n", Fault::Folded),
    ] {
        assert_eq!(
            fault_of(format!("{start}{line}\r\n")),
            Some(fault),
            "{line:?}"
        );
    }
    let first = "GET / HTTP/1.1\r\n Host: a\r\n\r\n";
    assert_eq!(fault_of(first), Some(Fault::Folded));
    for strange in [&b"\xa0y"[..], b"y\x85", b"\xfc\xa0", b"\x80"] {
        assert_eq!(
            fault_of([start.as_bytes(), b"X: ", strange, b"\r\n\r\n"].concat()),
            Some(Fault::NotText)
        );
    }
    for latin in [&b"M\xfcller"[..], b"\xe9", "\u{a0}".as_bytes()] {
        let field = [start.as_bytes(), b"Cookie: n=", latin, b"\r\n\r\n"];
        assert_eq!(fault_of(field.concat()), None, "{latin:?}");
    }
    assert_eq!(fault_of(format!("{start}\n")), Some(Fault::LineEnd));
    assert_eq!(
        fault_of(format!("{start}X:\ty\tz \r\n\r\n")),
        None,
        "a tab is white space"
    );
}

#[test]
fn h6_malformed_request_lines_are_refused() {
    let rest = "\r\nHost: a\r\n\r\n";
    for (line, fault) in [
        ("GET  / HTTP/1.1", Fault::RequestLine),
        ("GET / HTTP/1.1 ", Fault::RequestLine),
        ("GET /a b HTTP/1.1", Fault::RequestLine),
        (" GET / HTTP/1.1", Fault::RequestLine),
        ("GET\t/ HTTP/1.1", Fault::RequestLine),
        ("G(T / HTTP/1.1", Fault::RequestLine),
        ("G\u{c9}T / HTTP/1.1", Fault::RequestLine),
        ("GET / http/1.1", Fault::RequestLine),
        ("GET / HTTP/1.1x", Fault::RequestLine),
        ("GET / HTTP/01.1", Fault::RequestLine),
        ("GET / HTTP/1.", Fault::RequestLine),
        ("GET / ICY/1.1", Fault::RequestLine),
        ("GET", Fault::RequestLine),
        ("GET /\0 HTTP/1.1", Fault::Target),
        ("GET /\ta HTTP/1.1", Fault::Target),
        ("GET /\ra HTTP/1.1", Fault::Target),
        ("GET /\u{e9} HTTP/1.1", Fault::Target),
        ("GET /#a HTTP/1.1", Fault::Target),
        ("GET /a#? HTTP/1.1", Fault::Target),
        ("GET /<a> HTTP/1.1", Fault::Target),
        ("GET /` HTTP/1.1", Fault::Target),
        ("GET a/b HTTP/1.1", Fault::Target),
        ("GET ?a HTTP/1.1", Fault::Target),
        ("GET http:// HTTP/1.1", Fault::Target),
        (
            "THIS-METHOD-IS-LONGER-THAN-32-BYTES / HTTP/1.1",
            Fault::MethodTooLong,
        ),
    ] {
        assert_eq!(fault_of(format!("{line}{rest}")), Some(fault), "{line:?}");
    }
    refuses(&[
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::LineEnd),
        ("\n", Fault::RequestLine),
        ("\r\n\r\n", Fault::RequestLine),
        ("\r\r\n", Fault::RequestLine),
        ("\u{16}\u{3}\u{1}", Fault::RequestLine),
    ]);
}

#[test]
fn h6_one_empty_line_before_a_request_is_dropped() {
    let get = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    let outcome = follow([format!("\r\n{get}\r\n{get}").as_bytes()]);

    assert_eq!(outcome.passed, format!("{get}{get}").as_bytes());
    assert_eq!(
        fault_of(format!("{get}\r\n\r\n{get}")),
        Some(Fault::RequestLine)
    );
}

#[test]
fn h6_one_sound_host_is_demanded() {
    refuses(&[
        ("GET / HTTP/1.1\r\n\r\n", Fault::HostMissing),
        (
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            Fault::HostTwice,
        ),
        (
            "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n",
            Fault::HostTwice,
        ),
    ]);
    passes(&["GET / HTTP/1.0\r\n\r\n"]);
    for host in [
        "",
        "a b",
        "a,b",
        "a@b",
        "a/b",
        "a?b",
        "a#b",
        "a\\b",
        "a%00",
        "caf\u{e9}",
        ":80",
        "a::",
        ":",
        "a:+1",
        "a:65536",
        "a:1:2",
        "a:8o",
        "[",
        "[]",
        "[::1",
        "[::1]x",
        "[::1]::",
        "[::1]:x",
        "[1.2.3.4]",
        "::1",
        "[fe80::1%25eth0]",
        "http://a",
    ] {
        let got = fault_of(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(got, Some(Fault::HostInvalid), "{host:?}");
    }
}

#[test]
fn a_host_may_have_a_colon_and_no_port() {
    passes(&[
        "GET / HTTP/1.1\r\nHost: shop.example:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]:\r\n\r\n",
    ]);
}

#[test]
fn h10_an_http_1_0_request_has_a_length_or_no_body() {
    refuses(&[
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Fault::EncodingOnHttp10,
        ),
        (
            "POST / HTTP/1.0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::EncodingOnHttp10,
        ),
        ("POST / HTTP/1.0\r\n\r\nname=value\r\n", Fault::RequestLine),
    ]);
    passes(&[
        "POST / HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    ]);
}

#[test]
fn a12_other_versions_and_http2_with_prior_knowledge_are_refused() {
    refuses(&[
        ("GET /\r\n", Fault::RequestLine),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Fault::Version),
        ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", Fault::Version),
        ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", Fault::Version),
        ("GET / HTTP/0.9\r\n\r\n", Fault::Version),
    ]);
    assert_eq!(Fault::Version.kind(), FaultKind::VersionNotSupported);
}

#[test]
fn n4_oversized_heads_are_refused_before_they_are_complete() {
    let start = "GET / HTTP/1.1\r\nHost: a\r\n";
    let fields = |count: usize| format!("{start}{}\r\n", "X: y\r\n".repeat(count - 1));
    let field = |len: usize| format!("{start}X: {}\r\n\r\n", "y".repeat(len - 5));
    let target = |len: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(len - 1));

    assert_eq!(fault_of(fields(100)), None);
    assert_eq!(fault_of(fields(101)), Some(Fault::TooManyFields));
    assert_eq!(fault_of(field(16 << 10)), None);
    assert_eq!(fault_of(field((16 << 10) + 1)), Some(Fault::FieldTooLarge));
    assert_eq!(fault_of(target(8 << 10)), None);
    assert_eq!(fault_of(target((8 << 10) + 1)), Some(Fault::TargetTooLong));
    assert_eq!(fault_of(target(64 << 10)), Some(Fault::TargetTooLong));
    assert_eq!(
        fault_of(format!("GET /{}", "a".repeat(9_000))),
        Some(Fault::TargetTooLong)
    );
    assert_eq!(fault_of("G".repeat(9_000)), Some(Fault::MethodTooLong));
    let big = format!(
        "{start}{}",
        format!("X: {}\r\n", "y".repeat(16_000)).repeat(64)
    );
    assert_eq!(fault_of(&big), Some(Fault::HeadTooLarge));
    assert_eq!(
        fault_of(&big[..65_536]),
        None,
        "no verdict before the limit"
    );
    assert_eq!(fault_of(&big[..65_537]), Some(Fault::HeadTooLarge));
    for (fault, kind) in [
        (Fault::TooManyFields, FaultKind::FieldsTooLarge),
        (Fault::FieldTooLarge, FaultKind::FieldsTooLarge),
        (Fault::HeadTooLarge, FaultKind::FieldsTooLarge),
        (Fault::TargetTooLong, FaultKind::UriTooLong),
    ] {
        assert_eq!(fault.kind(), kind);
    }
}

/// Requests that pass, and some that do not, for streams put together at random.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let get = "[a-z]{0,40}".prop_map(|path| format!("GET /{path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let length = "[a-z\r\n :]{0,40}".prop_map(|body| {
        let len = body.len();
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n{body}")
    });
    let pieces = vec(("[a-z\r\n]{1,30}", "(;[a-z=]{0,20})?"), 0..5);
    let chunked = (pieces, "(X: [a-z]{0,9}\r\n){0,3}").prop_map(|(pieces, trailers)| {
        let pieces = pieces
            .iter()
            .map(|(data, extension)| format!("{:x}{extension}\r\n{data}\r\n", data.len()));
        let body: String = pieces.collect();
        let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{body}0\r\n{trailers}\r\n")
    });
    prop_oneof![get, length, chunked].prop_map(String::into_bytes)
}

/// Cuts bytes at these points, taken modulo the length.
fn cut<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut points: Vec<_> = cuts.iter().map(|at| at % (bytes.len() + 1)).collect();
    points.extend([0, bytes.len()]);
    points.sort_unstable();
    points
        .windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

proptest! {
    #[test]
    fn h13_a_hundred_pipelined_requests_have_a_hundred_boundaries_however_they_are_cut(
        requests in vec(request(), 100),
        cuts in vec(any::<usize>(), 0..200),
    ) {
        let outcome = follow(cut(&requests.concat(), &cuts));

        prop_assert_eq!((outcome.heads, outcome.fault), (100, None));
    }

    #[test]
    fn h13_cutting_bytes_elsewhere_never_changes_what_passes(
        requests in vec(request(), 1..5),
        wounds in vec((any::<usize>(), any::<u8>()), 0..3),
        cuts in vec(any::<usize>(), 0..40),
    ) {
        let mut bytes = requests.concat();
        for (at, byte) in wounds {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let whole = follow([&bytes[..]]);

        prop_assert_eq!(&follow(cut(&bytes, &cuts)), &whole);
        prop_assert_eq!(&follow(bytes.chunks(1)), &whole);
    }

    #[test]
    fn h13_oversized_and_odd_heads_are_judged_alike_however_they_are_cut(
        lines in vec(("[A-Z :\n]{0,9}", 0usize..20_000), 1..8),
        cuts in vec(any::<usize>(), 0..40),
    ) {
        let lines = lines.iter().map(|(start, len)| format!("{start}: {}\r\n", "y".repeat(*len)));
        let bytes = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", lines.collect::<String>());

        prop_assert_eq!(follow(cut(bytes.as_bytes(), &cuts)), follow([bytes.as_bytes()]));
    }

    /// The other side of "never accept more": a head that passes is read by the parser under
    /// hyper, and by the types it makes of it, with the same length.
    #[test]
    fn a_head_that_passes_is_one_that_hyper_reads(
        target in "[ -~]{1,20}",
        fields in vec(("[!-~]{1,8}", "[\t -~é]{0,12}"), 0..6),
        wound in (any::<usize>(), any::<u8>()),
    ) {
        let fields = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
        let fields = fields.collect::<String>();
        let mut bytes = format!("GET /{target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes();
        let at = wound.0 % (2 * bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte = wound.1;
        }
        if let Ok(Some(head)) = head_of(&bytes) {
            let mut slots = [httparse::EMPTY_HEADER; 100];
            let mut request = httparse::Request::new(&mut slots);
            prop_assert_eq!(request.parse(&bytes), Ok(httparse::Status::Complete(head.len)));
            let target = request.path.unwrap();
            prop_assert_eq!(http::Uri::try_from(target).unwrap().to_string(), target);
            for field in &*request.headers {
                prop_assert!(http::HeaderName::try_from(field.name).is_ok());
                prop_assert!(http::HeaderValue::from_bytes(field.value).is_ok());
            }
        }
    }
}
