//! Rows R of docs/security.md: what would use up time, memory or connections.

use std::net::IpAddr;
use std::time::Duration;

use anteroom::config::{self, Sources};
use anteroom::domain::clock::{Clock, UnixTime};
use anteroom::gate::limit::{Limiters, MOST_KEYS};
use anteroom::telemetry::metrics::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::task::JoinSet;

use crate::kit::wire::Asked;
use crate::kit::{Ask, House, Plan, Wire, until};

/// The ways in which a hundred of them are slow: what they send at once, and then bit by bit.
const SLOW: [(&str, &str); 4] = [
    ("", ""),
    (
        "GET /about HTTP/1.1\r\nHost: shop.example\r\n",
        "X-a: b\r\n",
    ),
    (
        "POST /about HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 100000\r\n\r\n",
        "x",
    ),
    (
        "POST /about HTTP/1.1\r\nHost: shop.example\r\nTransfer-Encoding: chunked\r\n\r\n",
        "1\r\nx\r\n",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r1_r2_a_hundred_slow_clients_are_closed_and_hold_nobody_up() {
    let house = House::open().await;
    let clock = Clock::machine();
    let (address, begun) = (house.address, clock.now().mono);
    let mut slow = JoinSet::new();
    for (first, more) in (0..100).map(|number| SLOW[number % SLOW.len()]) {
        slow.spawn(async move {
            let mut wire = Wire::to(address).await;
            let _ = wire.send(first).await;
            let (mut writes, mut reads) = wire.split();
            let trickle = tokio::spawn(async move {
                loop {
                    tokio::time::sleep(Duration::from_millis(500)).await;
                    if tokio::io::AsyncWriteExt::write_all(&mut writes, more.as_bytes())
                        .await
                        .is_err()
                    {
                        return;
                    }
                }
            });
            while let Some(answer) = reads.answer(Asked::Any).await {
                assert_eq!(answer.status, 408, "heads and bodies that come too slowly");
            }
            trickle.abort();
        });
    }
    let mut took = Vec::new();
    while !slow.is_empty() {
        let asked = clock.now().mono;
        house.visitor().get("/about").await.is_served();
        house.visitor().get("/buy/1").await.is_queue();
        took.push(clock.now().mono - asked);
        tokio::time::sleep(Duration::from_millis(20)).await;
        while let Some(ended) = slow.try_join_next() {
            ended.unwrap();
        }
    }
    let lived = clock.now().mono - begun;
    assert!(took.len() > 50, "{} honest visits", took.len());
    assert!(
        lived < Duration::from_secs(30),
        "the last was closed after {lived:?}"
    );
    took.sort();
    let slowest = took[took.len() * 99 / 100];
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}

#[tokio::test]
async fn r2_who_connects_and_says_nothing_is_closed_after_five_seconds() {
    let house = House::open().await;
    let (clock, mut silent) = (Clock::machine(), Wire::to(house.address).await);
    let begun = clock.now().mono;

    silent.is_closed().await;

    let lived = clock.now().mono - begun;
    let about_five = Duration::from_millis(4_500)..Duration::from_secs(8);
    assert!(about_five.contains(&lived), "closed after {lived:?}");
}

#[tokio::test]
async fn r1_who_does_not_read_a_short_answer_is_gone_long_before_it_counts_as_idle() {
    let house = House::open().await;
    // Little room here and a little in the gateway's kernel: all is written, and hardly any taken.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1).unwrap();
    let mut silent = socket.connect(house.address).await.unwrap();
    let ask = "GET /buy/1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";
    silent.write_all(ask.as_bytes()).await.unwrap();
    until("it is taken for idle", || async {
        let parked = house.metric("anteroom_connections_parked", "").await;
        (parked >= 1.0).then_some(())
    })
    .await;

    let gone = async {
        while house.metric("anteroom_connections_parked", "").await >= 1.0 {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let gone = tokio::time::timeout(Duration::from_secs(60), gone).await;

    assert!(gone.is_ok(), "it is kept");
    let end = silent.read_to_end(&mut Vec::new()).await;
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn r6_a_flood_of_addresses_fills_one_table_and_is_forgotten() {
    let mut sources = Sources::default();
    for (name, text) in Plan::default().texts(crate::kit::policies::Addresses {
        public: "127.0.0.1:1".parse().unwrap(),
        control: "127.0.0.1:2".parse().unwrap(),
        origin: "127.0.0.1:3".parse().unwrap(),
    }) {
        sources.add(&name, &text).unwrap();
    }
    let limit = "[[limit]]\nname = \"few\"\nper = \"address\"\nrate = 1\nburst = 5\n";
    sources.add("limits.toml", limit).unwrap();
    let config = config::read(&sources).unwrap().config;
    let clock = Clock::by_hand(UnixTime::from_secs(1_795_000_000));
    let counted = Metrics::new().unwrap().limits;
    let limiters = Limiters::new(&config.limits, clock.clone(), counted);
    let asks = |bits: u128| limiters.visit(IpAddr::V6(bits.into()), "/about").is_ok();
    let of = |provider: u128, rest: u128| provider << 96 | rest;

    let host = 0x2001_0db8;
    let within = (0..200_000).filter(|number| asks(of(host, *number)));
    assert_eq!(within.count(), 5, "all of one /64 are one");
    assert_eq!(limiters.len(), 3, "it, its /56 and its /48");
    for number in 1..=400_000 {
        asks(of(0x2a00_0000, number << 80));
    }
    let held = limiters.len();
    assert!(held <= MOST_KEYS, "{held} keys are remembered");
    assert!(held > MOST_KEYS / 100 * 99, "{held} keys fill the table");
    assert!(!asks(of(host, 1)), "who was limited before still is");
    let more_of_it = (0..1_000).filter(|rest| asks(of(0x2a00_0004, *rest << 64)));
    let passed = more_of_it.count();
    assert!(passed < 10, "{passed} of the flood's own network passed");
    let served = (0..50).filter(|provider| asks(of(0x2600_0000 + provider, 0)));
    let served = served.count();
    assert!(served > 45, "{served} of 50 others are served");
    clock.advance(Duration::from_secs(60));
    limiters.tidy();
    assert!(limiters.is_empty(), "{} are remembered", limiters.len());
}

#[tokio::test]
async fn r8_no_word_of_a_visitor_becomes_a_label() {
    let house = House::open().await;
    let ask_all = |round: usize| {
        let house = &house;
        async move {
            for number in 0..60 {
                let name = format!("evil{round}x{number}");
                let ask = Ask::new(&name.to_uppercase(), &format!("/about/{name}?{name}"))
                    .with("user-agent", &name)
                    .with("x-forwarded-for", &format!("9.9.{round}.{number}"))
                    .with("referer", &name);
                house.visitor().ask(ask).await;
                house.visitor().get(&format!("/buy/{name}")).await;
                house
                    .visitor()
                    .host(&format!("{name}.example"))
                    .get("/about")
                    .await
                    .is(421);
                house
                    .visitor()
                    .get(&format!("/_anteroom/rooms/{name}/status"))
                    .await
                    .is(404);
                house.app().joins().await;
            }
            let text = house.operator().get("/metrics").await;
            let text = text.is(200).text().to_owned();
            assert!(!text.contains("evil") && !text.contains("EVIL"), "{text}");
            text.lines().filter(|line| !line.starts_with('#')).count()
        }
    };
    let first = ask_all(1).await;
    let second = ask_all(2).await;
    assert_eq!(first, second, "no new series for new words");
}

#[tokio::test]
async fn r12_no_expression_and_no_nesting_costs_more_than_its_length() {
    let rule = "[[rule]]\nname = \"hard\"\naction = \"deny\"\nagent = [\"^(a+)+$\", \"(a|aa)*c$\", \"(.*)*x(.*)*y\"]\n";
    let house = House::of(Plan::default().file("bots.toml", rule)).await;
    let clock = Clock::machine();
    let begun = clock.now().mono;
    for agent in [
        "a".repeat(8_000) + "!",
        "aa".repeat(4_000),
        "x".repeat(8_000),
    ] {
        house
            .visitor()
            .ask(Ask::get("/about").with("user-agent", &agent))
            .await;
    }
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let ask = Ask::new("PUT", "/v1/rooms/derby/message").body(deep.clone());
    let refused = house
        .operator()
        .ask(ask.with("content-type", "application/json"))
        .await;
    assert!((400..500).contains(&refused.status), "{refused:?}");
    let ask = Ask::post("/_anteroom/rooms/derby/redeem").body(format!("{{\"code\":{deep}}}"));
    let told = house
        .app()
        .ask(ask.with("content-type", "application/json"))
        .await;
    assert!(told.status < 500, "{told:?}");
    let took = clock.now().mono - begun;
    assert!(took < Duration::from_secs(5), "{took:?}");

    let mut sources = Sources::default();
    sources
        .add("anteroom.toml", &format!("listen = {deep}"))
        .unwrap();
    sources.add("limits.toml", &"[a.".repeat(10_000)).unwrap();
    let faults = config::read(&sources).unwrap_err();
    assert!(
        !faults.is_empty(),
        "deep texts are faults and no end of the program"
    );
}
