//! Rows H14 of docs/security.md about interim answers (1xx): they reach the visitor ahead of the answer, and
//! never break the framing of a connection, whatever a site sends and when.

mod http2;

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{Method, Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::kit::{Ask, Authority, House, Plan, Wire, until};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn hints(fields: &str) -> String {
    format!("HTTP/1.1 103 Early Hints\r\n{fields}\r\n")
}

/// A site that says what its path asks for.
struct Hinting {
    address: SocketAddr,
    /// `/wait` waits for one of these behind its hints.
    go_on: Arc<Semaphore>,
    _open: AbortOnDropHandle<()>,
}

impl Hinting {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let go_on = Arc::new(Semaphore::new(0));
        let gate = Arc::clone(&go_on);
        let open = tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(tcp, Arc::clone(&gate)));
            }
        });
        Self {
            address,
            go_on,
            _open: AbortOnDropHandle::new(open),
        }
    }

    async fn house(&self) -> House {
        House::in_front_of(Plan::default(), self.address).await
    }
}

async fn serve(mut tcp: TcpStream, gate: Arc<Semaphore>) {
    let mut unread = Vec::new();
    loop {
        while !unread.ends_with(b"\r\n\r\n") && !unread.ends_with(b"order") {
            if !matches!(tcp.read_buf(&mut unread).await, Ok(1..)) {
                return;
            }
        }
        let head = String::from_utf8(std::mem::take(&mut unread)).unwrap();
        let path = head.split(' ').nth(1).unwrap().to_owned();
        let one = hints("link: </a.css>; rel=preload\r\nset-cookie: a=b\r\ncontent-length: 9\r\n");
        let says = match path.as_str() {
            "/wait" => {
                tcp.write_all(one.as_bytes()).await.unwrap();
                gate.acquire().await.unwrap().forget();
                OK.to_owned()
            }
            "/three" => format!("{one}HTTP/1.1 102 Processing\r\n\r\n{one}{OK}"),
            "/many" => hints(&format!("link: <{}>\r\n", "x".repeat(1_000))).repeat(20) + OK,
            "/large" => hints(&format!("link: <{}>\r\n", "x".repeat(9_000))) + OK,
            "/continue" => format!("HTTP/1.1 100 Continue\r\n\r\n{OK}"),
            "/switch" => format!("{one}HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n"),
            "/gone" => one,
            _ => OK.to_owned(),
        };
        if tcp.write_all(says.as_bytes()).await.is_err() || path == "/gone" {
            return;
        }
    }
}

fn get(path: &str, version: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.{version}\r\nHost: shop.example\r\n{fields}\r\n")
}

/// The status codes of all heads in these bytes, demanding that each follows the end of the last.
fn heads(mut bytes: &str) -> Vec<u16> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_once("\r\n\r\n").expect(bytes);
        let status = head.strip_prefix("HTTP/1.").expect(bytes);
        let status = &status[2..];
        let status: u16 = status[..3].parse().unwrap();
        all.push(status);
        let lower = head.to_ascii_lowercase();
        let length = lower.split("\r\ncontent-length: ").nth(1);
        if status < 200 {
            assert_eq!(length, None, "{head}");
            bytes = rest;
        } else {
            let length = length.unwrap().split("\r\n").next().unwrap();
            bytes = &rest[length.parse::<usize>().unwrap()..];
        }
    }
    all
}

/// Sends these bytes and nothing more, and reads to the end.
async fn whole(house: &House, bytes: String) -> String {
    let mut wire = Wire::to(house.address).await;
    wire.send(bytes).await.unwrap();
    wire.ends_sending().await;
    String::from_utf8(wire.all().await).unwrap()
}

#[tokio::test]
async fn h14_early_hints_reach_the_visitor_before_the_site_has_answered() {
    let site = Hinting::open().await;
    let house = site.house().await;
    let mut wire = Wire::to(house.address).await;
    for _ in 0..3 {
        wire.send(get("/wait", "1", "")).await.unwrap();
        let hint = "HTTP/1.1 103 Early Hints\r\nlink: </a.css>; rel=preload\r\n\r\n";
        let heard = wire.exactly(hint.len()).await;
        assert_eq!(String::from_utf8(heard).unwrap(), hint);
        site.go_on.add_permits(1);
        let mut heard = String::new();
        while !heard.ends_with("ok") {
            heard.push_str(std::str::from_utf8(&wire.some().await).unwrap());
        }
        assert_eq!(heads(&heard), [200]);
    }
    let passed = house
        .metric("anteroom_interim_answers_total", "result=\"passed\"")
        .await;
    assert!((passed - 3.0).abs() < 0.1, "{passed}");
    house.drain().await;
}

#[tokio::test]
async fn h14_interim_answers_stand_between_answers_however_requests_are_sent() {
    let site = Hinting::open().await;
    let house = site.house().await;
    let asked = [
        ("/three", &[103, 102, 103, 200][..]),
        ("/", &[200]),
        ("/many", &[103, 103, 103, 103, 103, 103, 103, 103, 200]),
        ("/large", &[200]),
        ("/continue", &[200]),
        ("/three", &[103, 102, 103, 200]),
        ("/switch", &[103, 502]),
        ("/gone", &[103, 502]),
        ("/three", &[103, 102, 103, 200]),
    ];
    let pipelined: String = asked.iter().map(|(path, _)| get(path, "1", "")).collect();
    let wanted: Vec<u16> = asked.iter().flat_map(|(_, heads)| heads.to_vec()).collect();
    let hundred = pipelined.repeat(10);

    assert_eq!(heads(&whole(&house, pipelined).await), wanted);
    assert_eq!(heads(&whole(&house, hundred).await), wanted.repeat(10));
    house.drain().await;
}

#[tokio::test]
async fn h14_a_visitor_who_reads_slowly_gets_interim_answers_whole_and_in_place() {
    let site = Hinting::open().await;
    let house = site.house().await;
    let wanted = "GET /many HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1 << 10).unwrap();
    let mut tcp = socket.connect(house.address).await.unwrap();
    let (mut reads, mut writes) = tcp.split();
    // More than the kernel holds.
    let all = 2_000_u32;
    let sending = async {
        for _ in 0..all {
            writes.write_all(wanted.as_bytes()).await.unwrap();
        }
        writes.shutdown().await.unwrap();
    };
    let before = std::cell::Cell::new(0.0);
    let reading = async {
        until("much is held up", || async {
            let passed = house
                .metric("anteroom_interim_answers_total", "passed")
                .await;
            // Nobody reads: at last no more is made ready.
            let stands = passed > 0.0 && passed == before.replace(passed);
            assert!(passed < f64::from(all * 8), "nothing is held up");
            stands.then_some(())
        })
        .await;
        let mut heard = String::new();
        reads.read_to_string(&mut heard).await.unwrap();
        heard
    };
    let ((), heard) = tokio::join!(sending, reading);
    let heads = heads(&heard);
    assert_eq!(heads.len(), all as usize * 9);
    assert!(heads.chunks(9).all(|one| one[7] == 103 && one[8] == 200));
    house.drain().await;
}

#[tokio::test]
async fn h8_h14_who_asks_to_continue_and_is_given_hints_can_tell_them_apart() {
    let site = Hinting::open().await;
    let house = site.house().await;
    let mut wire = Wire::to(house.address).await;
    let head = "POST /three HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    wire.send(head).await.unwrap();
    let go_on = "HTTP/1.1 100 Continue\r\n\r\n";
    let heard = wire.exactly(go_on.len()).await;
    assert_eq!(String::from_utf8(heard).unwrap(), go_on);
    wire.send("order").await.unwrap();
    wire.ends_sending().await;
    let heard = String::from_utf8(wire.all().await).unwrap();
    assert_eq!(heads(&heard), [103, 102, 103, 200]);
    house.drain().await;
}

#[tokio::test]
async fn h14_nobody_else_gets_interim_answers() {
    let site = Hinting::open().await;
    let house = site.house().await;
    let old = whole(&house, get("/three", "0", "")).await;
    assert_eq!(heads(&old), [200], "HTTP/1.0 knows none");
    let waiting = whole(&house, get("/buy/three", "1", "Connection: close\r\n")).await;
    assert_eq!(
        heads(&waiting),
        [200],
        "who waits hears nothing of the site"
    );
    assert!(!waiting.ends_with("ok"), "{waiting}");
    house.insider().ask(Ask::new("GET", "/buy/1")).await.is(200);
    house.drain().await;
}

/// A house over TLS, and a connection of HTTP/2 to it on which interim answers can be seen.
async fn secure(site: &Hinting, plan: Plan) -> (House, SendRequest<Bytes>) {
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let plan = plan.over_tls(&made, "");
    let house = House::in_front_of(plan, site.address).await;
    let client = authority.client().speaking_http2();
    let stream = client.connect(house.encrypted(), "shop.example").await;
    let (sends, connection) = h2::client::handshake(stream.unwrap()).await.unwrap();
    tokio::spawn(connection);
    (house, sends.ready().await.unwrap())
}

/// One request on its way, and what came of it so far.
struct Asked {
    answer: h2::client::ResponseFuture,
    sends: h2::SendStream<Bytes>,
}

async fn ask(sends: &mut SendRequest<Bytes>, request: Request<()>) -> Asked {
    *sends = sends.clone().ready().await.unwrap();
    let ends = request.method() == Method::GET;
    let (answer, sends) = sends.send_request(request, ends).unwrap();
    Asked { answer, sends }
}

impl Asked {
    /// The next interim answer; `None` when the answer itself has come.
    async fn next(&mut self) -> Option<http::Response<()>> {
        let next = std::future::poll_fn(|cx| self.answer.poll_informational(cx));
        next.await.map(Result::unwrap)
    }

    /// The status of the answer, and its body.
    async fn end(self) -> (StatusCode, Vec<u8>) {
        let (head, mut body) = self.answer.await.unwrap().into_parts();
        let mut whole = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            whole.extend(data);
        }
        (head.status, whole)
    }
}

fn over_http2(path: &str) -> http::request::Builder {
    Request::builder().uri(format!("https://shop.example{path}"))
}

#[tokio::test]
async fn h14_early_hints_reach_a_visitor_over_http_2_before_the_site_has_answered() {
    let site = Hinting::open().await;
    let (house, mut sends) = secure(&site, Plan::default()).await;
    let mut waiting = ask(&mut sends, over_http2("/wait").body(()).unwrap()).await;
    let hint = waiting.next().await.unwrap();
    assert_eq!(hint.status(), 103);
    let names: Vec<_> = hint.headers().keys().collect();
    assert_eq!(names, ["link"], "{hint:?}");
    for (path, hints, status) in [
        ("/three", &[103, 102, 103][..], 200),
        ("/", &[], 200),
        ("/many", &[103; 8], 200),
        ("/large", &[], 200),
        ("/continue", &[], 200),
        ("/switch", &[103], 502),
        ("/gone", &[103], 502),
    ] {
        let mut asked = ask(&mut sends, over_http2(path).body(()).unwrap()).await;
        for hint in hints {
            assert_eq!(asked.next().await.unwrap().status(), *hint, "{path}");
        }
        assert_eq!(asked.end().await.0, status, "{path}");
    }
    site.go_on.add_permits(1);
    assert_eq!(waiting.end().await, (StatusCode::OK, b"ok".to_vec()));

    let mut queue = ask(&mut sends, over_http2("/buy/three").body(()).unwrap()).await;
    assert!(
        queue.next().await.is_none(),
        "who waits hears nothing of the site"
    );
    assert_ne!(queue.end().await.1, b"ok");
    house.drain().await;
}

#[tokio::test]
async fn h8_who_asks_over_http_2_whether_to_send_a_body_is_told_to() {
    let site = Hinting::open().await;
    let (house, mut sends) = secure(&site, Plan::default()).await;
    let order = |path: &str, expect: &str| {
        let order = over_http2(path).method("POST").header("expect", expect);
        order.header("content-length", "5").body(()).unwrap()
    };
    for _ in 0..3 {
        let mut asked = ask(&mut sends, order("/three", "100-continue")).await;
        assert_eq!(asked.next().await.unwrap().status(), 100);
        asked
            .sends
            .send_data(Bytes::from_static(b"order"), true)
            .unwrap();
        for hint in [103, 102, 103] {
            assert_eq!(asked.next().await.unwrap().status(), hint);
        }
        assert_eq!(asked.end().await, (StatusCode::OK, b"ok".to_vec()));
    }

    for (path, expect, status) in [("/buy/1", "100-continue", 429), ("/three", "miracles", 417)] {
        let mut asked = ask(&mut sends, order(path, expect)).await;
        assert!(asked.next().await.is_none(), "{path} is not wanted");
        assert_eq!(asked.end().await.0, status);
    }
    house.drain().await;
}
