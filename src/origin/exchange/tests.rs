//! Several origins: what goes where, what is sent again, and who is left out.

mod blame;
mod counted;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;

use crate::gate::permit::{Grounds, Permit};
use crate::origin::testing::{
    OK, TicketSite, asking, bare, get, origin_of, outside, passage, text, world,
};
use crate::origin::{Balance, Fitness, Origin, OriginError, Settings};

/// A site of these origins, in this order.
fn of(origins: &[&TicketSite]) -> Settings {
    Settings {
        origins: origins.iter().map(|site| site.address()).collect(),
        ..origins[0].settings()
    }
}

/// A place where nobody listens.
async fn nobody() -> TicketSite {
    let site = TicketSite::answering(OK).await;
    site.closed().await
}

/// Reads a request and hangs up.
async fn hangs_up() -> TicketSite {
    TicketSite::doing(async |mut caller| drop(caller.hear().await)).await
}

fn order() -> http::Request<Full<Bytes>> {
    asking("POST", Full::<Bytes>::from("order"))
}

#[tokio::test]
async fn h15_what_was_not_sent_goes_to_another_origin_whatever_it_is() {
    let (dead, alive) = (nobody().await, TicketSite::answering(OK).await);
    let origin = origin_of(vec![of(&[&dead, &alive])]);

    for _ in 0..4 {
        let answer = origin.forward(order(), outside("/pay")).await.unwrap();
        assert_eq!(text(answer).await.unwrap(), "ok");
    }

    let bodies: Vec<_> = alive.heard().into_iter().map(|heard| heard.body).collect();
    assert_eq!(bodies, vec![b"order"; 4]);
}

#[tokio::test]
async fn h15_a_harmless_request_is_sent_to_another_origin_once() {
    let (one, two) = (hangs_up().await, hangs_up().await);
    let third = hangs_up().await;
    let origin = origin_of(vec![of(&[&one, &two, &third])]);

    let lost = get(&origin).await;

    assert!(
        matches!(lost, Err(OriginError::BadAnswer { .. })),
        "{lost:?}"
    );
    let heard = [&one, &two, &third].map(|site| site.heard().len());
    assert_eq!(heard.iter().sum::<usize>(), 2, "{heard:?}");
}

#[tokio::test]
async fn h15_an_order_that_may_have_arrived_is_sent_to_nobody_else() {
    let (fickle, alive) = (hangs_up().await, TicketSite::answering(OK).await);
    let origin = origin_of(vec![of(&[&fickle, &alive])]);
    let mut lost = 0;

    for _ in 0..6 {
        lost += usize::from(origin.forward(order(), outside("/pay")).await.is_err());
    }

    assert_eq!(fickle.heard().len(), lost, "each order was heard once");
    assert_eq!(alive.heard().len(), 6 - lost);
    assert!(lost > 0);
}

#[tokio::test]
async fn h15_an_answer_that_had_begun_is_not_asked_for_again() {
    let half = TicketSite::doing(async |mut caller| {
        caller.hear().await;
        caller.say("HTTP/1.1 200 OK\r\n").await;
    })
    .await;
    let alive = TicketSite::answering(OK).await;
    let mut settings = of(&[&half, &alive]);
    settings.balance = Balance::Visitor;
    let origin = origin_of(vec![settings]);

    let mut outcomes = Vec::new();
    for number in 0..16 {
        let permit = from_address(number);
        outcomes.push(origin.forward(bare("GET"), permit).await.is_ok());
    }

    let lost = outcomes.iter().filter(|good| !**good).count();
    assert_eq!(half.heard().len(), lost);
    assert_eq!(alive.heard().len(), 16 - lost);
    assert!(lost > 0, "somebody belongs to it");
}

/// A visitor from one of many addresses.
fn from_address(number: u8) -> Permit {
    let mut passage = passage("/");
    passage.client = [203, 0, 113, number].into();
    Permit::for_test(Grounds::Outside, passage)
}

#[tokio::test]
async fn requests_are_shared_and_with_hash_each_visitor_stays_with_one_origin() {
    let sites = [
        TicketSite::answering(OK).await,
        TicketSite::answering(OK).await,
        TicketSite::answering(OK).await,
    ];
    let settings = of(&[&sites[0], &sites[1], &sites[2]]);
    let origin = origin_of(vec![settings.clone()]);
    for _ in 0..9 {
        text(get(&origin).await.unwrap()).await.unwrap();
    }
    let heard = |sites: &[TicketSite; 3]| sites.each_ref().map(|site| site.heard().len());
    assert_eq!(heard(&sites), [3, 3, 3]);

    let hashed = origin_of(vec![Settings {
        balance: Balance::Visitor,
        ..settings
    }]);
    for visitor in 0..32 {
        let before = heard(&sites);
        for _ in 0..4 {
            let answer = hashed.forward(bare("GET"), from_address(visitor)).await;
            text(answer.unwrap()).await.unwrap();
        }
        let grown = heard(&sites)
            .iter()
            .zip(before)
            .filter(|(now, then)| *now > then)
            .count();
        assert_eq!(grown, 1, "visitor {visitor}");
    }
    assert!(
        heard(&sites).iter().all(|count| *count > 3),
        "all have some"
    );
}

#[tokio::test]
async fn r9_an_origin_that_fails_is_left_out_and_tried_again_later() {
    let (dead, alive) = (nobody().await, TicketSite::answering(OK).await);
    let mut settings = of(&[&dead, &alive]);
    settings.fitness = Fitness {
        failures: 2,
        eject: Duration::from_millis(200),
        ..settings.fitness
    };
    let world = world();
    let metrics = Arc::clone(&world.metrics);
    let origin = Origin::new(vec![settings], world).unwrap();
    let refused = || {
        let text = metrics.scrape(&[]).unwrap();
        let line = text.lines().find(|line| {
            line.starts_with("anteroom_origin_requests_total{")
                && line.contains(&dead.address().to_string())
                && line.contains("unreachable")
        });
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };

    for _ in 0..10 {
        get(&origin).await.unwrap();
    }
    assert_eq!(refused(), "2", "then it is left out");
    tokio::time::sleep(Duration::from_millis(250)).await;
    for _ in 0..10 {
        get(&origin).await.unwrap();
    }

    assert_eq!(refused(), "3", "one tried it");
}

#[tokio::test]
async fn f27_when_all_are_left_out_one_at_a_time_tries_and_the_first_answer_ends_it() {
    let site = TicketSite::answering(OK).await;
    let mut settings = site.settings();
    settings.fitness.failures = 1;
    let address = site.at();
    let site = site.closed().await;
    let origin = origin_of(vec![settings]);
    for _ in 0..3 {
        let lost = get(&origin).await;
        assert!(
            matches!(lost, Err(OriginError::Unreachable { .. })),
            "{lost:?}"
        );
    }
    drop(site);

    let back = TicketSite::at_address(address, async |mut caller| {
        while caller.hear().await.is_some() {
            tokio::time::sleep(Duration::from_millis(100)).await;
            caller.say(OK).await;
        }
    })
    .await;
    let (first, second) = tokio::join!(get(&origin), get(&origin));

    assert!(first.is_ok(), "the last origin is never given up");
    assert!(matches!(second, Err(OriginError::LeftOut)), "{second:?}");
    assert!(get(&origin).await.is_ok());
    assert_eq!(back.heard().len(), 2);
}

/// Hears requests and never answers.
async fn mute() -> TicketSite {
    TicketSite::doing(async |mut caller| {
        caller.hear().await;
        caller.hang_on().await;
    })
    .await
}

#[tokio::test]
async fn r9_a_slow_origin_holds_up_neither_the_others_nor_those_who_find_it_full() {
    let (slow, quick) = (mute().await, TicketSite::answering(OK).await);
    let mut settings = of(&[&slow, &quick]);
    settings.balance = Balance::Visitor;
    settings.max_connections = 2;
    settings.max_pending = 8;
    settings.pending = Duration::from_secs(30);
    let origin = Arc::new(origin_of(vec![settings]));
    let mut stuck = tokio::task::JoinSet::new();
    for number in 0..=255 {
        let origin = Arc::clone(&origin);
        stuck.spawn(async move {
            let answer = origin.forward(bare("GET"), from_address(number)).await;
            text(answer.unwrap()).await.unwrap();
        });
        while slow.heard().len() + quick.heard().len() <= usize::from(number) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if slow.heard().len() == 2 {
            break;
        }
    }
    assert_eq!(slow.heard().len(), 2, "it has all that it may have");
    let before = quick.heard().len();

    for number in 0..50 {
        let answer = origin.forward(bare("GET"), from_address(number));
        let answer = tokio::time::timeout(Duration::from_secs(5), answer).await;
        let answer = answer.expect("nobody waits").unwrap();
        assert_eq!(text(answer).await.unwrap(), "ok");
    }

    assert_eq!(quick.heard().len() - before, 50, "the free one has them");
    assert_eq!(slow.heard().len(), 2);
}

#[tokio::test]
async fn r9_when_all_origins_are_full_a_bounded_line_waits_and_the_rest_hears_at_once() {
    let (one, two) = (mute().await, mute().await);
    let mut settings = of(&[&one, &two]);
    settings.max_connections = 1;
    settings.max_pending = 1;
    settings.pending = Duration::from_millis(300);
    let origin = Arc::new(origin_of(vec![settings]));
    let mut stuck = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let origin = Arc::clone(&origin);
        stuck.spawn(async move { get(&origin).await.map(drop) });
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!((one.heard().len(), two.heard().len()), (1, 1));

    let asked = waits_of(&origin, 5).await;

    let in_line = asked
        .iter()
        .filter(|waited| **waited >= Duration::from_millis(300));
    assert_eq!(in_line.count(), 2, "{asked:?}: one for each origin");
    let at_once = asked
        .iter()
        .filter(|waited| **waited < Duration::from_millis(150));
    assert_eq!(at_once.count(), 3, "{asked:?}");
    assert_eq!((one.heard().len(), two.heard().len()), (1, 1));
}

/// So many requests at once that find every origin full: how long each waited.
async fn waits_of(origin: &Arc<Origin>, count: usize) -> Vec<Duration> {
    let clock = crate::domain::clock::Clock::machine();
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..count {
        let (origin, clock) = (Arc::clone(origin), clock.clone());
        asking.spawn(async move {
            let begun = clock.now().mono;
            let lost = get(&origin).await;
            assert!(matches!(lost, Err(OriginError::Busy)), "{lost:?}");
            clock.now().mono - begun
        });
    }
    asking.join_all().await
}

#[tokio::test]
async fn an_origin_that_joins_others_begins_with_a_small_share() {
    let (old, new) = (
        TicketSite::answering(OK).await,
        TicketSite::answering(OK).await,
    );
    let mut settings = of(&[&old]);
    settings.balance = Balance::Visitor;
    let before = origin_of(vec![settings.clone()]);
    settings.origins.push(new.address());
    let origin = before.renewed(vec![settings]).unwrap();

    for visitor in 0..=255 {
        let answer = origin.forward(bare("GET"), from_address(visitor)).await;
        text(answer.unwrap()).await.unwrap();
    }

    let share = new.heard().len();
    assert!((5..60).contains(&share), "{share} of 256");
}
