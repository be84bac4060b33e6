//! Stories of stores that lost what they knew, stay away, or show another time.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::house::{
    Got, House, OPEN, SECOND, Visitor, Watched, assert_bound, joined, per_minute, together,
};
use crate::domain::clock::{Clock, UnixTime};
use crate::domain::pace::Pace;
use crate::domain::place::{Epoch, Place};
use crate::domain::room::Terms;
use crate::domain::session::SessionTerms;
use crate::domain::skew::WallClock;
use crate::domain::standing::EndedBy;
use crate::domain::window::{Order, WindowState};
use crate::gate::notice::{Face, Reason, SetToken, Visit};
use crate::store::embedded::Embedded;
use crate::store::kept::Keeper;
use crate::store::survey::StoreHealth;

/// Somebody who polls as told, and what was shown so far.
struct Fan {
    visitor: Visitor,
    place: Place,
    shown: Option<u64>,
    due: Duration,
    served: Option<Duration>,
}

/// People who behave as their pages do.
#[derive(Default)]
struct Crowd {
    fans: Vec<Fan>,
    faces: HashSet<&'static str>,
}

impl Crowd {
    async fn joins(house: &House, count: usize) -> Self {
        let mut crowd = Self::default();
        for _ in 0..count {
            let visitor = joined(house).await;
            let place = visitor.token(house).place.unwrap();
            crowd.fans.push(Fan {
                visitor,
                place,
                shown: None,
                due: Duration::ZERO,
                served: None,
            });
        }
        crowd
    }

    /// Time goes by, and everybody asks a gateway when the last answer said so.
    async fn live(&mut self, houses: &mut [&mut House], span: Duration) {
        for second in 0..usize::try_from(span.as_secs()).unwrap() {
            for (at, fan) in self.fans.iter_mut().enumerate() {
                let house = &houses[(at + second) % houses.len()];
                let now = house.clock.now().mono;
                if fan.served.is_some() || fan.due > now {
                    continue;
                }
                match fan.visitor.get(house, "/buy/1").await {
                    Got::Served => fan.served = Some(now),
                    Got::Shut(notice) => panic!("nobody is shut out: {notice:?}"),
                    Got::Waits(notice) => {
                        self.faces.insert(match notice.face {
                            Face::Recovering => "recovering",
                            _ => "other",
                        });
                        assert_ne!(notice.visit, Visit::First, "nobody begins again");
                        assert_eq!(notice.ended_by, None);
                        let (now_shown, before) = (notice.position, fan.shown);
                        assert!(now_shown.is_some(), "{notice:?}");
                        assert!(
                            before.is_none() || now_shown <= before,
                            "{now_shown:?} after {before:?}"
                        );
                        fan.shown = notice.position;
                        fan.due = now + notice.poll_after;
                        let token = fan.visitor.token(house);
                        assert_eq!(token.place, Some(fan.place), "the place stays");
                    }
                }
            }
            together(houses, SECOND).await;
        }
    }

    fn served(&self) -> usize {
        self.fans.iter().filter(|fan| fan.served.is_some()).count()
    }
}

#[tokio::test]
async fn f6_after_a_total_loss_everybody_is_back_in_order_and_the_orders_stand() {
    let mut one = House::open(per_minute(60)).await;
    let mut two = one.beside(2);
    two.step().await;
    one.order(Order::Pace(Pace::per_minute(120).unwrap())).await;
    one.order(Order::Message(Some("Hello".into()))).await;
    let mut crowd = Crowd::joins(&one, 60).await;
    crowd.live(&mut [&mut one, &mut two], 10 * SECOND).await;
    let before: HashSet<_> = one.released();
    let inside = crowd.served();
    assert!((8..=21).contains(&inside), "{inside}");
    let (window, epoch) = (one.snapshot().window(), one.snapshot().survey.epoch);

    one.store.lose_all();
    let lost_at = one.clock.now().mono;
    crowd.live(&mut [&mut one, &mut two], 18 * SECOND).await;
    assert!(crowd.faces.contains("recovering"));
    for house in [&one, &two] {
        let snapshot = house.snapshot();
        assert!(snapshot.recovers() && snapshot.store == StoreHealth::Reachable);
        assert_eq!(snapshot.survey.orders.pace, Pace::per_minute(120));
        assert_eq!(snapshot.survey.orders.message.as_deref(), Some("Hello"));
        assert_eq!(snapshot.window(), window);
        assert!(snapshot.survey.epoch > epoch);
    }
    assert_eq!(
        one.store.recoveries.load(Ordering::SeqCst),
        1,
        "one put it back"
    );
    crowd.live(&mut [&mut one, &mut two], 60 * SECOND).await;

    assert_eq!(crowd.served(), 60);
    let released = one.store.released.lock().unwrap().clone();
    let since: Vec<_> = released
        .iter()
        .filter(|(at, _)| *at > lost_at)
        .copied()
        .collect();
    assert!(
        since[0].0 >= lost_at + 20 * SECOND,
        "the room rests for 20 s"
    );
    assert_bound(&since, Pace::per_minute(120).unwrap());
    let ids: HashMap<_, _> = crowd
        .fans
        .iter()
        .map(|fan| (fan.visitor.id(&one), (fan.place, fan.served)))
        .collect();
    let places: Vec<_> = since.iter().map(|(_, id)| ids[id].0).collect();
    assert!(places.is_sorted(), "{places:?}");
    let admitted_before = |id| ids[id].1.unwrap() <= lost_at;
    assert!(before.iter().any(admitted_before));
    assert!(
        !since.iter().any(|(_, id)| admitted_before(id)),
        "nobody is let in twice"
    );
}

#[tokio::test]
async fn sessions_are_counted_again_after_a_loss_with_one_touch_each() {
    let mut one = House::open(per_minute(6_000)).await;
    let mut fans = Crowd::joins(&one, 5).await;
    fans.live(&mut [&mut one], 4 * SECOND).await;
    assert_eq!(fans.served(), 5);
    let gone = &mut fans.fans[4].visitor;
    let mut thief = gone.clone();
    gone.ask(&one, "POST", "/_anteroom/rooms/sale/leave", &[])
        .await
        .is_not_served();
    one.pass(SECOND).await;
    assert_eq!(one.snapshot().survey.active, 4);

    one.store.lose_all();
    one.pass(SECOND).await;
    assert_eq!(one.snapshot().survey.active, 0);
    let before = one.store.touches.load(Ordering::SeqCst);
    for _ in 0..5 {
        for fan in &mut fans.fans[..4] {
            fan.visitor.get(&one, "/buy/2").await.is_served();
        }
    }
    let waiting = one.gate.rooms[0].notes.take_touches();
    assert_eq!(
        waiting.len(),
        4,
        "one note a session, however often it asks"
    );
    one.gate.rooms[0].notes.put_back_touches(&waiting);
    one.pass(2 * SECOND).await;
    assert_eq!(one.snapshot().survey.active, 4);
    assert_eq!(one.store.touches.load(Ordering::SeqCst), before + 1);

    // The end is remembered: what the one who left had kept buys no second visit.
    thief.get(&one, "/buy/1").await.is_not_served();
    one.pass(25 * SECOND).await;
    let over = thief.get(&one, "/buy/1").await.is_not_served();
    assert_eq!(over.ended_by, Some(EndedBy::Left));
}

#[tokio::test]
async fn who_joins_while_places_come_back_is_shown_none_before_they_have() {
    let mut one = House::open(per_minute(7)).await;
    let mut crowd = Crowd::joins(&one, 30).await;
    crowd.live(&mut [&mut one], 3 * SECOND).await;
    one.store.lose_all();
    one.tick().await;
    let mut new = one.visitor();
    let first = new.get(&one, "/buy/1").await.is_not_served();
    assert_eq!(
        (first.visit, first.reason),
        (Visit::First, Some(Reason::Recovering))
    );
    let second = new.get(&one, "/buy/1").await.is_not_served();
    assert_eq!((second.face, second.position), (Face::Recovering, None));
    assert!(new.token(&one).place.is_some(), "but has one");
    crowd.live(&mut [&mut one], 70 * SECOND).await;
    let left = 30 - crowd.served() as u64;
    let shown = new.poll(&one).await.position.unwrap();
    assert!(
        shown > left.saturating_sub(3) && shown <= left + 1,
        "{shown} of {left}"
    );
}

#[tokio::test]
async fn a_gateway_that_hears_of_a_loss_from_a_stand_shows_no_position_made_of_it() {
    let mut one = House::open(per_minute(7)).await;
    let mut two = one.beside(2);
    two.step().await;
    let mut crowd = Crowd::joins(&one, 30).await;
    crowd.live(&mut [&mut one, &mut two], 3 * SECOND).await;
    one.store.lose_all();
    one.tick().await;
    let mut fans = crowd.fans.iter_mut();
    let fan = fans.find(|fan| fan.shown >= Some(10)).unwrap();

    // Nobody else is back, so there the store counts nobody ahead.
    let told = fan.visitor.get(&two, "/buy/1").await.is_not_served();
    assert_eq!((told.face, told.position), (Face::Recovering, fan.shown));
}

#[tokio::test]
async fn while_the_loss_cannot_be_put_back_nobody_is_told_that_it_is_over() {
    let mut one = House::open(per_minute(60)).await;
    let mut crowd = Crowd::joins(&one, 10).await;
    crowd.live(&mut [&mut one], 3 * SECOND).await;
    // The store is emptied, and the loop has not come round yet.
    one.store.lose_all();
    let fan = crowd
        .fans
        .iter_mut()
        .find(|fan| fan.served.is_none())
        .unwrap();
    let kept = fan.visitor.get(&one, "/buy/1").await.is_not_served();
    assert_eq!(
        (kept.position, kept.reason),
        (fan.shown, Some(Reason::Recovering))
    );
    assert_eq!(kept.queue, SetToken::Keep);
    crowd.live(&mut [&mut one], 40 * SECOND).await;
    assert_eq!(crowd.served(), 10);
}

#[tokio::test]
async fn a_gateway_without_memory_holds_a_window_that_only_tokens_know() {
    let mut one = House::open(per_minute(60)).await;
    let mut crowd = Crowd::joins(&one, 5).await;
    crowd.live(&mut [&mut one], 2 * SECOND).await;
    let window = one.snapshot().window();

    // Everything is gone at once: the store, and every gateway with its disk.
    one.store.lose_all();
    let mut new = one.beside(9);
    new.step().await;
    assert!(!new.snapshot().recovers(), "an empty room is closed");
    let fan = crowd
        .fans
        .iter_mut()
        .find(|fan| fan.served.is_none())
        .unwrap();
    for _ in 0..3 {
        let held = fan.visitor.get(&new, "/buy/1").await.is_not_served();
        assert_eq!(
            (held.face, held.reason),
            (Face::Recovering, Some(Reason::Recovering))
        );
        assert_eq!((held.position, &held.queue), (fan.shown, &SetToken::Keep));
        let in_line = Some(held.waiting);
        assert!(in_line >= held.position, "nobody is shown behind the end");
        new.pass(SECOND).await;
    }
    assert_eq!(new.snapshot().unknown.map(|seen| seen.window), Some(window));
    let stranger = new.visitor().get(&new, "/buy/1").await.is_not_served();
    assert_eq!(stranger.visit, Visit::First);

    new.order(OPEN).await;
    let snapshot = new.snapshot();
    assert_eq!((snapshot.window(), snapshot.unknown), (window, None));
    crowd.live(&mut [&mut new], 40 * SECOND).await;
    assert_eq!(crowd.served(), 5, "with their places");
}

#[tokio::test]
async fn a_room_whose_newest_orders_nobody_knows_releases_nobody() {
    let mut one = House::open(per_minute(600)).await;
    let elsewhere = Watched::over(Embedded::in_memory(Epoch(1_000_000)), one.clock.clone());
    let mut newer = one.beside_with(2, |with| with.store = elsewhere);
    for order in [Order::End, OPEN, Order::End, OPEN] {
        newer.order(order).await;
    }
    let window = newer.snapshot().window();
    assert!(window > one.snapshot().window());
    let mut fan = joined(&newer).await;
    Crowd::joins(&one, 40).await;
    one.pass(2 * SECOND).await;

    fan.get(&one, "/buy/1").await.is_not_served();
    one.tick().await;
    let released = one.released().len();
    assert!(released > 0);
    one.pass(3 * SECOND).await;
    assert_eq!(
        one.released().len(),
        released,
        "nobody until the orders are known"
    );
    let mut stranger = one.visitor();
    stranger.get(&one, "/buy/1").await.is_not_served();
    assert_eq!(
        stranger.token(&one).window,
        window,
        "who comes now joins that window"
    );

    one.order(OPEN).await;
    assert_eq!(one.snapshot().window(), window);
    one.pass(25 * SECOND).await;
    fan.get(&one, "/buy/1").await.is_not_served();
    one.pass(SECOND).await;
    fan.get(&one, "/buy/1").await.is_served();
}

#[tokio::test]
async fn a_room_to_which_nobody_comes_back_recovers_all_the_same() {
    let mut one = House::open(per_minute(60)).await;
    joined(&one).await;
    one.tick().await;
    one.store.lose_all();
    one.pass(5 * SECOND).await;
    assert!(one.snapshot().recovers());
    one.pass(20 * SECOND).await;
    assert!(!one.snapshot().recovers());
}

#[tokio::test]
async fn after_a_loss_an_end_at_one_gateway_reaches_the_other_again() {
    let terms = Terms {
        session: SessionTerms {
            idle: 20 * SECOND,
            ..per_minute(6_000).session
        },
        ..per_minute(6_000)
    };
    let mut one = House::open(terms).await;
    let mut two = one.beside(2);
    let leave = "/_anteroom/rooms/sale/leave";
    let mut crowd = Crowd::joins(&one, 4).await;
    crowd.live(&mut [&mut one], 4 * SECOND).await;
    for fan in &mut crowd.fans {
        fan.visitor
            .ask(&one, "POST", leave, &[])
            .await
            .is_not_served();
    }
    together(&mut [&mut one, &mut two], 50 * SECOND).await;

    one.store.lose_all();
    together(&mut [&mut one, &mut two], 22 * SECOND).await;
    let mut ann = joined(&one).await;
    together(&mut [&mut one, &mut two], 2 * SECOND).await;
    ann.get(&one, "/buy/1").await.is_served();
    let mut thief = ann.clone();
    thief.queue = None;
    thief.get(&two, "/buy/1").await.is_served();
    ann.ask(&one, "POST", leave, &[]).await.is_not_served();
    together(&mut [&mut one, &mut two], SECOND).await;
    thief.get(&two, "/buy/1").await.is_not_served();
}

#[tokio::test]
async fn a_gateway_started_again_knows_from_its_disk_what_the_store_forgot() {
    let disk = tempfile::tempdir().unwrap();
    let keeper = Arc::new(Keeper::new(disk.path().join("kept")));
    let base = House::closed(per_minute(60));
    let with = |house: &House| {
        let keeper = Some(Arc::clone(&keeper));
        house.beside_with(1, |with| with.keeper = keeper)
    };
    let mut one = with(&base);
    one.order(OPEN).await;
    one.order(Order::Pace(Pace::per_minute(120).unwrap())).await;
    let mut crowd = Crowd::joins(&one, 30).await;
    crowd.live(&mut [&mut one], 5 * SECOND).await;
    let inside = crowd.served();
    drop(one);

    // The data file is gone when the gateway comes back, and once more within the minute.
    base.store.lose_all();
    let mut again = with(&base);
    crowd.live(&mut [&mut again], 5 * SECOND).await;
    drop(again);
    base.store.lose_all();
    let mut again = with(&base);
    crowd.live(&mut [&mut again], 60 * SECOND).await;
    let snapshot = again.snapshot();
    assert_eq!(snapshot.survey.orders.pace, Pace::per_minute(120));
    assert_eq!(snapshot.survey.orders.state, WindowState::Open);
    assert!(inside < 30);
    assert_eq!(crowd.served(), 30, "nobody lost the place");
    assert_eq!(base.store.recoveries.load(Ordering::SeqCst), 2, "once each");
}

#[tokio::test]
async fn a_store_put_back_from_an_older_copy_is_brought_up_to_date_by_its_visitors() {
    let (dir, copy) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let open = |path: &std::path::Path| Embedded::open(path, Epoch(1_000_000)).unwrap();
    let mut one = House::closed(per_minute(60));
    one.store.replace(open(dir.path()));
    one.tick().await;
    one.order(OPEN).await;
    let mut crowd = Crowd::joins(&one, 10).await;
    crowd.live(&mut [&mut one], 3 * SECOND).await;
    one.store.lose_all();
    fs::copy(
        dir.path().join("anteroom.redb"),
        copy.path().join("anteroom.redb"),
    )
    .unwrap();
    one.store.replace(open(dir.path()));
    one.tick().await;
    let later = Crowd::joins(&one, 20).await;
    crowd.fans.extend(later.fans);
    crowd.live(&mut [&mut one], 4 * SECOND).await;
    let inside = crowd.served();

    one.store.replace(open(copy.path()));
    let at = one.clock.now().mono;
    crowd.live(&mut [&mut one], 80 * SECOND).await;
    assert_eq!(one.store.recoveries.load(Ordering::SeqCst), 1);
    assert_eq!((inside > 0, crowd.served()), (true, 30));
    let late: HashMap<_, _> = crowd
        .fans
        .iter()
        .filter(|fan| fan.served.unwrap() > at)
        .map(|fan| (fan.visitor.id(&one), fan.place))
        .collect();
    let released = one.store.released.lock().unwrap().clone();
    let since = released.iter().filter(|(time, _)| *time > at);
    let places: Vec<_> = since.filter_map(|(_, id)| late.get(id)).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[tokio::test]
async fn s12_while_the_store_is_away_nothing_is_released_and_after_it_the_line_goes_on_at_once() {
    let mut one = House::open(per_minute(600)).await;
    let mut crowd = Crowd::joins(&one, 100).await;
    crowd.live(&mut [&mut one], 3 * SECOND).await;
    one.store.away.store(true, Ordering::SeqCst);
    let (released, epoch) = (one.released().len(), one.snapshot().survey.epoch);
    crowd.live(&mut [&mut one], 30 * SECOND).await;
    assert_eq!(one.released().len(), released);
    let back = one.clock.now().mono;
    one.store.away.store(false, Ordering::SeqCst);
    crowd.live(&mut [&mut one], 40 * SECOND).await;
    let first = one.store.released.lock().unwrap()[released].0;
    assert!(first <= back + 5 * SECOND, "after {:?}", first - back);
    assert_eq!(one.snapshot().survey.epoch, epoch, "nothing was lost");
    assert_eq!(crowd.served(), 100);
    let all = one.store.released.lock().unwrap().clone();
    assert_bound(&all, Pace::per_minute(600).unwrap());
}

#[tokio::test]
async fn t17_f20_a_gateway_whose_clock_is_wrong_signs_nothing_and_turns_nobody_out() {
    let mut one = House::open(per_minute(30)).await;
    *one.store.ahead_ms.lock().unwrap() = Some(0);
    one.tick().await;
    let (mut ann, mut bob) = (joined(&one).await, joined(&one).await);
    one.pass(3 * SECOND).await;
    ann.get(&one, "/buy/1").await.is_served();
    let shown = bob.poll(&one).await.position;
    assert_eq!(shown, Some(1));
    let wrong = Clock::by_hand(UnixTime::from_secs(1_800_000_600));
    let mut two = one.beside_with(2, |with| with.clock = wrong);
    two.step().await;
    assert_eq!(two.snapshot().skew.clock, WallClock::Off);

    ann.get(&two, "/buy/1").await.is_served();
    let before = two.calls();
    for _ in 0..2 {
        let kept = bob.get(&two, "/buy/1").await.is_not_served();
        assert_eq!((kept.position, kept.queue), (shown, SetToken::Keep));
        let mut new = two.visitor();
        let page = new.get(&two, "/buy/1").await.is_not_served();
        assert_eq!((page.face, page.queue), (Face::Waiting, SetToken::Keep));
        one.pass(2 * SECOND).await;
    }
    assert_eq!(two.calls(), before, "it asks the store for nobody");
    bob.get(&one, "/buy/1").await.is_served();
}

#[tokio::test]
async fn f19_a_store_whose_clock_jumps_stops_no_gateway_that_knew_it_before() {
    let mut one = House::open(per_minute(60)).await;
    *one.store.ahead_ms.lock().unwrap() = Some(0);
    let mut crowd = Crowd::joins(&one, 10).await;
    crowd.live(&mut [&mut one], 3 * SECOND).await;
    *one.store.ahead_ms.lock().unwrap() = Some(120_000);
    crowd.live(&mut [&mut one], 15 * SECOND).await;
    assert_eq!(crowd.served(), 10);
    let mut two = one.beside(2);
    two.step().await;
    assert_eq!(
        two.snapshot().skew.clock,
        WallClock::Off,
        "who has not cannot tell"
    );
    *one.store.ahead_ms.lock().unwrap() = Some(0);
    two.step().await;
    assert_eq!(two.snapshot().skew.clock, WallClock::Right);
}
