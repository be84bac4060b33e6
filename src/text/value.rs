//! One value of a table, read as what it should be, or a fault that says what it is instead.

mod address;
mod several;
mod thousandths;

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use toml::Spanned;
use toml::de::DeValue;

use super::digest::Digest;
use super::span::Span;
use super::table::{Reader, Table};
use super::wording::{closest, either, grouped, kind, shown};

/// The longest duration a `_s` key may name: 30 days.
pub const LONGEST_S: u32 = 30 * 24 * 60 * 60;

/// A thing that was read, and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed<T> {
    /// The bytes it was read from.
    pub at: Span,
    /// What was read.
    pub value: T,
}

/// The value of one key, not yet read. Every reading notes a fault and gives `None` when the
/// value is something else.
#[derive(Debug)]
pub struct Value<'a> {
    reader: Reader<'a>,
    key: &'static str,
    key_span: Span,
    span: Span,
    value: DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        reader: Reader<'a>,
        key: &'static str,
        key_span: Span,
        value: Spanned<DeValue<'a>>,
    ) -> Self {
        Self {
            reader,
            key,
            key_span,
            span: value.span().into(),
            value: value.into_inner(),
        }
    }

    /// The place of the value.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// The place of its key.
    #[must_use]
    pub const fn key_span(&self) -> Span {
        self.key_span
    }

    /// A string.
    #[must_use]
    pub fn text(self) -> Option<String> {
        match self.value {
            DeValue::String(text) => Some(text.into_owned()),
            _ => self.is_not("a string"),
        }
    }

    /// A string that `T` can be read from.
    #[must_use]
    pub fn parse<T: FromStr<Err: Display>>(self) -> Option<T> {
        self.placed().map(|placed| placed.value)
    }

    /// A string that `T` can be read from, and its place.
    #[must_use]
    pub fn placed<T: FromStr<Err: Display>>(self) -> Option<Placed<T>> {
        let (reader, key, at) = (self.reader, self.key, self.span);
        let text = self.text()?;
        match text.parse() {
            Ok(value) => Some(Placed { at, value }),
            Err(reason) => {
                reader.fault(at, format!("`{key}`: {reason}, found `{}`", shown(&text)));
                None
            }
        }
    }

    /// One of `words`; one of `later` is a word of a later version.
    #[must_use]
    pub fn word<T: Copy>(self, words: &[(&str, T)], later: &[&str]) -> Option<T> {
        let (reader, key, at) = (self.reader, self.key, self.span);
        let text = self.text()?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*meaning);
        }
        let found = shown(&text);
        if later.contains(&text.as_str()) {
            reader.fault(
                at,
                format!("`{key} = \"{found}\"` is not available in this version"),
            );
            return None;
        }
        let known = || words.iter().map(|(word, _)| *word);
        let listed: Vec<String> = known().map(|word| format!("`{word}`")).collect();
        let message = format!("`{key}` must be {}, found `{found}`", either(&listed));
        reader.suggest(at, message, closest(&text, known()));
        None
    }

    /// The one word that this version knows; one of `later` is a word of a later version.
    pub fn only(self, word: &str, later: &[&str]) {
        // A fault is noted; there is no choice to give back.
        let _ = self.word(&[(word, ())], later);
    }

    /// `true` or `false`.
    #[must_use]
    pub fn flag(self) -> Option<bool> {
        match self.value {
            DeValue::Boolean(flag) => Some(flag),
            _ => self.is_not("`true` or `false`"),
        }
    }

    /// A whole number in `range`.
    #[must_use]
    pub fn number(self, range: RangeInclusive<u32>) -> Option<u32> {
        let (low, high) = (grouped(*range.start()), grouped(*range.end()));
        let wanted = format!("a whole number from {low} to {high}");
        let DeValue::Integer(digits) = &self.value else {
            return self.is_not(&wanted);
        };
        let number = u32::from_str_radix(digits.as_str(), digits.radix()).ok();
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => self.is_not(&wanted),
        }
    }

    /// A whole number from 1 to `most`.
    #[must_use]
    pub fn count(self, most: u32) -> Option<std::num::NonZeroU32> {
        self.number(1..=most).and_then(std::num::NonZeroU32::new)
    }

    /// A duration in whole seconds, 1 second to 30 days.
    #[must_use]
    pub fn seconds(self) -> Option<Duration> {
        self.seconds_within(1..=LONGEST_S)
    }

    /// A duration in whole seconds within `range`.
    #[must_use]
    pub fn seconds_within(self, range: RangeInclusive<u32>) -> Option<Duration> {
        self.number(range)
            .map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// A point in time with its zone: an RFC 3339 string or a TOML date-time.
    #[must_use]
    pub fn time(self) -> Option<Timestamp> {
        const EXAMPLE: &str = "as in `2026-12-01T10:00:00+01:00`";
        let written = match &self.value {
            DeValue::String(text) => text.to_string(),
            DeValue::Datetime(time) => time.to_string(),
            _ => return self.is_not(&format!("a date, time and zone, {EXAMPLE}")),
        };
        // A zone's name beside its offset could contradict it.
        let named_zone = written.contains('[');
        if let (false, Ok(time)) = (named_zone, written.parse()) {
            return Some(time);
        }
        let (key, found) = (self.key, shown(&written));
        let message = if !named_zone && written.parse::<jiff::civil::DateTime>().is_ok() {
            format!("`{key}` needs a zone, {EXAMPLE}, found `{found}`")
        } else {
            format!("`{key}` must be a date, time and zone, {EXAMPLE}, found `{found}`")
        };
        self.reader.fault(self.span, message);
        None
    }

    /// A string that `T` can be read from and that may hold a secret: a fault neither repeats
    /// it nor shows its line.
    #[must_use]
    pub fn secret<T: FromStr<Err: Display>>(self) -> Option<Placed<T>> {
        let (reader, key, at) = (self.reader, self.key, self.span);
        match self.text()?.parse() {
            Ok(value) => Some(Placed { at, value }),
            Err(reason) => {
                reader.secret_fault(at, format!("`{key}`: {reason}"));
                None
            }
        }
    }

    /// A SHA-256 as 64 hexadecimal digits. Somebody may have put the secret itself there.
    #[must_use]
    pub fn sha256(self) -> Option<[u8; 32]> {
        self.secret::<Digest>().map(|digest| digest.value.0)
    }

    /// A list.
    #[must_use]
    pub fn list(self) -> Option<Vec<Value<'a>>> {
        let (reader, key, key_span) = (self.reader, self.key, self.key_span);
        let DeValue::Array(items) = self.value else {
            return self.is_not("a list in brackets");
        };
        let item = |value| Value::new(reader, key, key_span, value);
        Some(items.into_iter().map(item).collect())
    }

    /// A table.
    #[must_use]
    pub fn table(self) -> Option<Table<'a>> {
        match self.value {
            DeValue::Table(keys) => Some(Table::under(
                self.reader,
                format!("[{}]", self.key),
                self.span,
                keys,
            )),
            _ => self.is_not(&format!("a table, `[{}]`", self.key)),
        }
    }

    /// Whether this is a table.
    #[must_use]
    pub const fn is_table(&self) -> bool {
        matches!(self.value, DeValue::Table(_))
    }

    /// Whether this is a list of nothing.
    #[must_use]
    pub fn is_empty_list(&self) -> bool {
        matches!(&self.value, DeValue::Array(items) if items.is_empty())
    }

    /// A list of tables.
    #[must_use]
    pub fn tables(self) -> Vec<Table<'a>> {
        let title = format!("[[{}]]", self.key);
        if !matches!(self.value, DeValue::Array(_)) {
            self.is_not::<()>(&format!("written `{title}`: there may be several"));
            return Vec::new();
        }
        let items = self.list().unwrap_or_default();
        let tables = items.into_iter().filter_map(Value::table);
        tables.map(|table| table.titled(&title)).collect()
    }

    fn is_not<T>(&self, wanted: &str) -> Option<T> {
        let found = match &self.value {
            DeValue::Integer(digits) => shown(&digits.to_string()),
            other => kind(other).to_owned(),
        };
        self.reader.fault(
            self.span,
            format!("`{}` must be {wanted}, found {found}", self.key),
        );
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::fault::Findings;
    use crate::text::source::Source;

    /// What `read` makes of `k = …`, and the one-line faults.
    fn read<T>(value: &str, read: impl Fn(Value<'_>) -> T) -> (T, String) {
        let source = Source::new("f", &format!("k = {value}"));
        let findings = Findings::default();
        let mut table = Table::read(&source, &findings);
        let out = read(table.take("k").unwrap());
        table.finish();
        (out, findings.take_lists().0.to_string())
    }

    #[test]
    fn an_address_is_shown_unless_a_password_may_stand_in_its_line() {
        type Whole = std::num::NonZeroU8;
        for (text, is_shown) in [
            ("'https://x:99999'", true),
            ("'redis:foo'", true),
            ("'http://[::1]:70000/a:b'", true),
            ("'redis://:hunter2@host:x'", false),
            ("'redis://:hunter2host'", false),
            ("'https://admin:hunter2'", false),
            ("'https://x:99999' # not https://u:hunter2@x", false),
        ] {
            let (read, fault) = read(text, |value| value.address::<Whole>());
            assert!(read.is_none());
            assert_eq!(fault.contains("found `"), is_shown, "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }

    #[test]
    fn times_need_a_zone_and_may_be_strings_or_date_times() {
        let opening = "2026-12-01T09:00:00Z".parse::<Timestamp>().unwrap();
        for good in [
            "\"2026-12-01T10:00:00+01:00\"",
            "2026-12-01T10:00:00+01:00",
            "2026-12-01 09:00:00Z",
            "2026-12-01T09:00Z",
        ] {
            assert_eq!(
                read(good, |value| value.time()),
                (Some(opening), String::new())
            );
        }
        for zoneless in [
            "\"2026-12-01T10:00:00\"",
            "2026-12-01T10:00:00",
            "2026-12-01",
        ] {
            let (time, fault) = read(zoneless, |value| value.time());
            assert!(
                time.is_none() && fault.contains("`k` needs a zone"),
                "{fault}"
            );
        }
        for bad in [
            "\"soon\"",
            "10:00:00",
            "5",
            "\"2026-12-01T10:00+05[Europe/Berlin]\"",
        ] {
            let (time, fault) = read(bad, |value| value.time());
            assert!(
                time.is_none() && fault.contains("must be a date, time and zone"),
                "{fault}"
            );
        }
    }

    #[test]
    fn numbers_keep_to_their_range_in_every_notation() {
        for (text, number) in [("7", 7), ("0x10", 16), ("1_0", 10), ("+5", 5)] {
            assert_eq!(read(text, |value| value.number(1..=20)).0, Some(number));
        }
        for text in [
            "0",
            "21",
            "-1",
            "99999999999999999999",
            "1.5",
            "\"7\"",
            "true",
        ] {
            let (number, fault) = read(text, |value| value.number(1..=20));
            assert!(number.is_none(), "{text}");
            assert!(fault.contains("whole number from 1 to 20"), "{fault}");
        }
    }

    #[test]
    fn durations_are_one_second_to_thirty_days() {
        assert_eq!(
            read("1", |value| value.seconds()).0,
            Some(Duration::from_secs(1))
        );
        assert!(read("2592000", |value| value.seconds()).0.is_some());
        assert!(read("0", |value| value.seconds()).0.is_none());
        let (_, fault) = read("2592001", |value| value.seconds());
        assert_eq!(
            fault,
            "f:1:5: `k` must be a whole number from 1 to 2,592,000, found 2592001"
        );
    }

    #[test]
    fn words_are_listed_and_the_near_one_is_suggested() {
        let words = [("fifo", 1), ("reject", 2)];
        let method = |value: Value<'_>| value.word(&words, &["random"]);
        assert_eq!(read("'reject'", method).0, Some(2));
        assert_eq!(
            read("'fiffo'", method).1,
            "f:1:5: `k` must be `fifo` or `reject`, found `fiffo`, did you mean `fifo`?"
        );
        assert_eq!(
            read("'random'", method).1,
            "f:1:5: `k = \"random\"` is not available in this version"
        );
    }

    #[test]
    fn every_bad_item_of_a_list_is_found_at_its_own_place() {
        let (good, fault) = read("['::1', 'x', 5]", |value| value.each::<std::net::IpAddr>());
        assert_eq!(good.len(), 1);
        assert_eq!(
            fault,
            "f:1:13: `k`: invalid IP address syntax, found `x`\n\
             f:1:18: `k` must be a string, found 5"
        );
        let one = read("'::1'", |value| value.one_or_more::<std::net::IpAddr>()).0;
        assert_eq!(one.len(), 1);
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits_and_never_repeated() {
        let hex = "Ab".repeat(32);
        assert_eq!(
            read(&format!("'{hex}'"), |value| value.sha256()).0,
            Some([0xab; 32])
        );
        let (digest, fault) = read("'a secret word'", |value| value.sha256());
        assert!(digest.is_none() && !fault.contains("secret"), "{fault}");
        assert!(
            read(&format!("'{}'", "+f".repeat(32)), |value| value.sha256())
                .0
                .is_none()
        );
    }
}
