//! Policies: whatever the texts hold, they are read or every fault in them has a place.

use std::collections::BTreeMap;

use anteroom::config::{self, Faults, Sources};
use anteroom::text::excerpt::{Severity, excerpts};

/// Files, each behind a line `=== NAME`; what stands before the first is `anteroom.toml`.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut files: BTreeMap<&str, String> = BTreeMap::new();
    let mut name = "anteroom.toml";
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("=== ") {
            Some(next) => name = next.trim(),
            None => files.entry(name).or_default().push_str(line),
        }
    }
    let mut sources = Sources::default();
    for (name, text) in &files {
        if sources.add(name, text).is_err() {
            return;
        }
    }
    match config::read(&sources) {
        Ok(checked) => have_places(&checked.warnings, &files, &sources, Severity::Warning),
        Err(faults) => {
            assert!(!faults.is_empty(), "refused without a fault");
            have_places(&faults, &files, &sources, Severity::Fault);
        }
    }
}

fn have_places(
    faults: &Faults,
    files: &BTreeMap<&str, String>,
    sources: &Sources,
    severity: Severity,
) {
    for fault in faults.iter() {
        let empty = String::new();
        let text = files.get(fault.file.as_ref()).unwrap_or(&empty);
        let lines = text.split('\n').count();
        assert!((1..=lines).contains(&fault.line), "{fault:?}");
        assert!(fault.column >= 1 && !fault.message.is_empty(), "{fault:?}");
        assert!(!fault.message.contains(char::is_control), "{fault:?}");
        let (start, end) = (fault.span.start, fault.span.end);
        assert!(
            start <= end && end <= text.len(),
            "{fault:?} beyond {}",
            text.len()
        );
    }
    let shown = excerpts(faults, sources, severity);
    assert_eq!(shown.is_empty(), faults.is_empty(), "every fault is shown");
    let hidden = |one: char| one.is_control() && one != '\n';
    assert!(
        !shown.contains(hidden) && !faults.to_string().contains(hidden),
        "{shown:?}"
    );
}
