//! The body of an answer on its way to the visitor. Streamed frame by frame and never held; of
//! trailers those pass that the site lists.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::OriginError;
use super::carrier::Carrier;
use super::deadline::Silence;
use super::inflow::Inflow;
use super::pool::{Blame, Held};
use super::trailers::Sieve;
use crate::telemetry::asides::TrailersOf;

/// The body of an origin's answer.
///
/// It fails if the origin breaks off or falls silent, so that the visitor's connection is cut
/// rather than the answer passed off as whole. When it ends, its connection is kept for the
/// next request; when it is dropped before, the connection is closed.
#[derive(Debug)]
#[must_use = "an answer that is not read keeps its connection"]
pub struct OriginBody {
    inflow: Inflow,
    silence: Silence,
    sieve: Arc<Sieve>,
    exchange: Option<(Carrier, Held)>,
    /// What came together with the head and was not taken yet.
    first: Option<Box<Frame<Bytes>>>,
}

impl OriginBody {
    pub(super) fn new(
        inflow: Inflow,
        (silence, sieve): (Silence, Arc<Sieve>),
        by: (Carrier, Held),
    ) -> Self {
        let mut body = Self {
            inflow,
            silence,
            sieve,
            exchange: Some(by),
            first: None,
        };
        if body.inflow.is_end_stream() {
            body.finish();
        }
        body
    }

    /// Looks at a first piece that came together with the head, and waits for none: what is broken
    /// there can still be refused as a whole. Only a body whose end stands in itself can be.
    ///
    /// # Errors
    ///
    /// As the body's own.
    pub(super) fn begun(mut self) -> Result<Self, OriginError> {
        if self.size_hint().exact().is_some() {
            return Ok(self);
        }
        // Nobody is to be woken: whoever takes the body polls it again.
        let mut nobody = Context::from_waker(Waker::noop());
        match Pin::new(&mut self).poll_frame(&mut nobody) {
            Poll::Ready(Some(Err(fault))) => return Err(fault),
            Poll::Ready(Some(Ok(first))) => self.first = Some(Box::new(first)),
            Poll::Ready(None) | Poll::Pending => {}
        }
        Ok(self)
    }

    /// The answer is whole. An origin that answered before the request was sent whole may read
    /// the rest of it as another one, so that connection is closed.
    fn finish(&mut self) {
        if let Some((carrier, held)) = self.exchange.take()
            && self.silence.request_is_sent()
        {
            held.keep(carrier);
        }
    }

    /// What passes of the trailers, which end the answer: whoever takes them asks for no more.
    fn end_with(&mut self, frame: Frame<Bytes>) -> Option<Frame<Bytes>> {
        let trailers = frame.into_trailers().ok()?;
        let passing = self.sieve.pass(trailers, TrailersOf::Answer)?;
        self.finish();
        Some(Frame::trailers(passing))
    }

    fn fail(&mut self, error: OriginError) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        if let Some((_, mut held)) = self.exchange.take() {
            held.lost(&error, Blame::Nobody);
        }
        Poll::Ready(Some(Err(error)))
    }

    fn poll_silence(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        let Some((carrier, _)) = &mut self.exchange else {
            return Poll::Pending;
        };
        let waited = ready!(self.silence.poll_too_long(carrier.ticker(), cx));
        self.fail(OriginError::NoAnswer { waited })
    }
}

impl Body for OriginBody {
    type Data = Bytes;
    type Error = OriginError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        let this = self.get_mut();
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(*first)));
        }
        if this.silence.is_counted()
            && let over @ Poll::Ready(_) = this.poll_silence(cx)
        {
            return over;
        }
        loop {
            let frame = match Pin::new(&mut this.inflow).poll_frame(cx) {
                Poll::Pending => return this.poll_silence(cx),
                Poll::Ready(None) => {
                    this.finish();
                    return Poll::Ready(None);
                }
                Poll::Ready(Some(Err(source))) => {
                    return this.fail(OriginError::BadAnswer { source });
                }
                Poll::Ready(Some(Ok(frame))) => frame,
            };
            this.silence.broken();
            if let Some((carrier, _)) = &this.exchange {
                carrier.moved();
            }
            let data = match frame.into_data() {
                Ok(data) => data,
                Err(frame) => match this.end_with(frame) {
                    Some(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    None => continue,
                },
            };
            if this.inflow.is_end_stream() {
                this.finish();
            }
            return Poll::Ready(Some(Ok(Frame::data(data))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.inflow.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inflow.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use http::{HeaderMap, HeaderValue};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;
    use crate::origin::Settings;
    use crate::origin::testing::{
        OK, TicketSite, asking, get, origin_of, outside, standstill, text, written,
    };

    const MIB: usize = 1024 * 1024;

    /// More than kernel buffers hold on both ends of a connection, and ours.
    const HELD_AT_MOST: usize = 24 * MIB;

    #[tokio::test]
    async fn the_first_event_passes_before_the_second_is_written() {
        let passed = Arc::new(Notify::new());
        let go_on = Arc::clone(&passed);
        let site = TicketSite::doing(move |mut caller| {
            let go_on = Arc::clone(&go_on);
            async move {
                caller.hear().await;
                let head = "content-type: text/event-stream\r\ntransfer-encoding: chunked";
                caller
                    .say(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n"))
                    .await;
                caller.say("9\r\ndata: 1\n\n\r\n").await;
                go_on.notified().await;
                caller.say("9\r\ndata: 2\n\n\r\n0\r\n\r\n").await;
            }
        })
        .await;

        let mut events = get(&site.origin()).await.unwrap().into_body();

        let first = events.frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "data: 1\n\n");
        passed.notify_one();
        let second = events.frame().await.unwrap().unwrap();
        assert_eq!(second.into_data().unwrap(), "data: 2\n\n");
        assert!(events.frame().await.is_none());
    }

    #[tokio::test]
    async fn h5_trailers_pass_neither_way() {
        let site = TicketSite::answering(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: set-cookie\r\n\r\n\
             2\r\nok\r\n0\r\nset-cookie: anteroom-a-x=1\r\n\r\n",
        )
        .await;
        let (pen, body) = written();
        tokio::spawn(async move {
            pen.write("order").await;
            let mut trailers = HeaderMap::new();
            trailers.insert("authorization", HeaderValue::from_static("forged"));
            pen.sign(trailers).await;
        });
        let mut request = asking("POST", body);
        let trailer = HeaderValue::from_static("authorization");
        request.headers_mut().insert("trailer", trailer);

        let answer = site.origin().forward(request, outside("/")).await.unwrap();

        let answer = answer.into_body().collect().await.unwrap();
        assert!(answer.trailers().is_none());
        assert_eq!(answer.to_bytes(), "ok");
        assert_eq!(site.heard()[0].body, b"5\r\norder\r\n0\r\n\r\n");
    }

    #[tokio::test]
    async fn f27_an_answer_that_breaks_off_is_never_passed_off_as_whole() {
        for half in [
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhalf",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nz\r\nhalf\r\n",
        ] {
            let site = TicketSite::doing(move |mut caller| async move {
                caller.hear().await;
                caller.say(half).await;
            })
            .await;

            let whole = match get(&site.origin()).await {
                Ok(begun) => text(begun).await,
                Err(fault) => Err(fault),
            };

            assert!(
                matches!(whole, Err(OriginError::BadAnswer { .. })),
                "{half}"
            );
        }
    }

    #[tokio::test]
    async fn f27_an_answer_that_stalls_is_given_up() {
        let site = TicketSite::doing(async |mut caller| {
            caller.hear().await;
            caller
                .say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
                .await;
            caller.hang_on().await;
        })
        .await;
        let idle = Duration::from_millis(80);
        let origin = origin_of(vec![Settings {
            idle,
            ..site.settings()
        }]);

        let whole = text(get(&origin).await.unwrap()).await;

        assert!(matches!(whole, Err(OriginError::NoAnswer { waited }) if waited >= idle));
        assert_eq!(origin.stats(0).unwrap().busy, 0);
    }

    #[tokio::test]
    async fn an_answer_that_never_ends_is_cut_at_the_total_and_only_then() {
        let endless = async |total: Option<Duration>| {
            let site = TicketSite::doing(async |mut caller| {
                caller.hear().await;
                caller
                    .say("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n")
                    .await;
                for _ in 0..100 {
                    caller.say("x").await;
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
            .await;
            let origin = origin_of(vec![Settings {
                total,
                ..site.settings()
            }]);
            text(get(&origin).await.unwrap()).await
        };
        let total = Duration::from_millis(80);

        let cut = endless(Some(total)).await;

        assert!(matches!(cut, Err(OriginError::NoAnswer { waited }) if waited >= total));
        assert_eq!(endless(None).await.unwrap().len(), 100);
    }

    #[tokio::test]
    async fn a_reader_who_stops_stops_the_origin() {
        let said = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&said);
        let site = TicketSite::doing(move |mut caller| {
            let count = Arc::clone(&count);
            async move {
                caller.hear().await;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", 64 * MIB);
                caller.say(head).await;
                let chunk = vec![b'x'; 65_536];
                for _ in 0..1024 {
                    caller.tcp.write_all(&chunk).await.unwrap();
                    count.fetch_add(chunk.len(), Ordering::SeqCst);
                }
            }
        })
        .await;

        let mut body = get(&site.origin()).await.unwrap().into_body();
        let mut read = body
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len();
        let held = standstill(&said).await;
        assert!(held < HELD_AT_MOST, "{held} bytes were taken unread");
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
        }

        assert_eq!(read, 64 * MIB);
    }

    #[tokio::test]
    async fn an_origin_that_stops_reading_stops_the_visitor() {
        let read_on = Arc::new(Notify::new());
        let go_on = Arc::clone(&read_on);
        let site = TicketSite::doing(move |mut caller| {
            let go_on = Arc::clone(&go_on);
            async move {
                caller.hear_head().await;
                go_on.notified().await;
                let mut buffer = vec![0; 65_536];
                let mut end = Vec::new();
                while !end.ends_with(b"0\r\n\r\n") {
                    let read = caller.tcp.read(&mut buffer).await.unwrap();
                    end.extend_from_slice(&buffer[..read]);
                    end.drain(..end.len().saturating_sub(5));
                }
                caller.say(OK).await;
            }
        })
        .await;
        let (pen, body) = written();
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        tokio::spawn(async move {
            let chunk = Bytes::from(vec![b'x'; 65_536]);
            for _ in 0..1024 {
                assert!(pen.write(chunk.clone()).await);
                count.fetch_add(chunk.len(), Ordering::SeqCst);
            }
        });
        let origin = site.origin();
        let forwarding = origin.forward(asking("PUT", body), outside("/"));
        let waiting = async {
            let held = standstill(&sent).await;
            read_on.notify_one();
            held
        };

        let (answer, held) = tokio::join!(forwarding, waiting);

        assert!(held < HELD_AT_MOST, "{held} bytes were taken unsent");
        assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
        assert_eq!(sent.load(Ordering::SeqCst), 64 * MIB);
    }
}
