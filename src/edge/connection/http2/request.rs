//! One request of a stream: made what it would be in HTTP/1.1 before it is decided, and its answer
//! made fit for a stream.

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, Request, Response, request};
use http_body::Body;

use super::streams::StreamBody;
use crate::edge::body::{AnswerBody, SentBody, Upload};
use crate::edge::connection::counted::faulty;
use crate::edge::framing::mapped;
use crate::edge::guard::{Activity, Patience, Terms};
use crate::edge::interim::{Heads, Herald};
use crate::edge::listener::Listening;
use crate::edge::respond::{Answer, framing_fault, has_no_body};
use crate::edge::serve::{Caller, Door, Peer};
use crate::edge::sockets::Switch;

/// What the requests of one connection have in common.
pub(super) struct Visit {
    door: Arc<ArcSwap<Door>>,
    terms: Arc<Terms>,
    peer: Peer,
    activity: Activity,
    /// Never set: no socket is opened over HTTP/2.
    switch: Switch,
}

impl Visit {
    pub(super) fn new(of: &Listening, peer: Peer, activity: Activity) -> Self {
        Self {
            door: Arc::clone(&of.door),
            terms: Arc::clone(&of.terms),
            peer,
            activity,
            switch: Switch::default(),
        }
    }

    /// Answers one request.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<RecvStream>,
        heads: Heads,
    ) -> Response<StreamBody> {
        let door = self.door.load_full();
        let (mut head, body) = request.into_parts();
        let asks_for_head = head.method == Method::HEAD;
        join_cookies(&mut head.headers);
        let body = Upload::of(body, &head.headers, heads.clone());
        let answer = self.judge_and_answer(&door, (head, body), &heads).await;
        fit(answer, asks_for_head).map(StreamBody::new)
    }

    async fn judge_and_answer(
        &self,
        door: &Door,
        (head, body): (request::Parts, Upload),
        heads: &Heads,
    ) -> Answer {
        if let Err(fault) = mapped::judge(&head, &self.terms.limits) {
            let _in_flight = self.activity.begin();
            door.metrics.refusal(faulty(fault));
            return framing_fault(fault, &head);
        }
        let patience = || Patience::new(self.terms.deadlines, self.activity.clone());
        let body = SentBody::timed(body, patience);
        let caller = Caller {
            peer: &self.peer,
            activity: &self.activity,
            switch: &self.switch,
            herald: Herald::Http2(heads),
        };
        Box::pin(door.answer(Request::from_parts(head, body), caller)).await
    }
}

/// Makes one line of cookies that came in several, RFC 9113 section 8.2.3.
fn join_cookies(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(_)) = (lines.next(), lines.next()) else {
        return;
    };
    let mut whole = BytesMut::from(first.as_bytes());
    for line in headers.get_all(header::COOKIE).iter().skip(1) {
        whole.extend_from_slice(b"; ");
        whole.extend_from_slice(line.as_bytes());
    }
    if let Ok(whole) = HeaderValue::from_maybe_shared(whole.freeze()) {
        headers.insert(header::COOKIE, whole);
    }
}

/// Takes off an answer what belongs to a connection of HTTP/1.1, and the body where none may be.
/// An answer that would end such a connection ends its stream, as every answer does.
fn fit(mut answer: Answer, asks_for_head: bool) -> Answer {
    const GOES: [HeaderName; 5] = [
        header::CONNECTION,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
        header::TE,
        HeaderName::from_static("keep-alive"),
    ];
    for name in &GOES {
        answer.headers_mut().remove(name);
    }
    if !asks_for_head && !has_no_body(&answer) {
        return answer;
    }
    if asks_for_head
        && let Some(length) = answer.body().size_hint().exact()
        && length > 0
    {
        let headers = answer.headers_mut();
        headers
            .entry(header::CONTENT_LENGTH)
            .or_insert(length.into());
    }
    answer.map(|_| AnswerBody::own(Bytes::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crumbs_of_a_cookie_become_one_line() {
        let mut headers = HeaderMap::new();
        for crumb in ["a=1", "b=2; c=3", "d=4"] {
            headers.append("cookie", HeaderValue::from_static(crumb));
        }
        join_cookies(&mut headers);
        let lines: Vec<_> = headers.get_all("cookie").iter().collect();
        assert_eq!(lines, ["a=1; b=2; c=3; d=4"]);
    }

    #[test]
    fn an_answer_to_head_has_its_length_and_no_body() {
        let page = Response::new(AnswerBody::own(Bytes::from_static(b"page")));
        let answer = fit(page, true);
        assert_eq!(answer.headers()["content-length"], "4");
        assert!(answer.body().is_end_stream());
    }

    #[test]
    fn words_of_http_1_1_go() {
        let mut page = Response::new(AnswerBody::own(Bytes::from_static(b"page")));
        crate::edge::respond::close(&mut page);
        let answer = fit(page, false);
        assert!(answer.headers().is_empty());
        assert!(!answer.body().is_end_stream());
    }
}
