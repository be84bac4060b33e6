//! The files that bot rules are read from: `bots.toml` and the presets it imports.
//!
//! A file's own rules are tried before those it imports, so that an operator's word about a
//! preset comes first; imports are tried in the order in which they are listed.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use http::header::HeaderName;

use super::expression::{Expression, PathTest};
use super::network;
use super::rules::{Action, RuleText, Rules};
use crate::domain::room::RoomName;
use crate::text::fault::{Fault, Findings};
use crate::text::source::{Source, Sources};
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};
use crate::text::wording::{closest, shown};

/// The most rules there may be.
const MOST_RULES: usize = 2_000;

/// How deep imports may nest.
const DEEPEST: usize = 8;

/// Reads `bots.toml` and what it imports; without that file there are no rules. What cannot be
/// read is noted in `findings` and left out.
pub fn read(sources: &Sources, findings: &Findings) -> Rules {
    let Some(source) = sources.named("bots.toml") else {
        return Rules::default();
    };
    let mut reading = Reading {
        sources,
        findings,
        trail: Vec::new(),
        imported: BTreeMap::new(),
        names: BTreeMap::new(),
        rules: Vec::new(),
    };
    reading.file(source);
    Rules::new(reading.rules).unwrap_or_else(|reason| {
        findings.fault(|| Fault::of_file("bots.toml", reason.to_string()));
        Rules::default()
    })
}

/// All files of the rules while they are being read.
struct Reading<'a> {
    sources: &'a Sources,
    findings: &'a Findings,
    /// The files being read: each imports the next.
    trail: Vec<Arc<str>>,
    /// Every import so far, and the file that named it.
    imported: BTreeMap<String, Arc<str>>,
    /// Every rule's name, and the file it stands in.
    names: BTreeMap<RoomName, Arc<str>>,
    rules: Vec<RuleText>,
}

impl<'a> Reading<'a> {
    fn file(&mut self, source: &'a Source) {
        let mut table = Table::read(source, self.findings);
        let imports = table.take("import").map(Value::one_or_more::<String>);
        for section in table.sections("rule") {
            self.rule(section);
        }
        let reader = table.reader();
        table.finish();

        self.trail.push(Arc::clone(source.name()));
        for import in imports.unwrap_or_default() {
            self.import(reader, &import);
        }
        self.trail.pop();
    }

    fn import(&mut self, reader: Reader<'a>, import: &Placed<String>) {
        let (name, at) = (import.value.as_str(), import.at);
        let named = shown(name);
        if self.trail.iter().any(|file| file.as_ref() == name) {
            return reader.fault(at, format!("`{named}` imports itself in a circle"));
        }
        if let Some(first) = self.imported.get(name) {
            let first = shown(first);
            return reader.fault(at, format!("`{named}` is already imported by `{first}`"));
        }
        if self.trail.len() > DEEPEST {
            return reader.fault(at, format!("imports nest deeper than {DEEPEST} files"));
        }
        let presets = self.sources.inside("bots").map(|file| file.name().as_ref());
        let Some(source) = self
            .sources
            .named(name)
            .filter(|_| name.starts_with("bots/"))
        else {
            let message = format!("there is no file `{named}` to import in `bots/`");
            return reader.suggest(at, message, closest(name, presets));
        };
        let importer = Arc::clone(reader.source().name());
        self.imported.insert(name.to_owned(), importer);
        self.file(source);
    }

    fn rule(&mut self, table: Table<'a>) {
        let (reader, at) = (table.reader(), table.span());
        let Some(rule) = rule(table) else { return };
        if let Some(file) = self.names.get(&rule.name) {
            let name = &rule.name;
            let file = shown(file);
            return reader.fault(at, format!("another rule is named `{name}`, in `{file}`"));
        }
        if self.rules.len() >= MOST_RULES {
            return reader.fault(at, "there are more than 2,000 rules");
        }
        let file = Arc::clone(reader.source().name());
        self.names.insert(rule.name.clone(), file);
        self.rules.push(rule);
    }
}

fn rule(mut table: Table<'_>) -> Option<RuleText> {
    let (reader, at) = (table.reader(), table.span());
    let name = table.required("name").and_then(Value::parse);
    let action = table.required("action").and_then(|value| {
        let words = [("allow", Action::Allow), ("deny", Action::Deny)];
        value.word(&words, &["challenge", "weigh"])
    });
    let agents = table.take("agent").map(all::<Expression>);
    let paths = table.take("path").map(all::<PathTest>);
    let from = table.take("from").map(network::list);
    let header = table.take("header").map(header);
    table.finish();

    if action == Some(Action::Allow) && agents.is_some() && from.is_none() {
        let message = "anybody can send this `agent`: an `allow` rule should also say `from`";
        reader.warn(at, message);
    }
    if agents.is_none() && paths.is_none() && from.is_none() && header.is_none() {
        let message = "a rule needs a condition: `agent`, `path`, `from` or `header`";
        reader.fault(at, message);
    }
    Some(RuleText {
        name: name?,
        action: action?,
        agents: agents.unwrap_or_default(),
        paths: paths.unwrap_or_default(),
        from: from.unwrap_or_default(),
        header: header.unwrap_or_default(),
    })
}

fn all<T: FromStr<Err: Display>>(value: Value<'_>) -> Vec<T> {
    let items = value.one_or_more().into_iter();
    items.map(|item| item.value).collect()
}

fn header(value: Value<'_>) -> Option<(HeaderName, Expression)> {
    let mut table = value.table()?;
    let name = table.required("name").and_then(Value::parse);
    let pattern = table.required("pattern").and_then(Value::parse);
    table.finish();
    Some((name?, pattern?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(files: &[(&str, &str)]) -> (Rules, String, String) {
        let mut sources = Sources::default();
        for (name, text) in files {
            sources.add(name, text).unwrap();
        }
        let findings = Findings::default();
        let rules = read(&sources, &findings);
        let (faults, warnings) = findings.take_lists();
        (rules, faults.to_string(), warnings.to_string())
    }

    const DENY: &str = "[[rule]]\nname = 'deny-x'\naction = 'deny'\nagent = 'x'\n";

    #[test]
    fn own_rules_come_before_imported_ones() {
        let allow = "import = ['bots/a.toml']\n\
            [[rule]]\nname = 'office'\naction = 'allow'\nfrom = '192.0.2.0/24'\n";
        let (rules, faults, _) = read_all(&[("bots.toml", allow), ("bots/a.toml", DENY)]);
        assert_eq!(faults, "");
        let names: Vec<&str> = rules.names().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["office", "deny-x"]);
    }

    #[test]
    fn imports_neither_run_in_circles_nor_twice_nor_into_nothing() {
        let (_, faults, _) = read_all(&[
            (
                "bots.toml",
                "import = ['bots/a.toml', 'bots/b.toml', 'bots/bb.toml']",
            ),
            (
                "bots/a.toml",
                "import = ['bots/b.toml', 'bots.toml', 'limits.toml']",
            ),
            ("bots/b.toml", "import = 'bots/a.toml'"),
            ("limits.toml", ""),
        ]);
        assert_eq!(
            faults,
            "bots.toml:1:26: `bots/b.toml` is already imported by `bots/a.toml`\n\
             bots.toml:1:41: there is no file `bots/bb.toml` to import in `bots/`, \
             did you mean `bots/b.toml`?\n\
             bots/a.toml:1:26: `bots.toml` imports itself in a circle\n\
             bots/a.toml:1:39: there is no file `limits.toml` to import in `bots/`\n\
             bots/b.toml:1:10: `bots/a.toml` imports itself in a circle"
        );
    }

    #[test]
    fn a_long_chain_of_imports_is_cut_off() {
        let texts: Vec<(String, String)> = (0..50)
            .map(|n| {
                (
                    format!("bots/{n}.toml"),
                    format!("import = 'bots/{}.toml'", n + 1),
                )
            })
            .collect();
        let mut files = vec![("bots.toml", "import = 'bots/0.toml'")];
        files.extend(
            texts
                .iter()
                .map(|(name, text)| (name.as_str(), text.as_str())),
        );
        let (_, faults, _) = read_all(&files);
        assert!(
            faults.contains("imports nest deeper than 8 files"),
            "{faults}"
        );
    }

    #[test]
    fn one_name_stands_for_one_rule_in_all_files() {
        let bots = format!("import = 'bots/a.toml'\n{DENY}");
        let (_, faults, _) = read_all(&[("bots.toml", &bots), ("bots/a.toml", DENY)]);
        assert_eq!(
            faults,
            "bots/a.toml:1:1: another rule is named `deny-x`, in `bots.toml`"
        );
    }

    #[test]
    fn an_agent_alone_should_not_allow() {
        let text = "[[rule]]\nname = 'a'\naction = 'allow'\nagent = 'Googlebot'\n";
        let (_, faults, warnings) = read_all(&[("bots.toml", text)]);
        assert_eq!(faults, "");
        assert!(
            warnings.contains("anybody can send this `agent`"),
            "{warnings}"
        );
    }
}
