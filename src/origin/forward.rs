//! The door to the origins: what is sent of a permitted request, and what of the answer comes back.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, Uri, Version, request};
use http_body::Body;

use super::body::OriginBody;
use super::deadline::Silence;
use super::exchange::{Answered, carry};
use super::interim::Ahead;
use super::retry::{Repeat, repeat_of};
use super::site::{Risk, Site};
use super::trailers::{Reader, Sieve};
use super::upload::{Gathered, RequestBody, Upload};
use super::{BoxError, OriginError, OriginStats, Said, Settings, World, framing, headers};
use crate::gate::permit::{Passage, Permit};
use crate::telemetry::metrics::MetricsError;

/// The origins of all sites.
#[derive(Debug)]
pub struct Origin {
    pub(super) sites: Vec<Arc<Site>>,
    pub(super) world: World,
}

impl Origin {
    /// The sites, in the order of the configuration.
    ///
    /// # Errors
    ///
    /// [`MetricsError`] if a series cannot be declared.
    pub fn new(settings: Vec<Settings>, world: World) -> Result<Self, MetricsError> {
        let sites = settings.into_iter();
        let sites = sites.map(|settings| Site::new(settings, None, &world).map(Arc::new));
        Ok(Self {
            sites: sites.collect::<Result<_, _>>()?,
            world,
        })
    }

    /// The sites of other settings. An origin whose settings are the same as here keeps its
    /// connections and what is thought of it, and counts as busy what is under way there.
    ///
    /// # Errors
    ///
    /// [`MetricsError`] if a series cannot be declared.
    pub fn renewed(&self, settings: Vec<Settings>) -> Result<Self, MetricsError> {
        let sites = settings.into_iter().map(|settings| {
            if let Some(same) = self.sites.iter().find(|site| site.is_of(&settings)) {
                return Ok(Arc::clone(same));
            }
            let last = self.sites.iter().find(|site| site.is_named_as(&settings));
            Site::new(settings, last.map(Arc::as_ref), &self.world).map(Arc::new)
        });
        Ok(Self {
            sites: sites.collect::<Result<_, _>>()?,
            world: self.world.clone(),
        })
    }

    /// How busy a site's origins are; `None` if there is no such site.
    #[must_use]
    pub fn stats(&self, site: usize) -> Option<OriginStats> {
        self.sites.get(site).map(|site| site.stats())
    }

    /// Sends a permitted request to its site and waits for the head of the answer.
    ///
    /// The target is the permit's, not the request's. Both bodies are streamed; of the request's the
    /// first 16 KiB are waited for. Dropping the future, or the answer's body before its end, ends
    /// the exchange.
    ///
    /// # Errors
    ///
    /// An [`OriginError`] that says what the visitor is to be told. Nothing was answered then.
    pub async fn forward<B>(
        &self,
        request: Request<B>,
        permit: Permit,
    ) -> Result<Response<OriginBody>, OriginError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let site = self.site(permit.passage())?;
        site.exchange(request, permit).await
    }

    /// The site that a permit names.
    pub(super) fn site(&self, passage: &Passage) -> Result<&Arc<Site>, OriginError> {
        self.sites.get(passage.site).ok_or_else(|| {
            let source = "the permit names a site that is not configured".into();
            OriginError::Unreachable { source }
        })
    }
}

impl Site {
    /// One exchange. What it comes to is counted once, here or at its origin.
    async fn exchange<B>(
        &self,
        request: Request<B>,
        permit: Permit,
    ) -> Result<Response<OriginBody>, OriginError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let (mut head, body) = request.into_parts();
        let reader = Reader::of(&head);
        let ahead = head.extensions.remove::<Ahead>();
        let end = self.deadlines().end();
        let mut unsent = self.unsent();
        let outgoing = pin!(outgoing((head, body), &permit, (&self.sieve, reader)));
        let outgoing = unsent.came_to(end.bound(outgoing).await.flatten());
        let (mut request, upload) = outgoing?;
        if let Some(ahead) = ahead {
            ahead.listen(&mut request, self.sieve.asides());
        }
        let mut silence = Silence::until(end, self.deadlines(), upload);
        let risk = match repeat_of(&request) {
            Repeat::Harmless => Risk::None,
            Repeat::Harmful => Risk::Loss,
        };
        let ask = self.ask(&permit, risk);
        let Answered {
            mut answer,
            carrier,
            mut held,
        } = carry(self, (request, ask, unsent), &mut silence).await?;
        held.believed(make_fit(&mut answer, &permit))?;
        held.answered(answer.status());
        self.sieve.announce_to(reader, &mut answer);
        let sieve = Arc::clone(&self.sieve);
        let (head, inflow) = answer.into_parts();
        let body = OriginBody::new(inflow, (silence, sieve), (carrier, held)).begun()?;
        Ok(Response::from_parts(head, body))
    }
}

/// Checks an answer and makes it fit for the visitor whom the permit names. What it says to us goes
/// with it as [`Said`].
pub(super) fn make_fit<B>(answer: &mut Response<B>, permit: &Permit) -> Result<(), OriginError> {
    framing::check(answer.status(), answer.headers_mut())?;
    *answer.version_mut() = Version::HTTP_11;
    let said = Said::read(answer.headers());
    answer.extensions_mut().insert(said);
    headers::clean_answer(answer.headers_mut());
    if permit.is_personal() {
        headers::make_private(answer.headers_mut());
    }
    Ok(())
}

/// The request as the origin gets it.
async fn outgoing<B>(
    (mut parts, body): (request::Parts, B),
    permit: &Permit,
    (sieve, reader): (&Arc<Sieve>, Reader),
) -> Result<(Request<RequestBody>, Option<Arc<Upload>>), OriginError>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let passage = permit.passage();
    headers::prepare_request(&mut parts.headers, passage);
    headers::name_session(&mut parts.headers, permit.grounds());
    let Outgoing {
        body,
        length,
        upload,
    } = Outgoing::of(body, sieve).await?;
    framing::declare(&parts.method, length, &mut parts.headers);
    sieve.ask(reader, &mut parts.headers);
    if length.is_none() {
        sieve.announce(&mut parts.headers);
    }
    let mut request = Request::new(body);
    *request.method_mut() = parts.method;
    *request.uri_mut() = Uri::from(passage.target.clone());
    *request.headers_mut() = parts.headers;
    Ok((request, upload))
}

/// A body as the origin gets it.
struct Outgoing {
    body: RequestBody,
    /// How long it is, if that is known by now.
    length: Option<u64>,
    upload: Option<Arc<Upload>>,
}

impl Outgoing {
    const NOTHING: Self = Self {
        body: RequestBody::Empty,
        length: Some(0),
        upload: None,
    };

    /// What came of `body` so far. One whose length nobody said and that turns out empty is sent like
    /// any other that is; what is not goes on in the coding in which it came, however short it is.
    async fn of<B>(body: B, sieve: &Arc<Sieve>) -> Result<Self, OriginError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let length = body.size_hint().exact();
        if body.is_end_stream() || length == Some(0) {
            return Ok(Self::NOTHING);
        }
        let body = Box::pin(Gathered::of((body, length), Arc::clone(sieve))).await?;
        if length.is_none() && body.is_nothing() {
            return Ok(Self::NOTHING);
        }
        let (body, upload) = RequestBody::streaming(body, length);
        let upload = Some(upload);
        Ok(Self {
            body,
            length,
            upload,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use http_body_util::Full;

    use super::*;
    use crate::origin::testing::{
        OK, TicketSite, admitted, asking, bare, get, origin_of, outside, saying, text, written,
    };

    const NOTHING: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    fn is_bad<T>(outcome: &Result<T, OriginError>) -> bool {
        matches!(outcome, Err(OriginError::BadAnswer { .. }))
    }

    #[tokio::test]
    async fn the_origin_gets_what_was_judged() {
        let site = TicketSite::answering(OK).await;
        let mut request = bare("GET");
        let headers = request.headers_mut();
        headers.insert("host", HeaderValue::from_static("tickets.example"));
        headers.insert("accept", HeaderValue::from_static("*/*"));

        let answer = site
            .origin()
            .forward(request, outside("/buy/1?seat=2"))
            .await;

        assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
        let heard = &site.heard()[0];
        assert_eq!(heard.line(), "GET /buy/1?seat=2");
        assert_eq!(heard.all("host"), ["tickets.example"]);
        assert_eq!(heard.all("x-forwarded-for"), ["203.0.113.9"]);
        assert_eq!(heard.all("accept"), ["*/*"]);
        assert_eq!(heard.head.lines().count(), 8, "and no more: {}", heard.head);
    }

    #[tokio::test]
    async fn n2_a9_h8_what_a_visitor_may_not_say_ends_here() {
        let site = TicketSite::answering(OK).await;
        let mut request = asking("POST", Full::<Bytes>::from("order"));
        for (name, value) in [
            ("connection", "X-Forwarded-For, Cookie, Anteroom-Assertion"),
            ("x-forwarded-for", "6.6.6.6"),
            ("anteroom-assertion", "forged"),
            ("cookie", "anteroom-a-derby=token; basket=1"),
            ("expect", "100-continue"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("content-length", "500"),
        ] {
            let value = HeaderValue::from_static(value);
            request.headers_mut().insert(name, value);
        }

        site.origin().forward(request, outside("/")).await.unwrap();

        let heard = &site.heard()[0];
        assert_eq!(heard.all("x-forwarded-for"), ["203.0.113.9"]);
        assert_eq!(heard.all("content-length"), ["5"]);
        assert_eq!(heard.body, b"order");
        for gone in [
            "connection",
            "anteroom-assertion",
            "cookie",
            "expect",
            "te",
            "transfer-encoding",
        ] {
            assert!(heard.all(gone).is_empty(), "{gone}: {}", heard.head);
        }
    }

    #[tokio::test]
    async fn h11_a_body_of_unknown_length_is_sent_in_chunks_by_every_method() {
        let site = TicketSite::answering(NOTHING).await;
        let origin = site.origin();
        for (at, method) in ["GET", "HEAD", "DELETE", "OPTIONS", "POST"]
            .into_iter()
            .enumerate()
        {
            let (pen, body) = written();
            tokio::spawn(async move {
                pen.write("hello").await;
                tokio::time::sleep(Duration::from_millis(150)).await;
                drop(pen);
            });
            let request = asking(method, body);

            origin.forward(request, outside("/")).await.unwrap();

            let heard = &site.heard()[at];
            assert_eq!(heard.line(), format!("{method} /"));
            assert_eq!(heard.body, b"5\r\nhello\r\n0\r\n\r\n", "{method}");
            assert!(heard.all("content-length").is_empty(), "{method}");
        }
    }

    #[tokio::test]
    async fn h11_a_body_that_turns_out_empty_is_sent_as_none() {
        let site = TicketSite::answering(NOTHING).await;
        let origin = site.origin();
        let lengths = [
            ("POST", &["0"][..]),
            ("PUT", &["0"]),
            ("GET", &[]),
            ("DELETE", &[]),
        ];
        for (at, (method, length)) in lengths.into_iter().enumerate() {
            let (pen, body) = written();
            drop(pen);

            let answer = origin.forward(asking(method, body), outside("/")).await;

            answer.unwrap();
            let heard = &site.heard()[at];
            assert_eq!(heard.all("content-length"), length, "{method}");
            assert!(heard.all("transfer-encoding").is_empty(), "{method}");
            assert!(heard.body.is_empty(), "{method}");
            assert_eq!(heard.connection, 0, "{method}: it stays usable");
        }
    }

    #[tokio::test]
    async fn h11_a_body_of_known_length_keeps_it() {
        let site = TicketSite::answering(NOTHING).await;
        let origin = site.origin();
        for (at, method) in ["GET", "DELETE", "OPTIONS", "PUT"].into_iter().enumerate() {
            let request = asking(method, Full::<Bytes>::from("hello"));

            origin.forward(request, outside("/")).await.unwrap();

            let heard = &site.heard()[at];
            assert_eq!(heard.all("content-length"), ["5"], "{method}");
            assert_eq!(heard.body, b"hello", "{method}");
        }
        assert_eq!(site.heard()[3].connection, 0, "all on one connection");
    }

    #[tokio::test]
    async fn only_methods_that_usually_have_a_body_say_that_theirs_is_empty() {
        let site = TicketSite::answering(NOTHING).await;
        let origin = site.origin();
        for method in ["POST", "PUT", "PATCH", "GET", "DELETE"] {
            origin.forward(bare(method), outside("/")).await.unwrap();
        }

        let heard = site.heard();
        let lengths: Vec<_> = heard
            .iter()
            .map(|heard| heard.all("content-length"))
            .collect();
        assert_eq!(lengths, [vec!["0"], vec!["0"], vec!["0"], vec![], vec![]]);
        assert!(
            heard
                .iter()
                .all(|heard| heard.all("transfer-encoding").is_empty())
        );
    }

    #[tokio::test]
    async fn a14_only_admitted_answers_become_private() {
        let site = TicketSite::answering(
            "HTTP/1.1 200 OK\r\ncache-control: public\r\ncontent-length: 0\r\n\r\n",
        )
        .await;
        let origin = site.origin();

        let mine = origin
            .forward(bare("GET"), admitted("/buy/1"))
            .await
            .unwrap();
        let anyones = origin.forward(bare("GET"), outside("/")).await.unwrap();

        assert_eq!(mine.headers()["cache-control"], "private");
        assert_eq!(mine.headers()["vary"], "Cookie");
        assert_eq!(anyones.headers()["cache-control"], "public");
        assert!(!anyones.headers().contains_key("vary"));
    }

    #[tokio::test]
    async fn h14_answers_that_make_no_sense_are_refused_and_the_connection_closed() {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok!",
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
            "HTTP/1.1 2OO OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
            "just text\r\n\r\n",
        ] {
            let site = TicketSite::answering(answer).await;
            let origin = site.origin();

            assert!(is_bad(&get(&origin).await), "{answer}");
            assert!(is_bad(&get(&origin).await), "{answer}");

            let connections: Vec<_> = site.heard().iter().map(|heard| heard.connection).collect();
            assert_eq!(connections, [0, 1], "{answer}");
        }
    }

    #[tokio::test]
    async fn h14_a_flood_of_interim_answers_is_refused() {
        let flood = "HTTP/1.1 102 Processing\r\n\r\n".repeat(1_000);
        let site = TicketSite::doing(move |mut caller| {
            let flood = flood.clone();
            async move {
                caller.hear().await;
                while caller.tcp.writable().await.is_ok() {
                    if tokio::io::AsyncWriteExt::write_all(&mut caller.tcp, flood.as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            }
        })
        .await;

        assert!(is_bad(&get(&site.origin()).await));
    }

    #[tokio::test]
    async fn a_few_interim_answers_are_passed_over() {
        let interim = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
        let site = TicketSite::answering(format!("{interim}{OK}")).await;

        let answer = get(&site.origin()).await.unwrap();

        assert_eq!(answer.status(), 200);
        assert!(!answer.headers().contains_key("link"));
        assert_eq!(text(answer).await.unwrap(), "ok");
    }

    #[tokio::test]
    async fn n6_what_is_compressed_passes_as_it_is() {
        let head = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 9";
        let site = TicketSite::answering(format!("{head}\r\n\r\nno gzip!!")).await;
        let mut request = asking("POST", Full::<Bytes>::from("neither"));
        let gzip = HeaderValue::from_static("gzip");
        request.headers_mut().insert("content-encoding", gzip);

        let answer = site.origin().forward(request, outside("/")).await.unwrap();

        assert_eq!(answer.headers()["content-encoding"], "gzip");
        assert_eq!(text(answer).await.unwrap(), "no gzip!!");
        assert_eq!(site.heard()[0].body, b"neither");
    }

    #[tokio::test]
    async fn h14_bytes_after_an_answer_reach_nobody() {
        let forged = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nforged";
        let site = TicketSite::answering(format!("{OK}{forged}")).await;
        let origin = site.origin();

        for connection in 0..3 {
            let answer = get(&origin).await.unwrap();
            assert_eq!(text(answer).await.unwrap(), "ok");
            assert_eq!(site.heard()[connection].connection, connection);
        }
    }

    #[tokio::test]
    async fn h14_answers_without_a_body_have_none_whatever_follows() {
        for (method, head) in [
            ("HEAD", "HTTP/1.1 200 OK\r\ncontent-length: 6"),
            ("GET", "HTTP/1.1 304 Not Modified\r\ncontent-length: 6"),
            ("GET", "HTTP/1.1 204 No Content\r\ncontent-length: 6"),
        ] {
            let site = TicketSite::answering(format!("{head}\r\n\r\nforged")).await;
            let origin = site.origin();
            for connection in 0..2 {
                let answer = origin.forward(bare(method), outside("/")).await.unwrap();
                assert_eq!(text(answer).await.unwrap(), "", "{head}");
                assert_eq!(site.heard()[connection].connection, connection, "{head}");
            }
        }
    }

    /// Answers the first request of a connection and hangs up at the second.
    async fn fickle_site() -> TicketSite {
        TicketSite::doing(async |mut caller| {
            caller.hear().await;
            caller.say(OK).await;
            caller.hear().await;
        })
        .await
    }

    #[tokio::test]
    async fn h15_a_harmless_request_is_sent_again_when_a_warm_connection_ends() {
        let site = fickle_site().await;
        let origin = site.origin();
        text(get(&origin).await.unwrap()).await.unwrap();

        let answer = origin.forward(bare("HEAD"), outside("/2")).await.unwrap();

        assert_eq!(answer.status(), 200);
        let lines: Vec<_> = site
            .heard()
            .iter()
            .map(|heard| heard.line().to_owned())
            .collect();
        assert_eq!(lines, ["GET /", "HEAD /2", "HEAD /2"]);
        assert_eq!(site.heard()[2].connection, 1);
    }

    #[tokio::test]
    async fn h15_a_request_that_may_have_arrived_is_not_sent_again() {
        for body in ["", "order"] {
            let site = fickle_site().await;
            let origin = site.origin();
            text(get(&origin).await.unwrap()).await.unwrap();
            let order = asking("POST", Full::<Bytes>::from(body));

            assert!(
                is_bad(&origin.forward(order, outside("/2")).await),
                "{body:?}"
            );

            let site_heard = site.heard();
            let orders = site_heard.iter().filter(|heard| heard.line() == "POST /2");
            assert_eq!(orders.count(), 1, "{body:?}");
        }
    }

    #[tokio::test]
    async fn h15_a_get_with_a_body_is_not_sent_again() {
        let site = fickle_site().await;
        let origin = site.origin();
        text(get(&origin).await.unwrap()).await.unwrap();

        let answer = origin
            .forward(asking("GET", saying("x")), outside("/2"))
            .await;

        assert!(is_bad(&answer));
        assert_eq!(site.heard().len(), 2);
    }

    #[tokio::test]
    async fn h15_nothing_is_sent_again_on_a_new_connection() {
        let site = TicketSite::doing(async |mut caller| drop(caller.hear().await)).await;

        assert!(is_bad(&get(&site.origin()).await));

        assert_eq!(site.heard().len(), 1);
    }

    #[tokio::test]
    async fn f27_an_origin_that_is_down_is_unreachable() {
        let site = TicketSite::answering(OK).await;
        let origin = site.origin();
        drop(site);
        tokio::task::yield_now().await;

        let answer = get(&origin).await;

        assert!(
            matches!(answer, Err(OriginError::Unreachable { .. })),
            "{answer:?}"
        );
    }

    #[tokio::test]
    async fn f27_a_silent_origin_is_given_up() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear().await;
            caller.say("HTTP/1.1 200 OK\r\n").await;
            caller.hang_on().await;
        })
        .await;
        let response = Duration::from_millis(80);
        let origin = origin_of(vec![Settings {
            response,
            ..site.settings()
        }]);

        let answer = get(&origin).await;

        assert!(matches!(answer, Err(OriginError::NoAnswer { waited }) if waited >= response));
    }

    #[tokio::test]
    async fn the_total_time_counts_from_the_first_byte_of_the_request() {
        let site = TicketSite::answering(OK).await;
        let total = Duration::from_millis(100);
        let origin = origin_of(vec![Settings {
            total: Some(total),
            ..site.settings()
        }]);
        let (pen, body) = written();

        let answer = origin.forward(asking("POST", body), outside("/"));
        let answer = tokio::time::timeout(Duration::from_secs(3), answer).await;

        let lost = answer.expect("it is cut");
        assert!(matches!(lost, Err(OriginError::NoAnswer { waited }) if waited == total));
        drop(pen);
    }

    #[tokio::test]
    async fn an_upload_that_moves_is_not_silence() {
        let site = TicketSite::answering(OK).await;
        let response = Duration::from_millis(80);
        let origin = origin_of(vec![Settings {
            response,
            ..site.settings()
        }]);
        let (pen, body) = written();
        tokio::spawn(async move {
            for _ in 0..10 {
                tokio::time::sleep(response / 4).await;
                pen.write("x").await;
            }
        });

        let answer = origin.forward(asking("POST", body), outside("/")).await;

        assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
    }

    #[tokio::test]
    async fn a_visitor_who_breaks_off_is_told_apart_and_the_request_stays_incomplete() {
        let (told, mut tell) = tokio::sync::mpsc::channel(1);
        let site = TicketSite::doing(move |mut caller| {
            let told = told.clone();
            async move {
                let whole = caller.hear().await;
                told.send(whole.is_some()).await.unwrap();
            }
        })
        .await;
        let (pen, body) = written();
        tokio::spawn(async move {
            pen.write(vec![b'x'; 65_536]).await;
            pen.snap().await;
        });

        let answer = site
            .origin()
            .forward(asking("POST", body), outside("/"))
            .await;

        assert!(
            matches!(answer, Err(OriginError::RequestBody { .. })),
            "{answer:?}"
        );
        assert_eq!(
            tell.recv().await,
            Some(false),
            "the site saw a broken request"
        );
    }

    #[tokio::test]
    async fn r1_a_small_body_takes_no_place_at_the_origin_before_it_is_whole() {
        let site = TicketSite::answering(OK).await;
        let origin = site.origin();
        let (pen, body) = written();
        let trickling = async {
            pen.write("ha").await;
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(origin.stats(0).unwrap().busy, 0);
            assert!(site.heard().is_empty(), "nobody was asked yet");
            pen.write("lf").await;
            drop(pen);
        };

        let asked = asking("POST", body.of_length(4));
        let asked = origin.forward(asked, outside("/"));
        let (answer, ()) = tokio::join!(asked, trickling);

        assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
        assert_eq!(site.heard()[0].body, b"half");
    }

    #[tokio::test]
    async fn an_early_answer_is_passed_on_and_its_connection_closed() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear_head().await;
            caller
                .say("HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno")
                .await;
            caller.hang_on().await;
        })
        .await;
        let origin = site.origin();
        let (pen, body) = written();

        let first = pen.write(vec![b'x'; 65_536]);
        let answer = origin.forward(asking("POST", body), outside("/"));
        let (_, answer) = tokio::join!(first, answer);
        let answer = answer.unwrap();

        assert_eq!(answer.status(), 413);
        assert_eq!(text(answer).await.unwrap(), "no");
        while pen.write("more").await {}
        assert_eq!(origin.stats(0).unwrap().busy, 0);
    }

    #[tokio::test]
    async fn an_origin_that_answers_early_and_hangs_up_is_still_heard() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear_head().await;
            caller
                .say("HTTP/1.1 413 Too Large\r\nconnection: close\r\ncontent-length: 2\r\n\r\nno")
                .await;
        })
        .await;
        let (pen, body) = written();
        let writing = tokio::spawn(async move { while pen.write(vec![b'x'; 65_536]).await {} });

        let answer = site
            .origin()
            .forward(asking("POST", body), outside("/"))
            .await
            .unwrap();

        assert_eq!(answer.status(), 413);
        assert_eq!(text(answer).await.unwrap(), "no");
        writing.await.unwrap();
    }

    #[tokio::test]
    async fn an_older_origin_is_understood() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear().await;
            caller.say("HTTP/1.0 200 OK\r\n\r\nall of it").await;
        })
        .await;

        let answer = get(&site.origin()).await.unwrap();

        assert_eq!(answer.version(), Version::HTTP_11);
        assert_eq!(text(answer).await.unwrap(), "all of it");
    }
}
