//! Rows T of docs/security.md: tokens. Whatever is wrong with one, its bearer gets exactly what nobody's token
//! gets, and the shop hears nothing of it.

use std::sync::LazyLock;

mod admissions;
mod changed;
mod places;
mod timing;

use regex::Regex;
use serde_json::{Value, json};

use crate::kit::house::CONTROL_TOKEN;
use crate::kit::{Answer, Ask, House, Plan, Visitor};

/// What an answer says when everything is taken out that is another for every newcomer.
fn shape(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut fields = answer.fields.clone();
    for (name, value) in &mut fields {
        if name == "date" {
            value.clear();
        }
        if name == "set-cookie" {
            let (key, rest) = value.split_once('=').unwrap();
            *value = format!("{key}=…{}", rest.split_once(';').unwrap().1);
        }
    }
    (
        answer.status,
        fields,
        OWN.replace_all(answer.text(), "…").into_owned(),
    )
}

/// Times, and the code by which the support desk finds a visitor.
static OWN: LazyLock<Regex> = LazyLock::new(|| {
    let times = "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z|[0-9]{2}:[0-9]{2}(:[0-9]{2})? UTC";
    Regex::new(&format!(r"{times}|\b[a-z1-9]{{12}}\b")).unwrap()
});

/// Demands that none of these admission tokens opens anything or shows in any answer.
async fn count_for_nothing(house: &House, tokens: &[(&str, String)]) {
    let page = shape(&house.visitor().get("/buy/1").await);
    let json = shape(&house.app().get("/buy/1").await);
    for (what, token) in tokens {
        let holder = |visitor: Visitor| visitor.with_cookie("anteroom-a-derby", token);
        let answer = holder(house.visitor()).get("/buy/1").await;
        assert_eq!(shape(&answer), page, "{what}");
        let answer = holder(house.app()).get("/buy/1").await;
        assert_eq!(shape(&answer), json, "{what}");
        if token.len() < 4_096 {
            let ask = Ask::get("/buy/1").with("anteroom-admission", token);
            assert_eq!(shape(&house.app().ask(ask).await), json, "{what} as header");
        }
    }
    house.origin.saw_nothing();
    house.insider().get("/buy/1").await.is_served();
    house.origin.only();
}

#[tokio::test]
async fn t5_tokens_of_another_kind_room_or_house_count_for_nothing() {
    let plan = Plan::default().another_room("final", "/final/*");
    let house = House::of(plan.clone()).await;
    let other = House::of(plan).await;
    let forge = house.forge();
    let mut ann = house.visitor();
    ann.joins().await;
    house.tells_of(1).await;
    let foreign = other.forge();
    let named_alike = other.forge().named(&forge.kid);
    let tokens = [
        ("a queue token", ann.queue_token()),
        ("the control token", CONTROL_TOKEN.to_owned()),
        ("another typ", forge.with_header(json!({"typ": "JWT"}))),
        ("no typ", forge.with_header(json!({"typ": null}))),
        ("another issuer", forge.with(json!({"iss": "elsewhere"}))),
        ("another room", forge.with(json!({"aud": "final"}))),
        ("a room in other case", forge.with(json!({"aud": "Derby"}))),
        ("no room", forge.with(json!({"aud": null}))),
        ("another house", foreign.sign(&forge.claims())),
        (
            "another house's key with our kid",
            named_alike.sign(&forge.claims()),
        ),
    ];
    count_for_nothing(&house, &tokens).await;
    let good = forge.sign(&forge.claims());
    house
        .visitor()
        .with_cookie("anteroom-a-final", &good)
        .get("/final/1")
        .await
        .is_queue();

    let mut cat = other.visitor();
    cat.joins().await;
    let fresh = shape(&house.app().get("/_anteroom/rooms/derby/status").await);
    for (what, token) in [
        ("an admission", good.clone()),
        ("another house's", cat.queue_token()),
        ("the control token", CONTROL_TOKEN.to_owned()),
        ("nonsense", "x".repeat(108)),
    ] {
        let mut bearer = house.app().with_cookie("anteroom-q-derby", &token);
        let answer = bearer.get("/_anteroom/rooms/derby/status").await;
        assert_eq!(shape(&answer), fresh, "{what}");
    }
    let mut elsewhere = house
        .app()
        .with_cookie("anteroom-q-final", &ann.queue_token());
    let status = elsewhere.get("/_anteroom/rooms/final/status").await;
    assert_eq!(
        status.says("position"),
        Value::Null,
        "a place holds in its own room"
    );
    house.origin.saw_nothing();

    for (what, token) in [("a queue token", ann.queue_token()), ("an admission", good)] {
        let bearer = format!("Bearer {token}");
        let mut operator = Visitor::to(house.control)
            .host(&house.control.to_string())
            .with_header("authorization", &bearer);
        let answer = operator.get("/v1/rooms").await;
        assert_eq!(answer.status, 401, "{what} at the control listener");
    }
}
