//! Which origin a request goes to when some are full or left out.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use http::uri::PathAndQuery;

use super::*;
use crate::origin::health::{Answer, Turn};
use crate::origin::pool::Blame;
use crate::origin::testing::{outside, site_settings, world};
use crate::origin::{Address, Check, Scheme};
use crate::policy::limits::address_key;

/// A site with this many origins, two slots each; one visitor belongs to one of them.
fn site(origins: u16) -> Site {
    let address = |port| Address {
        host: "192.0.2.1".to_owned(),
        port,
        scheme: Scheme::Http,
    };
    let settings = Settings {
        origins: (1..=origins).map(address).collect(),
        balance: Balance::Visitor,
        max_connections: 2,
        max_pending: 1,
        pending: Duration::from_secs(1),
        ..site_settings()
    };
    Site::new(settings, None, &world()).unwrap()
}

async fn seat(site: &Site) -> Result<Held, OriginError> {
    site.seat(site.ask(&outside("/"), Risk::None), &mut Tried::none())
        .await
}

fn at(held: &Held) -> u64 {
    held.pool.number()
}

fn eject(pool: &Arc<Pool>) {
    for _ in 0..pool.settings().fitness.failures {
        let mut held = pool
            .enter(address_key(std::net::Ipv4Addr::LOCALHOST.into()))
            .unwrap();
        held.lost(&OriginError::LeftOut, Blame::Origin);
    }
}

#[tokio::test(start_paused = true)]
async fn r9_a_full_origin_is_passed_over_without_waiting() {
    let site = site(2);
    let began = tokio::time::sleep(Duration::ZERO).deadline();
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(seat(&site).await.unwrap());
    }

    let now = tokio::time::sleep(Duration::ZERO).deadline();
    assert_eq!(now, began, "nobody waited");
    let busy: Vec<_> = site.pools().iter().map(|pool| pool.busy()).collect();
    assert_eq!(busy, [2, 2]);
}

#[tokio::test(start_paused = true)]
async fn r9_when_all_are_full_one_waits_in_the_line_of_one() {
    let site = Arc::new(site(2));
    let mut held = Vec::new();
    for _ in 0..4 {
        held.push(seat(&site).await.unwrap());
    }
    let began = tokio::time::sleep(Duration::ZERO).deadline();

    let lost = seat(&site).await;

    assert!(matches!(lost, Err(OriginError::Busy)), "{lost:?}");
    let now = tokio::time::sleep(Duration::ZERO).deadline();
    let waited = now - began;
    let once = Duration::from_millis(990)..Duration::from_millis(1_100);
    assert!(once.contains(&waited), "{waited:?}: once, not at each");
    let waiting = tokio::spawn({
        let site = Arc::clone(&site);
        async move { seat(&site).await.map(|held| at(&held)) }
    });
    tokio::task::yield_now().await;
    let line = site.pools().iter().position(|pool| pool.load() == 3);
    let number = site.pools()[line.unwrap()].number();
    held.retain(|held| at(held) != number);
    assert_eq!(waiting.await.unwrap().unwrap(), number);
}

#[tokio::test]
async fn r9_what_is_left_out_is_not_tried_before_its_time_while_another_is_not() {
    let site = site(2);
    let (good, bad) = (&site.pools()[0], &site.pools()[1]);
    eject(bad);
    let ask = site.ask(&outside("/"), Risk::None);
    let mut tried = Tried::none();

    let first = site.seat(ask, &mut tried).await.unwrap();
    assert_eq!(at(&first), good.number());
    let second = site.seat(ask, &mut tried).await;

    assert!(matches!(second, Err(OriginError::LeftOut)), "{second:?}");
    eject(good);
    assert!(seat(&site).await.is_ok(), "somebody must try");
}

#[tokio::test]
async fn r9_a_trial_lasts_as_long_as_its_request_and_the_next_begins_when_it_is_gone() {
    let site = site(1);
    eject(&site.pools()[0]);

    let trial = seat(&site).await.unwrap();
    let second = seat(&site).await;
    assert!(matches!(second, Err(OriginError::LeftOut)), "{second:?}");
    drop(trial);

    assert!(seat(&site).await.is_ok());
}

/// As [`site`], of origins that are ejected for a moment only.
fn forgiving(origins: u16, check: Option<Check>) -> Site {
    let mut settings = site(origins).settings;
    settings.fitness.eject = Duration::from_millis(1);
    settings.fitness.eject_most = Duration::from_millis(1);
    settings.check = check;
    Site::new(settings, None, &world()).unwrap()
}

fn check() -> Check {
    Check {
        path: PathAndQuery::from_static("/healthz"),
        host: HeaderValue::from_static("shop"),
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(2),
        healthy_after: 2,
        unhealthy_after: 3,
    }
}

/// What a site does with requests of a kind, one after another, which say nothing of the origins.
async fn seats(site: &Site, risk: Risk) -> Vec<u64> {
    let mut seats = Vec::new();
    for _ in 0..4 {
        let ask = site.ask(&outside("/"), risk);
        let seat = site.seat(ask, &mut Tried::none()).await.unwrap();
        seats.push(at(&seat));
    }
    seats
}

const A_WHILE: Duration = Duration::from_millis(50);

#[tokio::test]
async fn r9_nobody_tries_an_origin_that_says_it_is_unwell_while_another_is_fit() {
    let site = forgiving(2, Some(check()));
    let (good, bad) = (&site.pools()[0], &site.pools()[1]);
    eject(bad);
    for _ in 0..3 {
        let _ = bad.health().heard(Answer::Bad, &check(), Duration::ZERO);
    }
    tokio::time::sleep(A_WHILE).await;

    for risk in [Risk::None, Risk::Loss] {
        assert_eq!(seats(&site, risk).await, [good.number(); 4]);
    }
    eject(good);
    tokio::time::sleep(A_WHILE).await;
    assert!(seat(&site).await.is_ok(), "somebody must try");
}

#[tokio::test]
async fn r9_an_origin_that_only_orders_come_for_is_tried_by_one_when_nobody_asks_it() {
    for (check, tries) in [(None, true), (Some(check()), false)] {
        let site = forgiving(2, check);
        let (good, bad) = (&site.pools()[0], &site.pools()[1]);
        eject(bad);
        tokio::time::sleep(A_WHILE).await;

        let seats = seats(&site, Risk::Loss).await;

        let tried = if tries { bad } else { good };
        assert_eq!(seats, [tried.number(); 4]);
    }
}

#[tokio::test]
async fn r9_a_good_answer_to_a_health_check_ends_an_ejection_that_is_due() {
    let site = forgiving(2, Some(check()));
    let bad = &site.pools()[1];
    eject(bad);
    assert!(!bad.fit().passes());

    let turn = bad
        .health()
        .heard(Answer::Good, &check(), Duration::MAX / 4);

    assert_eq!(turn, Some(Turn::Restored));
    assert!(bad.fit().is_whole());
}
