//! Raw frames against a whole connection: floods, deadlines and endings.

use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::frames::tests::frame;
use super::*;
use crate::edge::body::{AnswerBody, Upload};
use crate::telemetry::connections::Flood;
use crate::telemetry::metrics::Metrics;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const PING_FRAME: u8 = 6;
const GOAWAY: u8 = 7;

/// A visitor who writes frames by hand, and the connection it writes them on.
struct Raw {
    io: DuplexStream,
    unread: Vec<u8>,
    served: JoinHandle<Http2End>,
    cancel: CancellationToken,
    asked: Arc<AtomicU32>,
    capacity: Arc<Capacity>,
}

/// A frame that came.
#[derive(Debug)]
struct Came {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

/// A field written out, with a name and value below 127 bytes.
fn field(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        bytes.push(u8::try_from(text.len()).unwrap());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// The block of a request for a path.
fn block(method: &str, path: &str) -> Vec<u8> {
    [
        field(":method", method),
        field(":scheme", "https"),
        field(":authority", "a"),
        field(":path", path),
    ]
    .concat()
}

/// A whole GET.
fn get(stream: u32, path: &str) -> Vec<u8> {
    frame(HEADERS, 5, stream, &block("GET", path))
}

/// A connection on its way, and what can be done to it.
struct Served {
    served: JoinHandle<Http2End>,
    cancel: CancellationToken,
    asked: Arc<AtomicU32>,
    capacity: Arc<Capacity>,
}

/// Runs a connection whose requests for `/slow` are never answered, and whose others say `len` bytes.
fn run<S>(io: S, len: usize, deadlines: Deadlines) -> Served
where
    S: AsyncRead + AsyncWrite + Cut + Send + Unpin + 'static,
{
    let cancel = CancellationToken::new();
    let activity = Activity::default();
    let asked = Arc::<AtomicU32>::default();
    let metrics = Arc::new(Metrics::new().unwrap());
    let capacity = Arc::new(Capacity::new((1, 1), metrics));
    let kept = Kept {
        deadlines,
        clock: Clock::machine(),
        activity: activity.clone(),
        tracker: TaskTracker::new(),
        leaving: cancel.clone(),
        capacity: Arc::clone(&capacity),
    };
    let count = Arc::clone(&asked);
    let answer = move |request: Request<RecvStream>, heads: Heads| {
        let in_flight = activity.begin();
        count.fetch_add(1, Ordering::Relaxed);
        async move {
            if request.uri().path() == "/slow" {
                std::future::pending::<()>().await;
            }
            if request.uri().path() == "/read" {
                let (head, body) = request.into_parts();
                let body = Upload::of(body, &head.headers, heads);
                let _ = body.collect().await;
            }
            let body = AnswerBody::own(Bytes::from(vec![b'x'; len])).holding(in_flight);
            Response::new(StreamBody::new(body))
        }
    };
    let space = capacity.park();
    Served {
        served: tokio::spawn(kept.run((io, space), answer)),
        cancel,
        asked,
        capacity,
    }
}

impl Raw {
    fn open(len: usize) -> Self {
        let (io, theirs) = duplex(1 << 16);
        let Served {
            served,
            cancel,
            asked,
            capacity,
        } = run(theirs, len, Deadlines::default());
        Self {
            io,
            unread: Vec::new(),
            served,
            cancel,
            asked,
            capacity,
        }
    }

    /// One that has said what every client says first.
    async fn greeted(len: usize) -> Self {
        let mut raw = Self::open(len);
        raw.send(PREFACE).await;
        raw.send(&frame(SETTINGS, 0, 0, &[])).await;
        raw
    }

    /// Sends, unless the other side has closed.
    async fn send(&mut self, bytes: &[u8]) {
        let _ = self.io.write_all(bytes).await;
    }

    /// The next frame; `None` at the end.
    async fn next(&mut self) -> Option<Came> {
        loop {
            if let [l2, l1, l0, kind, flags, s3, s2, s1, s0, rest @ ..] = &self.unread[..] {
                let length = usize::try_from(u32::from_be_bytes([0, *l2, *l1, *l0])).unwrap();
                if let Some(payload) = rest.get(..length) {
                    let came = Came {
                        kind: *kind,
                        flags: *flags,
                        stream: u32::from_be_bytes([*s3, *s2, *s1, *s0]),
                        payload: payload.to_vec(),
                    };
                    self.unread.drain(..9 + length);
                    return Some(came);
                }
            }
            if self.io.read_buf(&mut self.unread).await.unwrap_or(0) == 0 {
                return None;
            }
        }
    }

    /// The next frame of a kind.
    async fn next_of(&mut self, kind: u8) -> Option<Came> {
        loop {
            let came = self.next().await?;
            if came.kind == kind {
                return Some(came);
            }
        }
    }

    /// The next frame that is no PING, each of which is answered.
    async fn next_answering(&mut self) -> Option<Came> {
        loop {
            let came = self.next().await?;
            if came.kind != PING_FRAME || came.flags & 1 == 1 {
                return Some(came);
            }
            self.send(&frame(PING_FRAME, 1, 0, &came.payload)).await;
        }
    }

    /// Sends `frames` again and again until the other side has had enough; the code of its
    /// GOAWAY and what it counted.
    async fn flood(self, mut frames: impl FnMut(u32) -> Vec<u8>) -> (Option<u8>, Http2End) {
        let (reads, mut writes) = tokio::io::split(self.io);
        let reading = tokio::spawn(async move {
            let mut all = self.unread;
            let mut reads = reads;
            let _ = reads.read_to_end(&mut all).await;
            all
        });
        for round in 0..200_000 {
            if writes.write_all(&frames(round)).await.is_err() {
                break;
            }
        }
        let end = self.served.await.unwrap();
        drop(writes);
        (last_goaway(&reading.await.unwrap()), end)
    }
}

/// The code in the last GOAWAY among these bytes.
fn last_goaway(mut bytes: &[u8]) -> Option<u8> {
    let mut code = None;
    while let [l2, l1, l0, kind, _, _, _, _, _, rest @ ..] = bytes {
        let length = usize::try_from(u32::from_be_bytes([0, *l2, *l1, *l0])).unwrap();
        let Some(payload) = rest.get(..length) else {
            break;
        };
        if *kind == GOAWAY {
            code = payload.get(7).copied();
        }
        bytes = &rest[length..];
    }
    code
}

/// `431` in the code of RFC 7541, Appendix B: 011010 011001 00001, padded with ones.
const HUFFMAN_431: &[u8] = &[0b0110_1001, 0b1001_0000, 0b1111_1111];

const CALM: Option<u8> = Some(0xB);

#[tokio::test]
async fn r3_floods_of_control_frames_are_told_to_be_calm() {
    for (kind, payload, flood) in [
        (6, &[0; 8][..], Flood::Pings),
        (SETTINGS, &[], Flood::Settings),
        (2, &[0, 0, 0, 0, 1], Flood::Priorities),
        (8, &[0, 0, 0, 1], Flood::WindowUpdates),
        (0xAA, &[], Flood::Others),
    ] {
        let raw = Raw::greeted(1).await;
        let stream = u32::from(kind == 2);
        let (code, end) = raw.flood(|_| frame(kind, 0, stream, payload)).await;
        assert_eq!((code, end), (CALM, Http2End::Flood(flood)));
    }
}

#[tokio::test]
async fn r3_empty_data_is_a_flood() {
    let mut raw = Raw::greeted(1).await;
    raw.send(&frame(HEADERS, 4, 1, &block("POST", "/read")))
        .await;
    let (code, end) = raw.flood(|_| frame(0, 0, 1, &[])).await;
    assert_eq!((code, end), (CALM, Http2End::Flood(Flood::Empty)));
}

#[tokio::test]
async fn r3_rapid_reset_is_a_flood() {
    let raw = Raw::greeted(1).await;
    let asked = Arc::clone(&raw.asked);
    let flood = raw.flood(|round| {
        let stream = 2 * round + 1;
        let mut both = get(stream, "/slow");
        both.extend(frame(RESET, 0, stream, &[0, 0, 0, 8]));
        both
    });
    let (code, end) = flood.await;
    assert_eq!(code, CALM);
    assert!(
        matches!(end, Http2End::Flood(Flood::Resets) | Http2End::Protocol),
        "{end:?}"
    );
    assert!(asked.load(Ordering::Relaxed) <= 300, "{asked:?}");
}

#[tokio::test]
async fn r3_making_us_reset_streams_is_a_flood() {
    let raw = Raw::greeted(1).await;
    let asked = Arc::clone(&raw.asked);
    let flood = raw.flood(|round| {
        let stream = 2 * round + 1;
        let mut both = get(stream, "/slow");
        // More window than a stream may have.
        both.extend(frame(8, 0, stream, &[0x7F, 0xFF, 0xFF, 0xFF]));
        both
    });
    let (code, end) = flood.await;
    assert_eq!((code, end), (CALM, Http2End::Protocol));
    assert!(asked.load(Ordering::Relaxed) <= 200, "{asked:?}");
}

#[tokio::test]
async fn r3_a_header_block_without_end_is_a_flood() {
    let mut raw = Raw::greeted(1).await;
    raw.send(&frame(HEADERS, 1, 1, &block("GET", "/"))).await;
    let (code, end) = raw.flood(|_| frame(9, 0, 1, &field("x", "y"))).await;
    assert_eq!(code, CALM);
    assert!(
        matches!(
            end,
            Http2End::Flood(Flood::Continuations) | Http2End::Protocol
        ),
        "{end:?}"
    );
}

#[tokio::test]
async fn r3_a_bomb_of_compressed_fields_is_not_unfolded() {
    let mut raw = Raw::greeted(1).await;
    // One long field into the table, then as many references to it as fit a frame.
    let mut bomb = block("GET", "/");
    bomb.extend([0x40, 1, b'x', 127, 0]);
    bomb.extend([b'y'; 127]);
    bomb.extend(std::iter::repeat_n(0xBE, 15_000));
    raw.send(&frame(HEADERS, 5, 1, &bomb)).await;
    let refused = timeout(Duration::from_secs(5), async {
        loop {
            let came = raw.next().await.expect("it says why before it closes");
            match came.kind {
                RESET | HEADERS if came.stream == 1 => break came,
                GOAWAY => break came,
                _ => {}
            }
        }
    });
    let refused = refused.await.expect("the bomb is refused at once");
    // 431 stands in no table: its digits are written out.
    let digits = refused.payload.windows(3).any(|three| three == b"431");
    let coded = refused.payload.windows(3).any(|three| three == HUFFMAN_431);
    assert!(
        refused.kind != HEADERS || digits || coded,
        "neither refused nor closed: {refused:?}"
    );
    assert_eq!(raw.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_request_is_answered_and_a_quiet_connection_ends_itself() {
    let mut raw = Raw::greeted(40_000).await;
    raw.send(&get(1, "/")).await;
    let head = raw.next_of(HEADERS).await.unwrap();
    assert_eq!((head.stream, head.flags), (1, 4));
    let mut length = 0;
    loop {
        let data = raw.next_of(0).await.unwrap();
        length += data.payload.len();
        if data.flags & 1 == 1 {
            break;
        }
    }
    assert_eq!(length, 40_000);
    raw.send(&frame(GOAWAY, 0, 0, &[0; 8])).await;
    drop(raw.io);
    assert_eq!(raw.served.await.unwrap(), Http2End::Visitor);
}

#[tokio::test(start_paused = true)]
async fn r2_a_connection_that_never_asks_is_closed() {
    for greets in [false, true] {
        let raw = if greets {
            Raw::greeted(1).await
        } else {
            Raw::open(1)
        };
        let end = timeout(Duration::from_secs(6), raw.served);
        assert_eq!(end.await.unwrap().unwrap(), Http2End::Silent);
    }
}

#[tokio::test(start_paused = true)]
async fn r1_a_head_that_never_ends_is_closed() {
    let mut raw = Raw::greeted(1).await;
    raw.send(&get(1, "/")).await;
    raw.next_of(0).await.unwrap();
    raw.send(&frame(HEADERS, 1, 3, &block("GET", "/"))).await;
    let goaway = timeout(Duration::from_secs(12), raw.next_of(GOAWAY));
    let goaway = goaway.await.unwrap().unwrap();
    assert_eq!(
        goaway.payload[..4],
        [0, 0, 0, 3],
        "no stream is to be asked again"
    );
    assert_eq!(raw.served.await.unwrap(), Http2End::SlowHead);
}

#[tokio::test(start_paused = true)]
async fn who_says_something_need_not_answer_pings_and_who_says_nothing_is_gone() {
    let mut raw = Raw::greeted(1).await;
    raw.send(&frame(HEADERS, 4, 1, &block("POST", "/read")))
        .await;
    for _ in 0..20 {
        sleep(Duration::from_secs(10)).await;
        raw.send(&frame(0, 0, 1, b"piece by piece")).await;
    }
    raw.send(&frame(0, 1, 1, &[])).await;
    assert_eq!(raw.next_of(HEADERS).await.unwrap().stream, 1);

    raw.send(&get(3, "/slow")).await;
    let early = timeout(Duration::from_secs(39), &mut raw.served);
    assert!(early.await.is_err());
    let end = timeout(Duration::from_secs(35), raw.served);
    assert_eq!(end.await.unwrap().unwrap(), Http2End::Visitor);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_lives_as_long_as_one_of_http_1_1() {
    let mut raw = Raw::greeted(1).await;
    raw.send(&get(1, "/")).await;
    let answering = tokio::spawn(async move {
        // Every PING is answered, so that only idleness can end it.
        while let Some(came) = raw.next().await {
            if came.kind == 6 && came.flags == 0 {
                raw.send(&frame(6, 1, 0, &came.payload)).await;
            }
        }
        raw.served.await.unwrap()
    });
    let early = timeout(Duration::from_secs(74), async {
        while !answering.is_finished() {
            sleep(Duration::from_secs(1)).await;
        }
    });
    assert!(early.await.is_err());
    let end = timeout(Duration::from_secs(30), answering);
    assert_eq!(end.await.unwrap().unwrap(), Http2End::Idle);
}

#[tokio::test(start_paused = true)]
async fn r3_answers_that_nobody_reads_are_given_up() {
    let mut raw = Raw::greeted(200_000).await;
    // No stream may send anything.
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    for round in 0..50 {
        raw.send(&get(2 * round + 1, "/")).await;
    }
    let mut resets = 0;
    let reading = async {
        while let Some(came) = raw.next().await {
            match came.kind {
                RESET => resets += 1,
                6 if came.flags == 0 => raw.send(&frame(6, 1, 0, &came.payload)).await,
                0 => assert!(came.payload.is_empty()),
                _ => {}
            }
            if resets == 50 {
                break;
            }
        }
    };
    timeout(Duration::from_secs(35), reading).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn r3_a_visitor_who_reads_no_byte_at_all_is_cut_off() {
    let mut raw = Raw::greeted(60_000).await;
    for round in 0..20 {
        raw.send(&get(2 * round + 1, "/")).await;
    }
    let end = timeout(Duration::from_secs(60), raw.served);
    assert_eq!(end.await.unwrap().unwrap(), Http2End::Stalled);
}

#[tokio::test]
async fn draining_finishes_what_is_under_way() {
    let mut raw = Raw::greeted(1).await;
    raw.send(&frame(HEADERS, 4, 1, &block("POST", "/read")))
        .await;
    while raw.asked.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    raw.cancel.cancel();
    raw.next_of(GOAWAY).await.unwrap();
    raw.send(&frame(0, 1, 1, b"order")).await;
    let answered = async {
        let mut answered = false;
        while let Some(came) = raw.next().await {
            answered |= came.kind == HEADERS && came.stream == 1;
            if came.kind == 6 && came.flags == 0 {
                raw.send(&frame(6, 1, 0, &came.payload)).await;
            }
        }
        answered
    };
    assert!(answered.await);
    assert_eq!(raw.served.await.unwrap(), Http2End::Drain);
}

#[tokio::test]
async fn h7_bodies_that_nobody_reads_take_no_window_with_them() {
    let mut raw = Raw::greeted(1).await;
    let mut credit = 65_535_usize;
    let mut answered = 0;
    for round in 0..60 {
        let stream = 2 * round + 1;
        raw.send(&frame(HEADERS, 4, stream, &block("POST", "/")))
            .await;
        for _ in 0..3 {
            while credit < 16_384 {
                let came = timeout(Duration::from_secs(5), raw.next_of(8)).await;
                let came = came.expect("the window of the connection leaks").unwrap();
                if came.stream == 0 {
                    let more = u32::from_be_bytes(came.payload[..].try_into().unwrap());
                    credit += usize::try_from(more).unwrap();
                }
            }
            raw.send(&frame(0, 0, stream, &[7; 16_384])).await;
            credit -= 16_384;
        }
        answered += 1;
    }
    assert_eq!(answered, 60);
}

#[tokio::test(start_paused = true)]
async fn r4_an_idle_connection_makes_way_and_says_so() {
    let mut raw = Raw::greeted(1).await;
    let only = raw.capacity.place().await;
    raw.send(&get(1, "/")).await;
    raw.next_of(0).await.unwrap();
    sleep(Duration::from_secs(30)).await;
    let capacity = Arc::clone(&raw.capacity);
    let newcomer = tokio::spawn(async move { drop(capacity.place().await) });
    raw.next_of(GOAWAY).await.unwrap();
    assert_eq!(raw.served.await.unwrap(), Http2End::GivenUp);
    drop(only);
    newcomer.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn r4_who_has_asked_nothing_whole_makes_way_and_who_has_does_not() {
    let half = frame(HEADERS, 1, 3, &block("GET", "/"));
    for (said, is_kept) in [
        (vec![], false),
        ([PREFACE, &frame(SETTINGS, 0, 0, &[])].concat(), false),
        (
            [PREFACE, &frame(SETTINGS, 0, 0, &[]), &half].concat(),
            false,
        ),
        (
            [PREFACE, &frame(SETTINGS, 0, 0, &[]), &get(1, "/slow")].concat(),
            true,
        ),
    ] {
        let mut raw = Raw::open(1);
        let _only = raw.capacity.place().await;
        raw.send(&said).await;
        sleep(Duration::from_millis(400)).await;

        let newcomer = timeout(Duration::from_secs(2), raw.capacity.place()).await;

        assert_eq!(newcomer.is_err(), is_kept, "{said:?}");
        if !is_kept {
            assert_eq!(raw.served.await.unwrap(), Http2End::GivenUp);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn r4_half_a_head_behind_an_answer_makes_way_too() {
    let mut raw = Raw::greeted(1).await;
    let _only = raw.capacity.place().await;
    raw.send(&get(1, "/")).await;
    raw.next_of(0).await.unwrap();
    raw.send(&frame(HEADERS, 1, 3, &block("GET", "/"))).await;
    sleep(Duration::from_secs(1)).await;

    let newcomer = timeout(Duration::from_secs(8), raw.capacity.place()).await;

    assert!(newcomer.is_ok(), "nobody makes way");
}

/// Waits for the goodbye of an idle connection, and asks twice before it has been heard.
async fn asks_at_the_last_moment(mut raw: Raw) -> (Vec<u32>, Http2End) {
    while raw.next_answering().await.unwrap().kind != GOAWAY {}
    raw.send(&get(3, "/")).await;
    raw.send(&frame(HEADERS, 4, 5, &block("POST", "/read")))
        .await;
    let order = tokio::spawn(sleep(Duration::from_secs(3)));
    let mut answered = Vec::new();
    let mut ordered = false;
    loop {
        if order.is_finished() && !ordered {
            ordered = true;
            raw.send(&frame(0, 1, 5, b"order")).await;
        }
        match timeout(Duration::from_millis(100), raw.next_answering()).await {
            Ok(Some(came)) if came.kind == HEADERS => answered.push(came.stream),
            Ok(Some(_)) | Err(_) => {}
            Ok(None) => return (answered, raw.served.await.unwrap()),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_asked_before_a_goodbye_was_heard_is_answered() {
    for given_up in [false, true] {
        let mut raw = Raw::greeted(1).await;
        raw.send(&get(1, "/")).await;
        raw.next_of(0).await.unwrap();
        let capacity = Arc::clone(&raw.capacity);
        let _only = capacity.place().await;
        let newcomer = tokio::spawn(async move {
            sleep(Duration::from_secs(30)).await;
            if given_up {
                drop(capacity.place().await);
            }
        });

        let (answered, end) = asks_at_the_last_moment(raw).await;

        assert_eq!(answered, [3, 5]);
        let wanted = if given_up {
            Http2End::GivenUp
        } else {
            Http2End::Idle
        };
        assert_eq!(end, wanted);
        newcomer.await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn r3_who_asks_after_the_goodbye_and_takes_nothing_is_cut_off() {
    let mut raw = Raw::greeted(5_000).await;
    raw.send(&get(1, "/")).await;
    while raw.next_answering().await.unwrap().kind != GOAWAY {}
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])).await;
    raw.send(&get(3, "/")).await;
    let taking = async {
        while raw.next_answering().await.is_some() {}
        raw.served.await.unwrap()
    };
    let end = timeout(Duration::from_secs(40), taking).await;
    assert_eq!(end.unwrap(), Http2End::Stalled);
}

/// Asks for so many bytes with room for one, and makes room for `room` more each second, with
/// a PING now and then; whether the answer came whole, and after how many seconds it or the connection ended.
async fn taken_slowly(len: usize, room: u32) -> (bool, u32) {
    let mut raw = Raw::greeted(len).await;
    raw.send(&frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 1])).await;
    raw.send(&get(1, "/")).await;
    for second in 0..600 {
        while let Ok(came) = timeout(Duration::from_secs(1), raw.next_answering()).await {
            let Some(came) = came else {
                assert_eq!(raw.served.await.unwrap(), Http2End::Stalled);
                return (false, second);
            };
            if came.stream == 1 && (came.kind == RESET || came.flags & 1 == 1) {
                return (came.kind == 0, second);
            }
        }
        // The clock that counts floods stands still here, so they must be few.
        if second % 3 == 0 {
            raw.send(&frame(PING_FRAME, 0, 0, &[9; 8])).await;
        }
        if room > 0 {
            raw.send(&frame(8, 0, 1, &room.to_be_bytes())).await;
        }
    }
    panic!("it goes on for ever");
}

#[tokio::test(start_paused = true)]
async fn r3_neither_pings_nor_single_bytes_keep_an_answer_waiting() {
    for len in [5_000, 200_000] {
        for room in [0, 1, 100] {
            let (whole, seconds) = taken_slowly(len, room).await;
            assert!(!whole && seconds <= 30, "{len} by {room}: {seconds} s");
        }
    }
    let (whole, seconds) = taken_slowly(60_000, 600).await;
    assert!(whole && seconds >= 95, "slow is not too slow: {seconds} s");
}

#[tokio::test]
async fn r1_who_takes_nothing_is_cut_off_by_a_reset() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut visitor = tokio::net::TcpStream::connect(address).await.unwrap();
    let (io, _) = listener.accept().await.unwrap();
    let deadlines = Deadlines {
        write_stall: Duration::from_millis(200),
        ..Deadlines::default()
    };
    let served = run(io, 64 << 20, deadlines);
    visitor.write_all(PREFACE).await.unwrap();
    let all = [0x7F, 0xFF, 0, 0];
    let settings = frame(SETTINGS, 0, 0, &[&[0, 4][..], &all].concat());
    visitor.write_all(&settings).await.unwrap();
    visitor.write_all(&frame(8, 0, 0, &all)).await.unwrap();
    visitor.write_all(&get(1, "/")).await.unwrap();

    assert_eq!(served.served.await.unwrap(), Http2End::Stalled);

    let end = visitor.read_to_end(&mut Vec::new()).await;
    assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
}
