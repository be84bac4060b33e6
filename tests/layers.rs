//! The floor plan and the house rules, read off the source text itself.
//!
//! The compiler and clippy keep most laws; these are the ones they cannot see. A rule that must
//! change is changed in `layers/rules.rs`, in the open, with its reason.

mod bare;
mod paths;
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

use bare::{bare, test_modules};
use rules::{COMPARED, FLOORS, Source};

fn house() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file below `folder` with one of these endings, in order.
fn files(folder: &str, endings: &[&str]) -> Vec<PathBuf> {
    let mut open = vec![house().join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            if path.is_dir() && !path.ends_with("node_modules") {
                open.push(path);
            } else if ending.is_some_and(|ending| endings.contains(&ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

/// The whole of `src/`, with what only tests see marked.
fn sources() -> Vec<Source> {
    let below = house().join("src");
    let mut sources: Vec<Source> = files("src", &["rs"])
        .iter()
        .map(|path| Source {
            path: path
                .strip_prefix(&below)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/"),
            text: text(path),
            for_tests: false,
        })
        .collect();
    let for_tests: Vec<String> = sources
        .iter()
        .flat_map(|source| {
            let module = source.module().join("/");
            test_modules(&bare(&source.text))
                .into_iter()
                .map(move |name| format!("{module}/{name}"))
        })
        .collect();
    for source in &mut sources {
        let module = source.module().join("/") + "/";
        source.for_tests = for_tests
            .iter()
            .any(|test| module.starts_with(&format!("{test}/")));
    }
    sources
}

fn snippet(path: &str, text: &str) -> Vec<String> {
    let text = format!("//! A file.\n{text}\n");
    Source {
        path: path.to_owned(),
        text,
        for_tests: false,
    }
    .faults()
}

#[test]
fn every_file_of_the_source_keeps_to_the_floor_plan() {
    let faults: Vec<String> = sources().iter().flat_map(Source::faults).collect();

    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn t16_tags_keys_and_codes_are_compared_in_constant_time() {
    let sources = sources();
    for (path, by, times) in COMPARED {
        let found = sources.iter().find(|source| source.path == path).unwrap();
        assert_eq!(found.count(by), times, "{path}: {by}…)");
    }
    for openly in [
        "fn a() -> bool { tag == *shown }",
        "fn a() -> bool { self.mac(x).finalize().into_bytes()[..16] != *shown }",
        "fn a() -> bool { Sha256::digest(shown) == wanted }",
        "fn a() -> bool { secret.eq(shown) }",
        "fn a() -> bool { signature.starts_with(shown) }",
    ] {
        assert_eq!(snippet("token/a.rs", openly).len(), 1, "{openly}");
    }
    assert!(snippet("token/a.rs", "fn a() { mac.verify_slice(tag) }").is_empty());
}

#[test]
fn the_floor_plan_names_every_folder_of_the_library() {
    let lib = bare(&text(&house().join("src/lib.rs")));
    let mut declared: Vec<&str> = lib
        .lines()
        .filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';'))
        .collect();
    let mut planned = FLOORS.to_vec();
    declared.sort_unstable();
    planned.sort_unstable();

    assert_eq!(declared, planned);
}

/// Half-done work, tests that do not run, and addresses of somebody's own machine.
#[test]
fn nothing_is_left_for_later_and_no_machine_is_named() {
    let notes = ["TODO", "FIXME", "XXX", "#[ignore"];
    let machines = ["/root/", "/home/", "/work/", "/Users/"];
    let folders = ["src", "tests", "static", "policies", "docs", "load-tests"];
    let endings = ["rs", "js", "mjs", "css", "html", "toml", "md", "py"];
    let mut faults = Vec::new();
    for path in folders.iter().flat_map(|folder| files(folder, &endings)) {
        if path == house().join("tests/layers.rs") {
            continue;
        }
        for (line, number) in text(&path).lines().zip(1..) {
            if let Some(word) = notes
                .iter()
                .chain(&machines)
                .find(|word| line.contains(*word))
            {
                faults.push(format!("{}:{number}: `{word}`", path.display()));
            }
        }
    }

    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn a_folder_that_looks_upstairs_is_told_so() {
    let faults = snippet("store/embedded/queue.rs", "\nuse crate::gate::Gate;");
    assert_eq!(
        faults,
        ["store/embedded/queue.rs:3: `store` may not import `gate`"]
    );

    assert_eq!(
        snippet("gate/mod.rs", "use crate::{domain::room, cli};").len(),
        1
    );
    assert_eq!(
        snippet("edge/framing/head.rs", "use super::super::super::app;").len(),
        1
    );
    assert_eq!(
        snippet(
            "edge/page.rs",
            "mod tests { use super::super::super::control; }"
        )
        .len(),
        1
    );
    assert_eq!(
        snippet("control/api.rs", "use crate::config::Config;").len(),
        1
    );
    assert_eq!(
        snippet("control/api.rs", "use crate::somewhere::Else;").len(),
        1
    );
    assert_eq!(snippet("app.rs", "use crate::cli::run;").len(), 1);
    assert_eq!(
        snippet("main.rs", "fn main() { anteroom::app::run() }").len(),
        1
    );
}

#[test]
fn a_folder_that_looks_downstairs_may() {
    let none: [String; 0] = [];
    assert_eq!(
        snippet(
            "gate/mod.rs",
            "use crate::{domain::room, store, gate::own};"
        ),
        none
    );
    assert_eq!(snippet("app.rs", "use crate::{config, control};"), none);
    assert_eq!(snippet("cli/run.rs", "use crate::app;"), none);
    assert_eq!(
        snippet("main.rs", "fn main() { anteroom::cli::main() }"),
        none
    );
    assert_eq!(
        snippet(
            "gate/mod.rs",
            "// crate::cli\nconst A: &str = \"crate::app\";"
        ),
        none
    );
}

#[test]
fn the_house_rules_are_seen_to_be_broken() {
    assert_eq!(
        snippet("gate/mod.rs", "fn a() { Instant::now(); }").len(),
        1
    );
    assert_eq!(snippet("store/mod.rs", "use std::fs;").len(), 1);
    assert_eq!(
        snippet("control/api.rs", "fn a() { std::env::var_os(a); }").len(),
        1
    );
    assert_eq!(
        snippet("edge/serve.rs", "fn a() { StatusCode::OK; }").len(),
        1
    );
    assert_eq!(
        snippet("text/mod.rs", "#[allow(dead_code)]\nfn a() {}").len(),
        1
    );
    assert_eq!(snippet("text/mod.rs", &"fn a() {}\n".repeat(300)).len(), 1);
    let tested = "fn a() {}\n".repeat(200) + "#[cfg(test)]\nmod tests {\n" + &"\n".repeat(200);
    assert!(snippet("text/mod.rs", &tested).is_empty());
    let bare_start = Source {
        path: "text/a.rs".into(),
        text: "fn a() {}".into(),
        for_tests: true,
    };
    assert_eq!(bare_start.faults().len(), 1);
}
