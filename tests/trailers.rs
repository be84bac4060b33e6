//! Rows H5 of docs/security.md where trailers are listed: what comes behind a body passes the door in both
//! directions, over either protocol, as gRPC needs it.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::kit::wire::Asked;
use crate::kit::{Authority, House, Plan, Wire, raw};

/// A body, and trailers behind it.
type Said = UnsyncBoxBody<Bytes, Infallible>;

fn said(text: &'static str, trailers: &[(&'static str, &'static str)]) -> Said {
    let trailers = trailers.iter().map(|(name, value)| {
        let value = value.parse().unwrap();
        (http::HeaderName::from_static(name), value)
    });
    let trailers: HeaderMap = trailers.collect();
    Full::from(text)
        .with_trailers(async move { Some(Ok(trailers)) })
        // Nobody is told how long it is.
        .map_frame(|frame| frame)
        .boxed_unsync()
}

/// The head, the body and the trailers of every request that came.
type Ears = Arc<Mutex<Vec<(Request<()>, Bytes, HeaderMap)>>>;

/// A site that counts calls as gRPC does: its answer's status comes behind the body.
struct Caller {
    address: SocketAddr,
    heard: Ears,
    _open: AbortOnDropHandle<()>,
}

impl Caller {
    async fn open(version: Version) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Ears::default();
        let ears = Arc::clone(&heard);
        let open = tokio::spawn(async move {
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let ears = Arc::clone(&ears);
                let service = service_fn(move |request| answer(request, Arc::clone(&ears)));
                let io = TokioIo::new(tcp);
                tokio::spawn(async move {
                    let _ = match version {
                        Version::HTTP_2 => {
                            let builder = http2::Builder::new(TokioExecutor::new());
                            builder.serve_connection(io, service).await
                        }
                        _ => http1::Builder::new().serve_connection(io, service).await,
                    };
                });
            }
        });
        Self {
            address,
            heard,
            _open: AbortOnDropHandle::new(open),
        }
    }

    /// The head and the trailers of the last request, whose body was `order`.
    fn last(&self) -> (Request<()>, HeaderMap) {
        let (head, body, trailers) = self.heard.lock().unwrap().pop().unwrap();
        assert_eq!(body, "order");
        (head, trailers)
    }
}

async fn answer(request: Request<Incoming>, ears: Ears) -> Result<Response<Said>, Infallible> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/tickets.Box/Talk" {
        let said = body.map_err(|fault| -> Infallible { panic!("{fault}") });
        return Ok(Response::new(said.boxed_unsync()));
    }
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned().unwrap_or_default();
    let head = Request::from_parts(head, ());
    ears.lock().unwrap().push((head, body.to_bytes(), trailers));
    let behind = [
        ("grpc-status", "5"),
        ("grpc-message", "sold out"),
        ("x-secret", "1"),
        ("set-cookie", "a=b"),
    ];
    let answer = Response::builder()
        .header("content-type", "application/grpc")
        .header("trailer", "grpc-status, grpc-message, x-secret, set-cookie");
    Ok(answer.body(said("stub", &behind)).unwrap())
}

const LISTED: &str = "trailers = [\"grpc-status\", \"grpc-message\", \"x-sum\"]\n";

async fn secure(site: &Caller, protocol: &str) -> (House, Authority) {
    let authority = Authority::new();
    let made = authority.vouches(&["shop.example"]);
    let plan = Plan::default().over_tls(&made, "");
    (house(site, protocol, plan).await, authority)
}

async fn house(site: &Caller, protocol: &str, plan: Plan) -> House {
    let plan = Plan {
        site: format!("{LISTED}protocol = \"{protocol}\"\n"),
        ..plan
    };
    House::in_front_of(plan, site.address).await
}

/// Asks over HTTP/2 as a gRPC client would, and gives what came behind the answer's body.
async fn call(house: &House, authority: &Authority) -> HeaderMap {
    let client = authority.client().speaking_http2();
    let stream = client.connect(house.encrypted(), "shop.example").await;
    let io = TokioIo::new(stream.unwrap());
    let (mut sends, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    tokio::spawn(connection);
    let request = Request::post("https://shop.example/tickets.Box/Order")
        .header("te", "trailers")
        .header("content-type", "application/grpc");
    let behind = [
        ("x-sum", "7"),
        ("authorization", "forged"),
        ("anteroom-admission", "forged"),
    ];
    let request = request.body(said("order", &behind)).unwrap();
    let answer = sends.send_request(request).await.unwrap();
    assert_eq!(answer.headers()["content-type"], "application/grpc");
    let answer = answer.into_body().collect().await.unwrap();
    let trailers = answer.trailers().cloned().unwrap_or_default();
    assert_eq!(answer.to_bytes(), "stub");
    trailers
}

fn is_status(trailers: &HeaderMap) {
    assert_eq!(trailers["grpc-status"], "5");
    assert_eq!(trailers["grpc-message"], "sold out");
    assert_eq!(trailers.len(), 2, "{trailers:?}");
}

fn is_sum(trailers: &HeaderMap) {
    assert_eq!(
        (trailers.len(), &trailers["x-sum"]),
        (1, &"7".parse().unwrap())
    );
}

const ORDER: &str =
    "5\r\norder\r\n0\r\nx-sum: 7\r\nAuthorization: forged\r\nHost: evil.example\r\n\r\n";

fn post(fields: &str, body: &str) -> String {
    format!(
        "POST /order HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n{fields}\r\n{body}"
    )
}

#[tokio::test]
async fn h5_a_call_over_http_2_brings_its_status_from_a_site_over_http_2() {
    let site = Caller::open(Version::HTTP_2).await;
    let (house, authority) = secure(&site, "h2c").await;

    is_status(&call(&house, &authority).await);

    let (head, trailers) = site.last();
    assert_eq!(head.version(), Version::HTTP_2);
    assert_eq!(head.headers()["te"], "trailers");
    is_sum(&trailers);
    assert!(
        house
            .metric("anteroom_trailers_dropped_total", "of=\"request\"")
            .await
            >= 2.0
    );
    assert!(
        house
            .metric("anteroom_trailers_dropped_total", "of=\"answer\"")
            .await
            >= 2.0
    );
    house.drain().await;
}

#[tokio::test]
async fn h5_a_call_over_http_2_brings_its_status_from_a_site_over_http_1_1() {
    let site = Caller::open(Version::HTTP_11).await;
    let (house, authority) = secure(&site, "http/1.1").await;

    is_status(&call(&house, &authority).await);

    let (head, trailers) = site.last();
    assert_eq!(head.version(), Version::HTTP_11);
    assert_eq!(head.headers()["te"], "trailers");
    assert_eq!(head.headers()["connection"], "te");
    is_sum(&trailers);
    house.drain().await;
}

#[tokio::test]
async fn a_conversation_goes_both_ways_while_neither_side_has_ended() {
    for (version, protocol) in [(Version::HTTP_11, "http/1.1"), (Version::HTTP_2, "h2c")] {
        let site = Caller::open(version).await;
        let (house, authority) = secure(&site, protocol).await;
        let client = authority.client().speaking_http2();
        let stream = client.connect(house.encrypted(), "shop.example").await;
        let (sends, connection) = h2::client::handshake(stream.unwrap()).await.unwrap();
        tokio::spawn(connection);
        let mut sends = sends.ready().await.unwrap();
        let request = Request::post("https://shop.example/tickets.Box/Talk").body(());
        let (answer, mut says) = sends.send_request(request.unwrap(), false).unwrap();
        says.send_data(Bytes::from("one"), false).unwrap();
        let mut hears = answer.await.unwrap().into_body();
        assert_eq!(hears.data().await.unwrap().unwrap(), "one");
        for (word, silent_s) in [("two", 0), ("three", 22)] {
            // Longer than an upload may be: the site's own time counts.
            tokio::time::sleep(Duration::from_secs(silent_s)).await;
            says.send_data(Bytes::from(word), false).unwrap();
            assert_eq!(hears.data().await.unwrap().unwrap(), word);
        }
        says.send_data(Bytes::new(), true).unwrap();
        while let Some(last) = hears.data().await {
            assert!(last.unwrap().is_empty());
        }
        house.drain().await;
    }
}

#[tokio::test]
async fn h5_listed_trailers_pass_over_http_1_1_to_whoever_asks() {
    for (version, protocol) in [(Version::HTTP_11, "http/1.1"), (Version::HTTP_2, "h2c")] {
        let site = Caller::open(version).await;
        let house = house(&site, protocol, Plan::default()).await;
        let mut wire = Wire::to(house.address).await;
        let wanted = post("TE: trailers\r\nConnection: TE\r\n", ORDER);
        for _ in 0..2 {
            wire.send(&wanted).await.unwrap();
            let mut heard = String::new();
            while !heard.ends_with("0\r\ngrpc-status: 5\r\ngrpc-message: sold out\r\n\r\n") {
                let some = wire.some().await;
                assert!(!some.is_empty(), "{heard}");
                heard.push_str(std::str::from_utf8(&some).unwrap());
            }
            let (head, body) = heard.split_once("\r\n\r\n").unwrap();
            assert!(
                head.contains("\r\ntrailer: grpc-status, grpc-message, x-sum"),
                "{head}"
            );
            assert!(body.starts_with("4\r\nstub\r\n0\r\n"), "{body}");
            is_sum(&site.last().1);
        }

        wire.send(post("", ORDER)).await.unwrap();
        let answer = wire.answer(Asked::Any).await.unwrap();
        assert_eq!((answer.status, answer.text()), (200, "stub"));
        assert_eq!(answer.header("trailer"), None, "nobody asked");
        is_sum(&site.last().1);
        house.drain().await;
    }
}

#[tokio::test]
async fn h5_trailers_that_make_no_sense_end_the_connection_where_they_may_pass_too() {
    let site = Caller::open(Version::HTTP_11).await;
    let house = house(&site, "http/1.1", Plan::default()).await;
    for behind in [
        "x-sum : 7\r\n\r\n",
        "x-sum\r\n\r\n",
        "x-sum: 7\r\n folded\r\n\r\n",
        "x-sum: 7\n\r\n",
        "x-sum: 7\rx: y\r\n\r\n",
        "x-sum: \0\r\n\r\n",
        "x-sum: 7\r\nGET / HTTP/1.1\r\n\r\n",
    ] {
        let next = "GET /next HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        let bytes = post("", &format!("5\r\norder\r\n0\r\n{behind}{next}"));
        let answers = raw(house.address, bytes).await;
        let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses, [400], "{behind:?}");
    }
    assert!(
        site.heard.lock().unwrap().is_empty(),
        "no request was whole"
    );
    house.drain().await;
}
