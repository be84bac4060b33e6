//! Faults shown in the lines they are about.

use std::fmt::Write as _;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::fault::{Fault, Faults};
use super::source::Sources;

/// How much of a line is shown on either side of a fault, in bytes.
const REACH: usize = 120;

/// How much weight a list of faults has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The texts cannot be used.
    Fault,
    /// The texts can be used; the writer should look again.
    Warning,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
        }
    }
}

/// Every fault with the line it is about, as plain text for a terminal. Control characters of
/// the source are replaced by visible ones.
#[must_use]
pub fn excerpts(faults: &Faults, sources: &Sources, severity: Severity) -> String {
    let mut text = String::new();
    for fault in faults.iter() {
        let shown = Renderer::plain().render(&[group(fault, sources, severity)]);
        // Without an excerpt the renderer leaves no room for the line's number before the arrow.
        let room = " ".repeat(fault.line.to_string().len());
        let shown = shown.replacen("\n-->", &format!("\n{room}-->"), 1);
        text.extend(shown.chars().map(visible));
        text.push_str("\n\n");
    }
    let unkept = faults.len() - faults.iter().count();
    if unkept > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "and {unkept} more\n");
    }
    text
}

/// The renderer replaces the control characters of ASCII, but none of those from U+0080 on, which
/// terminals obey too.
const fn visible(character: char) -> char {
    match character {
        '\u{80}'..='\u{9f}' => char::REPLACEMENT_CHARACTER,
        other => other,
    }
}

fn group<'a>(fault: &'a Fault, sources: &'a Sources, severity: Severity) -> Group<'a> {
    let level = match severity {
        Severity::Fault => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .with_name(severity.word())
        .primary_title(fault.message.as_str());
    let help = fault
        .suggestion
        .as_ref()
        .map(|word| Level::HELP.message(format!("did you mean `{word}`?")));
    let snippet = fault.may_be_shown().then(|| snippet(fault, sources));
    let group = match snippet.flatten() {
        // Only of a whole line can the renderer count the column itself.
        Some((0, snippet)) => title.element(snippet.path(fault.file_shown())),
        Some((_, snippet)) => title.element(place(fault)).element(snippet),
        None => title.element(place(fault)),
    };
    group.elements(help)
}

fn place(fault: &Fault) -> Origin<'_> {
    Origin::path(fault.file_shown())
        .line(fault.line)
        .char_column(fault.column)
}

/// The fault's line, cut to what is near it, and where the cut begins: a file of one long line
/// must stay cheap to show.
fn snippet<'a>(
    fault: &Fault,
    sources: &'a Sources,
) -> Option<(usize, Snippet<'a, Annotation<'a>>)> {
    let source = sources.named(&fault.file)?;
    let (start, line) = source.lines().line(source.text(), fault.line);
    let from = line.floor_char_boundary(fault.span.start.saturating_sub(start));
    let to = line.ceil_char_boundary(fault.span.end.saturating_sub(start));
    let first = line.floor_char_boundary(from.saturating_sub(REACH));
    let last = line.ceil_char_boundary(to.max(from).min(from + REACH) + REACH);
    let shown = line.get(first..last)?;
    let end = to.saturating_sub(first).clamp(from - first, shown.len());
    let mark = AnnotationKind::Primary.span(from - first..end);
    let snippet = Snippet::source(shown)
        .line_start(fault.line)
        .annotation(mark);
    Some((first, snippet))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str, span: std::ops::Range<usize>) -> String {
        let mut sources = Sources::default();
        sources.add("rooms/a.toml", text).unwrap();
        let source = sources.named("rooms/a.toml").unwrap();
        let fault = Fault::new(source, span.into(), "unknown key `nmae`").suggesting(Some("name"));
        excerpts(&[fault].into_iter().collect(), &sources, Severity::Fault)
    }

    #[test]
    fn an_excerpt_shows_file_place_line_mark_and_suggestion() {
        let text = shown("# one\nnmae = 'x'\n", 6..10);
        for part in [
            "fault: unknown key `nmae`",
            "\n --> rooms/a.toml:2:1",
            "2 | nmae = 'x'",
            "^^^^",
            "did you mean `name`?",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn a_missing_file_is_shown_without_an_excerpt() {
        let fault = Fault::of_file("anteroom.toml", "missing file");
        let text = excerpts(
            &[fault].into_iter().collect(),
            &Sources::default(),
            Severity::Fault,
        );
        assert!(text.contains("anteroom.toml"), "{text}");
    }

    #[test]
    fn a_line_that_may_hold_a_secret_is_not_shown() {
        let mut sources = Sources::default();
        sources.add("a", "url = 'redis://:hunter2@host'").unwrap();
        let fault = Fault::new(sources.named("a").unwrap(), (6..28).into(), "no").of_secret();
        let text = excerpts(&[fault].into_iter().collect(), &sources, Severity::Fault);
        assert!(
            text.contains("\n --> a:1:7") && !text.contains("hunter2"),
            "{text}"
        );
    }

    #[test]
    fn a_terminal_gets_no_escape_characters() {
        let text = shown("a = '\u{1b}[2J\u{7}\u{9b}2J\u{85}\u{7f}'", 0..8);
        let obeyed = |one: char| one.is_control() && one != '\n';
        assert!(!text.contains(obeyed), "{text:?}");
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let line = "x".repeat(500_000);
        let text = shown(&line, 250_000..250_004);
        assert!(
            text.len() < 3_000 && text.contains("rooms/a.toml:1:250001"),
            "{text}"
        );
    }

    proptest! {
        #[test]
        fn any_span_of_any_text_can_be_shown(text in "\\PC*[\r\n\t\u{e9}\u{1f600}]{0,9}\\PC*", start in 0_usize..80, length in 0_usize..80) {
            prop_assert!(!shown(&text, start..start + length).is_empty());
        }
    }
}
