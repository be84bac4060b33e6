//! Policies that change while a gateway runs: whole or not at all, and nobody notices but those
//! whom they concern.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anteroom::app::{App, Fresh, Parts, audit, open_store};
use anteroom::cli::keys;
use anteroom::config::{self, Sources};
use anteroom::domain::clock::Clock;
use anteroom::token::AdmissionAlgorithm;
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::kit::policies::Addresses;
use crate::kit::process::{anteroom, furnish, log, refuses};
use crate::kit::tls::Made;
use crate::kit::wire::Asked;
use crate::kit::{Ask, Authority, Forge, Gateway, Origin, Plan, Visitor, Wire, until};

/// A gateway that runs on files which a test changes.
struct Run {
    gateway: Gateway,
    origin: Origin,
    dir: TempDir,
}

impl Run {
    async fn of(plan: Plan) -> Self {
        let (origin, dir) = (Origin::open().await, TempDir::new().unwrap());
        let at = furnish(dir.path(), &plan, origin.address);
        let gateway = Gateway::start(dir.path(), at).await;
        Self {
            gateway,
            origin,
            dir,
        }
    }

    fn at(&self) -> Addresses {
        self.gateway.at
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Writes a plan over the files.
    fn write(&self, plan: &Plan) {
        plan.write(self.path(), self.at());
    }

    /// `anteroom reload`.
    fn command(&self, words: &[&str]) -> Output {
        let control = format!("http://{}", self.at().control);
        let line: Vec<&str> = [&["reload", "--control", &control], words].concat();
        anteroom(&line)
    }

    /// What `anteroom reload` prints when it takes effect.
    fn reloads(&self) -> String {
        let output = self.command(&[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What `anteroom reload` prints when the policies are refused.
    fn is_refused(&self) -> String {
        let output = self.command(&[]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    async fn policies(&self) -> Value {
        let answer = self.gateway.operator().get("/v1/policies").await;
        answer.is(200).json()
    }

    async fn room(&self) -> Value {
        let answer = self.gateway.operator().get("/v1/rooms/derby").await;
        answer.is(200).json()
    }

    async fn metrics(&self) -> String {
        let answer = self.gateway.operator().get("/metrics").await;
        answer.is(200).text().to_owned()
    }

    fn app(&self) -> Visitor {
        Visitor::to(self.at().public).speaking_json()
    }

    /// Somebody who holds a valid admission.
    fn insider(&self) -> Visitor {
        let forge = Forge::of(&self.path().join("keys"));
        let token = forge.sign(&forge.claims());
        Visitor::to(self.at().public).with_cookie("anteroom-a-derby", &token)
    }

    /// Waits for a line in the log.
    async fn logs(&self, line: &str) {
        until(line, || async {
            log(self.path()).contains(line).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_pace_in_the_file_holds_after_a_hang_up() {
    let run = Run::of(Plan::per_minute(1)).await;
    let mut ann = run.app();
    ann.joins().await;

    run.write(&Plan::per_minute(6_000));
    run.gateway.hang_up();

    run.logs("room derby: pace.per_minute 1 → 6000").await;
    ann.polls_until("released").await;
    assert_eq!(run.room().await["pace"]["per_minute"], 6_000);
    until("the audit log tells of it", || async {
        let audit = std::fs::read_to_string(run.path().join("audit.jsonl")).unwrap();
        audit.contains(r#""by":"signal","room":null"#).then_some(())
    })
    .await;
    let policies = run.policies().await;
    assert_eq!(policies["version"], 2);
    assert_eq!(policies["files"]["changes"], serde_json::json!([]));
    assert_eq!(
        run.reloads(),
        "nothing changed; the policies in force are number 3\n"
    );
}

#[tokio::test]
async fn a_room_comes_and_goes_with_its_file_and_its_metrics_with_it() {
    let run = Run::of(Plan::default()).await;
    let mut visitor = Visitor::to(run.at().public);
    visitor.get("/final/1").await.is_served();

    run.write(&Plan::default().another_room("final", "/final/*"));
    let text = run.reloads();
    assert!(text.starts_with("room final: added\n"), "{text}");
    assert!(text.contains("warning: rooms/final.toml:"), "{text}");
    visitor.get("/final/1").await.is_queue();
    assert!(
        run.metrics()
            .await
            .contains("anteroom_tick{room=\"final\"}")
    );
    assert_eq!(
        run.policies().await["rooms"],
        serde_json::json!(["derby", "final"])
    );

    fs::remove_file(run.path().join("rooms/final.toml")).unwrap();
    let told = run.reloads();
    assert!(told.starts_with("room final: removed\n"), "{told}");
    assert!(
        told.contains("warning: room final guards nothing any more"),
        "{told}"
    );
    visitor.get("/final/1").await.is_served();
    assert!(!run.metrics().await.contains("room=\"final\""));
    let gone = run.gateway.operator().get("/v1/rooms/final").await;
    gone.is(404);
}

#[tokio::test]
async fn a_fault_anywhere_changes_nothing_and_is_told_with_its_place() {
    let run = Run::of(Plan::default()).await;
    let sound = fs::read_to_string(run.path().join("rooms/derby.toml")).unwrap();
    let write = |text: &str| fs::write(run.path().join("rooms/derby.toml"), text).unwrap();
    run.write(&Plan::per_minute(60).file("limits.toml", "[[limit]]\nname = 'A'\n"));
    write(&sound.replace("per_minute", "per_minite"));

    let told = run.is_refused();
    assert!(told.contains("rooms/derby.toml:5:1: "), "{told}");
    assert!(told.contains("did you mean `per_minute`?"), "{told}");
    assert!(told.contains("limits.toml:2:8: "), "{told}");
    assert!(told.contains("the policies in force stay: "), "{told}");
    let json = run.command(&["--output", "json"]);
    assert_eq!(json.status.code(), Some(1));
    let json: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["faults"][0]["file"], "limits.toml");

    run.gateway.hang_up();
    run.logs("those in force stay by=\"SIGHUP\"").await;
    let told = log(run.path());
    assert!(told.contains("rooms/derby.toml:5:1: "), "{told}");
    let policies = run.policies().await;
    assert_eq!(policies["version"], 1);
    assert_eq!(policies["files"]["valid"], false);
    assert_eq!(policies["limits"], serde_json::json!([]));
    assert_eq!(run.room().await["pace"]["per_minute"], 1);
    assert!(
        run.metrics()
            .await
            .contains("anteroom_reloads_total{result=\"refused\"} 3\n")
    );

    fs::remove_file(run.path().join("limits.toml")).unwrap();
    write(&"# too long\n".repeat(100_000));
    assert!(run.is_refused().contains("is larger than 1 MiB"));
    write(&sound);
    run.reloads();
}

#[tokio::test]
async fn keys_are_read_again_and_a_bad_folder_is_refused() {
    let run = Run::of(Plan::default()).await;
    let mut ann = run.app();
    let place = ann.joins().await["position"].clone();
    let mut bob = run.insider();
    bob.get("/buy/1").await.is_served();
    let more = TempDir::new().unwrap();
    let made = anteroom(&["keys", "generate", "--dir", more.path().to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    let keys = run.path().join("keys");
    let (mut admission, mut queue) = (None, None);
    for entry in fs::read_dir(more.path()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let newer =
            |purpose: &str, ending: &str| keys.join(format!("{purpose}-20991231T000000Z.{ending}"));
        let target = match name.split('-').next().unwrap() {
            "admission" => admission.insert(newer("admission", "pem")),
            "queue" => queue.insert(newer("queue", "key")),
            _ => continue,
        };
        fs::copy(more.path().join(&name), target).unwrap();
    }

    let told = run.reloads();
    assert!(
        told.contains("key admission 20991231T000000Z: added\n"),
        "{told}"
    );
    assert!(
        told.contains("key queue 20991231T000000Z: added\n"),
        "{told}"
    );
    let jwks = run.app().get("/_anteroom/jwks.json").await;
    assert_eq!(jwks.json()["keys"].as_array().unwrap().len(), 2);
    bob.get("/buy/1").await.is_served();
    assert_eq!(ann.status().await["position"], place);

    // The older key goes: what it signed and was found good counts no more.
    let old = fs::read_dir(&keys)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let old = old.filter(|path| !path.to_str().unwrap().contains("20991231"));
    let is_admission = |path: &Path| path.to_str().unwrap().contains("admission-");
    let aside = more.path().join("aside");
    for path in old.filter(|path| is_admission(path)) {
        fs::rename(path, &aside).unwrap();
    }
    assert!(run.reloads().contains(": removed\n"));
    bob.get("/buy/1").await.is_queue();

    let queue = queue.unwrap();
    fs::write(&queue, "no key").unwrap();
    let told = run.is_refused();
    assert!(told.contains("queue-20991231T000000Z.key"), "{told}");
    assert_eq!(run.policies().await["version"], 3);
}

/// The policies of a gateway without further tokens, its operators at this address.
fn checked(control: &str, tokens: &str) -> config::Checked {
    let mut sources = Sources::default();
    let text = format!(
        "[listen]\npublic = '127.0.0.1:0'\ncontrol = '{control}'\n{tokens}\
         [store]\nurl = 'embedded:./data'\n[keys]\ndir = './keys'\n\
         [[site]]\nname = 'shop'\nhosts = ['*']\norigin = ['http://127.0.0.1:9']\n"
    );
    sources.add("anteroom.toml", &text).unwrap();
    config::read(&sources).unwrap_or_else(|faults| panic!("{faults}"))
}

#[tokio::test]
async fn a_look_finds_that_a_listener_in_force_would_be_open_to_everybody() {
    let dir = TempDir::new().unwrap();
    let token = "another-token-of-the-house-0123456789";
    let sha256 = "1ee8f830e6913053498adf9e1800a70ce02bd5b10ad05ce29f507ca16323d6b7";
    let tokens = format!("[[control.token]]\nname = 'eve'\nrole = 'admin'\nsha256 = '{sha256}'\n");
    let config = checked("0.0.0.0:0", &tokens).config;
    let folder = dir.path().join("keys");
    keys::generate(&folder, AdmissionAlgorithm::EdDsa).unwrap();
    let clock = Clock::machine();
    let read_keys = move || keys::load(&folder).unwrap().with_issuer("anteroom");
    let app = App::start(Parts {
        keys: read_keys(),
        store: open_store(&config.store, dir.path(), &clock).unwrap(),
        audit: audit::open(&config, dir.path(), &clock),
        control_token: None,
        clock,
        config,
        // They say that only this machine reaches the control API, which takes a restart.
        reread: Some(Arc::new(move || {
            let config::Checked { config, warnings } = checked("127.0.0.1:0", "");
            let keys = Ok(read_keys());
            Ok(Fresh {
                config,
                warnings,
                keys,
            })
        })),
        keep: dir.path().join("kept"),
        policies: dir.path().to_owned(),
    });
    let port = app.as_ref().unwrap().control().port();
    let mut eve = Visitor::to(([127, 0, 0, 1], port).into())
        .with_header("authorization", &format!("Bearer {token}"));

    let look = eve.get("/v1/policies").await;
    let told = eve.post("/v1/policies/reload").await;

    let look = look.is(200).json()["files"].clone();
    assert_eq!(look["valid"], false, "{look}");
    let faults = &told.is(422).json()["faults"];
    assert_eq!(look["faults"], *faults);
    assert_eq!(faults.as_array().unwrap().len(), 1, "{faults}");
}

/// A plan whose site is reached over TLS and is told what came through the gate.
fn with_files_of_a_site(authority: &Authority) -> Plan {
    let site = "assertion_key = \"./word.key\"\n[site.tls]\nca = \"./ca.pem\"\n\
                certificate = \"./own.pem\"\nkey = \"./own.key\"";
    let plan = Plan::default()
        .origins("\"https://localhost:9\"")
        .site(site);
    let mut plan = plan.authority(authority);
    let own = authority.vouches(&["gateway.example"]);
    plan.certificates.push(("own".to_owned(), own));
    plan
}

/// Writes the secret that is shared with the site: chance, as `openssl rand` writes it.
fn write_word(folder: &Path, secret: &str) {
    let (chain, key) = (String::new(), secret.to_owned());
    Made { chain, key }.write(folder, "word");
}

#[tokio::test]
async fn a_look_finds_what_changed_in_every_file_that_is_named_and_so_does_the_reload() {
    let authority = Authority::new();
    let (origin, dir) = (Origin::open().await, TempDir::new().unwrap());
    let at = furnish(
        dir.path(),
        &with_files_of_a_site(&authority),
        origin.address,
    );
    write_word(dir.path(), "q6f2Jw0yT5m1kZcVhXo8nR3sUe7bLd9aPgWiKxMtYvA");
    let gateway = Gateway::start(dir.path(), at).await;
    let run = Run {
        gateway,
        origin,
        dir,
    };
    let look = async || run.policies().await["files"].clone();
    assert_eq!(look().await["changes"], serde_json::json!([]));

    for (number, key) in (2..).zip(["assertion_key", "tls", "tls"]) {
        match number {
            2 => write_word(run.path(), "Zp1vXo8nR3sUe7bLd9aPgWiKxMtYvAq6f2Jw0yT5m1k"),
            3 => Plan::default()
                .authority(&Authority::new())
                .write_certificates(run.path()),
            _ => authority
                .vouches(&["gateway.example"])
                .write(run.path(), "own"),
        }
        let changes = look().await["changes"].clone();
        assert_eq!(changes.as_array().unwrap().len(), 1, "{changes}");
        assert_eq!(changes[0]["what"], "site shop");
        assert_eq!(
            (&changes[0]["key"], &changes[0]["change"]),
            (&key.into(), &"changed".into())
        );
        let lines =
            format!("site shop: {key} changed\nthe policies in force are number {number}\n");
        assert_eq!(run.reloads(), lines);
        assert_eq!(look().await["changes"], serde_json::json!([]));
    }
    assert!(!log(run.path()).contains("Zp1vXo8n"));
}

#[tokio::test]
async fn everything_wrong_with_the_files_that_are_named_is_said_at_once() {
    let authority = Authority::new();
    let plan = with_files_of_a_site(&authority);
    let plan = plan.over_tls(&authority.vouches(&["shop.example"]), "");
    let (origin, dir) = (Origin::open().await, TempDir::new().unwrap());
    let at = furnish(dir.path(), &plan, origin.address);
    write_word(dir.path(), "q6f2Jw0yT5m1kZcVhXo8nR3sUe7bLd9aPgWiKxMtYvA");
    let gateway = Gateway::start(dir.path(), at).await;
    let run = Run {
        gateway,
        origin,
        dir,
    };
    let files = ["shop.pem", "ca.pem", "own.pem", "own.key", "word.key"];
    for file in files {
        fs::write(run.path().join(file), "nothing").unwrap();
    }
    let bad_key = "keys/queue-20991231T000000Z.key";
    fs::write(run.path().join(bad_key), "no key").unwrap();
    let all = ["queue-20991231T000000Z.key"].into_iter().chain(files);

    let look = run.policies().await["files"].clone();
    let told = run.is_refused();

    assert_eq!(look["valid"], false);
    let faults = look["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 6, "{look}");
    for file in all {
        assert!(look["faults"].to_string().contains(file), "{file}: {look}");
        assert!(told.contains(file), "{file}: {told}");
    }
    assert!(told.contains("TLS to the origins of site shop: "), "{told}");
    assert!(told.contains("6 faults"), "{told}");

    // So it is at a start.
    run.gateway.terminate();
    run.gateway.ended().await;
    fs::remove_file(run.dir.path().join(bad_key)).unwrap();
    let (code, said) = refuses(run.dir.path(), &[]).await;
    assert_eq!(code, Some(1));
    for file in files {
        assert!(said.contains(file), "{file}: {said}");
    }
}

#[tokio::test]
async fn a_listener_needs_a_restart_and_everything_else_takes_effect() {
    let run = Run::of(Plan::default()).await;
    let token = "another-token-of-the-house-0123456789";
    let sha256 = "1ee8f830e6913053498adf9e1800a70ce02bd5b10ad05ce29f507ca16323d6b7";
    let mut other = run.at();
    other.public.set_port(1);
    let credential =
        format!("[[control.token]]\nname = \"eve\"\nrole = \"viewer\"\nsha256 = \"{sha256}\"\n");
    Plan::per_minute(60)
        .site(&credential)
        .write(run.path(), other);

    let told = run.reloads();
    assert!(
        told.contains("room derby: pace.per_minute 1 → 60\n"),
        "{told}"
    );
    assert!(told.contains("control token eve: added\n"), "{told}");
    let line = format!(
        "needs a restart: [listen]: public [{}] → [127.0.0.1:1]\n",
        run.at().public
    );
    assert!(told.contains(&line), "{told}");
    run.app().get("/buy/1").await.is_queue();
    assert_eq!(run.room().await["pace"]["per_minute"], 60);
    let still = &run.policies().await["files"]["needs_restart"];
    assert_eq!(still[0]["what"], "[listen]");
    assert!(!told.contains(sha256) && !log(run.path()).contains(sha256));
    let mut eve = Visitor::to(run.at().control)
        .host(&run.at().control.to_string())
        .with_header("authorization", &format!("Bearer {token}"));
    eve.get("/v1/rooms").await.is(200);
    eve.post("/v1/policies/reload").await.is(403);
}

#[tokio::test]
async fn who_was_limited_before_is_limited_after() {
    let limit = |burst: u32| {
        let text = format!(
            "[[limit]]\nname = \"search\"\nper = \"address\"\nrate = 1\nburst = {burst}\npaths = [\"/search\"]\n"
        );
        Plan::default().file("limits.toml", &text)
    };
    let run = Run::of(limit(300)).await;
    let mut visitor = Visitor::to(run.at().public);
    while visitor.get("/search").await.status == 200 {}

    let mut other = limit(300);
    other.per_minute = 60;
    run.write(&other);
    run.reloads();
    let mut allowed = 0;
    for _ in 0..100 {
        allowed += u32::from(visitor.get("/search").await.status == 200);
    }
    assert!(allowed < 60, "the count began anew: {allowed}");

    run.write(&limit(301));
    assert!(run.reloads().contains("limit search: burst 300 → 301\n"));
    for _ in 0..100 {
        visitor.get("/search").await.is_served();
    }
}

#[tokio::test]
async fn a_room_that_is_taken_away_and_put_back_keeps_its_places() {
    let run = Run::of(Plan::default()).await;
    let mut line = Vec::new();
    for number in 1..=3 {
        let mut visitor = run.app();
        assert_eq!(visitor.joins().await["position"], number);
        line.push(visitor);
    }
    let file = run.path().join("rooms/derby.toml");
    let aside = run.path().join("derby");
    fs::rename(&file, &aside).unwrap();
    run.reloads();
    let status = "/_anteroom/rooms/derby/status";
    line[0].get(status).await.is(404);

    fs::rename(&aside, &file).unwrap();
    run.reloads();
    for (visitor, number) in line.iter_mut().zip(1..) {
        let status = visitor.status().await;
        assert_eq!(
            (&status["state"], &status["position"]),
            (&"waiting".into(), &Value::from(number))
        );
    }
    assert_eq!(run.room().await["waiting"], 3);
}

#[tokio::test]
async fn what_is_under_way_ends_under_the_policies_it_began_with() {
    let run = Run::of(Plan::default()).await;
    let mut slow = Line::to(&run, "/slow", "").await;
    slow.wire.send(&slow.bytes).await.unwrap();
    until("the request is with the site", || async {
        (!run.origin.arrived().is_empty()).then_some(())
    })
    .await;

    let mut other = run.at();
    other.origin.set_port(1);
    Plan::default().write(run.path(), other);
    let told = run.reloads();
    assert!(
        told.contains("site shop: origin [http://127.0.0.1:"),
        "{told}"
    );
    run.origin.go_on();

    let answer = slow.wire.answer(Asked::Any).await.unwrap();
    answer.is_served();
    assert_eq!(
        slow.asks().await.status,
        502,
        "the same connection, another site"
    );
}

/// One request again and again, on one connection that must never end.
struct Line {
    wire: Wire,
    bytes: String,
}

impl Line {
    async fn to(run: &Run, target: &str, fields: &str) -> Self {
        Self {
            wire: Wire::to(run.at().public).await,
            bytes: format!(
                "GET {target} HTTP/1.1\r\nhost: shop.example\r\naccept: text/html\r\n{fields}\r\n"
            ),
        }
    }

    async fn asks(&mut self) -> crate::kit::Answer {
        self.wire.send(&self.bytes).await.unwrap();
        let answer = self.wire.answer(Asked::Any).await;
        let answer = answer.expect("the connection was dropped");
        assert_ne!(answer.header("connection"), Some("close"));
        answer
    }
}

/// Under the one set `/buy/denied` is denied and the page is 202, under the other it is not denied
/// and the page is 503: a 202 there would be a request that saw half of each.
fn sets() -> [Plan; 2] {
    let rule = "[[rule]]\nname = \"denied\"\naction = \"deny\"\npath = \"/buy/denied\"\n";
    let status = |number: u32| {
        let mut plan = Plan::per_minute(number);
        let text = format!(
            "name = \"derby\"\nsite = \"shop\"\npaths = [\"/buy/*\"]\npage_status = {number}\n\
             [pace]\nper_minute = 1\n[window]\nopens_at = \"2025-06-01T00:00:00Z\"\n"
        );
        plan.files.push(("rooms/derby.toml".to_owned(), text));
        plan
    };
    [
        status(202).file("bots.toml", rule),
        status(503).file("bots.toml", ""),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_reloads_under_load_fail_no_request_and_mix_no_policies() {
    let sets = sets();
    let run = Arc::new(Run::of(sets[1].clone()).await);
    let stop = Arc::new(AtomicBool::new(false));
    let mut asking = JoinSet::new();
    let insider = format!(
        "cookie: anteroom-a-derby={}\r\n",
        run.insider().admission().unwrap()
    );
    for (target, fields, allowed) in [
        ("/buy/1", insider.as_str(), &[200_u16][..]),
        ("/buy/1", insider.as_str(), &[200]),
        ("/buy/denied", "", &[403, 503]),
        ("/buy/denied", "", &[403, 503]),
        ("/buy/2", "", &[202, 503]),
        ("/other", "", &[200]),
    ] {
        let mut line = Line::to(&run, target, fields).await;
        let (stop, allowed) = (Arc::clone(&stop), allowed.to_vec());
        asking.spawn(async move {
            let mut seen = std::collections::BTreeMap::new();
            while !stop.load(Ordering::Relaxed) {
                let answer = line.asks().await;
                assert!(allowed.contains(&answer.status), "{target}: {answer:?}");
                *seen.entry(answer.status).or_insert(0_u32) += 1;
            }
            assert_eq!(seen.len(), allowed.len(), "{target}: {seen:?}");
            seen.values().sum::<u32>()
        });
    }
    let mut operator = run.gateway.operator();
    for round in 0..100 {
        run.write(&sets[round % 2]);
        let answer = operator.ask(Ask::post("/v1/policies/reload")).await;
        assert_eq!(answer.is(200).json()["version"], round + 2);
    }
    stop.store(true, Ordering::Relaxed);
    let asked: u32 = asking.join_all().await.iter().sum();
    assert!(asked > 500, "{asked}");
    let (kept, policies) = (run.origin.connections(), run.policies().await);
    assert!(kept < 100, "connections to the site were dropped: {kept}");
    assert_eq!(policies["version"], 101);
    let metrics = run.metrics().await;
    assert!(metrics.contains("anteroom_policies_version 101\n"));
    assert!(metrics.contains("anteroom_reloads_total{result=\"ok\"} 100\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_that_come_at_once_take_effect_one_after_the_other() {
    let run = Run::of(Plan::default()).await;
    let mut asking = JoinSet::new();
    for _ in 0..8 {
        let mut operator = run.gateway.operator();
        asking.spawn(async move {
            let answer = operator.ask(Ask::post("/v1/policies/reload")).await;
            answer.is(200).says("version").as_u64().unwrap()
        });
    }
    let mut numbers = asking.join_all().await;
    numbers.sort_unstable();
    assert_eq!(numbers, (2..=9).collect::<Vec<u64>>());
}
