//! What is held against an origin, and what is not.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;

use super::mute;
use crate::origin::route::Resolver;
use crate::origin::testing::{
    OK, TicketSite, asking, bare, get, origin_of, outside, text, world, written,
};
use crate::origin::{Origin, OriginError, Protocol, Settings, World};

const SHORT: Duration = Duration::from_millis(80);
const LONG: Duration = Duration::from_secs(20);

/// Of an origin that one failure ejects.
fn strict(site: &TicketSite) -> Settings {
    let mut settings = site.settings();
    settings.fitness.failures = 1;
    settings
}

fn is_ejected(origin: &Origin) -> bool {
    !origin.sites[0].pools()[0].fit().passes()
}

#[tokio::test]
async fn r9_a_visitor_who_pauses_before_the_end_of_a_body_takes_no_time_of_the_origin() {
    let site = TicketSite::doing(async |mut caller| {
        caller.hear().await;
        tokio::time::sleep(SHORT / 2).await;
        caller.say(OK).await;
    })
    .await;
    let origin = origin_of(vec![Settings {
        response: SHORT,
        idle: LONG,
        ..strict(&site)
    }]);
    let (pen, body) = written();
    tokio::spawn(async move {
        pen.write("half").await;
        tokio::time::sleep(6 * SHORT).await;
        drop(pen);
    });

    let answer = origin.forward(asking("POST", body), outside("/")).await;

    assert_eq!(text(answer.unwrap()).await.unwrap(), "ok");
    assert!(!is_ejected(&origin));
}

#[tokio::test]
async fn r9_a_silent_origin_is_blamed_in_its_time_also_for_a_body_that_turned_out_empty() {
    let site = mute().await;
    let origin = origin_of(vec![Settings {
        response: SHORT,
        idle: LONG,
        ..strict(&site)
    }]);
    let (pen, body) = written();
    drop(pen);
    let forwarding = origin.forward(asking("POST", body), outside("/"));

    let lost = tokio::time::timeout(LONG / 4, forwarding).await.unwrap();

    assert!(
        matches!(lost, Err(OriginError::NoAnswer { .. })),
        "{lost:?}"
    );
    assert!(is_ejected(&origin));
}

#[tokio::test]
async fn r9_the_time_of_the_whole_speaks_against_nobody_and_silence_does() {
    for (total, response, ejects) in [(SHORT, LONG, false), (LONG, SHORT, true)] {
        let site = mute().await;
        let origin = origin_of(vec![Settings {
            total: Some(total),
            response,
            ..strict(&site)
        }]);

        let lost = get(&origin).await;

        assert!(
            matches!(lost, Err(OriginError::NoAnswer { .. })),
            "{lost:?}"
        );
        assert_eq!(is_ejected(&origin), ejects, "{total:?} {response:?}");
    }
}

/// Of a name that nobody looks up in time, over HTTP/2 without TLS.
fn nameless(settings: Settings) -> Origin {
    let settings = Settings {
        protocol: Protocol::Http2Plain,
        ..settings
    };
    let resolver = Resolver::Late(LONG, Vec::new());
    let world = World {
        resolver,
        ..world()
    };
    Origin::new(vec![settings], world).unwrap()
}

#[tokio::test]
async fn r9_who_waits_while_another_dials_has_one_time_for_both_and_blames_nobody() {
    let site = mute().await;
    let mut settings = site.settings();
    settings.connect = 3 * SHORT;
    settings.fitness.failures = 2;
    let origin = nameless(settings);
    let asked = async || {
        let begun = tokio::time::sleep(Duration::ZERO).deadline();
        let lost = origin.forward(bare("GET"), outside("/")).await;
        assert!(
            matches!(lost, Err(OriginError::Unreachable { .. })),
            "{lost:?}"
        );
        tokio::time::sleep(Duration::ZERO).deadline() - begun
    };

    let waited = tokio::join!(asked(), asked(), asked(), asked());

    let longest = [waited.0, waited.1, waited.2, waited.3].into_iter().max();
    assert!(longest.unwrap() < 5 * SHORT, "{waited:?}");
    assert!(!is_ejected(&origin), "one of them dialled");
}

#[tokio::test]
async fn f27_the_time_of_the_whole_counts_while_a_connection_is_made_and_blames_nobody() {
    let site = mute().await;
    let origin = nameless(Settings {
        total: Some(SHORT),
        connect: LONG,
        ..strict(&site)
    });
    let order = asking("POST", Full::<Bytes>::from("order"));

    let lost = tokio::time::timeout(LONG / 4, origin.forward(order, outside("/"))).await;

    let lost = lost.unwrap();
    assert!(
        matches!(lost, Err(OriginError::NoAnswer { .. })),
        "{lost:?}"
    );
    assert!(!is_ejected(&origin));
}
