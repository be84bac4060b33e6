//! Rows A10 and A11: who claims to be somebody, and rooms in every state.

use serde_json::json;

use crate::kit::{Ask, House, Plan};

#[tokio::test]
async fn a10_nobody_passes_by_a_crawlers_name_or_a_claimed_address() {
    let rules = "[[rule]]\nname = \"crawler\"\naction = \"allow\"\nagent = [\"googlebot\"]\n\
        [[rule]]\nname = \"partner\"\naction = \"allow\"\nfrom = [\"66.249.64.0/19\"]\n\
        [[rule]]\nname = \"key\"\naction = \"allow\"\nheader = { name = \"x-key\", pattern = \"^of the partner$\" }\n\
        [[rule]]\nname = \"rest\"\naction = \"deny\"\npath = [\"/private/*\"]\n";
    let house = House::of(Plan::default().file("bots.toml", rules)).await;
    let claims = [
        (
            "user-agent",
            "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        ),
        ("x-forwarded-for", "66.249.66.1"),
        ("x-real-ip", "66.249.66.1"),
        ("forwarded", "for=66.249.66.1"),
        ("cf-connecting-ip", "66.249.66.1"),
        ("from", "googlebot(at)googlebot.com"),
        ("x-key", "of the partner"),
    ];
    for (name, value) in claims {
        let answer = house.app().ask(Ask::get("/buy/1").with(name, value)).await;
        answer.is_queue();
    }
    for (name, value) in &claims[1..6] {
        let ask = Ask::get("/private/1").with(name, value);
        house.visitor().ask(ask).await.is(403);
    }
    house.origin.saw_nothing();
}

#[tokio::test]
async fn a11_who_is_not_admitted_stays_out_in_every_state_of_the_room() {
    let house = House::open().await;
    for (order, body, state) in [
        ("pause", json!({}), "paused"),
        ("resume", json!({}), "open"),
        ("close", json!({}), "closed"),
        ("open", json!({}), "open"),
        ("close", json!({"end": true}), "ended"),
    ] {
        house.order(order, body).await;
        assert_eq!(house.room().await["state"], state, "{order}");
        for _ in 0..5 {
            for method in ["GET", "POST", "HEAD", "OPTIONS", "PUT"] {
                for mut who in [house.app(), house.visitor()] {
                    let answer = who.ask(Ask::new(method, "/buy/1")).await;
                    assert!(!answer.is_from_the_shop(), "{state}: {answer:?}");
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(60)).await;
        }
        assert_eq!(house.room().await["state"], state, "still");
        house.origin.saw_nothing();
    }
    house.visitor().get("/about").await.is_served();
}
