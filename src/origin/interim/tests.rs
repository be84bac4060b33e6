//! What of interim answers is laid ready for the visitor.

use super::*;
use crate::origin::OriginError;
use crate::origin::testing::{OK, TicketSite, bare, outside, text};
use crate::telemetry::metrics::Metrics;

/// Forwards a GET to a site that says this, and gives what was laid ready before its outcome.
async fn heard(says: &str) -> (Vec<Interim>, Result<String, OriginError>) {
    let site = TicketSite::answering(says).await;
    let ahead = Ahead::default();
    let mut request = bare("GET");
    request.extensions_mut().insert(ahead.clone());
    let outcome = match site.origin().forward(request, outside("/")).await {
        Ok(answer) => text(answer).await,
        Err(fault) => Err(fault),
    };
    let laid = std::iter::from_fn(|| ahead.take()).collect();
    (laid, outcome)
}

fn hints(fields: &str) -> String {
    format!("HTTP/1.1 103 Early Hints\r\n{fields}\r\n")
}

#[tokio::test]
async fn h14_interim_answers_come_in_order_and_as_clean_as_answers() {
    let says = hints(
        "link: </a.css>; rel=preload\r\nlink: </b.js>\r\nset-cookie: anteroom-a-x=1\r\n\
         cookie: a=b\r\ncontent-length: 5\r\nconnection: x-hop\r\nx-hop: 1\r\nanteroom-session: complete\r\n\
         transfer-encoding: chunked\r\ncache-control: public\r\ncontent-security-policy: default-src 'self'\r\n",
    );
    let says = format!("{says}HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n{OK}");

    let (laid, outcome) = heard(&says).await;

    assert_eq!(outcome.unwrap(), "ok");
    let [hints, processing] = &laid[..] else {
        panic!("{laid:?}")
    };
    assert_eq!(
        (hints.status.as_u16(), processing.status.as_u16()),
        (103, 102)
    );
    let names: Vec<_> = hints.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["link", "content-security-policy"]);
    assert_eq!(hints.headers.get_all("link").iter().count(), 2);
}

#[tokio::test]
async fn h14_interim_answers_are_bounded_in_number_and_size() {
    let (laid, outcome) = heard(&(hints("link: </a>\r\n").repeat(20) + OK)).await;
    assert_eq!((laid.len(), outcome.unwrap().as_str()), (MOST, "ok"));

    let large = hints(&format!("link: <{}>\r\n", "x".repeat(MOST_BYTES)));
    let (laid, outcome) = heard(&format!("{large}{}{OK}", hints("link: </a>\r\n"))).await;
    assert_eq!((laid.len(), outcome.unwrap().as_str()), (1, "ok"));
}

#[tokio::test]
async fn h14_after_an_interim_answer_the_answer_itself_must_make_sense() {
    for answer in [
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\nok",
    ] {
        let (laid, outcome) = heard(&format!("{}{answer}", hints("link: </a>\r\n"))).await;
        assert_eq!(laid.len(), 1, "{answer}");
        assert!(
            matches!(outcome, Err(OriginError::BadAnswer { .. })),
            "{answer}"
        );
    }
}

#[test]
fn what_is_not_passed_on_is_counted() {
    let metrics = Metrics::new().unwrap();
    let ahead = Ahead::default();
    ahead.lay(StatusCode::CONTINUE, &HeaderMap::new(), &metrics.asides);
    for _ in 0..10 {
        ahead.lay(StatusCode::EARLY_HINTS, &HeaderMap::new(), &metrics.asides);
    }
    let text = metrics.scrape(&[]).unwrap();
    assert!(
        text.contains("anteroom_interim_answers_total{result=\"unwanted\"} 1\n"),
        "{text}"
    );
    assert!(
        text.contains("anteroom_interim_answers_total{result=\"excess\"} 2\n"),
        "{text}"
    );
}
