//! Which trailers pass, and over which protocol.

use http_body_util::BodyExt;

use super::*;
use crate::origin::testing::{TicketSite, asking, origin_of, outside, written};
use crate::origin::{Origin, Settings};
use crate::telemetry::metrics::Metrics;

fn names(names: &[&str]) -> Vec<TrailerName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn fields(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_str(value).unwrap());
    }
    headers
}

/// The dropped ones as an operator sees them.
fn dropped(metrics: &Metrics, of: &str) -> String {
    let text = metrics.scrape(&[]).unwrap();
    let start = format!("anteroom_trailers_dropped_total{{of=\"{of}\"}} ");
    let mut lines = text.lines().filter_map(|line| line.strip_prefix(&start));
    lines.next().unwrap().to_owned()
}

#[test]
fn h5_what_a_head_alone_may_say_is_no_trailer() {
    for never in [
        "content-length",
        "Transfer-Encoding",
        "host",
        "te",
        "trailer",
        "connection",
        "keep-alive",
        "upgrade",
        "expect",
        "authorization",
        "www-authenticate",
        "proxy-authorization",
        "cookie",
        "set-cookie",
        "content-type",
        "content-encoding",
        "content-range",
        "content-location",
        "cache-control",
        "expires",
        "age",
        "date",
        "vary",
        "location",
        "retry-after",
        "range",
        "if-match",
        "max-forwards",
        "accept-encoding",
        "access-control-allow-origin",
        "sec-fetch-site",
        "anteroom-admission",
        "x-anteroom-a",
        "anteroom-session",
        "x-forwarded-for",
        "x-real-ip",
        "forwarded",
        "x-original-url",
        "content_length",
        "x_forwarded_for",
        "surrogate-control",
    ] {
        assert_eq!(
            never.parse::<TrailerName>(),
            Err(NoTrailer::Never),
            "{never}"
        );
        assert!(!may_be(never.as_bytes()), "{never}");
    }
    for may in [
        "grpc-status",
        "Grpc-Message",
        "server-timing",
        "etag",
        "content-digest",
        "x-sum",
    ] {
        assert!(may.parse::<TrailerName>().is_ok(), "{may}");
        assert!(may_be(may.as_bytes()), "{may}");
    }
    for odd in ["", "a b", "x:y", ":status", "x\r\ny"] {
        assert_eq!(odd.parse::<TrailerName>(), Err(NoTrailer::NoName), "{odd}");
        assert!(!may_be(odd.as_bytes()), "{odd}");
    }
}

#[test]
fn h5_only_what_is_listed_passes_and_the_rest_is_counted() {
    let metrics = Metrics::new().unwrap();
    let sieve = Sieve::new(
        &names(&["x-sum", "server-timing"]),
        Arc::clone(&metrics.asides),
    );
    let came = fields(&[
        ("x-sum", "1"),
        ("x-other", "2"),
        ("x-sum", "3"),
        ("cookie", "a=b"),
    ]);

    let kept = sieve.pass(came, TrailersOf::Request);

    assert_eq!(kept, Some(fields(&[("x-sum", "1"), ("x-sum", "3")])));
    assert_eq!(dropped(&metrics, "request"), "2");
    let none = sieve.pass(fields(&[("x-other", "1")]), TrailersOf::Answer);
    assert_eq!((none, dropped(&metrics, "answer").as_str()), (None, "1"));
}

#[test]
fn h5_trailers_are_bounded_in_number_and_size() {
    let metrics = Metrics::new().unwrap();
    let sieve = Sieve::new(&names(&["x-sum"]), Arc::clone(&metrics.asides));
    let many = |count: usize, value: &str| fields(&vec![("x-sum", value); count]);

    assert_eq!(
        sieve.pass(many(32, "1"), TrailersOf::Answer).unwrap().len(),
        32
    );
    assert_eq!(sieve.pass(many(33, "1"), TrailersOf::Answer), None);
    assert_eq!(
        sieve.pass(many(1, &"y".repeat(9_000)), TrailersOf::Answer),
        None
    );
    assert_eq!(dropped(&metrics, "answer"), "34");
}

#[test]
fn h5_trailers_are_read_where_the_request_says_so() {
    let reader = |version, te: &[&str]| {
        let mut request = http::Request::new(());
        *request.version_mut() = version;
        for line in te {
            let line = HeaderValue::from_str(line).unwrap();
            request.headers_mut().append("te", line);
        }
        Reader::of(&request.into_parts().0)
    };
    assert_eq!(
        reader(Version::HTTP_11, &["gzip", "deflate, Trailers"]),
        Reader::Asks
    );
    assert_eq!(reader(Version::HTTP_11, &["gzip"]), Reader::Deaf);
    assert_eq!(reader(Version::HTTP_11, &[]), Reader::Deaf);
    assert_eq!(reader(Version::HTTP_10, &["trailers"]), Reader::Deaf);
    assert_eq!(reader(Version::HTTP_2, &[]), Reader::Http2);
}

fn origin(site: &TicketSite) -> Origin {
    origin_of(vec![Settings {
        trailers: names(&["x-sum", "grpc-status"]),
        ..site.settings()
    }])
}

#[tokio::test]
async fn h5_listed_trailers_pass_both_ways_over_http_1_1() {
    let site = TicketSite::answering(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-other\r\n\r\n\
         2\r\nok\r\n0\r\ngrpc-status: 0\r\nset-cookie: anteroom-a-x=1\r\nx-other: 1\r\n\r\n",
    )
    .await;
    let origin = origin(&site);
    for te in ["trailers", "gzip"] {
        let (pen, body) = written();
        tokio::spawn(async move {
            pen.write("order").await;
            pen.sign(fields(&[("x-sum", "7"), ("authorization", "forged")]))
                .await;
        });
        let mut request = asking("POST", body);
        let headers = request.headers_mut();
        headers.insert("te", HeaderValue::from_static(te));
        headers.insert("trailer", HeaderValue::from_static("authorization"));

        let answer = origin.forward(request, outside("/")).await.unwrap();

        let asked = te == "trailers";
        let said = answer.headers().get("trailer").cloned();
        assert_eq!(said.is_some(), asked, "named to those who ask");
        let answer = answer.into_body().collect().await.unwrap();
        assert_eq!(answer.trailers(), Some(&fields(&[("grpc-status", "0")])));
        assert_eq!(answer.to_bytes(), "ok");
        let heard = site.heard();
        let heard = heard.last().unwrap();
        assert_eq!(heard.body, b"5\r\norder\r\n0\r\nx-sum: 7\r\n\r\n");
        assert!(
            heard.head.contains("trailer: x-sum, grpc-status\r\n"),
            "{}",
            heard.head
        );
        assert_eq!(
            heard.head.contains("te: trailers\r\n"),
            asked,
            "{}",
            heard.head
        );
        assert_eq!(
            heard.head.contains("connection: te\r\n"),
            asked,
            "{}",
            heard.head
        );
    }
    let connections: Vec<_> = site.heard().iter().map(|heard| heard.connection).collect();
    assert_eq!(
        connections,
        [0, 0],
        "the connection goes on behind trailers"
    );
}
