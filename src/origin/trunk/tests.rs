//! HTTP/2 to a site: what arrives, what is shared, and what holds up nobody else.

mod bodies;
mod interims;
mod stage;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes as Data;
use http::{HeaderMap, Request, Response, Version};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::task::AbortOnDropHandle;

use crate::origin::testing::{
    Caller, TicketSite, admitted, asking, bare, get, origin_of, outside, saying, site_settings,
    text, written,
};
use crate::origin::{Address, Origin, OriginError, Protocol, Scheme, Settings};

/// A site that speaks HTTP/2 without TLS. The path says how it answers: `/slow` after a while,
/// `/large` at great length, `/signed` with trailers, else with what it heard.
struct Site {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<(http::request::Parts, Data)>>>,
    _open: AbortOnDropHandle<()>,
}

type Answer = Response<UnsyncBoxBody<Data, Infallible>>;

impl Site {
    async fn open(most_streams: u32) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::<AtomicUsize>::default();
        let heard = Arc::<Mutex<Vec<_>>>::default();
        let (count, ears) = (Arc::clone(&connections), Arc::clone(&heard));
        let open = tokio::spawn(async move {
            let mut calls = tokio::task::JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::SeqCst);
                let ears = Arc::clone(&ears);
                let answer = service_fn(move |request| answer(request, Arc::clone(&ears)));
                let connection = http2::Builder::new(TokioExecutor::new())
                    .max_concurrent_streams(most_streams)
                    .serve_connection(TokioIo::new(tcp), answer);
                calls.spawn(connection);
            }
        });
        Self {
            address,
            connections,
            heard,
            _open: AbortOnDropHandle::new(open),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            origins: vec![Address {
                host: self.address.ip().to_string(),
                port: self.address.port(),
                scheme: Scheme::Http,
            }],
            protocol: Protocol::Http2Plain,
            ..site_settings()
        }
    }

    fn origin(&self) -> Origin {
        origin_of(vec![self.settings()])
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn answer(
    request: Request<Incoming>,
    ears: Arc<Mutex<Vec<(http::request::Parts, Data)>>>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let body = body.collect().await.unwrap().to_bytes();
    ears.lock().unwrap().push((head, body.clone()));
    let whole = |data: Data| Full::new(data).boxed_unsync();
    Ok(Response::new(match path.as_str() {
        "/slow" => {
            tokio::time::sleep(Duration::from_millis(300)).await;
            whole(Data::from_static(b"slow"))
        }
        "/large" => whole(Data::from(vec![b'x'; 4 << 20])),
        "/signed" => {
            let (say, said) = tokio::sync::mpsc::channel(2);
            let _ = say.send(Ok(Frame::data(Data::from_static(b"ok")))).await;
            let mut trailers = HeaderMap::new();
            trailers.insert("set-cookie", "anteroom-a-x=1".parse().unwrap());
            trailers.insert("grpc-status", "0".parse().unwrap());
            let _ = say.send(Ok(Frame::trailers(trailers))).await;
            UnsyncBoxBody::new(Received(said))
        }
        _ => whole(body),
    }))
}

/// What comes out of a channel.
struct Received(tokio::sync::mpsc::Receiver<Result<Frame<Data>, Infallible>>);

impl http_body::Body for Received {
    type Data = Data;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Data>, Infallible>>> {
        self.0.poll_recv(cx)
    }
}

#[tokio::test]
async fn the_origin_gets_what_was_judged_over_http_2_too() {
    let site = Site::open(100).await;
    let mut request = asking("POST", saying("order"));
    for (name, value) in [
        ("host", "tickets.example"),
        ("connection", "x-forwarded-for"),
        ("x-forwarded-for", "6.6.6.6"),
        ("anteroom-assertion", "forged"),
        ("cookie", "anteroom-a-derby=token; basket=1"),
        ("te", "trailers"),
        ("expect", "100-continue"),
    ] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }

    let answer = site
        .origin()
        .forward(request, admitted("/buy/1?seat=2"))
        .await
        .unwrap();

    assert_eq!(answer.version(), Version::HTTP_11, "as visitors are told");
    assert_eq!(text(answer).await.unwrap(), "order");
    let (head, body) = site.heard.lock().unwrap().remove(0);
    assert_eq!(head.uri, "http://tickets.example/buy/1?seat=2");
    assert_eq!((head.method.as_str(), &body[..]), ("POST", &b"order"[..]));
    assert_eq!(head.headers["x-forwarded-for"], "203.0.113.9");
    assert_eq!(head.headers["cookie"], "basket=1");
    for gone in [
        "host",
        "connection",
        "anteroom-assertion",
        "te",
        "expect",
        "transfer-encoding",
    ] {
        assert!(!head.headers.contains_key(gone), "{gone}");
    }
}

#[tokio::test]
async fn requests_of_one_thread_share_a_connection() {
    let site = Site::open(100).await;
    let origin = Arc::new(site.origin());
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..32 {
        let origin = Arc::clone(&origin);
        asking.spawn(async move { text(get(&origin).await.unwrap()).await.unwrap() });
    }
    asking.join_all().await;

    assert_eq!(site.connections(), 1, "made once for all of them");
    assert_eq!(site.heard.lock().unwrap().len(), 32);
    assert_eq!(origin.stats(0).unwrap().busy, 0);
}

#[tokio::test]
async fn where_an_origin_allows_few_streams_more_connections_are_made() {
    let site = Site::open(2).await;
    let origin = Arc::new(site.origin());
    text(get(&origin).await.unwrap()).await.unwrap();
    tokio::task::yield_now().await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let origin = Arc::clone(&origin);
        asking.spawn(async move {
            let answer = origin.forward(bare("GET"), outside("/slow")).await;
            text(answer.unwrap()).await.unwrap()
        });
    }

    let answers = asking.join_all().await;

    assert!(answers.iter().all(|answer| answer == "slow"));
    assert!(site.connections() >= 2, "{}", site.connections());
}

#[tokio::test]
async fn h5_trailers_of_http_2_do_not_pass() {
    let site = Site::open(100).await;
    let answer = site.origin().forward(bare("GET"), outside("/signed")).await;

    let whole = answer.unwrap().into_body().collect().await.unwrap();

    assert!(whole.trailers().is_none());
    assert_eq!(whole.to_bytes(), "ok");
}

#[tokio::test]
async fn h5_trailers_of_http_2_pass_where_the_site_lists_them() {
    let site = Site::open(100).await;
    let origin = origin_of(vec![Settings {
        trailers: vec!["grpc-status".parse().unwrap()],
        ..site.settings()
    }]);
    let mut request = bare("GET");
    *request.version_mut() = Version::HTTP_2;

    let answer = origin.forward(request, outside("/signed")).await.unwrap();
    let whole = answer.into_body().collect().await.unwrap();

    let trailers = whole.trailers().unwrap();
    assert_eq!(
        (trailers.len(), &trailers["grpc-status"]),
        (1, &"0".parse().unwrap())
    );
    assert_eq!(whole.to_bytes(), "ok");
    let heard = site.heard.lock().unwrap();
    assert_eq!(heard[0].0.headers["te"], "trailers");
    assert!(!heard[0].0.headers.contains_key("connection"));
}

#[tokio::test]
async fn r9_visitors_who_do_not_read_or_go_away_hold_up_nobody_on_their_connection() {
    let site = Site::open(100).await;
    let origin = site.origin();
    let mut unread = Vec::new();
    for _ in 0..40 {
        unread.push(
            origin
                .forward(bare("GET"), outside("/large"))
                .await
                .unwrap(),
        );
    }
    let gone = tokio::time::timeout(
        Duration::from_millis(50),
        origin.forward(bare("GET"), outside("/slow")),
    );
    assert!(gone.await.is_err());

    let answer = origin
        .forward(asking("POST", saying("hello")), outside("/"))
        .await;

    assert_eq!(text(answer.unwrap()).await.unwrap(), "hello");
    assert_eq!(site.connections(), 1);
    let first = text(unread.swap_remove(0)).await.unwrap();
    assert_eq!(first.len(), 4 << 20);
}

#[tokio::test]
async fn a_visitor_who_breaks_off_ends_one_stream_alone() {
    let site = Site::open(100).await;
    let origin = site.origin();
    let (pen, body) = written();
    tokio::spawn(async move {
        pen.write("half").await;
        pen.snap().await;
    });

    let lost = origin.forward(asking("POST", body), outside("/")).await;

    assert!(
        matches!(lost, Err(OriginError::RequestBody { .. })),
        "{lost:?}"
    );
    assert!(get(&origin).await.is_ok());
    assert_eq!(site.connections(), 1);
}

/// A site that speaks HTTP/2 frame by frame, and counts the heads of requests.
struct Raw {
    site: TicketSite,
    heads: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

/// What it does when the head of a request has come.
#[derive(Clone, Copy)]
enum Does {
    /// Refuses the stream.
    Refuses,
    /// Says that it goes away and has taken up no stream, and does.
    GoesAway,
    /// Says that it goes away and takes up no more than this, and hangs up before it answers.
    TakesUpAndLeaves,
    /// Hangs up.
    HangsUp,
    /// Does not come so far: it hangs up before it says anything.
    SaysNothing,
}

impl Raw {
    async fn that(does: Does) -> Self {
        let (heads, connections) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (count, calls) = (Arc::clone(&heads), Arc::clone(&connections));
        let site = TicketSite::doing(move |mut caller| {
            calls.fetch_add(1, Ordering::SeqCst);
            let count = Arc::clone(&count);
            async move {
                greeted(&mut caller).await;
                if matches!(does, Does::SaysNothing) {
                    return;
                }
                caller.say(SETTINGS).await;
                while let Some(stream) = head_of_stream(&mut caller).await {
                    count.fetch_add(1, Ordering::SeqCst);
                    match does {
                        Does::Refuses => caller.say(refusal(stream)).await,
                        Does::GoesAway => {
                            caller.say(going_away(0)).await;
                            caller.hang_on().await;
                        }
                        Does::TakesUpAndLeaves => return caller.say(going_away(stream)).await,
                        Does::HangsUp | Does::SaysNothing => return,
                    }
                }
            }
        })
        .await;
        Self {
            site,
            heads,
            connections,
        }
    }

    fn heads(&self) -> usize {
        self.heads.load(Ordering::SeqCst)
    }

    /// Origins of one site: this one, which one failure ejects, and another.
    fn beside(&self, other: &Site) -> Origin {
        let mut settings = self.site.settings();
        settings.protocol = Protocol::Http2Plain;
        settings.fitness.failures = 1;
        settings.origins.extend(other.settings().origins);
        origin_of(vec![settings])
    }
}

/// Reads what a client begins a connection with.
async fn greeted(caller: &mut Caller) {
    caller.hear_head().await;
    caller.hear_head().await;
}

/// The kind of the next frame, and its stream.
async fn frame(caller: &mut Caller) -> Option<(u8, u32)> {
    let mut head = [0; 9];
    caller.tcp.read_exact(&mut head).await.ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let mut rest = vec![0; usize::try_from(length).unwrap()];
    caller.tcp.read_exact(&mut rest).await.ok()?;
    Some((head[3], u32::from_be_bytes(head[5..9].try_into().unwrap())))
}

/// The next stream of which the head comes.
async fn head_of_stream(caller: &mut Caller) -> Option<u32> {
    loop {
        if let (HEADERS, stream) = frame(caller).await? {
            return Some(stream);
        }
    }
}

const HEADERS: u8 = 1;

/// An empty SETTINGS frame.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A SETTINGS frame that allows one stream at a time.
const ONE_STREAM: [u8; 15] = [0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 1];

/// A GOAWAY frame: no error, and no stream beyond `last` was taken up.
fn going_away(last: u32) -> Vec<u8> {
    let mut frame = vec![0, 0, 8, 7, 0, 0, 0, 0, 0];
    frame.extend(last.to_be_bytes());
    frame.extend(0_u32.to_be_bytes());
    frame
}

/// A RST_STREAM frame: the stream was not taken up.
fn refusal(stream: u32) -> Vec<u8> {
    let mut frame = vec![0, 0, 4, 3, 0];
    frame.extend(stream.to_be_bytes());
    frame.extend(7_u32.to_be_bytes());
    frame
}

fn order() -> Request<Full<Data>> {
    asking("POST", Full::<Data>::from("order"))
}

fn orders_at(site: &Site) -> usize {
    let heard = site.heard.lock().unwrap();
    let whole = heard
        .iter()
        .filter(|(head, body)| head.method == "POST" && body == "order");
    whole.count()
}

#[tokio::test]
async fn h15_requests_on_a_connection_that_breaks_are_sent_again_if_harmless() {
    let (broken, alive) = (Raw::that(Does::HangsUp).await, Site::open(100).await);
    let mut settings = broken.site.settings();
    settings.protocol = Protocol::Http2Plain;
    settings.fitness.failures = 1_000;
    settings.origins.extend(alive.settings().origins);
    let origin = origin_of(vec![settings]);
    for _ in 0..4 {
        assert!(get(&origin).await.is_ok());
    }
    let harmless = broken.heads();
    assert!(harmless > 0, "some were there first");

    let mut lost = 0;
    for _ in 0..8 {
        lost += usize::from(origin.forward(order(), outside("/pay")).await.is_err());
    }

    assert_eq!(broken.heads() - harmless, lost, "none of these went on");
    assert_eq!(orders_at(&alive), 8 - lost, "none was sent twice");
    assert!(lost > 0 && lost < 8, "{lost} came to the broken one");
}

#[tokio::test]
async fn h15_what_an_origin_says_it_did_not_take_up_goes_to_another_whatever_it_is() {
    for does in [Does::Refuses, Does::GoesAway] {
        let (declining, alive) = (Raw::that(does).await, Site::open(100).await);
        let origin = declining.beside(&alive);

        for _ in 0..8 {
            let answer = origin.forward(order(), outside("/pay")).await.unwrap();
            assert_eq!(text(answer).await.unwrap(), "order");
            let answer = origin.forward(bare("POST"), outside("/pay")).await;
            assert_eq!(text(answer.unwrap()).await.unwrap(), "");
        }

        assert_eq!(orders_at(&alive), 8, "each once");
        assert_eq!(alive.heard.lock().unwrap().len(), 16, "each once");
        assert!(declining.heads() > 1, "it is not blamed, and asked again");
    }
}

#[tokio::test]
async fn h15_orders_that_wait_for_a_stream_go_to_another_origin_when_theirs_hangs_up() {
    let heads = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&heads);
    let narrow = TicketSite::doing(move |mut caller| {
        let count = Arc::clone(&count);
        async move {
            greeted(&mut caller).await;
            caller.say(ONE_STREAM).await;
            if head_of_stream(&mut caller).await.is_some() {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    })
    .await;
    let alive = Site::open(100).await;
    let mut settings = narrow.settings();
    settings.protocol = Protocol::Http2Plain;
    settings.fitness.failures = 1_000;
    settings.origins.extend(alive.settings().origins);
    let origin = Arc::new(origin_of(vec![settings]));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let origin = Arc::clone(&origin);
        asking.spawn(async move { origin.forward(order(), outside("/pay")).await.is_err() });
    }

    let lost = asking.join_all().await.into_iter().filter(|lost| *lost);

    let (lost, heads) = (lost.count(), heads.load(Ordering::SeqCst));
    assert_eq!((lost, orders_at(&alive)), (heads, 16 - heads));
    assert!((1..8).contains(&heads), "{heads} were sent to it");
}

#[tokio::test]
async fn h15_an_order_whose_body_has_begun_is_not_sent_again_and_nobody_is_blamed() {
    let (leaving, alive) = (Raw::that(Does::GoesAway).await, Site::open(100).await);
    let origin = leaving.beside(&alive);
    let mut lost = 0;
    for _ in 0..12 {
        let (pen, body) = written();
        let writing = tokio::spawn(async move { while pen.write(vec![b'x'; 20_000]).await {} });
        let answer = tokio::time::timeout(
            Duration::from_millis(200),
            origin.forward(asking("POST", body), outside("/pay")),
        );
        lost += usize::from(matches!(
            answer.await,
            Ok(Err(OriginError::BadAnswer { .. }))
        ));
        writing.abort();
    }

    assert_eq!(lost, leaving.heads());
    assert!(lost > 1, "it is asked again: {lost}");
}

#[tokio::test]
async fn h15_what_an_origin_that_leaves_has_taken_up_is_not_sent_again() {
    let (leaving, alive) = (
        Raw::that(Does::TakesUpAndLeaves).await,
        Site::open(100).await,
    );
    let origin = leaving.beside(&alive);
    let mut lost = 0;
    for _ in 0..8 {
        let sent = origin.forward(bare("POST"), outside("/pay")).await;
        lost += usize::from(sent.is_err());
    }

    assert_eq!(
        (leaving.heads(), lost),
        (1, 1),
        "it hung up, and is left out"
    );
    assert_eq!(alive.heard.lock().unwrap().len(), 7);
}

#[tokio::test]
async fn r9_an_origin_that_hangs_up_before_it_says_anything_is_blamed_and_gets_nothing() {
    let (silent, alive) = (Raw::that(Does::SaysNothing).await, Site::open(100).await);
    let origin = silent.beside(&alive);

    for _ in 0..6 {
        let answer = origin.forward(order(), outside("/pay")).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), "order");
    }

    assert_eq!(silent.heads(), 0);
    assert_eq!(silent.connections.load(Ordering::SeqCst), 1, "left out");
    assert_eq!(orders_at(&alive), 6);
}

#[tokio::test]
async fn before_an_origin_has_said_how_many_streams_it_allows_nothing_is_sent() {
    let (told, mut tell) = tokio::sync::mpsc::channel(1);
    let site = TicketSite::doing(move |mut caller| {
        let told = told.clone();
        async move {
            greeted(&mut caller).await;
            let early = heads_within(&mut caller, Duration::from_millis(150)).await;
            caller.say(ONE_STREAM).await;
            let allowed = heads_within(&mut caller, Duration::from_millis(150)).await;
            told.send((early, allowed)).await.unwrap();
        }
    })
    .await;
    let origin = Arc::new(origin_of(vec![Settings {
        protocol: Protocol::Http2Plain,
        ..site.settings()
    }]));
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..80 {
        let origin = Arc::clone(&origin);
        asking.spawn(async move { get(&origin).await.map(drop) });
    }

    assert_eq!(tell.recv().await, Some((0, 1)));
}

async fn heads_within(caller: &mut Caller, span: Duration) -> usize {
    let mut heads = 0;
    let counting = async {
        while head_of_stream(caller).await.is_some() {
            heads += 1;
        }
    };
    let _ = tokio::time::timeout(span, counting).await;
    heads
}

/// A HEADERS frame on the first stream: `:status: 103`.
const EARLY_HINTS: [u8; 14] = [0, 0, 5, 1, 4, 0, 0, 0, 1, 0x08, 3, b'1', b'0', b'3'];

#[tokio::test]
async fn h14_a_flood_of_interim_answers_over_http_2_is_refused() {
    let site = TicketSite::doing(async |mut caller| {
        caller.hear_head().await;
        caller.say(SETTINGS).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let flood = EARLY_HINTS.repeat(4_096);
        while caller.tcp.write_all(&flood).await.is_ok() {}
    })
    .await;
    let origin = origin_of(vec![Settings {
        protocol: Protocol::Http2Plain,
        response: Duration::from_secs(30),
        ..site.settings()
    }]);

    let lost = get(&origin).await;

    assert!(
        matches!(lost, Err(OriginError::BadAnswer { .. })),
        "{lost:?}"
    );
}
