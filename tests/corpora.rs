//! Every input that the fuzz targets keep, once more: `fuzz/corpus` on stable Rust.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::fuzzed::{TARGETS, admission_token, queue_token};

fn below(place: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(place);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|fault| panic!("{}: {fault}", folder.display()));
    entries.map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn every_kept_input_keeps_the_laws_of_its_target() {
    for (name, run) in TARGETS {
        let inputs = below(&format!("corpus/{name}"));
        assert!(inputs.len() >= 8, "{name}: {} inputs", inputs.len());
        for input in inputs {
            println!("{}", input.display());
            run(&fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_target_has_its_file_and_its_corpus() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let stems = |place| -> BTreeSet<String> {
        let paths = below(place).into_iter();
        paths
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(stems("targets"), known);
    assert_eq!(stems("corpus"), known);
}

/// A seed is called after why it is refused, or `good`. Only what is refused for its claims, its
/// room or its times has come past the signature.
#[test]
fn every_kept_admission_is_judged_as_its_name_says() {
    let mut judged: BTreeMap<String, usize> = BTreeMap::new();
    for path in below("corpus/admission_token") {
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let verdict = admission_token::judged(&fs::read(&path).unwrap());
        let verdict = verdict.map_or_else(|why| why.reason(), |_| "good");
        assert_eq!(verdict, name, "{}", path.display());
        *judged.entry(name).or_default() += 1;
    }
    assert!(judged["good"] >= 5, "{judged:?}");
    for reason in [
        "algorithm",
        "claims",
        "expired",
        "header",
        "issuer",
        "lifetime",
        "malformed",
        "not_yet_valid",
        "room",
        "signature",
        "too_long",
        "unknown_key",
    ] {
        assert!(
            judged.contains_key(reason),
            "no seed is refused as {reason}"
        );
    }
}

#[test]
fn the_corpora_of_tokens_hold_one_that_we_sign() {
    let is_kept = |place, token: String| {
        let kept = below(place).into_iter().map(|path| fs::read(path).unwrap());
        kept.into_iter()
            .any(|bytes| bytes.trim_ascii() == token.as_bytes())
    };
    assert!(is_kept("corpus/queue_token", queue_token::a_good_one()));
    assert!(is_kept(
        "corpus/admission_token",
        admission_token::a_good_one()
    ));
}
