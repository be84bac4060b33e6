//! The guard under a real hyper server: over a pipe in a runtime whose time stands still, and
//! over real sockets where the way a socket closes matters.

use std::convert::Infallible;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::edge::framing::FaultKind;

const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
const BAD: &str = "GET /b HTTP/1.1\nHost: a\r\n\r\n";

fn terms() -> Terms {
    Terms {
        limits: Limits::default(),
        deadlines: Deadlines::default(),
        clock: Clock::machine(),
        farewell: |Parting { fault, .. }| {
            let status = match fault.kind() {
                FaultKind::BadRequest => 400,
                FaultKind::Timeout => 408,
                FaultKind::UriTooLong => 414,
                FaultKind::FieldsTooLarge => 431,
                FaultKind::VersionNotSupported => 505,
            };
            format!("HTTP/1.1 {status} X\r\nConnection: close\r\n\r\nfarewell: {fault}").into()
        },
    }
}

type Answer = Response<Full<Bytes>>;

fn answer(status: u16, text: String) -> Answer {
    let body = Full::new(Bytes::from(text));
    Response::builder().status(status).body(body).unwrap()
}

/// The fault at the root of an error that a body ended with.
fn fault_in(error: &(dyn std::error::Error + 'static)) -> Option<Fault> {
    let mut next = Some(error);
    while let Some(error) = next {
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(fault) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(*fault);
        }
        next = error.source();
    }
    None
}

/// `/slow` takes 200 seconds, `/soon` one and a half, `/ignore` leaves the body unread, everything else reads it and
/// says what it was.
async fn serve(request: Request<Incoming>, activity: Activity) -> Result<Answer, Infallible> {
    let _in_flight = activity.begin();
    let path = request.uri().path().to_owned();
    if path == "/slow" {
        sleep(Duration::from_secs(200)).await;
    }
    if path == "/soon" {
        sleep(Duration::from_millis(1_500)).await;
    }
    if path == "/ignore" {
        return Ok(answer(403, format!("<{path}>")));
    }
    Ok(match request.into_body().collect().await {
        Ok(body) => {
            let trailers = body.trailers().cloned().unwrap_or_default();
            let body = body.to_bytes();
            let text = String::from_utf8_lossy(&body).into_owned();
            answer(200, format!("<{path} {text} {}>", trailers.len()))
        }
        Err(error) => {
            let fault = fault_in(&error);
            assert_eq!(fault, activity.fault());
            answer(400, format!("<{path} {fault:?}>"))
        }
    })
}

/// Runs hyper over a guard as the listener does, until the connection is closed.
fn run<S>(io: S, terms: Terms) -> JoinHandle<Activity>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let guard = Guard::new(io, Arc::new(terms));
    let activity = guard.activity();
    let served = activity.clone();
    let service = service_fn(move |request| serve(request, served.clone()));
    tokio::spawn(async move {
        let mut connection = http1::Builder::new()
            .half_close(true)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(guard), service);
        let _ = (&mut connection).await;
        let _ = connection.into_parts().io.into_inner().shutdown().await;
        activity
    })
}

struct Visitor {
    pipe: DuplexStream,
    server: JoinHandle<Activity>,
    came: Instant,
}

impl Visitor {
    #[expect(
        clippy::disallowed_methods,
        reason = "the paused clock of this test's runtime"
    )]
    fn arrive_under(terms: Terms) -> Self {
        let (pipe, io) = duplex(1 << 20);
        let server = run(io, terms);
        let came = Instant::now();
        Self { pipe, server, came }
    }

    fn arrive() -> Self {
        Self::arrive_under(terms())
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.pipe.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Everything up to the close, the statuses in it, and the whole seconds since arrival.
    async fn hear(mut self) -> (String, Vec<u16>, u64) {
        let mut heard = String::new();
        self.pipe.read_to_string(&mut heard).await.unwrap();
        let activity = self.server.await.unwrap();
        assert_eq!(activity.in_flight(), 0);
        let seconds = self.came.elapsed().as_secs();
        let statuses = statuses(&heard);
        (heard, statuses, seconds)
    }
}

fn statuses(heard: &str) -> Vec<u16> {
    let answers = heard.split("HTTP/1.1 ").skip(1);
    answers.map(|answer| answer[..3].parse().unwrap()).collect()
}

/// What comes of sending these bytes in one piece and then nothing.
async fn exchange(bytes: impl AsRef<[u8]>) -> (String, Vec<u16>, u64) {
    let mut visitor = Visitor::arrive();
    visitor.say(bytes).await;
    visitor.hear().await
}

#[tokio::test(start_paused = true)]
async fn h13_a_bad_request_is_answered_after_the_good_ones_before_it() {
    let (heard, statuses, seconds) = exchange(format!("{GET}{GET}{BAD}{GET}")).await;

    assert_eq!(statuses, [200, 200, 400], "{heard}");
    assert!(
        heard.ends_with("farewell: a line does not end in CR LF"),
        "{heard}"
    );
    assert!(seconds < 2, "closed after {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn h13_a_bad_request_waits_for_a_slow_answer_before_it() {
    let slow = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

    let (heard, statuses, _) = exchange(format!("{slow}{BAD}")).await;

    assert_eq!(statuses, [200, 400], "{heard}");
}

#[tokio::test(start_paused = true)]
async fn h13_a_hundred_pipelined_requests_are_answered_in_order() {
    let requests: String = (0..100)
        .map(|n| match n % 3 {
            0 => format!("GET /{n} HTTP/1.1\r\nHost: a\r\n\r\n"),
            1 => format!("POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"),
            _ => format!(
                "POST /{n} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
                 3\r\nabc\r\n0\r\nCookie: x\r\n\r\n"
            ),
        })
        .collect();
    for size in [1, 7, 64, requests.len()] {
        let mut visitor = Visitor::arrive();
        for piece in requests.as_bytes().chunks(size) {
            visitor.say(piece).await;
            tokio::task::yield_now().await;
        }

        let (heard, _, _) = visitor.hear().await;

        let bodies: Vec<_> = heard.split('<').skip(1).collect();
        assert_eq!(bodies.len(), 100);
        for (n, body) in bodies.iter().enumerate() {
            let text = if n % 3 == 0 { "" } else { "abc" };
            assert!(body.starts_with(&format!("/{n} {text} 0>")), "{n}: {body}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn h5_the_service_never_sees_trailers_that_none_may_be() {
    let (heard, ..) = exchange(
        "POST /t HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nhi\r\n0\r\nContent-Length: 9\r\nHost: b\r\nCookie: c\r\n\r\n",
    )
    .await;

    assert!(heard.ends_with("</t hi 0>"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn h4_a_bad_chunk_reaches_the_service_as_a_fault_and_ends_the_connection() {
    let (heard, statuses, _) = exchange(format!(
        "POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0x5\r\n{GET}"
    ))
    .await;

    assert_eq!(statuses, [400], "{heard}");
    assert!(heard.ends_with("</c Some(ChunkSize)>"), "{heard}");
}

#[tokio::test(start_paused = true)]
async fn h7_a_body_left_unread_is_never_read_as_a_request() {
    for framing in [
        "Content-Length: 200000\r\n",
        "Content-Length: 200000\r\nExpect: 100-continue\r\n",
        "Transfer-Encoding: chunked\r\n",
    ] {
        let mut visitor = Visitor::arrive();
        visitor
            .say(format!("POST /ignore HTTP/1.1\r\nHost: a\r\n{framing}\r\n"))
            .await;
        visitor.say("30d40\r\n").await;
        // The server stops reading at some point, so writing may fail.
        let _ = visitor.pipe.write_all(GET.repeat(7_000).as_bytes()).await;

        let (heard, statuses, _) = visitor.hear().await;

        assert_eq!(statuses, [403], "{framing}: {heard}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_farewell_is_written_though_hyper_waits_for_an_upgrade() {
    let upgrade = "GET /u HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n";

    let (heard, statuses, _) = exchange(format!("{upgrade}{BAD}")).await;

    assert_eq!(statuses, [200, 400], "{heard}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_written_after_an_answer_that_closes() {
    let close = "GET /z HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

    let (heard, statuses, _) = exchange(format!("{close}{BAD}")).await;

    assert_eq!(statuses, [200], "{heard}");
}

const SLOW: &str = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_visitor_that_sent_its_last_byte_still_gets_the_answers_that_come_soon() {
    let soon = "GET /soon HTTP/1.1\r\nHost: a\r\n\r\n";
    for unfinished in ["", "GET /half"] {
        let mut visitor = Visitor::arrive();
        visitor
            .say(format!("{soon}{GET}{soon}{soon}{unfinished}"))
            .await;
        visitor.pipe.shutdown().await.unwrap();

        let (heard, statuses, seconds) = visitor.hear().await;

        assert_eq!(statuses, [200; 4], "{heard}");
        assert_eq!(seconds, 4, "each may take its time");
    }
}

#[tokio::test(start_paused = true)]
async fn r9_nobody_works_for_a_visitor_who_has_left() {
    for (waits, lasts) in [(0, 5), (60, 65)] {
        let mut visitor = Visitor::arrive();
        visitor.say(format!("{GET}{SLOW}")).await;
        sleep(Duration::from_secs(waits)).await;
        visitor.pipe.shutdown().await.unwrap();

        let (heard, statuses, seconds) = visitor.hear().await;

        assert_eq!(statuses, [200], "{heard}");
        assert_eq!(seconds, lasts, "{heard}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_before_the_answer_is_read_no_further_and_answered_in_turn() {
    let mut visitor = Visitor::arrive();
    visitor.say(SLOW).await;
    sleep(Duration::from_secs(1)).await;
    for piece in GET.repeat(50_000).as_bytes().chunks(4_096) {
        if tokio::time::timeout(Duration::from_secs(1), visitor.pipe.write_all(piece))
            .await
            .is_err()
        {
            break;
        }
    }
    let unread = visitor.pipe.write_all(GET.as_bytes());
    let unread = tokio::time::timeout(Duration::from_secs(100), unread).await;
    assert!(unread.is_err(), "all was read while an answer was made");

    let mut heard = [0; 8];
    visitor.pipe.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"HTTP/1.1");
    assert!(visitor.came.elapsed() >= Duration::from_secs(200));
}

#[tokio::test(start_paused = true)]
async fn n4_oversized_heads_get_431_and_414() {
    let field = format!("X: {}\r\n", "y".repeat(16_000));
    let many = format!(
        "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "X: y\r\n".repeat(100)
    );
    let total = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", field.repeat(60));
    let target = format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(65_536));

    assert_eq!(exchange(many).await.1, [431]);
    assert_eq!(exchange(total).await.1, [431]);
    assert_eq!(exchange(target).await.1, [414]);
    assert_eq!(exchange("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.1, [505]);
}

#[tokio::test(start_paused = true)]
async fn n4_a_guard_holds_no_more_than_a_head_and_a_read() {
    let (mut pipe, io) = duplex(1 << 21);
    pipe.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    pipe.write_all("X: y\r\n".repeat(200_000).as_bytes())
        .await
        .unwrap();
    let limits = Limits {
        fields: usize::MAX,
        ..Limits::default()
    };
    let mut guard = Guard::new(io, Arc::new(Terms { limits, ..terms() }));
    let mut seen = [0; 8192];

    let count = guard.read(&mut seen).await.unwrap();

    assert_eq!(count, 0);
    assert_eq!(guard.activity().fault(), Some(Fault::HeadTooLarge));
    assert!(
        guard.held.len() <= (64 << 10) + seen.len(),
        "{}",
        guard.held.len()
    );
}

#[tokio::test(start_paused = true)]
async fn r2_a_connection_that_says_nothing_is_closed_after_five_seconds() {
    let (heard, _, seconds) = Visitor::arrive().hear().await;

    assert_eq!((heard.as_str(), seconds), ("", 5));
}

#[tokio::test(start_paused = true)]
async fn r1_a_head_must_be_complete_ten_seconds_after_its_first_byte() {
    for earlier in ["", GET] {
        let mut visitor = Visitor::arrive();
        visitor.say(earlier).await;
        sleep(Duration::from_secs(4)).await;
        visitor.say("GET / HTTP/1.1\r\n").await;
        for _ in 0..9 {
            sleep(Duration::from_secs(1)).await;
            visitor.say("X: y\r\n").await;
        }

        let (heard, statuses, seconds) = visitor.hear().await;

        assert!(heard.ends_with("farewell: the request's head took too long to arrive"));
        assert_eq!(statuses.last(), Some(&408));
        // One more second is spent on bytes that may still be under way.
        assert!((14..=15).contains(&seconds), "closed after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_between_requests_is_closed_after_seventy_five_seconds() {
    let mut visitor = Visitor::arrive();
    for _ in 0..3 {
        visitor.say(GET).await;
        sleep(Duration::from_secs(70)).await;
    }

    let (_, statuses, seconds) = visitor.hear().await;

    assert_eq!(statuses, [200, 200, 200]);
    assert_eq!(seconds, 140 + 75);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_takes_longer_than_the_idle_deadline_is_not_cut() {
    let slow = "POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

    let (heard, statuses, seconds) = exchange(slow).await;

    assert!(heard.ends_with("</slow hi 0>"), "{heard}");
    assert_eq!((statuses, seconds), (vec![200], 200 + 75));
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_watches_for_the_end_while_it_answers_is_not_cut() {
    let (mut pipe, io) = duplex(1 << 10);
    let mut guard = Guard::new(io, Arc::new(terms()));
    pipe.write_all(GET.as_bytes()).await.unwrap();
    let mut seen = [0; 1024];
    assert_eq!(guard.read(&mut seen).await.unwrap(), GET.len());
    let in_flight = guard.activity().begin();

    let read = tokio::spawn(async move { guard.read(&mut seen).await.unwrap() });
    sleep(Duration::from_secs(500)).await;

    assert!(!read.is_finished(), "the answer is still being made");
    drop(in_flight);
    sleep(Duration::from_secs(74)).await;
    assert!(!read.is_finished(), "its idle time is not over");
    sleep(Duration::from_secs(77)).await;
    assert!(read.is_finished());
}

#[tokio::test(start_paused = true)]
async fn r1_a_body_that_stands_still_is_given_up_after_twenty_seconds() {
    for head in [
        "Content-Length: 9\r\n\r\nabc",
        "Transfer-Encoding: chunked\r\n\r\n3",
    ] {
        let (heard, statuses, seconds) =
            exchange(format!("POST /p HTTP/1.1\r\nHost: a\r\n{head}")).await;

        assert_eq!(statuses, [400], "{heard}");
        assert!(heard.ends_with("</p Some(BodySlow)>"), "{heard}");
        assert!((20..=21).contains(&seconds), "closed after {seconds} s");
    }
}

#[tokio::test(start_paused = true)]
async fn r1_a_body_must_bring_500_bytes_for_each_second_it_keeps_us_waiting() {
    for (bytes_a_second, end) in [(100, Some(21)), (499, Some(21)), (600, None)] {
        let mut visitor = Visitor::arrive();
        visitor
            .say("POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
            .await;
        let mut left = 60_000;
        while left > 0 && !visitor.server.is_finished() {
            sleep(Duration::from_secs(1)).await;
            let count = left.min(bytes_a_second);
            let _ = visitor.pipe.write_all(&vec![b'x'; count]).await;
            left -= count;
        }

        let (heard, statuses, seconds) = visitor.hear().await;

        match end {
            Some(end) => {
                assert!(heard.ends_with("</p Some(BodySlow)>"), "{heard}");
                assert!(
                    seconds <= end + 1,
                    "{bytes_a_second} B/s ended after {seconds} s"
                );
            }
            None => assert_eq!((statuses, seconds), (vec![200], 100 + 75)),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_nobody_reads_is_not_called_slow() {
    let (mut pipe, io) = duplex(1 << 10);
    let mut guard = Guard::new(io, Arc::new(terms()));
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n";
    pipe.write_all(head.as_bytes()).await.unwrap();
    let mut seen = [0; 1024];
    assert_eq!(guard.read(&mut seen).await.unwrap(), head.len());

    for _ in 0..40 {
        pipe.write_all(b"x").await.unwrap();
        sleep(Duration::from_secs(60)).await;
        assert_eq!(guard.read(&mut seen).await.unwrap(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn r1_a_visitor_that_stops_reading_is_given_up_after_20_seconds() {
    let (mut pipe, io) = duplex(64 * 1024);
    let mut guard = Guard::new(io, Arc::new(terms()));
    let writing = tokio::spawn(async move { guard.write_all(&[b'x'; 1 << 20]).await });
    let mut seen = vec![0; 64 * 1024];
    for _ in 0..3 {
        sleep(Duration::from_secs(19)).await;
        pipe.read_exact(&mut seen).await.unwrap();
    }
    sleep(Duration::from_secs(19)).await;
    assert!(!writing.is_finished(), "each read was progress enough");
    sleep(Duration::from_secs(2)).await;

    let outcome = writing.await.unwrap();

    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

#[tokio::test]
async fn r1_who_takes_nothing_is_cut_off_by_a_reset() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut visitor = TcpStream::connect(address).await.unwrap();
    let (io, _) = listener.accept().await.unwrap();
    let mut terms = terms();
    terms.deadlines.write_stall = Duration::from_millis(50);
    let mut guard = Guard::new(io, Arc::new(terms));
    let outcome = guard.write_all(&vec![b'x'; 32 << 20]).await;
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::TimedOut);

    guard.close().await;

    let end = visitor.read_to_end(&mut Vec::new()).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}

/// How long somebody is written to who takes so many bytes each five seconds, up to ten minutes.
async fn written_to(bytes: usize) -> Duration {
    let (mut pipe, io) = duplex(1024);
    let mut guard = Guard::new(io, Arc::new(terms()));
    let mut writing = tokio::spawn(async move { guard.write_all(&[b'x'; 16 << 20]).await });
    let mut seen = vec![0; bytes];
    for fives in 0..120 {
        let five = Duration::from_secs(5);
        if tokio::time::timeout(five, &mut writing).await.is_ok() {
            return five * fives;
        }
        pipe.read_exact(&mut seen).await.unwrap();
    }
    Duration::from_mins(10)
}

#[tokio::test(start_paused = true)]
async fn r1_who_takes_an_answer_by_a_trickle_is_given_up_and_who_is_slow_is_not() {
    assert_eq!(written_to(32).await, Duration::from_secs(20));
    let slower_than_500_a_second = written_to(2_000).await;
    assert!(slower_than_500_a_second <= Duration::from_secs(150));
    assert_eq!(written_to(2_600).await, Duration::from_mins(10));
}

#[tokio::test]
async fn r1_an_answer_that_comes_in_small_parts_may_take_for_ever() {
    tokio::time::pause();
    let (mut pipe, io) = duplex(64);
    let mut guard = Guard::new(io, Arc::new(terms()));
    for _ in 0..200 {
        guard.write_all(b"data: tick").await.unwrap();
        guard.flush().await.unwrap();
        pipe.read_exact(&mut [0; 10]).await.unwrap();
        sleep(Duration::from_secs(15)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_with_little_room_reads_the_same_bytes() {
    let post = "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let said = format!("{GET}\r\n{post}2\r\nhi\r\n0\r\nHost: y\r\n\r\n{GET}{BAD}{GET}");
    let wanted = format!("{GET}{post}2\r\nhi\r\n0\r\n\r\n{GET}");
    for room in [1, 2, 3, 7, 64, 4096] {
        let (mut pipe, io) = duplex(1 << 10);
        let mut guard = Guard::new(io, Arc::new(terms()));
        pipe.write_all(said.as_bytes()).await.unwrap();
        let (mut read, mut piece) = (Vec::new(), vec![0; room]);
        while let count @ 1.. = guard.read(&mut piece).await.unwrap() {
            read.extend_from_slice(&piece[..count]);
        }

        assert_eq!(
            String::from_utf8_lossy(&read),
            wanted,
            "{room} bytes at a time"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn r1_a_visitor_that_does_not_read_its_farewell_is_given_up_too() {
    let (mut pipe, io) = duplex(16);
    let server = run(io, terms());
    pipe.write_all(BAD.as_bytes()).await.unwrap();

    let ended = tokio::time::timeout(Duration::from_secs(32), server).await;

    assert_eq!(ended.unwrap().unwrap().fault(), Some(Fault::LineEnd));
}

#[tokio::test]
async fn reads_that_find_their_bytes_arm_no_timer() {
    let (mut pipe, io) = duplex(1 << 16);
    let mut guard = Guard::new(io, Arc::new(terms()));
    let mut seen = vec![0; 1 << 16];
    for _ in 0..10 {
        pipe.write_all(GET.as_bytes()).await.unwrap();
        assert_eq!(guard.read(&mut seen).await.unwrap(), GET.len());
    }

    guard.write_all(b"HTTP/1.1 204\r\n\r\n").await.unwrap();

    assert!(!guard.patience.has_timer() && !guard.taking.has_timer());
    assert_eq!(guard.held.capacity(), 0, "whole requests need no buffer");
}

/// Serves one real connection with short deadlines.
async fn socket(deadlines: Deadlines) -> (TcpStream, JoinHandle<Activity>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let visitor = TcpStream::connect(listener.local_addr().unwrap())
        .await
        .unwrap();
    let (io, _) = listener.accept().await.unwrap();
    let server = run(
        io,
        Terms {
            deadlines,
            ..terms()
        },
    );
    (visitor, server)
}

/// Lingers long enough for a busy test machine.
fn patient() -> Deadlines {
    Deadlines {
        linger: Duration::from_secs(10),
        ..Deadlines::default()
    }
}

#[tokio::test]
async fn a_visitor_that_still_sends_reads_the_last_answer_and_no_reset() {
    let (mut visitor, server) = socket(patient()).await;
    visitor.write_all(GET.as_bytes()).await.unwrap();
    visitor.write_all(BAD.as_bytes()).await.unwrap();
    for _ in 0..40 {
        let written = visitor.write_all(&[b'x'; 1_000]).await;
        written.expect("somebody still reads");
        sleep(Duration::from_millis(2)).await;
    }

    let mut heard = String::new();
    visitor
        .read_to_string(&mut heard)
        .await
        .expect("an end and no reset");

    assert_eq!(statuses(&heard), [200, 400], "{heard}");
    drop(visitor);
    server.await.unwrap();
}

#[tokio::test]
async fn a_refused_upload_is_answered_and_the_socket_closed() {
    let (mut visitor, server) = socket(patient()).await;
    let head = "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n";
    visitor.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..40 {
        let written = visitor.write_all(&[b'x'; 1_000]).await;
        written.expect("somebody still reads");
        sleep(Duration::from_millis(1)).await;
    }

    let mut heard = String::new();
    visitor
        .read_to_string(&mut heard)
        .await
        .expect("an end and no reset");

    assert_eq!(statuses(&heard), [403], "{heard}");
    drop(visitor);
    server.await.unwrap();
}

#[tokio::test]
async fn a_visitor_that_never_closes_is_left_after_the_linger_time() {
    let deadlines = Deadlines {
        linger: Duration::from_millis(50),
        ..Deadlines::default()
    };
    let (mut visitor, server) = socket(deadlines).await;
    visitor.write_all(BAD.as_bytes()).await.unwrap();

    let activity = server.await.unwrap();

    assert_eq!(activity.fault(), Some(Fault::LineEnd));
    let mut heard = String::new();
    visitor.read_to_string(&mut heard).await.unwrap();
    assert_eq!(statuses(&heard), [400]);
}

/// A handshake as the guard knows it: by the word in `Upgrade`.
const HANDSHAKE: &str =
    "GET /s HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: h2c, WebSocket\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn h9_nothing_behind_a_handshake_is_read_as_a_request() {
    for behind in [GET, BAD, "\r\n", "\0\x01"] {
        for size in [1, 7, 4096] {
            let said = format!("{GET}{HANDSHAKE}{behind}{GET}");
            let mut visitor = Visitor::arrive();
            for piece in said.as_bytes().chunks(size) {
                visitor.say(piece).await;
                tokio::task::yield_now().await;
            }

            let (heard, statuses, _) = visitor.hear().await;

            assert_eq!(statuses, [200, 200], "{behind:?}: {heard}");
            assert!(heard.contains("</s  0>"), "{heard}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn h9_nothing_is_read_behind_a_handshake_with_a_body() {
    let post = "POST /s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n";
    for framing in [
        "Content-Length: 2\r\n\r\nhi",
        "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    ] {
        let (heard, statuses, _) = exchange(format!("{post}{framing}{GET}")).await;

        assert_eq!(statuses, [200], "{heard}");
        assert!(heard.contains("</s hi 0>"), "{heard}");
    }
}

#[tokio::test(start_paused = true)]
async fn h9_a_socket_begins_with_the_first_byte_behind_its_handshake() {
    let early = format!("\r\n{BAD}\0{GET}");
    for size in [1, 3, 4096] {
        let (mut pipe, io) = duplex(1 << 12);
        let mut guard = Guard::new(io, Arc::new(terms()));
        let said = format!("{HANDSHAKE}{early}");
        let saying = tokio::spawn(async move {
            for piece in said.as_bytes().chunks(size) {
                pipe.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            pipe
        });
        let mut read = String::new();
        guard.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, HANDSHAKE, "{size} bytes at a time");

        assert!(guard.become_socket());

        let mut pipe = saying.await.unwrap();
        pipe.write_all(b" and later").await.unwrap();
        pipe.shutdown().await.unwrap();
        let mut read = String::new();
        guard.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, format!("{early} and later"), "{size} bytes at a time");
    }
}

#[tokio::test(start_paused = true)]
async fn h9_no_connection_becomes_a_socket_that_did_not_ask_to() {
    let plain = "GET /s HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n";
    let body = "POST /s HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nh";
    for said in [
        "",
        GET,
        plain,
        BAD,
        body,
        "GET /s HTTP/1.1\r\nUpgrade: websocket\r\n",
    ] {
        let (mut pipe, io) = duplex(1 << 12);
        let mut guard = Guard::new(io, Arc::new(terms()));
        pipe.write_all(said.as_bytes()).await.unwrap();
        pipe.shutdown().await.unwrap();
        let _ = guard.read(&mut [0; 4096]).await;

        assert!(!guard.become_socket(), "{said}");
    }
}
