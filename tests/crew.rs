//! The crew: a signed link through the door, and rehearsals.

use serde_json::{Value, json};

use crate::kit::{Ask, House, Plan, Visitor, until};

const CREW: &str = "/_anteroom/rooms/derby/crew";

/// A link for the crew, as an operator gets it: the address it leads to.
async fn link(house: &House, asked: Value) -> String {
    let ask = Ask::post("/v1/rooms/derby/preview").body(asked.to_string());
    let answer = house.operator().ask(ask).await;
    let answer = answer.is(200).json();
    let link = answer["link"].as_str().unwrap();
    let (site, target) = link.split_once("/_anteroom").unwrap();
    assert_eq!(site, "http://shop.example");
    format!("/_anteroom{target}")
}

/// Follows the link and presses the button.
async fn begins(house: &House, link: &str) -> Visitor {
    let mut crew = house.visitor();
    let page = crew.get(link).await;
    assert!(page.is(200).text().contains("Come in as crew"));
    assert!(crew.jar.is_empty(), "looking at the link changes nothing");
    let begun = crew.post(link).await;
    begun.is(303);
    assert_eq!(begun.header("location"), Some(CREW));
    assert!(crew.jar.contains_key("anteroom-c-derby"));
    crew
}

#[tokio::test]
async fn the_crew_walks_through_the_door_in_every_state_and_takes_nothing_from_anybody() {
    let house = House::open().await;
    let mut crew = begins(&house, &link(&house, json!({})).await).await;
    let mut fan = house.visitor();
    fan.joins().await;
    for (verb, body) in [
        ("pause", json!({})),
        ("resume", json!({})),
        ("close", json!({})),
        ("open", json!({})),
        ("close", json!({"end": true})),
        (
            "open",
            json!({"prequeue_opens_at": "2025-01-01T00:00:00Z", "opens_at": "2099-01-01T00:00:00Z"}),
        ),
    ] {
        house.order(verb, body).await;
        let answer = crew.get("/buy/1").await;
        assert!(answer.is_from_the_shop(), "after {verb}");
        assert!(
            answer
                .all("cache-control")
                .iter()
                .any(|said| said.contains("private"))
        );
        assert!(!house.visitor().get("/buy/1").await.is_from_the_shop());
    }
    let arrived = house.origin.arrived();
    assert_eq!(arrived.len(), 6, "nobody but the crew got through");
    let cookies = arrived.iter().flat_map(|asked| asked.all("cookie"));
    assert_eq!(cookies.count(), 0, "the site never sees the pass");
    let room = house.room().await;
    assert_eq!((&room["active"], &room["released"]), (&json!(0), &json!(0)));
    let counted = house
        .metric("anteroom_requests_total", "verdict=\"crew\"")
        .await;
    assert_eq!(counted, 6.0);
    assert_eq!(
        house
            .metric("anteroom_requests_total", "verdict=\"pass\"")
            .await,
        0.0
    );
}

#[tokio::test]
async fn a_room_that_rejects_everybody_lets_the_crew_pass() {
    let house = House::of(Plan::default().room("method = \"reject\"")).await;
    let mut crew = begins(&house, &link(&house, json!({})).await).await;
    assert!(crew.get("/buy/1").await.is_from_the_shop());
    assert!(!house.visitor().get("/buy/1").await.is_from_the_shop());
}

#[tokio::test]
async fn the_crew_sees_every_page_of_the_room_and_nothing_on_them_acts() {
    let house = House::open().await;
    let mut crew = begins(&house, &link(&house, json!({})).await).await;
    let here = crew.get(CREW).await;
    let text = here.is(200).text().to_owned();
    let names: Vec<&str> = text
        .split("/crew?page=")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    assert!(names.len() >= 14, "{names:?}");
    for name in &names {
        let page = crew.get(&format!("{CREW}?page={name}")).await;
        let page = page.is(200).text();
        assert!(page.contains("made-up figures"), "{name}");
        assert!(page.contains(" inert"), "{name}");
        assert!(!page.contains("<script"), "{name}");
        assert!(!page.contains("http-equiv"), "{name}");
    }
    crew.get(&format!("{CREW}?page=nothing")).await.is(404);
    house.origin.saw_nothing();
    assert_eq!(house.visitors_calls().await, 0.0);
}

#[tokio::test]
async fn t6_who_has_no_pass_that_counts_is_nobody_and_learns_nothing() {
    let house = House::open().await;
    let link = link(&house, json!({"valid_s": 3600})).await;
    let pass = link.split_once("pass=").unwrap().1.to_owned();
    let unknown = house.visitor().get("/_anteroom/rooms/nowhere/crew").await;
    let turned = format!("{}x", &pass[..33]);
    for target in [
        CREW.to_owned(),
        format!("{CREW}?pass="),
        format!("{CREW}?pass={turned}"),
        format!("{CREW}?page=waiting"),
        link.replace("derby", "final"),
    ] {
        for ask in [Ask::get(&target), Ask::post(&target)] {
            let answer = house.visitor().ask(ask).await;
            answer.is(404);
            assert_eq!(answer.text().len(), unknown.text().len(), "{target}");
            assert!(answer.cookies().is_empty());
        }
    }
    for cookie in ["", &turned, "x"] {
        let mut forger = house.visitor().with_cookie("anteroom-c-derby", cookie);
        assert!(!forger.get("/buy/1").await.is_from_the_shop());
    }
    let twice = format!("{pass}; anteroom-c-derby={pass}");
    let mut doubled = house.visitor().with_cookie("anteroom-c-derby", &twice);
    assert!(!doubled.get("/buy/1").await.is_from_the_shop());
    house.origin.saw_nothing();
}

#[tokio::test]
async fn withdrawn_links_count_for_nothing_and_later_ones_do() {
    let house = House::open().await;
    let old = link(&house, json!({})).await;
    let mut crew = begins(&house, &old).await;
    assert!(crew.get("/buy/1").await.is_from_the_shop());
    let withdraw = Ask::new("DELETE", "/v1/rooms/derby/preview");
    let version = house.operator().ask(withdraw).await.is(200).json()["version"].clone();
    until("the order is obeyed", || async {
        (house.room().await["version"] == version).then_some(())
    })
    .await;
    assert!(!crew.get("/buy/1").await.is_from_the_shop());
    house.visitor().get(&old).await.is(404);
    let fresh = link(&house, json!({})).await;
    let mut crew = begins(&house, &fresh).await;
    assert!(crew.get("/buy/1").await.is_from_the_shop());
    let stopped = crew.post(&format!("{fresh}&stop=1")).await;
    assert!(stopped.is(200).text().contains("visitor again"));
    assert!(!crew.jar.contains_key("anteroom-c-derby"));
    assert!(!crew.get("/buy/1").await.is_from_the_shop());
}

#[tokio::test]
async fn a_link_lapses() {
    let house = House::open().await;
    let link = link(&house, json!({"valid_s": 1})).await;
    let mut crew = house.visitor();
    until("it has lapsed", || async {
        (house.visitor().get(&link).await.status == 404).then_some(())
    })
    .await;
    crew.post(&link).await.is(404);
}

#[tokio::test]
async fn in_a_rehearsal_the_crew_queues_and_everybody_else_sees_the_site() {
    let house = House::of(Plan::per_minute(600).room("rehearsal = true")).await;
    let room = house.room().await;
    assert_eq!(room["rehearsal"], true);
    assert!(room["warning"].as_str().unwrap().contains("rehearsal"));
    let mut fan = house.visitor();
    assert!(fan.get("/buy/1").await.is_from_the_shop());
    for deed in ["status", "draw", "events"] {
        let answer = fan.get(&format!("/_anteroom/rooms/derby/{deed}")).await;
        answer.is(404);
    }
    for deed in ["join", "claim", "leave", "redeem", "step-away", "extend"] {
        fan.posts(deed).await.is(404);
    }
    assert!(fan.jar.is_empty());
    assert_eq!(house.visitors_calls().await, 0.0);

    let seen = house.origin.arrived().len();
    let mut crew = begins(&house, &link(&house, json!({})).await).await;
    assert!(crew.get(CREW).await.text().contains("rehearsal"));
    crew.get("/buy/1").await.is_queue();
    crew.joins().await;
    assert_eq!(house.origin.arrived().len(), seen, "the crew waits");
    crew.polls_until("released").await;
    assert!(crew.get("/buy/1").await.is_from_the_shop());
    assert!(crew.admission().is_some());
    until("the survey counts the crew inside", || async {
        (house.room().await["active"] == 1).then_some(())
    })
    .await;
}
