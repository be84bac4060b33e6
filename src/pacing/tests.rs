//! Stories of visitors, from their first visit to the shop and out again.

mod invited;
mod laned;
mod reasons;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::house::{Got, House, Visitor, per_minute};
use crate::domain::clock::UnixTime;
use crate::domain::pace::Pace;
use crate::domain::pressure::Pressure;
use crate::domain::room::{Exempt, Method, SaleWindow, Schedule, Terms};
use crate::domain::session::Jti;
use crate::domain::standing::EndedBy;
use crate::domain::window::Order;
use crate::gate::notice::{Face, Reason, Visit};
use crate::store::survey::Snapshot;

/// A visitor who has joined: one visit, one return.
async fn joined(house: &House) -> Visitor {
    let mut visitor = house.visitor();
    visitor.get(house, "/buy/1").await.is_not_served();
    visitor.get(house, "/buy/1").await.is_not_served();
    visitor
}

#[tokio::test]
async fn a_fan_queues_is_released_and_reaches_the_shop() {
    let mut house = House::open(per_minute(60)).await;
    let mut ann = house.visitor();

    let first = ann.get(&house, "/buy/1").await.is_not_served();
    assert_eq!((first.visit, first.position), (Visit::First, None));
    assert_eq!(house.calls(), 0, "a first visit writes nothing");
    ann.get(&house, "/buy/1").await.is_waiting(0);
    let mut bob = joined(&house).await;
    bob.get(&house, "/buy/1").await.is_waiting(1);

    house.pass(Duration::from_secs(4)).await;
    ann.get(&house, "/buy/1").await.is_served();
    ann.get(&house, "/buy/2").await.is_served();
    bob.get(&house, "/buy/1").await.is_served();
    house.visitor().get(&house, "/about").await.is_served();
    house
        .visitor()
        .get(&house, "/buy/assets/x.css")
        .await
        .is_served();
}

#[tokio::test]
async fn q12_under_pressure_newcomers_come_later_and_those_in_line_and_inside_are_served() {
    let mut house = House::open(per_minute(60)).await;
    let mut inside = joined(&house).await;
    house.pass(Duration::from_secs(4)).await;
    inside.get(&house, "/buy/1").await.is_served();
    let mut waits = joined(&house).await;
    let mut about_to_join = house.visitor();
    about_to_join.get(&house, "/buy/1").await.is_not_served();

    house.gate.pressure.set(Pressure::High);

    inside.get(&house, "/buy/2").await.is_served();
    waits.get(&house, "/buy/1").await.is_waiting(0);
    house.visitor().get(&house, "/about").await.is_served();
    for newcomer in [&house.visitor(), &about_to_join] {
        assert!(newcomer.refused(&house, "GET", "/buy/1", &[]).await);
        assert!(!newcomer.refused(&house, "HEAD", "/buy/1", &[]).await);
    }

    house.gate.pressure.set(Pressure::Calm);
    about_to_join.get(&house, "/buy/1").await.is_waiting(1);
}

#[tokio::test]
async fn q2_a_thousand_first_visits_write_nothing() {
    let house = House::open(per_minute(600)).await;
    for _ in 0..1_000 {
        let notice = house.visitor().get(&house, "/buy/1").await.is_not_served();
        assert_eq!(notice.visit, Visit::First);
    }
    assert_eq!(house.calls(), 0);
}

#[tokio::test]
async fn a_poll_from_afar_and_an_admitted_request_cost_no_store_call() {
    let mut house = House::open(per_minute(7)).await;
    let mut near = joined(&house).await;
    for _ in 0..40 {
        joined(&house).await;
    }
    let mut far = joined(&house).await;
    house.tick().await;

    let before = house.calls();
    let notice = far.poll(&house).await;
    assert_eq!((notice.position, house.calls()), (Some(42), before));
    let told = notice.poll_after.as_secs();
    assert!((54..=66).contains(&told), "{told} s");
    near.poll(&house).await;
    assert_eq!(
        house.calls(),
        before + 1,
        "near the front each poll checks in"
    );

    house.pass(Duration::from_secs(20)).await;
    near.get(&house, "/buy/1").await.is_served();
    let before = house.calls();
    for page in 0..10 {
        near.get(&house, &format!("/buy/{page}")).await.is_served();
    }
    assert_eq!(house.calls(), before);
}

#[tokio::test]
async fn places_shown_never_grow_when_the_absent_come_back() {
    let mut house = House::open(per_minute(6)).await;
    let mut away = joined(&house).await;
    let mut stays = joined(&house).await;
    for _ in 0..5 {
        joined(&house).await;
    }
    house.order(Order::Pause).await;
    let mut shown = u64::MAX;
    for second in 0..400 {
        house.pass(Duration::from_secs(1)).await;
        if second % 20 == 0 {
            let position = stays.poll(&house).await.position.unwrap();
            assert!(position <= shown, "{position} after {shown}");
            shown = position;
        }
        if second == 300 {
            away.poll(&house).await;
        }
    }
}

#[tokio::test]
async fn once_their_check_ins_have_lapsed_the_living_get_every_slot() {
    let mut house = House::open(per_minute(60)).await;
    let mut living = Vec::new();
    for number in 0..900 {
        let visitor = joined(&house).await;
        if number % 2 == 0 {
            living.push(visitor);
        }
    }
    let ids: std::collections::HashSet<_> =
        living.iter().map(|visitor| visitor.id(&house)).collect();
    let mut due = vec![Duration::ZERO; living.len()];
    let (mut passed, mut since) = (Duration::ZERO, None);
    while passed < Duration::from_secs(350) {
        for (visitor, due) in living.iter_mut().zip(&mut due) {
            if *due > passed {
                continue;
            }
            *due = match visitor.get(&house, "/buy/1").await {
                Got::Waits(notice) => passed + notice.poll_after,
                Got::Served | Got::Shut(_) => Duration::MAX,
            };
        }
        house.pass(Duration::from_secs(1)).await;
        passed += Duration::from_secs(1);
        if passed == Duration::from_secs(150) {
            since = Some(house.released());
        }
    }
    let before = since.unwrap();
    let after: Vec<_> = house.released().difference(&before).copied().collect();
    let ghosts = after.iter().filter(|id| !ids.contains(*id)).count();
    assert!(after.len() >= 198, "{} released", after.len());
    assert_eq!(ghosts, 0, "of {} released after 150 s", after.len());
}

#[tokio::test]
async fn a11_while_the_store_is_away_places_are_kept_and_admitted_visitors_pass() {
    let mut house = House::open(per_minute(60)).await;
    let mut ann = joined(&house).await;
    let mut bob = joined(&house).await;
    house.pass(Duration::from_secs(2)).await;
    ann.get(&house, "/buy/1").await.is_served();
    bob.get(&house, "/buy/1").await.is_waiting(0);

    house.store.away.store(true, Ordering::SeqCst);
    house.pass(Duration::from_secs(30)).await;
    ann.get(&house, "/buy/2").await.is_served();
    let kept = bob.get(&house, "/buy/1").await.is_waiting(0);
    assert_eq!(kept.reason, Some(Reason::Recovering));
    let mut new = house.visitor();
    let first = new.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(first.visit, Visit::First);
    let second = new.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(
        (second.position, second.reason),
        (None, Some(Reason::Recovering))
    );

    house.store.away.store(false, Ordering::SeqCst);
    house.pass(Duration::from_secs(3)).await;
    bob.get(&house, "/buy/1").await.is_served();
    new.get(&house, "/buy/1").await.is_not_served();
}

#[tokio::test]
async fn a_token_past_its_expiry_is_honoured_only_while_the_store_is_away() {
    let mut house = House::open(per_minute(600)).await;
    let mut ann = joined(&house).await;
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    house.pass(Duration::from_secs(200)).await;

    house.store.away.store(true, Ordering::SeqCst);
    house.pass(Duration::from_secs(150)).await;
    ann.get(&house, "/buy/1").await.is_served();
    house.store.away.store(false, Ordering::SeqCst);
    house.pass(Duration::from_secs(1)).await;
    ann.queue = None;
    ann.get(&house, "/buy/1").await.is_not_served();
}

#[tokio::test]
async fn a_session_in_use_is_renewed_and_an_idle_one_ends() {
    let mut house = House::open(per_minute(600)).await;
    let mut ann = joined(&house).await;
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    for _ in 0..20 {
        house.pass(Duration::from_secs(60)).await;
        ann.get(&house, "/buy/1").await.is_served();
    }
    house.pass(Duration::from_secs(310)).await;
    let again = ann.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(again.ended_by, Some(EndedBy::Expired));
    assert_eq!(
        again.visit,
        Visit::First,
        "the next visit starts at the back"
    );
    for _ in 0..2 {
        let waits = ann.poll(&house).await;
        assert_eq!(
            waits.ended_by,
            Some(EndedBy::Expired),
            "why am I here again"
        );
    }
}

#[tokio::test]
async fn a_session_used_late_lives_to_its_absolute_end_and_no_longer_holds_its_slot() {
    let terms = Terms {
        session: crate::domain::session::SessionTerms {
            idle: Duration::from_secs(300),
            absolute: Duration::from_secs(400),
            ..per_minute(600).session
        },
        capacity: NonZeroU32::new(1),
        ..per_minute(600)
    };
    let mut house = House::open(terms).await;
    let mut ann = joined(&house).await;
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    let mut bob = joined(&house).await;

    house.pass(Duration::from_secs(280)).await;
    ann.get(&house, "/buy/1").await.is_served();
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    house.pass(Duration::from_secs(110)).await;
    ann.get(&house, "/buy/1").await.is_served();
    bob.get(&house, "/buy/1").await.is_not_served();
    house.pass(Duration::from_secs(20)).await;
    ann.get(&house, "/buy/1").await.is_not_served();
    bob.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn w6_a_true_token_of_an_older_window_is_not_taken_for_forbidden_cookies() {
    let mut house = House::open(per_minute(600)).await;
    let mut ann = house.visitor();
    ann.get(&house, "/buy/1").await.is_not_served();
    house.order(Order::End).await;
    house.order(Order::OPEN_NOW).await;
    let again = ann.get(&house, "/buy/1?anteroom-return=1").await;
    assert_eq!(again.is_not_served().visit, Visit::First);
    let mut none = house.visitor();
    let none = none.get(&house, "/buy/1?anteroom-return=1").await;
    assert_eq!(none.is_not_served().visit, Visit::CookiesOff);
}

#[tokio::test]
async fn who_left_is_out_and_the_old_tokens_buy_nothing() {
    let mut house = House::open(per_minute(600)).await;
    let mut ann = joined(&house).await;
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    let mut thief = ann.clone();

    let left = ann
        .ask(&house, "POST", "/_anteroom/rooms/sale/leave", &[])
        .await
        .is_not_served();
    assert_eq!(left.ended_by, Some(EndedBy::Left));
    assert_eq!(ann.admission, None);
    let again = ann.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(again.ended_by, Some(EndedBy::Left), "the page says why");
    house.pass(Duration::from_secs(1)).await;
    let refused = thief.get(&house, "/buy/1").await.is_not_served();
    assert_eq!(refused.ended_by, Some(EndedBy::Left));
}

#[tokio::test]
async fn whoever_is_revoked_is_told_and_joins_at_the_back() {
    let mut house = House::open(per_minute(600)).await;
    let (mut ann, mut bob) = (joined(&house).await, joined(&house).await);
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    bob.get(&house, "/buy/1").await.is_served();
    let mut thief = ann.clone();

    house.order(Order::RevokeAll).await;

    for visitor in [&mut ann, &mut bob] {
        let told = visitor.get(&house, "/buy/1").await.is_not_served();
        assert_eq!(told.ended_by, Some(EndedBy::Revoked));
    }
    let again = ann.poll(&house).await;
    assert_eq!(again.position, Some(1), "joined anew");
    assert_eq!(again.ended_by, Some(EndedBy::Revoked), "the page says why");
    house.pass(Duration::from_secs(1)).await;
    ann.get(&house, "/buy/1").await.is_served();
    thief.get(&house, "/buy/1").await.is_not_served();
}

#[tokio::test]
async fn a_revocation_given_while_a_survey_is_under_way_is_not_forgotten() {
    let mut house = House::open(per_minute(600)).await;
    house.pass(Duration::from_secs(1)).await;
    let session = Jti([7; 16]);
    let snapshot = house.gate.rooms[0].snapshot.clone();
    snapshot.rcu(|last| {
        let mut next = Snapshot::clone(last);
        Arc::make_mut(&mut next.ended).insert(session);
        next
    });

    house.tick().await;
    assert!(snapshot.load().ended.contains(&session));

    house.tick().await;
    let forgotten = !snapshot.load().ended.contains(&session);
    assert!(forgotten, "from then on the store's word counts");
}

#[tokio::test]
async fn the_form_without_script_leaves_by_the_reference_that_only_our_page_shows() {
    let mut house = House::open(per_minute(7)).await;
    let mut ann = joined(&house).await;
    let code = ann.poll(&house).await.reference.unwrap();
    let null = [("origin", "null")];
    house.tick().await;
    for wrong in ["", "?reference=", "?reference=aaaaaaaaaaaa"] {
        let path = format!("/_anteroom/rooms/sale/leave{wrong}");
        assert!(ann.refused(&house, "POST", &path, &null).await, "{wrong}");
    }
    let path = format!("/_anteroom/rooms/sale/leave?reference={code}");
    assert!(!ann.refused(&house, "POST", &path, &null).await);
}

#[tokio::test]
async fn n10_another_site_can_neither_join_nor_leave_for_a_visitor() {
    let mut house = House::open(per_minute(7)).await;
    let mut ann = joined(&house).await;
    joined(&house).await;
    let cross = [
        ("sec-fetch-site", "cross-site"),
        ("origin", "https://evil.example"),
    ];
    for deed in ["join", "claim", "leave"] {
        let path = format!("/_anteroom/rooms/sale/{deed}");
        assert!(ann.refused(&house, "POST", &path, &cross).await, "{deed}");
    }
    let mut new = house.visitor();
    new.get(&house, "/buy/1").await.is_not_served();
    let before = house.calls();
    new.ask(&house, "GET", "/_anteroom/rooms/sale/status", &cross)
        .await
        .is_not_served();
    new.ask(&house, "GET", "/buy/1", &[("sec-purpose", "prefetch")])
        .await
        .is_not_served();
    new.ask(&house, "HEAD", "/buy/1", &[]).await.is_not_served();
    assert_eq!(house.calls(), before, "none of these joins");
    house.pass(Duration::from_secs(20)).await;
    ann.ask(&house, "GET", "/buy/1", &[("sec-purpose", "prefetch")])
        .await
        .is_not_served();
    ann.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn closed_full_and_ended_rooms_say_so() {
    let mut house = House::closed(Terms {
        max_waiting: 2,
        ..per_minute(7)
    });
    house.tick().await;
    let face = |got: Got| got.is_not_served().face;
    assert_eq!(
        face(house.visitor().get(&house, "/buy/1").await),
        Face::Closed
    );
    house.order(Order::OPEN_NOW).await;
    let mut ann = joined(&house).await;
    joined(&house).await;
    house.tick().await;
    assert_eq!(
        face(house.visitor().get(&house, "/buy/1").await),
        Face::Full
    );
    ann.get(&house, "/buy/1").await.is_waiting(0);
    house.order(Order::Close).await;
    let closed = ann.get(&house, "/buy/1").await.is_not_served();
    assert_eq!((closed.face, closed.position), (Face::Closed, Some(1)));
    house.order(Order::End).await;
    assert_eq!(face(ann.get(&house, "/buy/1").await), Face::Ended);
}

#[tokio::test]
async fn at_most_capacity_are_inside_and_the_reason_is_told() {
    let terms = Terms {
        capacity: NonZeroU32::new(2),
        ..per_minute(6_000)
    };
    let mut house = House::open(terms).await;
    let mut all = Vec::new();
    for _ in 0..5 {
        all.push(joined(&house).await);
    }
    house.pass(Duration::from_secs(5)).await;
    let mut inside = 0;
    for visitor in &mut all {
        match visitor.get(&house, "/buy/1").await {
            Got::Served => inside += 1,
            other => assert_eq!(other.is_not_served().reason, Some(Reason::CapacityFull)),
        }
    }
    assert_eq!(inside, 2);
    all[0]
        .ask(&house, "POST", "/_anteroom/rooms/sale/leave", &[])
        .await
        .is_not_served();
    house.pass(Duration::from_secs(2)).await;
    all[2].get(&house, "/buy/1").await.is_served();
    all[3].get(&house, "/buy/1").await.is_not_served();
}

#[tokio::test]
async fn ordered_releases_and_a_faster_pace_take_effect_at_once() {
    let mut house = House::open(per_minute(1)).await;
    let mut all = Vec::new();
    for _ in 0..30 {
        all.push(joined(&house).await);
    }
    house
        .order(Order::Release(NonZeroU32::new(3).unwrap()))
        .await;
    house.pass(Duration::from_secs(1)).await;
    for visitor in &mut all[..3] {
        visitor.get(&house, "/buy/1").await.is_served();
    }
    all[3].get(&house, "/buy/1").await.is_waiting(0);
    house
        .order(Order::Pace(Pace::per_minute(600).unwrap()))
        .await;
    house.pass(Duration::from_secs(5)).await;
    for visitor in &mut all[3..] {
        visitor.get(&house, "/buy/1").await.is_served();
    }
}

#[tokio::test]
async fn a_scheduled_window_opens_and_ends_by_itself() {
    let opens_at = UnixTime::from_secs(1_800_000_060);
    let mut house = House::furnished(|room| {
        room.schedule = Schedule::of(vec![SaleWindow {
            ends_at: Some(UnixTime::from_secs(1_800_000_120)),
            ..SaleWindow::opening(opens_at)
        }]);
    });
    house.pass(Duration::from_secs(59)).await;
    let early = house.visitor().get(&house, "/buy/1").await.is_not_served();
    assert_eq!((early.face, early.opens_at), (Face::Closed, Some(opens_at)));

    house.pass(Duration::from_secs(3)).await;
    let mut ann = joined(&house).await;
    house.pass(Duration::from_secs(3)).await;
    ann.get(&house, "/buy/1").await.is_served();
    house.pass(Duration::from_secs(60)).await;
    let late = house.visitor().get(&house, "/buy/1").await;
    assert_eq!(late.is_not_served().face, Face::Ended);
    ann.get(&house, "/buy/1").await.is_served();
}

#[tokio::test]
async fn rooms_that_reject_pass_or_exempt_need_no_line() {
    let rejecting = House::furnished(|room| room.method = Method::Reject);
    let face = rejecting.visitor().get(&rejecting, "/buy/1").await;
    assert_eq!(face.is_not_served().face, Face::Closed);

    let passing = House::furnished(|room| room.method = Method::Passthrough);
    passing.visitor().get(&passing, "/buy/1").await.is_served();

    let exempting = House::furnished(|room| {
        room.exempt.push(Exempt {
            method: Some("POST".into()),
            path: Some("/buy/hook".parse().unwrap()),
            ..Exempt::default()
        });
    });
    let mut hook = exempting.visitor();
    hook.ask(&exempting, "POST", "/buy/hook", &[])
        .await
        .is_served();
    hook.get(&exempting, "/buy/hook").await.is_not_served();
}

#[tokio::test]
async fn a16_a_prefetch_near_the_front_is_no_check_in() {
    let mut house = House::open(per_minute(7)).await;
    let mut ann = joined(&house).await;
    house.tick().await;
    let before = house.calls();
    for guess in [
        ("sec-purpose", "prefetch"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let told = ann.ask(&house, "GET", "/buy/1", &[guess]).await;
        assert_eq!(told.is_not_served().position, Some(1));
    }
    ann.ask(&house, "HEAD", "/buy/1", &[]).await.is_not_served();
    assert_eq!(house.calls(), before);
}
