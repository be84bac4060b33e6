//! The framing guard beside three others: whatever it passes, the reference, httparse and hyper
//! read as the same requests. It may refuse more than they do, never accept more.

use std::cell::RefCell;
use std::convert::Infallible;

use anteroom::edge::framing::{Framing, Limits, Step};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;

use super::reference::{End, Reading, Request, read};

/// The first byte says into what pieces the others are cut on their way.
pub fn run(data: &[u8]) {
    let Some((piece, bytes)) = data.split_first() else {
        return;
    };
    let passed = passed(bytes, usize::from(*piece).max(1));
    assert_eq!(
        passed,
        self::passed(bytes, bytes.len().max(1)),
        "cutting changes nothing"
    );
    let (sent, behind) = (read(bytes), read(&passed));
    reads_the_same(&sent, &behind);
    httparse_reads_it(&passed, &behind.requests);
    hyper_reads_it(&passed, &behind.requests);
}

/// What comes out behind the guard.
fn passed(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut guard = Framing::new(Limits::default());
    let (mut unread, mut passed) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        unread.extend_from_slice(piece);
        loop {
            match guard.feed(&unread) {
                Step::Pass(count) => passed.extend(unread.drain(..count)),
                Step::Drop(count) => drop(unread.drain(..count)),
                Step::More => break,
                Step::Refuse(_) => return passed,
            }
        }
    }
    passed
}

/// What is passed is clear, and says what was sent.
fn reads_the_same(sent: &Reading, behind: &Reading) {
    assert!(!matches!(behind.end, End::Refused(_)), "passed: {behind:?}");
    let told = |request: &Request| {
        let Request {
            method,
            target,
            fields,
            body,
            ..
        } = request.clone();
        (method, target, fields, body)
    };
    let sent = sent.requests.iter().take(behind.requests.len()).map(told);
    let behind = behind.requests.iter().map(told);
    assert_eq!(behind.collect::<Vec<_>>(), sent.collect::<Vec<_>>());
}

fn httparse_reads_it(passed: &[u8], requests: &[Request]) {
    let mut start = 0;
    for request in requests {
        let mut fields = [httparse::EMPTY_HEADER; 100];
        let mut parsed = httparse::Request::new(&mut fields);
        let head = parsed.parse(&passed[start..]).unwrap();
        assert!(head.is_complete());
        assert_eq!(parsed.method, Some(request.method.as_str()));
        assert_eq!(parsed.headers.len(), request.fields.len());
        start = request.end;
    }
}

fn hyper_reads_it(passed: &[u8], requests: &[Request]) {
    let heard: RefCell<Vec<(String, Vec<u8>)>> = RefCell::default();
    let service = service_fn(|request: http::Request<hyper::body::Incoming>| async {
        let method = request.method().as_str().to_owned();
        if let Ok(body) = request.into_body().collect().await {
            let body = body.to_bytes().to_vec();
            heard.borrow_mut().push((method, body));
        }
        Ok::<_, Infallible>(http::Response::new(Empty::<Bytes>::new()))
    });
    let wire = TokioIo::new(tokio::io::join(passed, tokio::io::sink()));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let ended = runtime.block_on(
        http1::Builder::new()
            .half_close(true)
            .header_read_timeout(None)
            .max_buf_size(128 * 1024)
            .serve_connection(wire, service),
    );
    let refused = ended.is_err_and(|fault| fault.is_parse());
    assert!(!refused, "hyper refuses what the guard passed");
    let heard = heard.into_inner();
    let told: Vec<_> = requests
        .iter()
        .map(|one| (one.method.clone(), one.body.clone()))
        .collect();
    assert_eq!(heard, told[..heard.len().min(told.len())]);
    let goes_on = |one: &Request| {
        let says = |name: &str| one.fields.iter().any(|(key, _)| key == name);
        !one.is_old && one.method != "CONNECT" && !says("connection")
    };
    if requests.iter().all(goes_on) {
        assert_eq!(heard.len(), requests.len(), "hyper heard them all");
    }
}
