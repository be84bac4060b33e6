//! Opening a socket to an origin: the handshake on a connection of its own, and what of the
//! answer is believed.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_lc_rs::digest::{self, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    CONNECTION, CONTENT_LENGTH, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, Version, request};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::body::OriginBody;
use super::carrier::Carrier;
use super::deadline::Silence;
use super::exchange::{fault_of, reach};
use super::forward::{Origin, make_fit};
use super::inflow::Inflow;
use super::site::Risk;
use super::trailers::Reader;
use super::upload::RequestBody;
use super::{OriginError, Said, framing, headers};
use crate::gate::permit::Permit;
use crate::gate::socket::{Opening, SocketKey};

/// What RFC 6455, section 1.3, appends to a key before it is digested.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// How an origin answered a handshake.
#[derive(Debug)]
pub enum Opened {
    /// It speaks WebSocket from here on.
    Switched(Switched),
    /// It gave an ordinary answer.
    Declined(Box<Response<OriginBody>>),
}

/// A handshake that an origin accepted.
#[derive(Debug)]
pub struct Switched {
    /// The checked 101, fit for the visitor.
    pub answer: Response<()>,
    /// The connection behind it.
    pub socket: OriginSocket,
    /// How long no byte may move on it, either way.
    pub idle: Duration,
}

/// An origin's end of an open socket: bytes, as they come. Dropping it closes the connection.
pub struct OriginSocket(TokioIo<Upgraded>);

impl Origin {
    /// Sends a handshake to its site, on a new connection that no other request ever uses.
    ///
    /// The handshake counts among the site's requests until it is answered; the open socket does
    /// not.
    ///
    /// # Errors
    ///
    /// As [`Origin::forward`]. A 101 that does not answer this handshake is a
    /// [`OriginError::BadAnswer`].
    pub async fn open(
        &self,
        head: request::Parts,
        opening: &Opening,
    ) -> Result<Opened, OriginError> {
        let site = self.site(opening.permit.passage())?;
        let reader = Reader::of(&head);
        let end = site.deadlines().end();
        let asking = (site.ask(&opening.permit, Risk::Loss), site.unsent());
        let (mut line, mut held) = reach(site, asking, end).await?;
        line.retire();
        let mut silence = Silence::until(end, site.deadlines(), None);
        let answer = line.send(outgoing(head, opening), &mut silence).await;
        let answer = answer.map_err(|unanswered| {
            let (fault, blame) = fault_of(unanswered, &silence);
            held.lost(&fault, blame);
            fault
        })?;
        if framing::switches(answer.status()) {
            let switched = held.believed(switched(answer, &opening.key).await)?;
            held.answered(switched.0.status());
            let (answer, socket) = switched;
            return Ok(Opened::Switched(Switched {
                answer,
                socket,
                idle: site.idle(),
            }));
        }
        let mut answer = held.believed(declined(answer, &opening.permit))?;
        held.answered(answer.status());
        site.sieve.announce_to(reader, &mut answer);
        let answer = answer.map(|incoming| {
            let sieve = Arc::clone(&site.sieve);
            OriginBody::new(
                Inflow::Line(incoming),
                (silence, sieve),
                (Carrier::Line(line), held),
            )
        });
        Ok(Opened::Declined(Box::new(answer)))
    }
}

fn declined(
    mut answer: Response<Incoming>,
    permit: &Permit,
) -> Result<Response<Incoming>, OriginError> {
    make_fit(&mut answer, permit).map(|()| answer)
}

/// The handshake as the origin gets it: our own words last, so that the visitor cannot have any
/// of them dropped.
fn outgoing(mut head: request::Parts, opening: &Opening) -> Request<RequestBody> {
    let passage = opening.permit.passage();
    headers::prepare_request(&mut head.headers, passage);
    headers::name_session(&mut head.headers, opening.permit.grounds());
    headers::say_upgrade(&mut head.headers);
    let key = opening.key.text().clone();
    head.headers.insert(SEC_WEBSOCKET_KEY, key);
    let version = HeaderValue::from_static("13");
    head.headers.insert(SEC_WEBSOCKET_VERSION, version);

    let mut request = Request::new(RequestBody::Empty);
    *request.uri_mut() = Uri::from(passage.target.clone());
    *request.headers_mut() = head.headers;
    request
}

/// Takes the connection out of HTTP, if its 101 answers the handshake that was sent.
async fn switched(
    mut answer: Response<Incoming>,
    key: &SocketKey,
) -> Result<(Response<()>, OriginSocket), OriginError> {
    check(answer.headers(), key)?;
    let connection = hyper::upgrade::on(&mut answer).await;
    let connection = connection.map_err(|error| bad(error.to_string()))?;
    *answer.version_mut() = Version::HTTP_11;
    let said = Said::read(answer.headers());
    answer.extensions_mut().insert(said);
    let words = answer.headers_mut();
    headers::clean_answer(words);
    words.remove(CONTENT_LENGTH);
    headers::say_upgrade(words);
    let socket = OriginSocket(TokioIo::new(connection));
    Ok((answer.map(drop), socket))
}

/// Whether a 101 is the answer to the handshake with this key.
fn check(headers: &HeaderMap, key: &SocketKey) -> Result<(), OriginError> {
    if !says_only(headers, &UPGRADE, b"websocket") {
        return Err(bad("the answer switches to something other than WebSocket"));
    }
    if !says(headers, &CONNECTION, b"upgrade") {
        return Err(bad("the answer switches protocols without saying so"));
    }
    let mut accepts = headers.get_all(SEC_WEBSOCKET_ACCEPT).iter();
    let accept = accepts.next().filter(|_| accepts.next().is_none());
    if accept.is_none_or(|accept| accept.as_bytes() != accept_of(key).as_bytes()) {
        return Err(bad("the answer belongs to another handshake"));
    }
    Ok(())
}

/// What an answer must say in `Sec-WebSocket-Accept`. SHA-1 proves here only that the answer was
/// made for this handshake; nothing is kept secret by it.
fn accept_of(key: &SocketKey) -> String {
    let mut digest = digest::Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    digest.update(key.text().as_bytes());
    digest.update(GUID);
    STANDARD.encode(digest.finish())
}

fn bad(fault: impl Into<super::BoxError>) -> OriginError {
    let source = fault.into();
    OriginError::BadAnswer { source }
}

fn tokens<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> impl Iterator<Item = &'a [u8]> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
}

fn says(headers: &HeaderMap, name: &http::HeaderName, word: &[u8]) -> bool {
    tokens(headers, name).any(|token| token.eq_ignore_ascii_case(word))
}

fn says_only(headers: &HeaderMap, name: &http::HeaderName, word: &[u8]) -> bool {
    says(headers, name, word) && tokens(headers, name).count() == 1
}

impl fmt::Debug for OriginSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OriginSocket")
    }
}

impl AsyncRead for OriginSocket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, out)
    }
}

impl AsyncWrite for OriginSocket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderName;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::domain::session::Steer;
    use crate::gate::stay::Stay;
    use crate::origin::route::Resolver;
    use crate::origin::testing::{TicketSite, admitted, asking, text, world};
    use crate::origin::{Settings, World};

    const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
    /// The answer to that key, from RFC 6455, section 1.3.
    const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
    const GOOD: [(&str, &str); 3] = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-accept", ACCEPT),
    ];

    fn opening() -> Opening {
        Opening {
            permit: admitted("/buy/ws"),
            key: SocketKey::for_test(KEY),
            stay: Stay::Unbound,
        }
    }

    fn said(fields: &[(&str, &str)]) -> HeaderMap {
        let fields = fields.iter().map(|(name, value)| {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            (name, HeaderValue::from_str(value).unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(name, value);
        }
        headers
    }

    async fn open(site: &TicketSite, fields: &[(&str, &str)]) -> Result<Opened, OriginError> {
        let (mut head, ()) = asking("GET", ()).into_parts();
        head.headers = said(fields);
        site.origin().open(head, &opening()).await
    }

    fn switching(fields: &[(&str, &str)]) -> String {
        let lines = fields
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"));
        format!(
            "HTTP/1.1 101 Switching Protocols\r\n{}\r\n",
            lines.collect::<String>()
        )
    }

    #[test]
    fn h9_a_101_is_believed_only_if_it_answers_this_handshake() {
        let key = SocketKey::for_test(KEY);
        let outcome = |name: &str, values: &[&str]| {
            let kept = GOOD.into_iter().filter(|(known, _)| *known != name);
            let new = values.iter().map(|value| (name, *value));
            check(&said(&kept.chain(new).collect::<Vec<_>>()), &key)
        };
        for (name, value) in [
            ("connection", "keep-alive, upgrade"),
            ("upgrade", "WebSocket"),
            ("sec-websocket-protocol", "chat"),
        ] {
            assert!(outcome(name, &[value]).is_ok(), "{name}: {value}");
        }
        for (name, values) in [
            ("connection", &[][..]),
            ("connection", &["keep-alive"]),
            ("upgrade", &[]),
            ("upgrade", &["h2c"]),
            ("upgrade", &["websocket, h2c"]),
            ("upgrade", &["websocket", "websocket"]),
            ("sec-websocket-accept", &[]),
            ("sec-websocket-accept", &[""]),
            ("sec-websocket-accept", &[KEY]),
            ("sec-websocket-accept", &["S3pPLMBiTxaQ9kYGzzhZRbK+xOo="]),
            ("sec-websocket-accept", &[ACCEPT, ACCEPT]),
        ] {
            assert!(outcome(name, values).is_err(), "{name}: {values:?}");
        }
    }

    #[tokio::test]
    async fn a_handshake_reaches_the_site_with_our_words_and_bytes_then_pass_both_ways() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear().await;
            caller.say(switching(&GOOD) + "welcome").await;
            let mut heard = [0; 5];
            caller.tcp.read_exact(&mut heard).await.unwrap();
            caller.say(heard).await;
        })
        .await;
        let fields = [
            ("connection", "upgrade, sec-websocket-key, x-forwarded-for"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat, superchat"),
            ("origin", "https://tickets.example"),
            ("x-forwarded-for", "6.6.6.6"),
            ("anteroom-admission", "token"),
            ("cookie", "anteroom-a-derby=token; basket=7"),
        ];

        let Opened::Switched(mut switched) = open(&site, &fields).await.unwrap() else {
            panic!("the site said 101");
        };

        let heard = &site.heard()[0];
        for (name, value) in [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "chat, superchat"),
            ("origin", "https://tickets.example"),
            ("x-forwarded-for", "203.0.113.9"),
            ("cookie", "basket=7"),
        ] {
            assert_eq!(heard.all(name), [value], "{name}: {}", heard.head);
        }
        assert!(heard.all("anteroom-admission").is_empty());
        assert_eq!(heard.line(), "GET /buy/ws");
        assert_eq!(
            switched.answer.headers(),
            &said(&GOOD.map(|(name, value)| {
                (
                    name,
                    if name == "connection" {
                        "upgrade"
                    } else {
                        value
                    },
                )
            }))
        );
        switched.socket.write_all(b"hello").await.unwrap();
        let mut read = String::new();
        switched.socket.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "welcomehello");
    }

    #[tokio::test]
    async fn a_site_steers_a_session_by_its_101_too() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear().await;
            let words = [&GOOD[..], &[("anteroom-session", "hold=60")]].concat();
            caller.say(switching(&words)).await;
        })
        .await;
        let fields = [
            ("connection", "upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-key", KEY),
            ("sec-websocket-version", "13"),
            ("anteroom-session", "revoke"),
        ];

        let Opened::Switched(switched) = open(&site, &fields).await.unwrap() else {
            panic!("the site said 101");
        };

        assert!(site.heard()[0].all("anteroom-session").is_empty());
        let said = switched.answer.extensions().get::<Said>().unwrap();
        let minute = Duration::from_secs(60);
        assert_eq!(said.session, Some(Steer::Hold(minute)));
        assert!(!switched.answer.headers().contains_key("anteroom-session"));
    }

    #[tokio::test]
    async fn h9_a_101_for_another_handshake_is_a_bad_answer_and_closes() {
        let (told, mut hung_up) = tokio::sync::mpsc::channel(1);
        let site = TicketSite::doing(move |mut caller| {
            let told = told.clone();
            async move {
                caller.hear().await;
                caller.say(switching(&GOOD[..2])).await;
                caller.hang_on().await;
                told.send(()).await.unwrap();
            }
        })
        .await;

        let opened = open(&site, &[]).await;

        assert!(
            matches!(opened, Err(OriginError::BadAnswer { .. })),
            "{opened:?}"
        );
        assert_eq!(hung_up.recv().await, Some(()));
    }

    #[tokio::test]
    async fn h9_the_connection_of_a_handshake_is_never_used_again() {
        let site = TicketSite::answering(crate::origin::testing::OK).await;
        let origin = site.origin();
        for _ in 0..2 {
            let (head, ()) = asking("GET", ()).into_parts();
            let Opened::Declined(answer) = origin.open(head, &opening()).await.unwrap() else {
                panic!("the site said 200");
            };
            assert_eq!(answer.headers()["cache-control"], "private");
            assert_eq!(text(*answer).await.unwrap(), "ok");
        }
        crate::origin::testing::get(&origin).await.unwrap();

        let connections: Vec<_> = site.heard().iter().map(|heard| heard.connection).collect();
        assert_eq!(connections, [0, 1, 2]);
    }

    #[tokio::test]
    async fn f27_a_handshake_waits_for_its_connection_no_longer_than_its_whole_time() {
        let site = TicketSite::answering("").await;
        let settings = Settings {
            total: Some(Duration::from_millis(80)),
            connect: Duration::from_secs(20),
            ..site.settings()
        };
        let resolver = Resolver::Late(Duration::from_secs(20), Vec::new());
        let world = World {
            resolver,
            ..world()
        };
        let origin = Origin::new(vec![settings], world).unwrap();
        let (head, ()) = asking("GET", ()).into_parts();

        let opening = opening();
        let opened = tokio::time::timeout(Duration::from_secs(5), origin.open(head, &opening));

        let lost = opened.await.unwrap();
        assert!(
            matches!(lost, Err(OriginError::NoAnswer { .. })),
            "{lost:?}"
        );
    }

    #[tokio::test]
    async fn h9_a_handshake_is_counted_as_answered_only_if_its_101_is_believed() {
        for (accept, result) in [(ACCEPT, "ok"), ("of another handshake", "bad_answer")] {
            let fields = [GOOD[0], GOOD[1], ("sec-websocket-accept", accept)];
            let site = TicketSite::answering(switching(&fields)).await;
            let world = world();
            let metrics = Arc::clone(&world.metrics);
            let origin = Origin::new(vec![site.settings()], world).unwrap();
            let (head, ()) = asking("GET", ()).into_parts();

            let opened = origin.open(head, &opening()).await;

            assert_eq!(opened.is_ok(), result == "ok", "{opened:?}");
            let text = metrics.scrape(&[]).unwrap();
            let counted = text.lines().find(|line| {
                line.starts_with("anteroom_origin_requests_total{") && line.ends_with(" 1")
            });
            let counted = counted.unwrap();
            assert!(
                counted.contains(&format!("result=\"{result}\"")),
                "{counted}"
            );
        }
    }
}
