//! Stories of visitors with a code, and of those whom the site's own provider knows.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::domain::clock::UnixTime;
use crate::domain::identity::{IdentityTerms, LaneRule, Places, Without};
use crate::domain::invitation::{CodeNumber, Invite};
use crate::domain::lane::{Lane, LaneSettings, Weights};
use crate::domain::room::RoomSettings;
use crate::domain::window::{Opening, Order, WindowState};
use crate::gate::Refusal;
use crate::gate::identity::Provider;
use crate::gate::notice::{Face, Visit};
use crate::gate::redeem::Redeemed;
use crate::pacing::house::{House, Visitor, per_minute};
use crate::token::identity::{Demands, ProviderKeys};

pub(super) const GENERAL: Lane = Lane(0);
pub(super) const MEMBERS: Lane = Lane(1);

const OPEN: Order = Order::OPEN_NOW;

fn laned(room: &mut RoomSettings) {
    room.terms = per_minute(1);
    room.lanes = ["general", "members", "press"]
        .map(|name| LaneSettings {
            name: name.parse().unwrap(),
            weight: 1,
        })
        .into();
    room.terms.lanes = Weights::new(&[1, 1, 1]).unwrap();
}

/// An open room with lanes, and a batch of codes for its members.
pub(super) async fn house() -> House {
    let mut house = House::furnished(laned);
    house.order(OPEN).await;
    hand_out(&mut house, "members", None).await;
    house
}

async fn hand_out(house: &mut House, lane: &str, expires_at: Option<UnixTime>) {
    let invite = Invite {
        lane: lane.parse().unwrap(),
        count: 5,
        expires_at,
    };
    house.order(Order::Invite(invite)).await;
}

pub(super) fn code(house: &House, batch: u16, serial: u16) -> String {
    let room = &house.gate.rooms[0].settings.name;
    let number = CodeNumber { batch, serial };
    house.gate.keys.codes().code(room, number).to_string()
}

/// Somebody who has a token and no place.
pub(super) async fn arrived(house: &House) -> Visitor {
    let mut visitor = house.visitor();
    let first = visitor.poll(house).await;
    assert_eq!(first.visit, Visit::First);
    visitor
}

pub(super) async fn brings(visitor: &mut Visitor, house: &House, code: &str) -> Redeemed {
    visitor.redeem(house, code, &[]).await.unwrap().1
}

#[tokio::test]
async fn a_code_leads_into_its_lane_at_once_and_works_once() {
    let house = house().await;
    let (mut ann, mut bob) = (arrived(&house).await, arrived(&house).await);
    let code = code(&house, 1, 1);

    let (notice, redeemed) = ann.redeem(&house, &code, &[]).await.unwrap();

    assert_eq!(redeemed, Redeemed::Accepted);
    assert_eq!(
        (notice.lane, notice.position, notice.face),
        (Some(MEMBERS), Some(1), Face::Waiting)
    );
    assert_eq!(ann.token(&house).lane, MEMBERS.0);
    assert!(ann.token(&house).place.is_some(), "joined with it");
    assert_eq!(brings(&mut bob, &house, &code).await, Redeemed::Used);
    assert_eq!(
        bob.poll(&house).await.lane,
        Some(GENERAL),
        "and joins as everybody does"
    );
    let place = ann.token(&house).place;
    assert_eq!(
        brings(&mut ann, &house, &code).await,
        Redeemed::Late,
        "the place is kept"
    );
    assert_eq!(ann.token(&house).place, place);
}

#[tokio::test]
async fn an_answer_that_was_lost_costs_nobody_a_code() {
    let house = house().await;
    let mut ann = arrived(&house).await;
    let before = ann.clone();
    let code = code(&house, 1, 1);
    brings(&mut ann, &house, &code).await;

    let mut again = before;
    let redeemed = brings(&mut again, &house, &code).await;

    assert_eq!(redeemed, Redeemed::Accepted);
    assert_eq!(again.token(&house).place, ann.token(&house).place);
}

#[tokio::test]
async fn of_two_gateways_asked_at_once_one_takes_the_code() {
    let mut house = house().await;
    let mut other = house.beside(3);
    other.step().await;
    house.step().await;
    let code = code(&house, 1, 2);
    for _ in 0..20 {
        let (mut ann, mut bob) = (arrived(&house).await, arrived(&other).await);
        let (one, two) = tokio::join!(
            ann.redeem(&house, &code, &[]),
            bob.redeem(&other, &code, &[])
        );
        let outcomes = [one.unwrap().1, two.unwrap().1];
        assert!(
            !outcomes.iter().all(|one| *one == Redeemed::Accepted),
            "{outcomes:?}"
        );
        assert!(outcomes.contains(&Redeemed::Used));
    }
}

#[tokio::test]
async fn q8_wrong_and_unknown_codes_look_the_same_and_cost_no_store_call() {
    let mut house = house().await;
    let stranger = House::furnished(laned);
    let foreign = code(&stranger, 1, 1);
    let beyond = [code(&house, 1, 6), code(&house, 2, 1), code(&house, 1, 0)];
    house.step().await;
    let calls = house.calls();
    for wrong in [
        foreign,
        "0000-0000-0000-0000-0000-0000".to_owned(),
        "hello".to_owned(),
        String::new(),
    ]
    .into_iter()
    .chain(beyond)
    {
        let mut ann = arrived(&house).await;
        let held = ann.queue.clone();
        assert_eq!(brings(&mut ann, &house, &wrong).await, Redeemed::Wrong);
        assert_eq!(ann.queue, held, "nothing is taken from who guesses");
    }
    assert_eq!(house.calls(), calls);
}

#[tokio::test]
async fn q8_who_guesses_is_slowed_down_and_slips_of_the_pen_do_not_count() {
    let house = house().await;
    let mut ann = arrived(&house).await;
    let good = code(&house, 1, 1);
    for slip in 0..50 {
        house.clock.advance(Duration::from_millis(200));
        let typed = format!("{good}{slip}");
        assert_eq!(brings(&mut ann, &house, &typed).await, Redeemed::Wrong);
    }
    let guess = code(&house, 9, 1);
    for _ in 0..6 {
        assert_eq!(brings(&mut ann, &house, &guess).await, Redeemed::Wrong);
    }

    let told = ann.redeem(&house, &good, &[]).await;

    let Err(Refusal::TooMany { wait }) = told else {
        panic!("{told:?}");
    };
    assert!(wait > Duration::from_secs(5) && wait <= Duration::from_secs(10));
    let mut bob = arrived(&house).await;
    assert_eq!(
        brings(&mut bob, &house, &good).await,
        Redeemed::Accepted,
        "beside a guesser"
    );
    let mut turned_away = 0;
    for _ in 0..400 {
        let mut other = arrived(&house).await;
        if other.redeem(&house, &guess, &[]).await.is_err() {
            turned_away += 1;
        }
    }
    assert!((90..=110).contains(&turned_away), "{turned_away}");
}

#[tokio::test]
async fn a_lapsed_batch_or_a_lane_that_is_gone_is_told_so() {
    let mut house = house().await;
    let soon = house.clock.now().wall.after(Duration::from_secs(60));
    hand_out(&mut house, "members", Some(soon)).await;
    hand_out(&mut house, "vip", None).await;
    let mut ann = arrived(&house).await;
    let gone = code(&house, 3, 1);
    assert_eq!(brings(&mut ann, &house, &gone).await, Redeemed::Lapsed);
    let mut bob = arrived(&house).await;
    let code = code(&house, 2, 1);
    house.clock.advance(Duration::from_secs(60));
    assert_eq!(brings(&mut bob, &house, &code).await, Redeemed::Lapsed);
}

#[tokio::test]
async fn nothing_is_used_up_while_nobody_can_join() {
    let mut house = house().await;
    let code = code(&house, 1, 1);
    let mut ann = arrived(&house).await;
    house.order(Order::Close).await;
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::Shut);
    house.order(OPEN).await;
    house.store.away.store(true, Ordering::SeqCst);
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::Away);
    house.step().await;
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::Away);
    house.store.away.store(false, Ordering::SeqCst);
    house.step().await;

    let mut bob = arrived(&house).await;
    assert_eq!(brings(&mut bob, &house, &code).await, Redeemed::Accepted);
}

#[tokio::test]
async fn a_code_of_another_room_is_told_so() {
    let mut house = house().await;
    let mut other = house.gate.rooms[0].settings.as_ref().clone();
    other.name = "final".parse().unwrap();
    let other = crate::gate::room::Room::new(other);
    other.snapshot.store(house.snapshot());
    house.gate.rooms.push(other);
    let name = "final".parse().unwrap();
    let key = house.gate.keys.codes();
    let (handed_out, made_up) = [1, 6]
        .map(|serial| {
            let number = CodeNumber { batch: 1, serial };
            key.code(&name, number).to_string()
        })
        .into();
    let mut ann = arrived(&house).await;

    let elsewhere = brings(&mut ann, &house, &handed_out).await;

    assert_eq!(elsewhere, Redeemed::Elsewhere);
    assert_eq!(brings(&mut ann, &house, &made_up).await, Redeemed::Wrong);
}

#[tokio::test]
async fn a_code_is_brought_by_our_own_page_or_an_app_and_by_nobody_else() {
    let house = house().await;
    let mut ann = arrived(&house).await;
    let code = code(&house, 1, 1);
    for more in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "https://evil.example")],
        &[("origin", "null")],
        &[
            ("sec-purpose", "prefetch"),
            ("sec-fetch-site", "same-origin"),
        ],
    ] {
        let told = ann.redeem(&house, &code, more).await;
        assert!(matches!(told, Err(Refusal::CrossSite)), "{more:?}");
    }
    let ours = [("sec-fetch-site", "same-origin")];
    let (_, redeemed) = ann.redeem(&house, &code, &ours).await.unwrap();
    assert_eq!(redeemed, Redeemed::Accepted);
}

#[tokio::test]
async fn without_a_token_a_code_is_brought_again_and_not_used_before() {
    let house = house().await;
    let code = code(&house, 1, 1);
    let mut ann = house.visitor();
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::Again);
    assert!(ann.token(&house).place.is_none());
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::Accepted);
}

#[tokio::test]
async fn a16_the_page_that_takes_a_code_puts_nobody_into_the_line() {
    let house = house().await;
    let path = "/_anteroom/rooms/sale/redeem";
    let mut ann = house.visitor();
    for _ in 0..3 {
        let notice = ann.get(&house, path).await.is_not_served();
        assert_eq!((notice.position, notice.takes_codes), (None, true));
    }
    assert!(ann.token(&house).place.is_none());
    assert_eq!(house.calls(), 0);
    let mut guess = house.visitor();
    for (method, more) in [
        ("HEAD", &[][..]),
        ("GET", &[("sec-purpose", "prefetch")]),
        ("GET", &[("purpose", "prefetch")]),
        ("GET", &[("x-moz", "prefetch")]),
    ] {
        guess.ask(&house, method, path, more).await.is_not_served();
        assert_eq!(guess.queue, None, "{method} {more:?}");
    }
    let code = code(&house, 1, 1);
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::Accepted);
    let placed = ann.get(&house, path).await.is_not_served();
    assert_eq!(placed.position, Some(1));
}

#[tokio::test]
async fn in_the_lobby_a_code_still_counts_and_while_it_is_drawn_no_more() {
    let mut house = house().await;
    house.order(Order::End).await;
    let later = |seconds| Some(house.clock.now().wall.after(Duration::from_secs(seconds)));
    let opening = Opening {
        opens_at: later(60),
        prequeue_opens_at: later(0),
        ..Opening::default()
    };
    house.order(Order::Open(opening)).await;
    assert_eq!(house.snapshot().survey.orders.state, WindowState::Prequeue);
    let in_lobby = async |house: &House| {
        let mut visitor = arrived(house).await;
        visitor.poll(house).await;
        assert!(visitor.token(house).lobby);
        visitor
    };
    let (mut ann, mut bob) = (in_lobby(&house).await, in_lobby(&house).await);
    let codes = [1, 2].map(|serial| code(&house, 1, serial));

    let (notice, redeemed) = ann.redeem(&house, &codes[0], &[]).await.unwrap();

    assert_eq!((redeemed, notice.lane), (Redeemed::Accepted, Some(MEMBERS)));
    let token = ann.token(&house);
    assert_eq!((token.lobby, token.lane), (true, MEMBERS.0));
    house.step().await;
    assert_eq!(house.snapshot().survey.waiting, 2, "in the lobby once");
    let mut drawn = house.snapshot().as_ref().clone();
    drawn.survey.orders.state = WindowState::Drawing;
    house.gate.rooms[0].snapshot.store(Arc::new(drawn));
    assert_eq!(brings(&mut bob, &house, &codes[1]).await, Redeemed::Late);
}

#[tokio::test]
async fn the_lane_of_a_code_outlasts_its_turn() {
    let house = house().await;
    let mut ann = arrived(&house).await;
    let code = code(&house, 1, 1);
    brings(&mut ann, &house, &code).await;
    ann.ask(&house, "POST", "/_anteroom/rooms/sale/leave", &[])
        .await
        .is_not_served();
    let again = ann.poll(&house).await;
    assert_eq!((again.lane, again.position), (Some(MEMBERS), Some(1)));
}

/// The club that knows its members.
struct Club(Ed25519KeyPair);

impl Club {
    fn new() -> Self {
        Self(Ed25519KeyPair::generate().unwrap())
    }

    fn keys(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.0.public_key().as_ref());
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": x}]})
    }

    fn provider(&self) -> Provider {
        let keys = ProviderKeys::parse(self.keys().to_string().as_bytes()).unwrap();
        Provider {
            name: "club".parse().unwrap(),
            demands: Demands {
                issuer: "https://id.club.example/".to_owned(),
                audience: "tickets".to_owned(),
                max_life: Duration::from_secs(3_600),
            },
            cookie: Some("club".to_owned()),
            header: Some(http::header::AUTHORIZATION),
            sign_in: Some("/sign-in".to_owned()),
            keys: Arc::new(arc_swap::ArcSwap::from_pointee(keys)),
        }
    }

    /// The header that says who somebody is.
    fn says(&self, house: &House, subject: &str, tier: &str) -> String {
        let now = house.clock.now().wall.secs();
        let claims = json!({
            "iss": "https://id.club.example/", "aud": "tickets", "sub": subject,
            "iat": now, "exp": now + 600, "tier": tier,
        });
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let header = json!({"alg": "EdDSA", "kid": "one"});
        let message = format!("{}.{}", part(header), part(claims));
        let signature = URL_SAFE_NO_PAD.encode(self.0.sign(message.as_bytes()));
        format!("Bearer {message}.{signature}")
    }
}

fn rule(lane: &str, is: &str) -> LaneRule {
    LaneRule {
        lane: lane.parse().unwrap(),
        claim: vec!["tier".to_owned()],
        is: vec![is.to_owned()],
    }
}

/// An open room that takes the club's word, and the club.
async fn club(places: Places, without: Without) -> (House, Club) {
    let club = Club::new();
    let mut house = House::furnished(|room| {
        laned(room);
        room.identity = Some(IdentityTerms {
            provider: "club".parse().unwrap(),
            places,
            without,
            lanes: vec![rule("members", "gold"), rule("press", "press")],
        });
    });
    house.gate.providers = vec![club.provider()];
    house.order(OPEN).await;
    hand_out(&mut house, "members", None).await;
    (house, club)
}

const STATUS: &str = "/_anteroom/rooms/sale/status";

async fn polls(visitor: &mut Visitor, house: &House, says: &str) -> crate::gate::notice::Notice {
    visitor
        .ask(house, "GET", STATUS, &[("authorization", says)])
        .await
        .is_not_served()
}

#[tokio::test]
async fn a_claim_leads_into_its_lane() {
    let (house, club) = club(Places::Any, Without::General).await;
    for (tier, lane) in [("gold", MEMBERS), ("press", Lane(2)), ("silver", GENERAL)] {
        let mut fan = house.visitor();
        let says = club.says(&house, "fan-1", tier);
        assert_eq!(polls(&mut fan, &house, &says).await.position, None);
        let joined = polls(&mut fan, &house, &says).await;
        assert_eq!(joined.lane, Some(lane), "{tier}");
        assert!(joined.position.is_some());
    }
    let mut anybody = arrived(&house).await;
    let joined = anybody.poll(&house).await;
    assert_eq!(joined.lane, Some(GENERAL));
    let mut late = anybody;
    let gold = club.says(&house, "fan-1", "gold");
    let place = late.token(&house).place;
    assert_eq!(polls(&mut late, &house, &gold).await.lane, Some(GENERAL));
    assert_eq!(late.token(&house).place, place, "who has a place keeps it");
    let mut signed_in = arrived(&house).await;
    assert_eq!(
        polls(&mut signed_in, &house, &gold).await.lane,
        Some(MEMBERS),
        "before there is a place"
    );
}

#[tokio::test]
async fn one_identity_has_one_place_on_any_device_and_another_in_each_window() {
    let (mut house, club) = club(Places::One, Without::SignIn).await;
    let says = club.says(&house, "fan-1", "none");
    let mut phone = house.visitor();
    polls(&mut phone, &house, &says).await;
    let joined = polls(&mut phone, &house, &says).await;
    assert_eq!(joined.position, Some(1));

    let mut laptop = house.visitor();
    polls(&mut laptop, &house, &says).await;
    polls(&mut laptop, &house, &says).await;

    assert_eq!(laptop.token(&house).place, phone.token(&house).place);
    let other = club.says(&house, "fan-2", "none");
    let mut bob = house.visitor();
    polls(&mut bob, &house, &other).await;
    assert_eq!(polls(&mut bob, &house, &other).await.position, Some(2));
    house.step().await;
    assert_eq!(house.snapshot().survey.waiting, 2);

    let before = phone.id(&house);
    house.order(Order::End).await;
    house.order(OPEN).await;
    polls(&mut phone, &house, &says).await;
    assert_ne!(phone.id(&house), before, "fresh for each window");
}

#[tokio::test]
async fn t11_a_token_without_a_place_joins_only_as_who_its_bringer_is() {
    let (house, club) = club(Places::One, Without::SignIn).await;
    let says = club.says(&house, "fan-1", "none");
    let mut first = house.visitor();
    polls(&mut first, &house, &says).await;
    let mut stolen = first.clone();
    let nobody = stolen.poll(&house).await;
    assert!(nobody.sign_in.is_some(), "signed out meanwhile");
    let other = club.says(&house, "fan-2", "none");
    polls(&mut stolen, &house, &other).await;
    polls(&mut first, &house, &says).await;
    assert_ne!(stolen.id(&house), first.id(&house));
    assert_eq!(
        first.poll(&house).await.position,
        Some(2),
        "no token of the club's is needed for a place that is held"
    );
}

#[tokio::test]
async fn who_is_not_signed_in_is_asked_to_and_writes_nothing() {
    let (house, club) = club(Places::One, Without::SignIn).await;
    let mut ann = house.visitor();
    for _ in 0..3 {
        let notice = ann.get(&house, "/buy/1").await.is_not_served();
        let sign_in = notice.sign_in.expect("sign in first");
        assert_eq!(sign_in.link.as_deref(), Some("/sign-in"));
        assert_eq!((notice.face, notice.position), (Face::Waiting, None));
        assert_eq!(ann.queue, None);
    }
    let code = code(&house, 1, 1);
    assert_eq!(brings(&mut ann, &house, &code).await, Redeemed::SignIn);
    assert_eq!(house.calls(), 0);
    for bad in [
        "Bearer a.b.c".to_owned(),
        Club::new().says(&house, "fan-1", "gold"),
        club.says(&house, "", "gold"),
    ] {
        assert!(polls(&mut ann, &house, &bad).await.sign_in.is_some());
    }
    let says = club.says(&house, "fan-1", "none");
    polls(&mut ann, &house, &says).await;
    assert_eq!(polls(&mut ann, &house, &says).await.position, Some(1));
    house.clock.advance(Duration::from_secs(700));
    assert!(
        polls(&mut house.visitor(), &house, &says)
            .await
            .sign_in
            .is_some(),
        "expired"
    );
}

#[tokio::test]
async fn one_place_for_those_who_sign_in_and_the_general_lane_for_the_rest() {
    let (mut house, club) = club(Places::One, Without::General).await;
    let mut anybody = arrived(&house).await;
    assert_eq!(anybody.poll(&house).await.lane, Some(GENERAL));
    let says = club.says(&house, "fan-1", "gold");
    for _ in 0..2 {
        let mut device = house.visitor();
        polls(&mut device, &house, &says).await;
        polls(&mut device, &house, &says).await;
    }
    house.step().await;
    assert_eq!(house.snapshot().survey.waiting, 2);
}

#[tokio::test]
async fn a_code_belongs_to_the_identity_that_used_it() {
    let (house, club) = club(Places::One, Without::SignIn).await;
    let code = code(&house, 1, 1);
    let says = club.says(&house, "fan-1", "none");
    let by = [("authorization", says.as_str())];
    let mut phone = house.visitor();
    polls(&mut phone, &house, &says).await;
    let (notice, redeemed) = phone.redeem(&house, &code, &by).await.unwrap();
    assert_eq!((redeemed, notice.lane), (Redeemed::Accepted, Some(MEMBERS)));
    let mut laptop = house.visitor();
    polls(&mut laptop, &house, &says).await;
    let (_, redeemed) = laptop.redeem(&house, &code, &by).await.unwrap();
    assert_eq!(redeemed, Redeemed::Accepted, "the same person");
    assert_eq!(laptop.token(&house).place, phone.token(&house).place);
}

#[tokio::test]
async fn t14_keys_that_were_replaced_say_nothing_more() {
    let (house, club) = club(Places::Any, Without::General).await;
    let gold = club.says(&house, "fan-1", "gold");
    let newer = Club::new();
    let keys = ProviderKeys::parse(newer.keys().to_string().as_bytes()).unwrap();
    house.gate.providers[0].keys.store(Arc::new(keys));
    let mut old = house.visitor();
    polls(&mut old, &house, &gold).await;
    assert_eq!(polls(&mut old, &house, &gold).await.lane, Some(GENERAL));
    let gold = newer.says(&house, "fan-1", "gold");
    let mut new = house.visitor();
    polls(&mut new, &house, &gold).await;
    assert_eq!(polls(&mut new, &house, &gold).await.lane, Some(MEMBERS));
}
