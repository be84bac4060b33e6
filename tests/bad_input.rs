//! What goes wrong around a gateway: each time a clear message, and nothing lost.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::kit::process::{anteroom, furnish, log, refuses, start_under};
use crate::kit::{Gateway, House, Origin, Plan, Visitor, until};

/// Where nobody listens.
fn nowhere() -> SocketAddr {
    "127.0.0.1:9".parse().unwrap()
}

/// The only file of a store.
fn store_file(dir: &Path) -> std::path::PathBuf {
    dir.join("data/anteroom.redb")
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), nowhere());
    for address in [at.public, at.control] {
        let taken = TcpListener::bind(address).unwrap();
        let (code, said) = refuses(dir.path(), &[]).await;
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(&address.to_string()), "{said}");
        assert!(said.contains("cannot listen"), "{said}");
        drop(taken);
    }
}

#[tokio::test]
async fn missing_keys_say_the_one_command_that_makes_them() {
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), nowhere());
    std::fs::remove_dir_all(dir.path().join("keys")).unwrap();
    let (code, said) = refuses(dir.path(), &[]).await;
    let keys = dir.path().join("keys");
    assert_eq!(code, Some(1), "{said}");
    let command = format!("anteroom keys generate --dir {}", keys.display());
    assert!(said.contains(&command), "{said}");

    let words: Vec<&str> = command.split(' ').skip(1).collect();
    assert!(anteroom(&words).status.success());
    Gateway::start(dir.path(), at).await;
}

#[tokio::test]
async fn t15_keys_that_others_may_read_are_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = TempDir::new().unwrap();
    furnish(dir.path(), &Plan::default(), nowhere());
    for file in std::fs::read_dir(dir.path().join("keys")).unwrap() {
        let readable = std::fs::Permissions::from_mode(0o644);
        std::fs::set_permissions(file.unwrap().path(), readable).unwrap();
    }
    let (code, said) = refuses(dir.path(), &[]).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("0600") || said.contains("600"), "{said}");
}

#[tokio::test]
async fn an_unreachable_shop_is_said_so_and_the_admission_stays() {
    let mut house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    ann.get("/buy/1").await.is_served();
    let admission = ann.admission().unwrap().clone();

    let address = house.origin.close().await;
    for target in ["/buy/1", "/about"] {
        let page = ann.get(target).await;
        assert!(
            page.is(502).text().contains("data-code=\"502\""),
            "{page:?}"
        );
        assert!(page.cookies().is_empty(), "{page:?}");
        assert!(page.header("retry-after").is_some());
        let problem = ann.another_tab().as_app().get(target).await;
        assert_eq!(
            problem.is(502).header("content-type"),
            Some("application/problem+json")
        );
    }
    house.origin = Origin::at(address).await;
    assert_eq!(ann.admission(), Some(&admission));
    ann.get("/buy/1").await.is_served();
}

#[tokio::test]
async fn a_claim_at_a_closed_shop_is_not_lost() {
    let mut house = House::open().await;
    let mut ann = house.visitor();
    ann.joins().await;
    house.release(1).await;
    ann.polls_until("released").await;
    let address = house.origin.close().await;
    ann.get("/buy/1").await.is(502);
    house.origin = Origin::at(address).await;
    ann.get("/buy/1").await.is_served();
}

#[tokio::test]
async fn answers_of_a_shop_that_breaks_off_are_our_own_page() {
    let house = House::open().await;
    house.visitor().get("/about/hangup").await.is(502);
    house.visitor().get("/about").await.is_served();
}

#[tokio::test]
async fn a_damaged_store_file_refuses_to_start_and_is_left_as_it_is() {
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), nowhere());
    let gateway = Gateway::start(dir.path(), at).await;
    for _ in 0..20 {
        Visitor::to(at.public).joins().await;
    }
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let whole = std::fs::read(store_file(dir.path())).unwrap();
    let middle = whole.len() / 2;
    let damages: [(&str, Vec<u8>); 4] = [
        ("cut in half", whole[..middle].to_vec()),
        ("another file", b"not a store".repeat(1_000)),
        ("empty", Vec::new()),
        (
            "head overwritten",
            [&[0xAA; 4_096][..], &whole[4_096..]].concat(),
        ),
    ];
    for (damage, bytes) in damages {
        std::fs::write(store_file(dir.path()), &bytes).unwrap();
        let (code, said) = refuses(dir.path(), &[]).await;
        assert_eq!(code, Some(1), "{damage}: {said}");
        let said = said.rsplit("the store file").next().unwrap();
        assert!(
            said.contains("anteroom.redb") && said.contains("move it away"),
            "{damage}: {said}"
        );
        assert_eq!(
            std::fs::read(store_file(dir.path())).unwrap(),
            bytes,
            "{damage}: untouched"
        );
    }
    std::fs::write(store_file(dir.path()), whole).unwrap();
    Gateway::start(dir.path(), at).await;
}

#[tokio::test]
async fn one_store_serves_one_gateway() {
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), nowhere());
    let _gateway = Gateway::start(dir.path(), at).await;
    let (code, said) = refuses(dir.path(), &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("one gateway only"), "{said}");
}

#[tokio::test]
async fn a_full_disk_takes_nobodys_place() {
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), nowhere());
    let gateway = Gateway::start(dir.path(), at).await;
    let mut line: Vec<(Visitor, u64)> = Vec::new();
    let mut ann = Visitor::to(at.public).as_app();
    let place = ann.joins().await["position"].as_u64().unwrap();
    line.push((ann, place));
    gateway.terminate();
    gateway.ended().await;

    // No file of this process may grow much beyond what the store has now, as on a full disk.
    let size = std::fs::metadata(store_file(dir.path())).unwrap().len();
    let limit = format!("--fsize={}", size + (64 << 10));
    let wrapper = ["prlimit", &limit, "env", "--ignore-signal=XFSZ"];
    let gateway = start_under(&wrapper, dir.path(), at).await;
    let mut refused = 0;
    for _ in 0..30_000 {
        let mut visitor = Visitor::to(at.public).as_app();
        visitor.status().await;
        let status = visitor.status().await;
        match status["position"].as_u64() {
            Some(position) => line.push((visitor, position)),
            None => {
                assert_eq!(status["reason"], "recovering", "{status}");
                refused += 1;
                if refused == 20 {
                    break;
                }
            }
        }
    }
    assert_eq!(refused, 20, "the disk never filled: {} joined", line.len());
    let (first, shown) = &mut line[0];
    let status = first.status().await;
    assert!(status["position"].as_u64().unwrap() <= *shown, "{status}");
    gateway.kill_nine();

    let gateway = Gateway::start(dir.path(), at).await;
    let held = line.len();
    for (number, (visitor, shown)) in line.iter_mut().enumerate().rev().step_by(held / 50 + 1) {
        let status = visitor.status().await;
        let position = status["position"].as_u64();
        assert!(
            position.is_some_and(|now| now <= *shown),
            "{number}: {status} after {shown}"
        );
    }
    let mut next = Visitor::to(at.public).as_app();
    let position = next.joins().await["position"].as_u64().unwrap();
    assert!(
        position > line.last().unwrap().1,
        "behind everybody who was shown a place"
    );
    drop(gateway);
}

#[tokio::test]
async fn an_unknown_room_is_answered_with_the_known_ones() {
    let house = House::of(Plan::default().another_room("final", "/final/*")).await;
    let control = format!("http://{}", house.control);
    for verb in ["show", "open", "pause"] {
        let words = [verb, "drby"].map(str::to_owned);
        let control = control.clone();
        let asked = tokio::task::spawn_blocking(move || {
            anteroom(&["--control", &control, "room", &words[0], &words[1]])
        });
        let output = asked.await.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        for word in ["drby", "derby", "final"] {
            assert!(said.contains(word), "{verb}: {said}");
        }
    }
}

#[test]
fn eight_faults_in_three_files_are_all_reported() {
    let fixture = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/bad/eight-faults"
    );
    let table = anteroom(&["check", "--policies", fixture]);
    assert_eq!(table.status.code(), Some(1));
    let said = String::from_utf8(table.stdout).unwrap();
    assert_eq!(said.matches("fault: ").count(), 8, "{said}");
    for file in [
        "anteroom.toml:3:11",
        "limits.toml:4",
        "rooms/derby.toml:3:8",
        "8 faults in 3 files",
    ] {
        assert!(said.contains(file), "{file}: {said}");
    }
    let json = anteroom(&["check", "--policies", fixture, "--output", "json"]);
    assert_eq!(json.status.code(), Some(1));
    let found: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(found["faults"].as_array().map(Vec::len), Some(8), "{found}");
    assert_eq!(anteroom(&["nonsense"]).status.code(), Some(2));
}

#[test]
fn the_shipped_policies_are_sound() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
    let output = anteroom(&["check", "--policies", shipped]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test]
async fn the_log_names_nobody() {
    let dir = TempDir::new().unwrap();
    let at = furnish(dir.path(), &Plan::default(), nowhere());
    let gateway = Gateway::start(dir.path(), at).await;
    let mut ann = Visitor::to(at.public);
    ann.joins().await;
    ann.get("/buy/1?secret=canary-in-the-query").await;
    let _ = until("the log is written", || async {
        (!log(dir.path()).is_empty()).then_some(())
    })
    .await;
    gateway.terminate();
    gateway.ended().await;
    let said = log(dir.path());
    for secret in [
        "canary",
        &ann.queue_token(),
        crate::kit::house::CONTROL_TOKEN,
    ] {
        assert!(!said.contains(secret), "{said}");
    }
}
