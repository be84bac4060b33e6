//! Policies and certificates that change together while the gateway runs: under load, and where
//! the listeners would have to change with them.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::Request;
use http_body_util::Empty;
use tokio::task::JoinSet;

use super::certificates::Run;
use super::first;
use crate::kit::process::{free_listener, log};
use crate::kit::tls::{Http2, Made};
use crate::kit::wire::Asked;
use crate::kit::{Ask, Forge, Plan, Visitor, Wire, until};

/// So often both change.
const ROUNDS: usize = 100;

/// A connection that is never made anew.
enum Kept {
    Http1(Wire),
    Http2(Http2),
}

impl Kept {
    async fn http1(run: &Run) -> Self {
        let wire = run.client.wire(run.encrypted(), "shop.example").await;
        Self::Http1(wire.unwrap())
    }

    async fn http2(run: &Run) -> Self {
        Self::Http2(run.client.http2(run.encrypted(), "shop.example").await)
    }

    /// The status of what is answered on it. It must not end, nor be about to.
    async fn asks(&mut self, path: &str, cookie: &str) -> u16 {
        match self {
            Self::Http1(wire) => {
                let head = format!(
                    "GET {path} HTTP/1.1\r\nhost: shop.example\r\naccept: text/html\r\n\
                     cookie: {cookie}\r\n\r\n"
                );
                wire.send(head).await.unwrap();
                let answer = wire.answer(Asked::Any).await;
                let answer = answer.expect("the connection was dropped");
                assert_ne!(answer.header("connection"), Some("close"));
                answer.status
            }
            Self::Http2(connection) => {
                let request = Request::get(format!("https://shop.example{path}"))
                    .header("accept", "text/html")
                    .header("cookie", cookie)
                    .body(Empty::<Bytes>::new());
                let answer = connection.ask(request.unwrap()).await;
                answer
                    .expect("the connection was dropped")
                    .status()
                    .as_u16()
            }
        }
    }
}

/// What one connection asks for again and again, and what it may be answered.
#[derive(Clone)]
struct Wish {
    path: &'static str,
    cookie: String,
    allowed: &'static [u16],
}

/// Asks until it is over, and counts the answers. Each that is allowed must have come.
async fn insists(mut kept: Kept, wish: Wish, over: Arc<AtomicBool>) -> usize {
    let mut seen: BTreeMap<u16, usize> = BTreeMap::new();
    while !over.load(Ordering::SeqCst) {
        let status = kept.asks(wish.path, &wish.cookie).await;
        assert!(wish.allowed.contains(&status), "{}: {status}", wish.path);
        *seen.entry(status).or_default() += 1;
    }
    assert_eq!(seen.len(), wish.allowed.len(), "{}: {seen:?}", wish.path);
    seen.values().sum()
}

/// Comes on a new connection each time.
async fn comes_again(mut visitor: Visitor, over: Arc<AtomicBool>) -> usize {
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            return number;
        }
        visitor = visitor.another_tab();
        visitor.get("/about").await.is_served();
    }
    unreachable!()
}

impl Run {
    /// What visitors of all kinds ask for, on connections of both versions.
    async fn crowd(&self, over: &Arc<AtomicBool>) -> JoinSet<usize> {
        let forge = Forge::of(&self.path().join("keys"));
        let admission = format!("__Host-anteroom-a-derby={}", forge.sign(&forge.claims()));
        let wishes = [
            ("/about", "a=b", &[200_u16][..]),
            ("/buy/1", admission.as_str(), &[200]),
            ("/buy/2", "a=b", &[202, 503]),
        ];
        let mut crowd = JoinSet::new();
        for (path, cookie, allowed) in wishes {
            let cookie = cookie.to_owned();
            let wish = Wish {
                path,
                cookie,
                allowed,
            };
            let kept = [Kept::http1(self).await, Kept::http2(self).await];
            for kept in kept {
                crowd.spawn(insists(kept, wish.clone(), Arc::clone(over)));
            }
        }
        crowd.spawn(comes_again(self.visitor(), Arc::clone(over)));
        crowd
    }

    /// Writes the policies of a round, which deny its own path and none else, and a new
    /// certificate.
    fn writes(&self, round: usize) -> Made {
        let rule =
            format!("[[rule]]\nname = \"round\"\naction = \"deny\"\npath = \"/round/{round}\"\n");
        let page = [202, 503][round % 2];
        let made = self.authority.makes(&["shop.example"], |params| {
            params.serial_number = Some(u64::try_from(round + 1).unwrap().into());
        });
        let mut plan = self.plan.clone();
        plan = plan.file("bots.toml", &rule);
        plan.room = format!("page_status = {page}\n");
        plan.certificates = vec![("shop".to_owned(), made.clone())];
        plan.write(self.path(), self.gateway.at);
        made
    }

    /// Has the files read, by the control API and by the signal in turn.
    async fn takes_up(&self, round: usize, operator: &mut Visitor) {
        let version = round + 2;
        if round.is_multiple_of(2) {
            let answer = operator.ask(Ask::post("/v1/policies/reload")).await;
            assert_eq!(answer.is(200).json()["version"], version);
            return;
        }
        self.gateway.hang_up();
        let line = format!("anteroom_policies_version {version}\n");
        until("the signal is obeyed", || async {
            let mut operator = self.gateway.operator();
            let metrics = operator.get("/metrics").await;
            metrics.text().contains(&line).then_some(())
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn l2_policies_and_certificates_change_a_hundred_times_under_load_and_no_request_fails() {
    let run = Run::of(Plan::default().room("page_status = 503")).await;
    let over = Arc::new(AtomicBool::new(false));
    let crowd = run.crowd(&over).await;
    let mut probes = [Kept::http1(&run).await, Kept::http2(&run).await];
    let mut operator = run.gateway.operator();

    for round in 0..ROUNDS {
        let made = run.writes(round);
        run.takes_up(round, &mut operator).await;

        assert_eq!(run.shows().await, first(&made), "in round {round}");
        for probe in &mut probes {
            let denied = probe.asks(&format!("/round/{round}"), "a=b").await;
            assert_eq!(denied, 403, "in round {round}");
            let last = format!("/round/{}", (round + ROUNDS - 1) % ROUNDS);
            assert_eq!(probe.asks(&last, "a=b").await, 200, "in round {round}");
        }
    }

    over.store(true, Ordering::SeqCst);
    let asked = crowd.join_all().await;
    // Who comes anew each time has a handshake to make each time.
    assert!(asked.iter().all(|asked| *asked > ROUNDS / 4), "{asked:?}");
    assert!(asked.iter().sum::<usize>() > 6 * ROUNDS, "{asked:?}");
    // Each reload would cost more than six if it closed them. Some are made besides, where the last
    // one is not yet free at the moment it is wanted.
    let kept = run.origin.connections();
    assert!(
        kept < 3 * ROUNDS,
        "connections to the site were dropped: {kept}"
    );
    let metrics = operator.get("/metrics").await;
    let line = format!("anteroom_reloads_total{{result=\"ok\"}} {ROUNDS}\n");
    assert!(metrics.text().contains(&line), "{}", metrics.text());
    for line in [
        "certificate shop.pem: chain changed",
        "room derby: page_status 202 → 503",
        "rule round: path [/round/98] → [/round/99]",
    ] {
        until(line, || async {
            log(run.path()).contains(line).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn l6_in_the_clear_one_is_sent_to_the_listener_in_force_whatever_the_files_say() {
    let run = Run::begin().await;
    let sent = async || {
        let answer = Visitor::to(run.gateway.at.public).get("/about").await;
        answer.is(308).header("location").map(str::to_owned)
    };
    let listening = format!("https://shop.example:{}/about", run.encrypted().port());
    assert_eq!(sent().await.as_deref(), Some(listening.as_str()));
    let mut elsewhere = run.plan.clone();
    elsewhere.tls = Some(free_listener().local_addr().unwrap());
    elsewhere.write(run.path(), run.gateway.at);

    let told = run.reloads();

    let (old, new) = (run.encrypted(), elsewhere.tls.unwrap());
    let restart = format!("needs a restart: [listen]: tls [{old}] → [{new}]\n");
    assert_eq!(told.lines().next(), restart.lines().next(), "{told}");
    assert!(!told.contains("redirect_port"), "{told}");
    assert_eq!(sent().await.as_deref(), Some(listening.as_str()));

    let named = elsewhere
        .encryption
        .replace("[tls]\n", "[tls]\nredirect_port = 443\n");
    elsewhere.encryption = named;
    elsewhere.write(run.path(), run.gateway.at);
    let told = run.reloads();
    let line = "[tls]: redirect_port that of the first `tls` → 443\n";
    assert!(told.contains(line), "{told}");
    let bare = Some("https://shop.example/about");
    assert_eq!(sent().await.as_deref(), bare);
}

#[tokio::test]
async fn l2_without_tls_in_the_files_the_certificates_in_force_stay_and_their_files_may_go() {
    let run = Run::begin().await;
    let shown = run.shows().await;
    let bare = Plan {
        tls: None,
        encryption: String::new(),
        certificates: Vec::new(),
        per_minute: 60,
        ..run.plan.clone()
    };
    bare.write(run.path(), run.gateway.at);
    fs::remove_file(run.path().join("shop.pem")).unwrap();
    fs::write(run.path().join("shop.key"), "no key").unwrap();

    for changes in ["room derby: pace.per_minute 1 → 60\n", ""] {
        let told = run.reloads();
        assert!(told.contains(changes), "{told}");
        for line in ["[tls]: removed", "certificate shop.pem: removed"] {
            let line = format!("needs a restart: {line}\n");
            assert!(told.contains(&line), "{told}");
        }
        assert!(
            !told.lines().any(|line| line.starts_with("[tls]")),
            "{told}"
        );
        assert_eq!(run.shows().await, shown);
        run.visitor().get("/about").await.is_served();
    }

    // With the listener comes what the files say of it, as it stands there.
    run.plan.write(run.path(), run.gateway.at);
    fs::write(run.path().join("shop.key"), "no key").unwrap();
    assert!(run.is_refused().contains("shop.key"));
    assert_eq!(run.shows().await, shown);
}
