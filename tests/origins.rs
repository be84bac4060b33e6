//! Several origins behind one gateway, and what visitors notice when these fail: as little as can
//! be, and never an order that arrives twice.

mod nginx;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::kit::tls::Authority;
use crate::kit::wire::Wire;
use crate::kit::{Ask, House, Origin, Plan, Visitor, until};

/// What authority and certificates of origins are in.
fn papers(name: &str) -> String {
    let house = env!("CARGO_MANIFEST_DIR");
    format!("{house}/tests/fixtures/tls/origins/{name}")
}

async fn of_two(more: &str) -> (House, Origin) {
    let second = Origin::open().await;
    let list = format!("\"http://{{origin}}\", \"http://{}\"", second.address);
    let plan = Plan::default().origins(&list).site(more);
    (House::of(plan).await, second)
}

/// What one visitor of the load met: statuses of harmless requests, and of orders by their number.
#[derive(Default)]
struct Met {
    seen: Vec<u16>,
    orders: BTreeMap<String, u16>,
}

/// Looks and orders in turn until told to stop.
async fn buys(mut visitor: Visitor, name: usize, over: Arc<AtomicBool>) -> Met {
    let mut met = Met::default();
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        let seen = visitor.get(&format!("/buy/{name}/{number}")).await;
        met.seen.push(seen.status);
        let order = format!("order {name} {number}");
        let ask = Ask::post("/buy/pay").body(order.clone());
        let answer = visitor.ask(ask).await;
        met.orders.insert(order, answer.status);
    }
    met
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn h15_f27_an_origin_dies_under_load_and_no_harmless_request_fails_and_no_order_doubles() {
    let (house, second) = of_two("").await;
    let over = Arc::new(AtomicBool::new(false));
    let mut crowd = JoinSet::new();
    for name in 0..8 {
        crowd.spawn(buys(house.insider(), name, Arc::clone(&over)));
    }
    until("both origins have work", || async {
        (house.origin.arrived().len() > 40 && second.arrived().len() > 40).then_some(())
    })
    .await;

    second.close().await;
    let left = house.origin.arrived().len();
    until("the other one takes it all", || async {
        (house.origin.arrived().len() > left + 200).then_some(())
    })
    .await;
    over.store(true, Ordering::SeqCst);

    let crowd = crowd.join_all().await;

    let mut arrivals: BTreeMap<String, usize> = BTreeMap::new();
    for arrived in house.origin.arrived().iter().chain(&second.arrived()) {
        let body = String::from_utf8_lossy(&arrived.body).into_owned();
        *arrivals.entry(body).or_default() += 1;
    }
    for met in crowd {
        assert!(
            met.seen.iter().all(|status| *status == 200),
            "{:?}",
            met.seen
        );
        for (order, status) in met.orders {
            let times = arrivals.get(&order).copied().unwrap_or_default();
            match status {
                200 => assert_eq!(times, 1, "{order}"),
                502 => assert!(times <= 1, "{order}"),
                other => panic!("{order}: {other}"),
            }
        }
    }
    let labels = format!("origin=\"http://{}\"", second.address);
    let ejections = house
        .metric("anteroom_origin_ejections_total", &labels)
        .await;
    assert!(ejections >= 1.0, "it is left out");
}

#[tokio::test]
async fn f27_with_all_origins_down_the_page_says_so_and_the_admission_stays_and_is_renewed() {
    let plan = Plan::per_minute(6_000).session("idle_s = 4\nclaim_window_s = 60\n");
    let house = House::of(plan).await;
    let mut ann = house.visitor();
    ann.joins().await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let admission = ann.admission().cloned();
    assert!(admission.is_some());
    house.origin.close().await;

    let page = ann.get("/buy/1").await;

    page.is(502);
    assert!(page.text().contains("lang=\"en\"") && page.text().contains("href=\"/buy/1\""));
    assert!(page.header("retry-after").is_some());
    assert_eq!(ann.admission().cloned(), admission, "it is not taken away");
    let ann = tokio::sync::Mutex::new(ann);
    until("the admission is renewed on such a page", || async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut ann = ann.lock().await;
        let status = ann.get("/buy/1").await.status;
        assert!(matches!(status, 502 | 503), "{status}");
        (ann.admission().cloned() != admission).then_some(())
    })
    .await;
    let mut ann = ann.into_inner().speaking_json();
    let problem = ann.get("/buy/1").await;
    let told = problem.header("content-type");
    assert_eq!(told, Some("application/problem+json"));
}

#[tokio::test]
async fn r9_a_slow_origin_leaves_the_waiting_room_alone_and_those_beyond_its_line_hear_at_once() {
    let site = "max_connections = 2\nmax_pending = 1\npending_s = 30";
    let house = House::of(Plan::default().site(site)).await;
    let mut stuck = JoinSet::new();
    for _ in 0..3 {
        let mut insider = house.insider();
        stuck.spawn(async move { insider.get("/buy/slow").await.status });
    }
    until("two are with the site and one waits", || async {
        let pending = house.metric("anteroom_origin_requests_pending", "").await;
        let active = house.metric("anteroom_origin_requests_active", "").await;
        (pending > 0.5 && active > 1.5).then_some(())
    })
    .await;

    let mut insider = house.insider();
    let told = tokio::time::timeout(Duration::from_secs(2), insider.get("/buy/1")).await;
    let told = told.expect("it need not wait");
    told.is(503);
    assert!(told.header("retry-after").is_some());
    assert!(insider.admission().is_some(), "the admission stays");
    let mut fan = house.visitor();
    for _ in 0..20 {
        let status = tokio::time::timeout(Duration::from_secs(2), fan.status()).await;
        assert_eq!(status.expect("the room answers")["state"], "waiting");
        tokio::time::sleep(Duration::from_millis(120)).await;
    }

    for _ in 0..3 {
        house.origin.go_on();
    }
    assert_eq!(stuck.join_all().await, [200, 200, 200]);
}

#[tokio::test]
async fn r9_who_leaves_while_the_site_thinks_frees_its_place_there() {
    let authority = Authority::new();
    let client = authority.client();
    let plan = Plan::default().site("max_connections = 1\nmax_pending = 1\npending_s = 60");
    let over_tls = plan.clone();
    let over_tls = over_tls.over_tls(&authority.vouches(&["shop.example"]), "");
    for (plan, is_encrypted) in [(plan, false), (over_tls, true)] {
        let house = House::of(plan).await;
        let (mut leaves, mut next) = if is_encrypted {
            let wire = client.wire(house.encrypted(), "shop.example").await;
            (wire.unwrap(), house.secure(&client))
        } else {
            (Wire::to(house.address).await, house.visitor())
        };
        let ask = "GET /slow HTTP/1.1\r\nHost: shop.example\r\n\r\n";
        leaves.send(ask).await.unwrap();
        until("the site works on it", || async {
            (house.origin.arrived().len() == 1).then_some(())
        })
        .await;

        let (mut writes, reading) = leaves.split();
        writes.shutdown().await.unwrap();
        drop((writes, reading));

        let served = tokio::time::timeout(Duration::from_secs(20), next.get("/about")).await;
        served.expect("the site works on for nobody").is_served();
        let departed = house.metric("anteroom_connections_departed_total", "");
        assert_eq!(departed.await, 1.0);
    }
}

/// A site whose health a test decides. It counts what it is asked otherwise.
async fn moody() -> (SocketAddr, Arc<AtomicBool>, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (well, visits) = (
        Arc::new(AtomicBool::new(true)),
        Arc::<AtomicUsize>::default(),
    );
    let (is_well, count) = (Arc::clone(&well), Arc::clone(&visits));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let (is_well, count) = (Arc::clone(&is_well), Arc::clone(&count));
            tokio::spawn(async move {
                let mut head = vec![0; 4_096];
                while let Ok(read @ 1..) = stream.read(&mut head).await {
                    let checked = head[..read].starts_with(b"GET /healthz ");
                    count.fetch_add(usize::from(!checked), Ordering::SeqCst);
                    let status = match is_well.load(Ordering::SeqCst) || !checked {
                        true => "200 OK",
                        false => "503 Service Unavailable",
                    };
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            });
        }
    });
    (address, well, visits)
}

#[tokio::test]
async fn r9_an_origin_that_says_it_is_unwell_gets_no_requests_until_it_is_well_again() {
    let (address, well, visits) = moody().await;
    let health = "[site.health]\npath = \"/healthz\"\ninterval_s = 1\ntimeout_s = 1\n\
                  healthy_after = 1\nunhealthy_after = 1\nslow_start_s = 1";
    let plan = Plan::default()
        .origins(&format!("\"http://{{origin}}\", \"http://{address}\""))
        .site(health);
    let house = House::of(plan).await;
    let labels = format!("origin=\"http://{address}\"");
    let shown = |wanted: f64| {
        let (house, labels) = (&house, &labels);
        until("the metric shows it", move || async move {
            let healthy = house.metric("anteroom_origin_healthy", labels).await;
            ((healthy - wanted).abs() < 0.1).then_some(())
        })
    };
    shown(1.0).await;

    well.store(false, Ordering::SeqCst);
    shown(0.0).await;
    let before = visits.load(Ordering::SeqCst);
    let mut insider = house.insider();
    for number in 0..20 {
        insider.get(&format!("/buy/{number}")).await.is_served();
    }
    assert_eq!(visits.load(Ordering::SeqCst), before);

    well.store(true, Ordering::SeqCst);
    shown(1.0).await;
    tokio::time::sleep(Duration::from_millis(1_100)).await;
    for number in 0..20 {
        insider.get(&format!("/buy/{number}")).await.is(200);
    }
    assert!(
        visits.load(Ordering::SeqCst) > before,
        "it has its share again"
    );
    let checks = house.origin.arrived();
    let checks = checks.iter().find(|arrived| arrived.target() == "/healthz");
    assert_eq!(checks.unwrap().all("host"), ["shop.example"]);
}

#[tokio::test]
async fn l5_an_origin_over_tls_is_believed_only_with_the_right_certificate() {
    for (certificate, name, status) in [
        ("server", "shop.internal", 200),
        ("server", "other.internal", 502),
        ("elsewhere", "shop.internal", 502),
        ("expired", "localhost", 502),
        ("selfsigned", "localhost", 502),
    ] {
        let site = nginx::showing(certificate, "").await;
        let tls = format!(
            "[site.tls]\nca = \"{}\"\nname = \"{name}\"",
            papers("authority.pem")
        );
        let plan = Plan::default()
            .origins(&format!("\"https://{}\"", site.address))
            .site(&tls);
        let house = House::of(plan).await;

        let answer = house.insider().get("/buy/1").await;

        assert_eq!(answer.status, status, "{certificate} as {name}: {answer:?}");
        let untrusted = "result=\"untrusted\"";
        let refused = house
            .metric("anteroom_origin_requests_total", untrusted)
            .await;
        assert_eq!(refused > 0.5, status == 502, "{certificate} as {name}");
    }
}

#[tokio::test]
async fn a6_an_origin_may_demand_our_certificate_and_speaks_http_2_if_asked_to() {
    let demands = format!(
        "ssl_client_certificate {};\nssl_verify_client on;",
        papers("authority.pem")
    );
    let site = nginx::showing("server", &demands).await;
    let said = async |protocol: &str, own: &str| {
        let tls = format!(
            "protocol = \"{protocol}\"\n[site.tls]\nca = \"{}\"\n{own}",
            papers("authority.pem")
        );
        let plan = Plan::default()
            .origins(&format!("\"https://{}\"", site.address))
            .site(&tls);
        let house = House::of(plan).await;
        let mut insider = house.insider();
        let first = insider.get("/buy/1?seat=2").await;
        let order = Ask::post("/buy/pay").body(vec![b'x'; 100_000]);
        let second = insider.ask(order).await;
        let status = (first.status, second.status);
        (status, first.text().trim().to_owned())
    };
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("gateway.key");
    std::fs::copy(papers("gateway.key"), &key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let own = format!(
        "certificate = \"{}\"\nkey = \"{}\"",
        papers("gateway.pem"),
        key.display()
    );

    let known = |spoken: &str| ((200, 200), format!("{spoken} SUCCESS /buy/1?seat=2"));
    assert_eq!(said("h2", &own).await, known("HTTP/2.0"));
    assert_eq!(said("http/1.1", &own).await, known("HTTP/1.1"));
    let (status, page) = said("http/1.1", "").await;
    assert_eq!(
        status,
        (400, 400),
        "nginx refuses whoever shows none: {page}"
    );
}

#[tokio::test]
async fn a_site_that_is_down_is_told_of_once_a_second_however_many_ask() {
    let dir = tempfile::TempDir::new().unwrap();
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dead = nobody.local_addr().unwrap();
    drop(nobody);
    let plan = Plan::default();
    let at = crate::kit::process::furnish(dir.path(), &plan, dead);
    let gateway = crate::kit::Gateway::start(dir.path(), at).await;
    let mut visitor = Visitor::to(at.public).host("shop.example");
    let clock = anteroom::domain::clock::Clock::machine();
    let begun = clock.now().mono;
    for _ in 0..30 {
        let status = visitor.get("/about").await.status;
        assert!(status == 502 || status == 503, "{status}");
    }
    let seconds = usize::try_from((clock.now().mono - begun).as_secs()).unwrap();

    let log = crate::kit::process::log(dir.path());

    let told = log.matches("the origin did not answer").count();
    assert!((1..=2 + seconds).contains(&told), "{told}: {log}");
    drop(gateway);
}
