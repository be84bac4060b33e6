//! What is counted of requests: each at its end, once.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;

use super::{hangs_up, mute, nobody, of};
use crate::origin::testing::{OK, TicketSite, asking, bare, get, outside, text, world, written};
use crate::origin::{Origin, OriginError, Settings};
use crate::telemetry::metrics::Metrics;

/// An origin of these settings, and what is counted there.
fn counted(settings: Settings) -> (Origin, Arc<Metrics>) {
    let world = world();
    let metrics = Arc::clone(&world.metrics);
    (Origin::new(vec![settings], world).unwrap(), metrics)
}

/// The series of a family that are not zero, as the value of one label and the count.
fn series(metrics: &Metrics, (family, label): (&str, &str)) -> Vec<String> {
    let text = metrics.scrape(&[]).unwrap();
    let lines = text.lines().filter(|line| {
        let family = line.split('{').next() == Some(family);
        family && !line.ends_with(" 0")
    });
    let told = lines.filter_map(|line| {
        let said = line.split(&format!("{label}=\"")).nth(1)?;
        let (word, count) = (said.split('"').next()?, line.rsplit(' ').next()?);
        Some(format!("{word} {count}"))
    });
    told.collect()
}

fn results(metrics: &Metrics) -> Vec<String> {
    series(metrics, ("anteroom_origin_requests_total", "result"))
}

fn unsent(metrics: &Metrics) -> Vec<String> {
    series(metrics, ("anteroom_origin_unsent_total", "reason"))
}

#[tokio::test]
async fn a_request_whose_visitor_leaves_before_the_answer_is_counted_as_theirs() {
    let site = mute().await;
    let (origin, metrics) = counted(site.settings());

    let left = tokio::time::timeout(Duration::from_millis(100), get(&origin)).await;

    assert!(left.is_err());
    assert_eq!(results(&metrics), ["visitor 1"]);
}

#[tokio::test]
async fn an_answer_is_counted_at_its_end_and_one_that_breaks_off_is_a_bad_one() {
    let site = TicketSite::doing(async |mut caller| {
        caller.hear().await;
        caller
            .say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            .await;
    })
    .await;
    let (origin, metrics) = counted(site.settings());

    let answer = get(&origin).await.unwrap();
    assert!(results(&metrics).is_empty());
    assert!(text(answer).await.is_err());

    assert_eq!(results(&metrics), ["bad_answer 1"]);
    let whole = TicketSite::answering(OK).await;
    let (origin, metrics) = counted(whole.settings());
    text(get(&origin).await.unwrap()).await.unwrap();
    drop(get(&origin).await.unwrap());
    assert_eq!(results(&metrics), ["ok 2"]);
}

#[tokio::test]
async fn what_is_sent_to_no_origin_is_counted_by_why_not() {
    let site = mute().await;
    let mut settings = site.settings();
    settings.total = Some(Duration::from_millis(80));
    let (origin, metrics) = counted(settings);
    let (_pen, body) = written();
    let slow = asking("POST", body.of_length(9));
    let lost = origin.forward(slow, outside("/")).await;
    assert!(
        matches!(lost, Err(OriginError::NoAnswer { .. })),
        "{lost:?}"
    );
    assert_eq!(unsent(&metrics), ["timeout 1"]);

    let (origin, metrics) = counted(site.settings());
    let (_pen, body) = written();
    let slow = asking("POST", body.of_length(9));
    let forwarding = origin.forward(slow, outside("/"));
    let left = tokio::time::timeout(Duration::from_millis(50), forwarding).await;
    assert!(left.is_err());
    let (pen, body) = written();
    tokio::spawn(pen.snap());
    let broken = asking("POST", body.of_length(9));
    let lost = origin.forward(broken, outside("/")).await;
    assert!(
        matches!(lost, Err(OriginError::RequestBody { .. })),
        "{lost:?}"
    );
    assert_eq!(unsent(&metrics), ["visitor 2"]);

    let dead = nobody().await;
    let mut settings = dead.settings();
    settings.fitness.failures = 1;
    let (origin, metrics) = counted(settings);
    let (one, two) = tokio::join!(get(&origin), get(&origin));
    assert!(one.is_err() && two.is_err());
    let trial = origin.sites[0].pools()[0].try_out();
    let lost = get(&origin).await;
    assert!(matches!(lost, Err(OriginError::LeftOut)), "{lost:?}");
    drop(trial);
    assert_eq!(unsent(&metrics), ["left_out 1"]);
    assert!(results(&metrics).iter().all(|told| told == "unreachable 2"));
}

#[tokio::test]
async fn a_second_sending_that_finds_no_origin_is_none_and_costs_nothing() {
    let (fickle, dead) = (hangs_up().await, nobody().await);
    let mut settings = of(&[&fickle, &dead]);
    settings.fitness.failures = 1;
    let (origin, metrics) = counted(settings);
    while origin.sites[0].pools()[1].fit().passes() {
        let order = asking("POST", Full::<Bytes>::from("order"));
        let _ = origin.forward(order, outside("/")).await;
        if !origin.sites[0].pools()[0].fit().passes() {
            origin.sites[0].pools()[0].try_out().unwrap();
            origin.sites[0].pools()[0]
                .health()
                .succeeded(|| Duration::ZERO);
        }
    }
    let spent = |origin: &Origin| {
        let budget = &origin.sites[0].budget;
        let mut left = 0;
        while budget.spend() {
            left += 1;
        }
        (0..left).for_each(|_| budget.give_back());
        left
    };
    let before = spent(&origin);

    let lost = origin.forward(bare("GET"), outside("/")).await;

    assert!(lost.is_err(), "{lost:?}");
    assert_eq!(spent(&origin), before);
    let again = series(&metrics, ("anteroom_origin_retries_total", "origin"));
    assert!(again.is_empty(), "{again:?}");
}
