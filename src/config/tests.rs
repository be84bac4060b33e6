//! The fixtures, the shipped policies, and texts nobody meant to write.

use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::store::StoreUrl;
use super::tls::{Clients, Oldest};
use super::*;
use crate::control::auth::Role;
use crate::domain::clock::UnixTime;
use crate::domain::identity::{Places, Without};
use crate::domain::lane::Lane;
use crate::domain::pace::Pace;
use crate::domain::room::{Method, PageStatus, SaleWindow, Schedule};
use crate::text::excerpt::{Severity, excerpts};

fn house() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn fixtures(folder: &str) -> PathBuf {
    house().join("tests/fixtures").join(folder)
}

/// Puts every text below `folder` over those in `sources`.
fn load(sources: &mut Sources, folder: &Path, prefix: &str) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            load(sources, &path, &format!("{prefix}{name}/"));
        } else {
            let text = std::fs::read_to_string(&path).unwrap();
            sources.add(&format!("{prefix}{name}"), &text).unwrap();
        }
    }
}

fn loaded(folder: &Path) -> Sources {
    let mut sources = Sources::default();
    load(&mut sources, folder, "");
    sources
}

fn minimal() -> Sources {
    loaded(&fixtures("good/minimal"))
}

/// What the first line of a fixture says.
fn promised(text: &str) -> &str {
    let line = text.lines().next().unwrap();
    line.strip_prefix("# ").unwrap()
}

/// The messages of the faults in one file, without their places.
fn messages(faults: &Faults, file: &str) -> Vec<String> {
    let in_file = faults.iter().filter(|fault| fault.file.as_ref() == file);
    in_file
        .map(|fault| {
            let line = fault.to_string();
            line.splitn(4, ':').nth(3).unwrap().trim().to_owned()
        })
        .collect()
}

#[test]
fn every_bad_file_fails_with_the_message_in_its_first_line() {
    let mut seen = 0;
    for entry in std::fs::read_dir(fixtures("bad")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let stem = path.file_stem().unwrap().to_str().unwrap();
        let file = match stem.split_once('-').unwrap() {
            ("room", rest) => format!("rooms/{rest}.toml"),
            (kind, _) => format!("{kind}.toml"),
        };
        let text = std::fs::read_to_string(&path).unwrap();
        let mut sources = minimal();
        sources.add(&file, &text).unwrap();

        let faults = read(&sources).expect_err(stem);

        assert_eq!(faults.len(), 1, "{stem}: {faults}");
        assert_eq!(messages(&faults, &file), [promised(&text)], "{stem}");
        seen += 1;
    }
    assert!(seen > 80, "the fixtures were found");
}

#[test]
fn eight_faults_in_three_files_are_eight() {
    let mut sources = minimal();
    let folder = fixtures("bad/eight-faults");
    load(&mut sources, &folder, "");

    let faults = read(&sources).unwrap_err();

    assert_eq!(faults.summary("fault"), "8 faults in 3 files", "{faults}");
    for source in loaded(&folder).iter() {
        let first = promised(source.text()).to_owned();
        let found = messages(&faults, source.name());
        assert!(found.contains(&first), "{first} is not among {found:?}");
    }
    let places: Vec<_> = faults.iter().map(|f| (&f.file, f.line, f.column)).collect();
    assert!(places.is_sorted());
}

#[test]
fn the_shipped_policies_have_neither_fault_nor_warning() {
    let checked = read(&loaded(&house().join("policies"))).unwrap();
    assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    let limit = &checked.config.limits.limits[0];
    assert_eq!((limit.rate.get(), limit.burst.get()), (1_000, 5_000));
}

#[test]
fn the_shipped_rules_deny_scanners_and_nobody_else() {
    use crate::policy::rules::{Action, Judgement, Subject};
    let rules = read(&loaded(&house().join("policies")))
        .unwrap()
        .config
        .rules;
    let denied = |agent: &str, path: &str| {
        let mut headers = http::HeaderMap::new();
        if !agent.is_empty() {
            headers.insert("user-agent", agent.parse().unwrap());
        }
        let subject = Subject {
            address: "192.0.2.1".parse().unwrap(),
            path,
            headers: &headers,
        };
        matches!(rules.judge(&subject), Judgement::Rule(_, Action::Deny))
    };
    for agent in [
        "sqlmap/1.8#stable (https://sqlmap.org)",
        "Mozilla/5.00 (Nikto/2.5.0) (Evasions:None)",
        "Mozilla/5.0 zgrab/0.x",
        "Nuclei - Open-source project (github.com/projectdiscovery/nuclei)",
        "Fuzz Faster U Fool v2.1.0",
    ] {
        assert!(denied(agent, "/buy/1"), "{agent}");
    }
    for agent in [
        "",
        "curl/8.5.0",
        "python-requests/2.32",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Googlebot/2.1",
    ] {
        assert!(!denied(agent, "/buy/1") && !denied(agent, "/"), "{agent}");
    }
    assert!(denied("", "/.git/config") && denied("curl/8", "/.env"));
    assert!(!denied("", "/.well-known/security.txt") && !denied("", "/git"));
}

#[test]
fn the_smallest_set_works_and_the_rest_has_defaults() {
    let Checked { config, warnings } = read(&minimal()).unwrap();

    assert!(warnings.is_empty(), "{warnings}");
    assert_eq!(config.listen.control.to_string(), "127.0.0.1:8701");
    assert_eq!((config.listen.health, config.listen.metrics), (None, false));
    let StoreUrl::Embedded(data) = &config.store.url else {
        panic!("{:?}", config.store);
    };
    assert_eq!(data.resolve(Path::new("/p")), Path::new("/p/./data"));
    assert_eq!(config.store.password_file, None);
    let kept = config.store.keep.resolve(Path::new("/p"));
    assert_eq!(kept, Path::new("/p/kept"));
    assert_eq!(config.keys.issuer, "anteroom");
    assert_eq!(config.prefix, "/_anteroom");
    assert_eq!(config.connections.max.get(), 20_000);
    assert_eq!(config.connections.sockets.get(), 10_000);
    assert_eq!(config.connections.streams.get(), 10_000);
    assert_eq!(config.connections.streams_per_network.get(), 500);
    assert_eq!(config.connections.drain_min.as_secs(), 1);
    assert_eq!(config.connections.drain.as_secs(), 30);
    assert!(config.limits.limits.is_empty());
    let site = &config.sites[0];
    let origins = &site.origins;
    assert_eq!(origins.list[0].to_string(), "http://127.0.0.1:8702");
    let waits = [origins.connect, origins.response, origins.idle];
    assert_eq!(waits.map(|wait| wait.as_secs()), [5, 60, 300]);
    assert_eq!((origins.total, origins.max_age.as_secs()), (None, 300));
    assert_eq!(
        (origins.balance.word(), origins.protocol.word()),
        ("least_connections", "http/1.1")
    );
    assert_eq!((origins.max_pending, origins.pending.as_secs()), (256, 1));
    assert_eq!(
        (origins.fitness.failures, origins.check.is_none()),
        (5, true)
    );
    let room = &config.rooms[0];
    assert_eq!(room.terms.pace.burst.get(), 20);
    assert_eq!(room.terms.capacity.unwrap().get(), 5_000);
    assert_eq!(room.terms.max_waiting, 1_000_000);
    assert_eq!(room.terms.correction.get(), 1_000);
    let absence = room.terms.absence;
    assert_eq!((absence.step_aways, absence.extensions), (3, 10));
    assert_eq!(absence.step_away.as_secs(), 600);
    assert_eq!(
        room.schedule.windows(),
        [SaleWindow {
            prequeue_opens_at: Some(time("2026-12-01T08:30:00Z")),
            ..SaleWindow::opening(time("2026-12-01T09:00:00Z"))
        }]
    );
    assert_eq!(room.page_status, PageStatus::Ok);
}

fn encryption_is_read(config: &Config) {
    assert_eq!(config.listen.tls.len(), 2);
    let tls = config.tls.as_ref().unwrap();
    assert_eq!((tls.certificates.len(), tls.oldest), (2, Oldest::Tls13));
    assert!(tls.certificates[1].is_default && tls.hsts_subdomains);
    assert_eq!((tls.redirect, tls.hsts.as_secs()), (None, 600));
    assert!(matches!(&tls.clients, Clients::Optional(_)));
    assert_eq!(config.announcing_proxies.len(), 1);
    assert_eq!(config.connections.handshakes.get(), 64);
}

#[test]
fn every_key_is_read() {
    let Checked { config, warnings } = read(&loaded(&fixtures("good/everything"))).unwrap();

    assert!(warnings.is_empty(), "{warnings}");
    assert!(config.listen.metrics && config.listen.public.len() == 2);
    encryption_is_read(&config);
    assert_eq!(config.prefix, "/_queue");
    let audit = config.audit.resolve(Path::new("policies"));
    assert_eq!(audit, Path::new("/var/lib/anteroom/audit.jsonl"));
    let StoreUrl::Redis(address) = &config.store.url else {
        panic!("{:?}", config.store);
    };
    assert_eq!(address.to_string(), "redis://redis.internal:6380/2");
    let policies = Path::new("/p");
    let password = config.store.password_file.as_ref().unwrap();
    assert_eq!(password.resolve(policies), Path::new("/p/secret/redis"));
    let kept = config.store.keep.resolve(policies);
    assert_eq!(kept, Path::new("/var/lib/anteroom/kept"));
    assert_eq!(config.connections.max.get(), 1_000);
    assert_eq!(config.connections.sockets.get(), 200);
    let connections = &config.connections;
    let streams = (connections.streams, connections.streams_per_network);
    assert_eq!((streams.0.get(), streams.1.get()), (300, 30));
    assert_eq!(config.trusted_proxies[1].to_string(), "2001:db8::1/128");
    let tokens: Vec<_> = config
        .control_tokens
        .iter()
        .map(|t| (t.role, t.sha256[0]))
        .collect();
    assert_eq!(tokens, [(Role::Admin, 0x2c), (Role::Viewer, 0xfc)]);
    assert_eq!(config.sites[0].scheme, site::Scheme::Https);
    let [last, shut, through] = config.rooms.as_slice() else {
        panic!("three rooms");
    };
    let identity = last.identity.as_ref().unwrap();
    assert_eq!(
        (identity.places, identity.without),
        (Places::One, Without::General)
    );
    let rule = &identity.lanes[0];
    assert_eq!((rule.claim.len(), rule.is.len()), (2, 2));
    assert_eq!(last.lane_named("members"), Some(Lane(1)));
    let [club, press] = config.identities.as_slice() else {
        panic!("two identities");
    };
    assert_eq!(
        club.keys.to_string(),
        "https://id.club.example:443/jwks.json?v=1 trusting secret/club-ca.pem"
    );
    assert_eq!(
        (club.refresh.as_secs(), club.max_life.as_secs()),
        (60, 3_600)
    );
    assert_eq!(press.refresh.as_secs(), 300, "the usual");
    assert_eq!(last.exempt.len(), 2);
    assert_eq!(last.exempt[1].header.as_ref().unwrap().0, "x-partner");
    assert_eq!(last.terms.horizon.as_secs(), 600);
    let lanes: Vec<_> = last.lanes.iter().map(|lane| lane.name.as_str()).collect();
    assert_eq!(lanes, ["general", "members"]);
    assert_eq!(last.terms.lanes.all(), [70, 30]);
    let [first, second, third] = last.schedule.windows() else {
        panic!("{:?}", last.schedule);
    };
    let expected = SaleWindow {
        prequeue_opens_at: Some(time("2026-12-01T08:30:00Z")),
        opens_at: time("2026-12-01T09:00:00Z"),
        ends_at: Some(time("2026-12-01T12:00:00Z")),
        external_source: Some("round 4,711 of the beacon".into()),
        pace: Pace::per_minute(5).and_then(|pace| pace.with_burst(2)),
        message: Some("Members first".into()),
        method: Some(Method::Fifo),
    };
    assert_eq!(*first, expected);
    assert_eq!(second.opens_at, time("2026-12-02T09:00:00Z"));
    assert_eq!(second.pace, Pace::per_minute(600));
    assert_eq!(second.method, Some(Method::Passthrough));
    assert_eq!(third.method, Some(Method::Random));
    let round = last.terms.fairness_window.map(|span| span.as_secs());
    assert_eq!(round, Some(90), "for that window");
    assert_eq!(through.terms.fairness_window, None);
    assert_eq!(
        through.schedule,
        Schedule::ending(time("2026-12-24T12:00:00Z"))
    );
    assert_eq!(last.page_status, PageStatus::Accepted);
    assert_eq!(
        (shut.method, through.method),
        (Method::Reject, Method::Passthrough)
    );
    assert_eq!(
        config.limits.limits[0].burst.get(),
        10,
        "one second's worth"
    );
    assert_eq!(config.rules.names().count(), 2);
}

#[test]
fn the_examples_of_lanes_are_valid() {
    let text = std::fs::read_to_string(house().join("docs/lanes.md")).unwrap();
    let blocks: Vec<&str> = text
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    let [codes, provider, claims] = blocks.as_slice() else {
        panic!("three examples");
    };
    let mut sources = minimal();
    let gateway = sources.named("anteroom.toml").unwrap().text().to_owned();
    sources
        .add("anteroom.toml", &format!("{gateway}\n{provider}"))
        .unwrap();
    for (name, room) in [
        ("rooms/derby.toml", (*codes).to_owned()),
        ("rooms/derby.toml", format!("{codes}\n{claims}")),
    ] {
        sources.add(name, &room).unwrap();
        let checked = read(&sources).unwrap_or_else(|faults| panic!("{faults}"));
        assert!(checked.warnings.is_empty(), "{}", checked.warnings);
    }
}

#[test]
fn every_key_about_origins_is_read() {
    let Checked { config, .. } = read(&loaded(&fixtures("good/everything"))).unwrap();

    let origins = &config.sites[0].origins;
    assert_eq!(origins.max_connections.get(), 4);
    let shown: Vec<_> = origins.list.iter().map(ToString::to_string).collect();
    assert_eq!(shown, ["http://[::1]:8702", "https://b.internal:443"]);
    assert_eq!(
        origins.security.to_string(),
        "ca secret/shop-ca.pem, name shop.internal, certificate own.pem, key own.key"
    );
    assert_eq!((origins.max_pending, origins.pending.as_secs()), (0, 5));
    assert_eq!(origins.total.unwrap().as_secs(), 600);
    let fitness = &origins.fitness;
    let spans = [fitness.eject, fitness.eject_most, fitness.slow_start];
    assert_eq!(spans.map(|span| span.as_secs()), [7, 70, 90]);
    assert!(fitness.counts_5xx && fitness.failures == 6);
    let check = origins.check.as_ref().unwrap();
    assert_eq!(
        check.to_string(),
        "/healthz?deep=1 every 10 s within 3 s, 4 good or 5 bad in a row"
    );
    assert_eq!(config.sites[1].origins.list.len(), 1, "a plain string");
}

#[test]
fn the_examples_of_the_documentation_are_valid() {
    let text = std::fs::read_to_string(house().join("docs/configuration.md")).unwrap();
    let mut blocks = text.split("```toml\n").skip(1);
    let mut sources = loaded(&house().join("policies"));
    for file in [
        "anteroom.toml",
        "rooms/demo.toml",
        "limits.toml",
        "bots.toml",
    ] {
        let block = blocks.next().unwrap().split("```").next().unwrap();
        sources.add(file, block).unwrap();
    }
    assert!(blocks.next().is_none(), "every example is read");
    let warnings = read(&sources).unwrap().warnings;
    assert!(warnings.is_empty(), "{warnings}");
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let warned = |file: &str, text: &str| {
        let mut sources = minimal();
        sources.add(file, text).unwrap();
        read(&sources).unwrap().warnings.to_string()
    };
    let room =
        "name = 'a'\nsite = 'shop'\npaths = ['/a']\nexcept = ['/b']\n[pace]\nper_minute = 1\n";
    let text = warned("rooms/a.toml", room);
    assert!(
        text.contains("rooms/a.toml:1:1: no `active` in `[capacity]`"),
        "{text}"
    );
    assert!(
        text.contains("rooms/a.toml:4:11: `paths` does not cover `/b`"),
        "{text}"
    );
    let lane = room.replace("except = ['/b']\n", "") + "[[lane]]\nname = 'x'\nweight = 5\n";
    let text = warned("rooms/a.toml", &lane);
    assert!(text.contains("rooms/a.toml:6:1: a single lane"), "{text}");
    let rehearsed = format!("rehearsal = true\n{room}[capacity]\nactive = 9\n");
    let text = warned("rooms/a.toml", &rehearsed);
    assert!(
        text.contains("rooms/a.toml:1:13: a rehearsal: nobody waits in this room but its crew"),
        "{text}"
    );
    let text = warned("limit.toml", "");
    assert!(text.contains("`limit.toml` is read by nothing, did you mean `limits.toml`?"));
    let gateway = minimal().named("anteroom.toml").unwrap().text().to_owned();
    let open = gateway.replace("127.0.0.1:8701", "0.0.0.0:8701");
    assert!(warned("anteroom.toml", &open).contains("open to other machines"));

    let mut roomless = Sources::default();
    roomless.add("anteroom.toml", &gateway).unwrap();
    let warnings = read(&roomless).unwrap().warnings.to_string();
    assert!(warnings.contains("no room in `rooms/`"), "{warnings}");
}

#[test]
fn an_empty_directory_says_which_file_is_missing() {
    let faults = read(&Sources::default()).unwrap_err();
    assert_eq!(
        faults.to_string(),
        "anteroom.toml:1:1: this file is missing"
    );
}

#[test]
fn a_gateway_file_that_cannot_be_read_to_its_end_blames_no_room() {
    let mut sources = minimal();
    sources
        .add("anteroom.toml", "[[site]\nname = 'shop'\n")
        .unwrap();
    let faults = read(&sources).unwrap_err();
    assert!(messages(&faults, "rooms/derby.toml").is_empty(), "{faults}");
}

#[test]
fn every_fault_of_every_window_is_found_at_once_with_both_places_of_a_clash() {
    let mut sources = minimal();
    let room = "name = 'a'\nsite = 'shop'\npaths = ['/a']\nmethod = 'passthrough'\n\
        [[window]]\nopens_at = 2026-12-02T10:00:00Z\nends_at = 2026-12-02T12:00:00Z\n\
        [[window]]\nopens_at = 2026-12-01T10:00:00\npace = 0\nmessage = ''\n\
        [[window]]\nopens_at = 2026-12-02T12:10:00Z\nprequeue_opens_at = 2026-12-02T11:59:00Z\n\
        [[window]]\nopens_at = 2026-12-02T12:10:00Z\nmethod = 'fifo'\nexternal_source = 'x'\n\
        [[window]]\nends_at = 2026-12-05T12:10:00Z\nend = 1\n";
    sources.add("rooms/a.toml", room).unwrap();
    let faults = read(&sources).unwrap_err().to_string();
    for expected in [
        "rooms/a.toml:9:12: `opens_at` needs a zone",
        "rooms/a.toml:10:8: `pace` must be a whole number from 1 to 10,000,000, found 0",
        "rooms/a.toml:11:11: `message` must have 1 to 500 characters",
        "rooms/a.toml:14:21: `prequeue_opens_at`: nobody waits in this window",
        "rooms/a.toml:12:1: this window begins at 2026-12-02T11:59:00Z and overlaps the one in line 5, which ends at 2026-12-02T12:00:00Z",
        "rooms/a.toml:15:1: this window begins at 2026-12-02T12:10:00Z and overlaps the one in line 12, which opens at 2026-12-02T12:10:00Z",
        "rooms/a.toml:17:1: who waits in this window is let in at a pace",
        "rooms/a.toml:18:1: `external_source` belongs to the draw",
        "rooms/a.toml:19:1: missing `opens_at` in `[[window]]`",
        "rooms/a.toml:21:1: unknown key `end`",
    ] {
        assert!(faults.contains(expected), "{expected}\n{faults}");
    }
}

fn time(text: &str) -> UnixTime {
    let stamp: jiff::Timestamp = text.parse().unwrap();
    UnixTime::from_millis(stamp.as_millisecond().try_into().unwrap())
}

/// Reading must end in an answer, and a refusal must give a reason that can be shown.
fn survives(sources: &Sources) {
    if let Err(faults) = read(sources) {
        assert!(!faults.is_empty());
        assert!(!excerpts(&faults, sources, Severity::Fault).is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases((64 * ProptestConfig::default().cases).div_ceil(256)))]

    #[test]
    fn mutilated_files_never_panic(
        which in 0_usize..20,
        at in any::<proptest::sample::Index>(),
        cut in 0_usize..12,
        put in "[\\[\\]=\"'#{}.,a0\n\u{0}\u{e9}-]{0,6}",
    ) {
        let mut sources = loaded(&fixtures("good/everything"));
        let all: Vec<(String, String)> = sources
            .iter()
            .map(|source| (source.name().to_string(), source.text().to_owned()))
            .collect();
        let (name, text) = &all[which % all.len()];
        let start = text.floor_char_boundary(at.index(text.len() + 1));
        let end = text.ceil_char_boundary(start + cut);
        sources.add(name, &format!("{}{put}{}", &text[..start], &text[end..])).unwrap();
        survives(&sources);
    }

    #[test]
    fn random_texts_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for name in ["anteroom.toml", "rooms/a.toml", "limits.toml", "bots.toml"] {
            let mut sources = minimal();
            sources.add(name, &text).unwrap();
            survives(&sources);
        }
    }
}
