//! The page on security names tests: each of them exists, and none that tries a row is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

/// The rows that the page must have, by letter and number of the last.
const ROWS: [(char, u32); 6] = [
    ('a', 16),
    ('t', 17),
    ('h', 15),
    ('n', 10),
    ('r', 12),
    ('l', 7),
];

/// Every test of the source and of the house: its name, and the files that have one of that name.
fn tests() -> BTreeMap<String, Vec<String>> {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeMap::new();
    for folder in ["src", "tests"] {
        gather(&house.join(folder), folder, &mut known);
    }
    known
}

fn gather(folder: &Path, place: &str, into: &mut BTreeMap<String, Vec<String>>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let place = format!("{place}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() && !path.ends_with("node_modules") {
            gather(&path, &place, into);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            for name in tests_in(&std::fs::read_to_string(&path).unwrap()) {
                into.entry(name).or_default().push(place.clone());
            }
        }
    }
}

/// A function behind the attribute of a test, and what may stand between.
static TEST: LazyLock<Regex> = LazyLock::new(|| {
    let attribute = r"#\[(?:test|tokio::test[^\]]*)\]";
    let between = r"(?:\s|#\[[^\]]*\]|//[^\n]*\n)*";
    Regex::new(&format!("{attribute}{between}(?:async )?fn ([a-z0-9_]+)")).unwrap()
});

/// The name of a test as the page writes it, or the other end of one.
static NAME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"`([a-z][a-z0-9]*(?:_[a-z0-9]+){3,}|…_[a-z0-9_]+)`").unwrap());

/// The functions of a text that stand behind the attribute of a test.
fn tests_in(text: &str) -> Vec<String> {
    TEST.captures_iter(text)
        .map(|found| found[1].to_owned())
        .collect()
}

/// The rows that a test says it is of: `a4_a15_no_file…` is of A4 and A15.
fn rows_of(test: &str) -> Vec<String> {
    let is_row = |word: &&str| {
        let number = word.strip_prefix(|letter: char| letter.is_ascii_lowercase());
        number.is_some_and(|digits| digits.parse::<u32>().is_ok())
    };
    test.split('_')
        .take_while(is_row)
        .map(str::to_owned)
        .collect()
}

/// The tests that a text names. `…_by_nginx` is the name before it with another end.
fn named(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut whole = String::new();
    for found in NAME.captures_iter(text) {
        match found[1].strip_prefix('…') {
            None => found[1].clone_into(&mut whole),
            Some(end) => {
                let word = end.split_inclusive('_').take(2).collect::<String>();
                let at = whole.rfind(&word).unwrap_or_default();
                whole = format!("{}{end}", &whole[..at]);
            }
        }
        names.insert(whole.clone());
    }
    names
}

/// Every row of the page by its number: what stands behind it, and which tests its cell of the whole
/// house names.
fn rows(page: &str) -> BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> {
    let number = Regex::new("^[A-Z][0-9]{1,2}$").unwrap();
    let mut rows: BTreeMap<String, (BTreeSet<String>, BTreeSet<String>)> = BTreeMap::new();
    for line in page.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = line.split(" |").collect();
        for id in cells[0].trim_start_matches(['|', ' ']).split(", ") {
            if !number.is_match(id) {
                continue;
            }
            let (all, house) = rows.entry(id.to_ascii_lowercase()).or_default();
            all.extend(named(line));
            house.extend(cells.get(2).copied().map(named).unwrap_or_default());
        }
    }
    rows
}

fn page() -> String {
    let house = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(house.join("docs/security.md")).unwrap()
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let named = named(&page());
    assert!(named.len() > 200, "{} names", named.len());
    let known: BTreeSet<_> = tests().into_keys().collect();
    let missing: Vec<_> = named.difference(&known).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_test_of_a_row_stands_on_the_security_page() {
    let page = page();
    let (rows, named) = (rows(&page), named(&page));
    let unnamed: Vec<_> = tests()
        .into_keys()
        .filter(|test| rows_of(test).iter().any(|row| rows.contains_key(row)))
        .filter(|test| !named.contains(test))
        .collect();
    assert!(unnamed.is_empty(), "{unnamed:#?}");
}

#[test]
fn every_row_of_the_security_page_has_a_test_of_its_number() {
    let rows = rows(&page());
    let without: Vec<_> = ROWS
        .iter()
        .flat_map(|(letter, last)| (1..=*last).map(move |number| format!("{letter}{number}")))
        .filter(|row| {
            let tests = rows.get(row).map(|(all, _)| all);
            !tests.is_some_and(|tests| tests.iter().any(|test| rows_of(test).contains(row)))
        })
        .collect();
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn no_unit_test_counts_as_one_of_the_whole_house() {
    let tests = tests();
    let of_units: Vec<_> = rows(&page())
        .into_values()
        .flat_map(|(_, house)| house)
        .filter(|test| {
            let files = tests.get(test).into_iter().flatten();
            files.clone().count() > 0 && files.clone().all(|file| file.starts_with("src/"))
        })
        .collect();
    assert!(of_units.is_empty(), "{of_units:#?}");
}

#[test]
fn names_are_read_as_they_are_written() {
    let text = "/// Not this.\nfn a1_no_test_at_all() {}\n\
                #[tokio::test(flavor = \"multi_thread\")]\nasync fn a1_one() {}\n\
                proptest! {\n    /// Says why.\n    #[test]\n    #[expect(x)]\n    // And how.\n    fn a2_b3_two(x in y) {} }";
    assert_eq!(tests_in(text), ["a1_one", "a2_b3_two"]);
    assert_eq!(rows_of("a2_b3_two_c4"), ["a2", "b3"]);
    assert_eq!(rows_of("h1_to_h13_no_mutation"), ["h1"]);
    assert!(rows_of("a_clock_ticks").is_empty());
    let family =
        named("`h1_read_in_two_ways_by_a_site`, `…_by_nginx`; `cargo test`, `…_by_haproxy`");
    let whole = ["haproxy", "nginx", "a_site"].map(|end| format!("h1_read_in_two_ways_by_{end}"));
    assert_eq!(family, BTreeSet::from(whole));
}
