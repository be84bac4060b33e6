//! A walker over TOML tables that takes keys one by one and gathers every fault on its way.

use toml::de::DeTable;

use super::fault::{Fault, Findings};
use super::source::Source;
use super::span::Span;
use super::value::Value;
use super::wording::{clean, closest, shown};

/// Where a walker is: the text, and where its faults go.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    source: &'a Source,
    findings: &'a Findings,
    /// The syntax is broken somewhere, so that what is missing may only be unreadable.
    broken: bool,
}

impl<'a> Reader<'a> {
    /// The text being read.
    #[must_use]
    pub const fn source(&self) -> &'a Source {
        self.source
    }

    /// Whether the text's syntax is broken, so that parts of it are unknown.
    #[must_use]
    pub const fn is_broken(&self) -> bool {
        self.broken
    }

    /// Notes a fault at `span`.
    pub fn fault(&self, span: Span, message: impl Into<String>) {
        self.suggest(span, message, None);
    }

    /// Notes a fault at `span` with the word that was probably meant.
    pub fn suggest(&self, span: Span, message: impl Into<String>, suggestion: Option<&str>) {
        let fault = || Fault::new(self.source, span, message);
        self.findings.fault(|| fault().suggesting(suggestion));
    }

    /// Notes a fault at `span` whose line may hold a secret, so that it is not shown.
    pub fn secret_fault(&self, span: Span, message: impl Into<String>) {
        let fault = || Fault::new(self.source, span, message);
        self.findings.fault(|| fault().of_secret());
    }

    /// The text at `span`, as a message shows it.
    #[must_use]
    pub fn written(&self, span: Span) -> String {
        let text = self.source.text().get(span.start..span.end);
        shown(text.unwrap_or_default())
    }

    /// The whole lines that `span` stands in.
    pub(super) fn lines_of(&self, span: Span) -> &'a str {
        let text = self.source.text();
        let before = text.get(..span.start).unwrap_or_default();
        let from = before.rfind('\n').map_or(0, |at| at + 1);
        let behind = text.get(span.end..).unwrap_or_default();
        let to = behind.find('\n').map_or(text.len(), |at| span.end + at);
        text.get(from..to).unwrap_or_default()
    }

    /// Notes a warning at `span`.
    pub fn warn(&self, span: Span, message: impl Into<String>) {
        self.findings
            .warning(|| Fault::new(self.source, span, message));
    }
}

/// One table whose keys are being taken.
///
/// Every key is asked for by name, whether or not it is there; [`Table::finish`] then reports
/// what nobody asked for.
#[derive(Debug)]
#[must_use = "call `finish`, or unknown keys go unnoticed"]
pub struct Table<'a> {
    reader: Reader<'a>,
    keys: DeTable<'a>,
    known: Vec<&'static str>,
    /// As it is written in the file, for example `[pace]`; empty for the file's own keys.
    title: String,
    span: Span,
}

impl<'a> Table<'a> {
    /// Reads a whole file. Broken syntax is noted and the readable rest is walked all the same.
    pub fn read(source: &'a Source, findings: &'a Findings) -> Self {
        let (table, errors) = DeTable::parse_recoverable(source.text());
        for error in errors.iter().take(super::fault::MOST_KEPT) {
            let span = error.span().unwrap_or_default().into();
            let message = format!("not valid TOML: {}", clean(error.message(), 200));
            findings.fault(|| Fault::new(source, span, message).of_syntax());
        }
        Self {
            reader: Reader {
                source,
                findings,
                broken: !errors.is_empty(),
            },
            keys: table.into_inner(),
            known: Vec::new(),
            title: String::new(),
            span: Span::default(),
        }
    }

    /// A table within a file; `title` is how it is written there.
    pub(super) fn under(reader: Reader<'a>, title: String, span: Span, keys: DeTable<'a>) -> Self {
        Self {
            reader,
            keys,
            known: Vec::new(),
            title,
            span,
        }
    }

    fn empty(&self, title: String) -> Self {
        Self::under(self.reader, title, self.span, DeTable::new())
    }

    pub(super) fn titled(self, title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..self
        }
    }

    /// Where faults about this table go.
    #[must_use]
    pub const fn reader(&self) -> Reader<'a> {
        self.reader
    }

    /// The place of the table's header.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Whether `key` stands here, whatever its value; it is not taken by this.
    #[must_use]
    pub fn holds(&self, key: &str) -> bool {
        self.keys.contains_key(key)
    }

    /// Whether nothing stands in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Takes the value of `key` if there is one.
    pub fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let (written, value) = self.keys.remove_entry(key)?;
        Some(Value::new(self.reader, key, written.span().into(), value))
    }

    /// Takes the value of `key`; its absence is a fault.
    pub fn required(&mut self, key: &'static str) -> Option<Value<'a>> {
        let value = self.take(key);
        if value.is_none() {
            self.missing(key);
        }
        value
    }

    /// Notes that `key` is missing, unless the syntax is broken and it may merely be unreadable.
    pub fn missing(&self, key: &str) {
        if self.reader.broken {
            return;
        }
        self.reader
            .fault(self.span, format!("missing `{key}`{}", self.place()));
    }

    /// Takes the table `[key]`; an absent one is empty, and what it lacks is reported here.
    pub fn section(&mut self, key: &'static str) -> Table<'a> {
        let value = self.take(key);
        let read = value.map(Value::table);
        let unreadable = matches!(read, Some(None));
        let title = format!("[{}]", self.path_of(key));
        let mut table = match read.flatten() {
            Some(table) => table.titled(&title),
            None => self.empty(title),
        };
        table.reader.broken |= unreadable;
        table
    }

    /// Takes the tables `[[key]]`; none is fine.
    pub fn sections(&mut self, key: &'static str) -> Vec<Table<'a>> {
        let title = format!("[[{}]]", self.path_of(key));
        let tables = self.take(key).map(Value::tables).unwrap_or_default();
        tables
            .into_iter()
            .map(|table| table.titled(&title))
            .collect()
    }

    /// A table's key as its header names it, with the table that it stands in.
    fn path_of(&self, key: &str) -> String {
        match self.title.trim_matches(['[', ']']) {
            "" => key.to_owned(),
            outer => format!("{outer}.{key}"),
        }
    }

    /// Where `key` is written, if it is; it is not taken by this.
    #[must_use]
    pub fn place_of(&self, key: &str) -> Option<Span> {
        let (written, _) = self.keys.get_key_value(key)?;
        Some(written.span().into())
    }

    /// Takes a key that a later version knows: its presence is a fault that says so.
    pub fn later(&mut self, key: &'static str) {
        if let Some(value) = self.take(key) {
            self.reader.fault(
                value.key_span(),
                format!("`{key}` is not available in this version"),
            );
        }
    }

    /// Reports every key that was not taken.
    pub fn finish(self) {
        let place = self.place();
        for key in self.keys.keys() {
            // Made only if it is kept: near words cost too much for a flood of keys.
            self.reader.findings.fault(|| {
                let message = format!("unknown key `{}`{place}", shown(key.get_ref()));
                let near = closest(key.get_ref(), self.known.iter().copied());
                Fault::new(self.reader.source, key.span().into(), message).suggesting(near)
            });
        }
    }

    /// The end of a message about a key: in which table it is.
    fn place(&self) -> String {
        match self.title.as_str() {
            "" => String::new(),
            title => format!(" in `{title}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fault::Faults;
    use proptest::prelude::*;

    /// Walks `text` with `walk`, finishes the table, and gives the faults.
    fn faults(text: &str, walk: impl Fn(&mut Table<'_>)) -> Faults {
        let source = Source::new("f", text);
        let findings = Findings::default();
        let mut table = Table::read(&source, &findings);
        walk(&mut table);
        table.finish();
        findings.take_lists().0
    }

    #[test]
    fn every_fault_of_a_file_is_found_in_one_walk() {
        let text = "nmae = 'x'\nactive = 'five'\n[pace]\nper_minute = 0\nbrust = 2\n";
        let found = faults(text, |table| {
            assert!(table.required("name").is_none());
            assert!(table.take("active").and_then(|v| v.number(1..=9)).is_none());
            let mut pace = table.section("pace");
            assert!(
                pace.take("per_minute")
                    .and_then(|v| v.count(10_000_000))
                    .is_none()
            );
            pace.take("burst");
            pace.finish();
        });
        assert_eq!(
            found.to_string(),
            "f:1:1: missing `name`\n\
             f:1:1: unknown key `nmae`, did you mean `name`?\n\
             f:2:10: `active` must be a whole number from 1 to 9, found a string\n\
             f:4:14: `per_minute` must be a whole number from 1 to 10,000,000, found 0\n\
             f:5:1: unknown key `brust` in `[pace]`, did you mean `burst`?"
        );
    }

    #[test]
    fn broken_syntax_hides_neither_the_rest_nor_invents_missing_keys() {
        let found = faults("# a\nname = \nactive = 'x'\n[unknown]\n", |table| {
            table.required("name");
            table.required("gone");
            table.take("active").and_then(|value| value.number(1..=9));
        });
        let text = found.to_string();
        assert!(text.starts_with("f:2:8: not valid TOML: "), "{text}");
        assert!(text.contains("f:3:10: `active` must be"), "{text}");
        assert!(text.contains("f:4:2: unknown key `unknown`"), "{text}");
        assert_eq!(found.len(), 3, "{text}");
    }

    #[test]
    fn a_section_that_is_no_table_is_one_fault() {
        let found = faults("pace = 5", |table| {
            let mut pace = table.section("pace");
            pace.required("per_minute");
            pace.finish();
        });
        assert_eq!(
            found.to_string(),
            "f:1:8: `pace` must be a table, `[pace]`, found 5"
        );
    }

    #[test]
    fn an_absent_section_reports_what_it_lacks() {
        let found = faults("", |table| {
            let mut pace = table.section("pace");
            pace.required("per_minute");
            pace.finish();
        });
        assert_eq!(found.to_string(), "f:1:1: missing `per_minute` in `[pace]`");
    }

    #[test]
    fn one_table_where_several_may_stand_is_explained() {
        let found = faults("[site]\nname = 'a'", |table| {
            assert!(table.sections("site").is_empty());
        });
        assert!(
            found
                .to_string()
                .contains("`site` must be written `[[site]]`")
        );
    }

    #[test]
    fn keys_of_a_later_version_are_named_as_such() {
        let found = faults("hold_max_s = 1", |table| table.later("hold_max_s"));
        assert_eq!(
            found.to_string(),
            "f:1:1: `hold_max_s` is not available in this version"
        );
    }

    #[test]
    fn deep_nesting_is_a_fault_and_overflows_nothing() {
        for text in [
            format!("[{}a]", "a.".repeat(100_000)),
            format!("{}a = 1", "a.".repeat(100_000)),
            format!("a = {}", "[".repeat(100_000)),
            format!("a = {}", "{a=".repeat(100_000)),
        ] {
            assert!(!faults(&text, |_| ()).is_empty());
        }
    }

    #[test]
    fn a_flood_of_unknown_keys_is_counted_quickly() {
        let text: String = (0..50_000).map(|key| format!("k{key}=1\n")).collect();
        let known =
            |table: &mut Table<'_>| ["k", "key", "x"].iter().for_each(|k| drop(table.take(k)));
        assert_eq!(faults(&text, known).len(), 50_000);
    }

    proptest! {
        #[test]
        fn no_text_makes_the_walker_panic(text in "[a-c\\[\\]\\{\\}=.,'\"#\\\\0-9:TZ\n\u{0}\u{feff}é-]{0,60}") {
            let found = faults(&text, |table| {
                table.required("a").and_then(|value| value.seconds());
                table.take("b").map(Value::one_or_more::<std::net::IpAddr>);
                table.sections("c").into_iter().for_each(Table::finish);
                table.take("0").and_then(|value| value.time());
                table.section("1").finish();
            });
            for fault in found.iter() {
                prop_assert!(fault.line >= 1 && fault.column >= 1);
            }
        }
    }
}
