//! Stories of lobbies that are drawn: published, checked, and carried through every fault.

use std::collections::HashMap;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::Request;

use crate::domain::draw::check::{Sound, check, check_receipt};
use crate::domain::draw::receipt::Receipt;
use crate::domain::draw::{Draw, Hash};
use crate::domain::place::Place;
use crate::domain::pressure::Pressure;
use crate::domain::visitor::VisitorId;
use crate::domain::window::{Order, Orders, WindowId, WindowState};
use crate::gate::draw::{Shown, Unshown};
use crate::gate::notice::Face;
use crate::gate::{Ask, Own, Refusal, Verdict};
use crate::pacing::house::{Got, House, Visitor, joined, per_minute};
use crate::store::kept::Keeper;
use crate::store::survey::Snapshot;

/// Rounds that are enough for every step of a draw.
const WHOLE: usize = 14;

/// A room whose prequeue has opened.
async fn prequeue(source: Option<&str>) -> House {
    let mut house = House::closed(per_minute(600));
    house.step().await;
    open_prequeue(&mut house, source).await;
    house
}

async fn open_prequeue(house: &mut House, source: Option<&str>) {
    let source = source.map(str::to_owned);
    let name = house.gate.rooms[0].settings.name.clone();
    let keys = Arc::clone(&house.gate.keys);
    house
        .write(|orders| {
            orders.window = WindowId(orders.window.0 + 900_000);
            orders.state = WindowState::Prequeue;
            orders.draw = Some(Draw::promised(
                keys.commitment(&name, orders.window),
                source,
            ));
        })
        .await;
    house.draw(1).await;
}

async fn freeze(house: &mut House) {
    house
        .write(|orders| orders.state = WindowState::Drawing)
        .await;
}

fn draw_of(house: &House) -> Draw {
    house.snapshot().survey.orders.draw.clone().unwrap()
}

fn state(house: &House) -> WindowState {
    house.snapshot().survey.orders.state
}

async fn gather(house: &House, count: usize) -> Vec<Visitor> {
    let mut fans = Vec::new();
    for _ in 0..count {
        let fan = joined(house).await;
        assert!(fan.token(house).lobby);
        fans.push(fan);
    }
    fans
}

async fn shown(house: &House, fan: Option<&Visitor>, path: &str) -> Result<Shown, Refusal> {
    let mut request = Request::builder()
        .uri(format!("/_anteroom/rooms/sale/{path}"))
        .header("host", "shop.example");
    if let Some(token) = fan.and_then(|fan| fan.queue.as_ref()) {
        request = request.header("cookie", format!("anteroom-q-sale={token}"));
    }
    let head = request.body(()).unwrap().into_parts().0;
    let ask = Ask {
        head: &head,
        peer: "192.0.2.1:9".parse().unwrap(),
        tls: None,
        now: house.clock.now(),
    };
    match house.gate.decide(&ask).await.verdict? {
        Verdict::Own(Own::Draw(shown)) => Ok(shown),
        other => panic!("{other:?}"),
    }
}

async fn receipt(house: &House, fan: &Visitor) -> Receipt {
    match shown(house, Some(fan), "receipt").await.unwrap() {
        Shown::Receipt(receipt) => *receipt,
        other => panic!("{other:?}"),
    }
}

/// The published draw, recomputed.
async fn checked(house: &House) -> Sound {
    let Shown::Roster { file, .. } = shown(house, None, "draw?roster=1").await.unwrap() else {
        panic!("there is no roster")
    };
    let mut json = String::new();
    file.plain().read_to_string(&mut json).unwrap();
    check(serde_json::from_str(&json).unwrap()).unwrap()
}

/// Where each fan stands, as the pages say when all ask at once.
async fn places(house: &House, fans: &mut [Visitor]) -> HashMap<VisitorId, Place> {
    let mut places = HashMap::new();
    for fan in fans {
        fan.poll(house).await;
        let token = fan.token(house);
        places.insert(token.visitor, token.place.unwrap());
    }
    places
}

#[tokio::test]
async fn a_lobby_is_drawn_and_everybody_can_compute_it_again() {
    let mut house = prequeue(None).await;
    let promised = draw_of(&house);
    assert_eq!(
        (promised.external_source.as_ref(), promised.frozen),
        (None, None)
    );
    let mut fans = gather(&house, 60).await;
    let early = shown(&house, Some(&fans[0]), "receipt").await.unwrap_err();
    assert_eq!(early, Refusal::Draw(Unshown::NotFrozen));
    let before = house.calls();
    let notice = fans[0].poll(&house).await;
    assert_eq!((notice.face, notice.position), (Face::Prequeue, None));
    assert_eq!(house.calls(), before, "who is in the lobby costs no call");

    freeze(&mut house).await;
    let late = joined(&house).await;
    assert!(
        late.token(&house).place.is_some(),
        "behind all who are drawn"
    );
    house.draw(WHOLE).await;

    assert_eq!(state(&house), WindowState::Open);
    let draw = draw_of(&house);
    assert_eq!(
        (draw.commitment, draw.frozen.unwrap().count),
        (promised.commitment, 60)
    );
    let sound = checked(&house).await;
    assert_eq!((sound.count, sound.external), (60, false));
    let last = late.token(&house).place.unwrap();
    for fan in &mut fans {
        let receipt = receipt(&house, fan).await;
        check_receipt(&sound, &receipt).unwrap();
        let notice = fan.poll(&house).await;
        let place = fan.token(&house).place.unwrap();
        assert_eq!(u64::from(place.number()), receipt.rank.unwrap());
        assert!(place < last);
        assert!(matches!(notice.face, Face::Waiting | Face::Released));
    }
    let foreign = shown(&house, Some(&late), "receipt").await.unwrap_err();
    assert_eq!(foreign, Refusal::Draw(Unshown::NoReceipt));
    let none = shown(&house, None, "draw?roster=1&window=7")
        .await
        .unwrap_err();
    assert_eq!(none, Refusal::Draw(Unshown::NoDraw));
}

#[tokio::test]
async fn q12_under_pressure_the_lobby_is_served_and_drawn_as_before() {
    let mut house = prequeue(None).await;
    let mut fans = gather(&house, 5).await;

    house.gate.pressure.set(Pressure::High);

    assert_eq!(fans[0].poll(&house).await.face, Face::Prequeue);
    assert!(house.visitor().refused(&house, "GET", "/buy/1", &[]).await);
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    for fan in &mut fans {
        fan.poll(&house).await;
        assert!(fan.token(&house).place.is_some());
    }
}

#[tokio::test]
async fn who_was_drawn_far_back_learns_the_place_without_the_store() {
    let mut house = House::closed(per_minute(1));
    house.step().await;
    open_prequeue(&mut house, None).await;
    let mut fans = gather(&house, 200).await;
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    assert_eq!(state(&house), WindowState::Open);

    let before = house.calls();
    let mut far = 0;
    for fan in &mut fans {
        let position = fan.poll(&house).await.position;
        far += u64::from(position.is_some_and(|position| position > 100));
    }
    assert!(far >= 90, "{far}");
    let asked = house.calls() - before;
    assert!(asked <= 200 - far, "{asked} of those near the front");
}

#[tokio::test]
async fn a_promised_value_is_waited_for() {
    let mut house = prequeue(Some("the evening's lottery")).await;
    let fans = gather(&house, 5).await;
    freeze(&mut house).await;
    house.draw(WHOLE).await;

    assert_eq!(state(&house), WindowState::Drawing);
    let draw = draw_of(&house);
    assert!(draw.waits_for_value());
    assert_eq!(
        draw.external_source.as_deref(),
        Some("the evening's lottery")
    );
    assert_eq!(
        receipt(&house, &fans[0]).await.rank,
        None,
        "a receipt before the draw"
    );
    let facts = shown(&house, None, "draw?roster=1").await.unwrap();
    assert!(matches!(facts, Shown::Facts(facts) if facts.seed.is_none()));

    house.order(Order::External("4 8 15 16 23 42".into())).await;
    house.draw(WHOLE).await;
    assert_eq!(state(&house), WindowState::Open);
    let sound = checked(&house).await;
    assert!(sound.external);
    assert_eq!(
        sound.draw.external_value.as_deref(),
        Some("4 8 15 16 23 42")
    );
}

#[tokio::test]
async fn nobody_in_the_lobby_is_a_draw_too() {
    let mut house = prequeue(None).await;
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    assert_eq!(state(&house), WindowState::Open);
    assert_eq!(checked(&house).await.count, 0);
}

/// The digest that a draw of the same lobby has on the same keys, whoever draws it and when it
/// was stamped.
fn order_of(draw: &Draw) -> (Hash, Hash) {
    (draw.frozen.unwrap().root, draw.drawn.unwrap().seed)
}

#[tokio::test]
async fn a_gateway_killed_at_any_call_of_a_draw_is_relieved() {
    let mut house = prequeue(None).await;
    let fans = gather(&house, 40).await;
    let ids: Vec<VisitorId> = fans.iter().map(|fan| fan.id(&house)).collect();
    let mut killed = 0;
    loop {
        open_prequeue(&mut house, None).await;
        let store = house.store.beside();
        let mut first = house.beside_with(3, |with| with.store = Arc::clone(&store));
        let mut second = house.beside(5);
        let fans = gather(&house, 40).await;
        first.draw(1).await;
        freeze(&mut house).await;
        *store.calls_left.lock().unwrap() = Some(killed);
        first.draw(WHOLE).await;
        let finished = !store.away.load(Ordering::SeqCst);
        drop(first);

        second.draw(WHOLE).await;

        assert_eq!(state(&second), WindowState::Open, "killed at call {killed}");
        let sound = checked(&second).await;
        assert_eq!(sound.count, 40);
        let mut fans = fans;
        let mut ranks: Vec<u32> = places(&second, &mut fans)
            .await
            .values()
            .map(|place| place.number())
            .collect();
        ranks.sort_unstable();
        let base = draw_of(&second).frozen.unwrap().base;
        assert_eq!(ranks, (base + 1..=base + 40).collect::<Vec<_>>());
        if finished {
            break;
        }
        killed += 1;
    }
    assert!(killed > 8, "{killed} calls");
    assert_eq!(ids.len(), 40);
}

#[tokio::test]
async fn two_gateways_draw_one_order() {
    let mut one = prequeue(None).await;
    let mut two = one.beside(9);
    two.draw(1).await;
    let _fans = gather(&one, 30).await;
    freeze(&mut one).await;
    for _ in 0..WHOLE {
        one.draw(1).await;
        two.draw(1).await;
    }
    assert_eq!(
        (state(&one), state(&two)),
        (WindowState::Open, WindowState::Open)
    );
    assert_eq!(order_of(&draw_of(&one)), order_of(&draw_of(&two)));
    let (a, b) = (checked(&one).await, checked(&two).await);
    assert_eq!(a.draw, b.draw);
    assert_eq!(draw_of(&one).drawn.unwrap().digest, b.draw.digest.unwrap());
}

#[tokio::test]
async fn a_store_lost_while_drawing_gets_the_same_order() {
    let mut house = prequeue(Some("a beacon")).await;
    let mut fans = gather(&house, 30).await;
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    let frozen = draw_of(&house).frozen.unwrap();

    house.store.lose_all();
    house.draw(WHOLE).await;
    house.order(Order::External("9f".into())).await;
    house.pass(Duration::from_secs(25)).await;
    house.draw(WHOLE).await;

    assert_eq!(state(&house), WindowState::Open);
    assert_eq!(draw_of(&house).frozen, Some(frozen));
    let sound = checked(&house).await;
    assert_eq!(sound.count, 30);
    for (fan, place) in places(&house, &mut fans).await {
        let mine = fans.iter().find(|one| one.id(&house) == fan).unwrap();
        let rank = receipt(&house, mine).await.rank.unwrap();
        assert_eq!(u64::from(place.number()), rank + u64::from(frozen.base));
    }
}

#[tokio::test]
async fn a_lobby_lost_before_anybody_read_it_is_gathered_and_frozen_again() {
    let mut house = prequeue(None).await;
    let mut fans = gather(&house, 30).await;
    let orders = house.snapshot().survey.orders.clone();
    house.gate.rooms[0].snapshot.rcu(|last| {
        let mut next = Snapshot::clone(last);
        next.survey.orders = Orders {
            state: WindowState::Drawing,
            version: orders.version + 1,
            ..orders.clone()
        };
        next
    });
    house.store.lose_all();
    house.draw(2).await;

    for _ in 0..4 {
        house.pass(Duration::from_secs(10)).await;
        for fan in &mut fans {
            fan.poll(&house).await;
        }
    }
    let survey = house.snapshot().survey.clone();
    assert_eq!(
        (survey.orders.state, survey.lobby),
        (WindowState::Drawing, 30)
    );
    house.pass(Duration::from_secs(70)).await;
    house.draw(WHOLE).await;

    assert_eq!(state(&house), WindowState::Open);
    assert_eq!(checked(&house).await.count, 30);
}

#[tokio::test]
async fn a_store_lost_after_the_draw_is_told_the_order_again_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let keeper = Arc::new(Keeper::new(folder.path().to_owned()));
    let base = House::closed(per_minute(600));
    let mut house = base.beside_with(2, |with| with.keeper = Some(Arc::clone(&keeper)));
    house.step().await;
    open_prequeue(&mut house, None).await;
    let mut fans = gather(&house, 30).await;
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    assert_eq!(state(&house), WindowState::Open);
    let sound = checked(&house).await;

    let mut again = house.beside_with(4, |with| with.keeper = Some(keeper));
    drop(house);
    again.store.lose_all();
    again.draw(WHOLE).await;

    assert_eq!(state(&again), WindowState::Open);
    assert_eq!(again.snapshot().survey.roster, 30);
    assert_eq!(checked(&again).await.draw, sound.draw);
    for fan in &mut fans {
        fan.poll(&again).await;
        let rank = receipt(&again, fan).await.rank.unwrap();
        assert_eq!(u64::from(fan.token(&again).place.unwrap().number()), rank);
    }
}

#[tokio::test]
async fn a_gateway_that_starts_late_reads_the_order_from_the_store() {
    let mut house = prequeue(None).await;
    let fans = gather(&house, 30).await;
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    let mut late = house.beside(8);
    late.step().await;
    let refused = shown(&late, Some(&fans[0]), "receipt").await.unwrap_err();
    assert_eq!(refused, Refusal::Draw(Unshown::NotHere));

    late.draw(WHOLE).await;

    assert_eq!(checked(&late).await.draw, checked(&house).await.draw);
    assert_eq!(
        receipt(&late, &fans[0]).await,
        receipt(&house, &fans[0]).await
    );
}

#[tokio::test]
async fn a_rooms_next_window_has_a_draw_of_its_own() {
    let mut house = prequeue(None).await;
    let mut fan = gather(&house, 1).await.remove(0);
    freeze(&mut house).await;
    house.draw(WHOLE).await;
    let first = draw_of(&house);

    house.order(Order::End).await;
    open_prequeue(&mut house, None).await;

    let second = draw_of(&house);
    assert_ne!(first.commitment, second.commitment);
    assert!(house.gate.rooms[0].draw.load().is_none());
    assert!(matches!(fan.get(&house, "/buy/1").await, Got::Waits(_)));
}
