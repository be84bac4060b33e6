//! Interim answers (1xx) of a site on their way to the visitor, ahead of the answer.

mod heads;

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::{BufMut, Bytes, BytesMut};
use http::{Version, request};

use super::guard::Advance;
use crate::origin::interim::{Ahead, Interim};
use crate::telemetry::asides::{Asides, InterimResult};
pub use heads::Heads;

/// How interim answers reach a visitor.
#[derive(Clone, Copy)]
pub enum Herald<'a> {
    /// Written on a connection of HTTP/1.1, between two of its answers.
    Http1(&'a Advance),
    /// Sent on its stream of HTTP/2.
    Http2(&'a Heads),
}

/// The way for one request's interim answers; `None` where the visitor takes none.
pub(super) fn way(head: &mut request::Parts) -> Option<Ahead> {
    if head.version < Version::HTTP_11 {
        return None;
    }
    let ahead = Ahead::default();
    head.extensions.insert(ahead.clone());
    Some(ahead)
}

/// Waits for an answer, and passes on what the site says before it.
pub(super) async fn heralded<F: Future>(
    (ahead, herald): (Option<Ahead>, Herald<'_>),
    asides: &Asides,
    mut answering: Pin<&mut F>,
) -> F::Output {
    let Some(ahead) = ahead else {
        return answering.await;
    };
    let answer = loop {
        let next = poll_fn(|cx| {
            if let Poll::Ready(answer) = answering.as_mut().poll(cx) {
                return Poll::Ready(Err(answer));
            }
            ahead.poll_next(cx).map(Ok)
        });
        match next.await {
            Ok(interim) => {
                // Meanwhile the exchange goes on, with its deadlines.
                let mut saying = pin!(herald.say(interim, asides));
                let mut answer = None;
                poll_fn(|cx| {
                    if answer.is_none()
                        && let Poll::Ready(done) = answering.as_mut().poll(cx)
                    {
                        answer = Some(done);
                    }
                    saying.as_mut().poll(cx)
                })
                .await;
                if let Some(answer) = answer {
                    break answer;
                }
            }
            Err(answer) => break answer,
        }
    };
    while let Some(interim) = ahead.take() {
        herald.say(interim, asides).await;
    }
    answer
}

impl Herald<'_> {
    async fn say(self, interim: Interim, asides: &Asides) {
        match self {
            Self::Http1(advance) => advance.write(written(&interim)).await,
            Self::Http2(heads) => heads.pass(interim),
        }
        asides.interim(InterimResult::Passed);
    }
}

/// The head of an interim answer as HTTP/1.1 writes it.
fn written(interim: &Interim) -> Bytes {
    let status = interim.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = BytesMut::new();
    head.put_slice(format!("HTTP/1.1 {} {reason}\r\n", status.as_u16()).as_bytes());
    for (name, value) in &interim.headers {
        head.put_slice(name.as_str().as_bytes());
        head.put_slice(b": ");
        head.put_slice(value.as_bytes());
        head.put_slice(b"\r\n");
    }
    head.put_slice(b"\r\n");
    head.freeze()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    #[test]
    fn an_interim_answer_is_a_head_and_nothing_else() {
        let mut headers = HeaderMap::new();
        headers.append("link", "</a>".parse().unwrap());
        headers.append("link", "</b>".parse().unwrap());
        let hints = Interim {
            status: StatusCode::EARLY_HINTS,
            headers,
        };
        assert_eq!(
            written(&hints),
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\nlink: </b>\r\n\r\n"
        );
        let odd = Interim {
            status: StatusCode::from_u16(199).unwrap(),
            headers: HeaderMap::new(),
        };
        assert_eq!(written(&odd), "HTTP/1.1 199 \r\n\r\n");
    }
}
