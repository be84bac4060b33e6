//! The page on security names tests; each of them exists.

use std::collections::BTreeSet;
use std::path::Path;

use regex::Regex;

fn gather(folder: &Path, into: &mut BTreeSet<String>) {
    let test = Regex::new(r"fn ([a-z][a-z0-9_]*)\(").unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            gather(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            into.extend(test.captures_iter(&text).map(|found| found[1].to_owned()));
        }
    }
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    gather(&house.join("src"), &mut known);
    gather(&house.join("tests"), &mut known);
    let page = std::fs::read_to_string(house.join("docs/security.md")).unwrap();
    let name = Regex::new(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){3,})`").unwrap();
    let named: BTreeSet<_> = name
        .captures_iter(&page)
        .map(|found| found[1].to_owned())
        .collect();
    assert!(named.len() > 200, "{} names", named.len());
    let missing: Vec<_> = named.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
