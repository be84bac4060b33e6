//! What is wrong with a text, where, and how it is shown to the person who wrote it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use super::source::Source;
use super::span::Span;
use super::wording::{clean, shown};

/// The most faults kept of one reading; the rest are only counted.
pub const MOST_KEPT: usize = 500;

/// The most characters of a file's name that are shown.
const LONGEST_NAME: usize = 255;

/// The most characters of a message: it may repeat names that come from outside.
const LONGEST_MESSAGE: usize = 2_000;

/// One thing wrong, and its place.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The source's name.
    pub file: Arc<str>,
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, as one line without control characters.
    pub message: String,
    /// The word that was probably meant.
    pub suggestion: Option<String>,
    /// The bytes in question.
    pub span: Span,
    kind: Kind,
}

/// Broken syntax makes other faults of its line doubtful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Syntax,
    Meaning,
    /// The line may hold a secret, which must not be repeated.
    Secret,
}

impl Fault {
    /// A fault at `span` of `source`.
    #[must_use]
    pub fn new(source: &Source, span: Span, message: impl Into<String>) -> Self {
        let place = source.lines().position(source.text(), span.start);
        Self {
            file: Arc::clone(source.name()),
            line: place.line,
            column: place.column,
            message: clean(&message.into(), LONGEST_MESSAGE),
            suggestion: None,
            span,
            kind: Kind::Meaning,
        }
    }

    /// A fault of a file as a whole, which need not exist.
    #[must_use]
    pub fn of_file(name: &str, message: impl Into<String>) -> Self {
        Self::new(&Source::new(name, ""), Span::default(), message)
    }

    /// The same fault as one of syntax: it hides the other faults of its line.
    #[must_use]
    pub fn of_syntax(self) -> Self {
        Self {
            kind: Kind::Syntax,
            ..self
        }
    }

    /// The same fault about a line that may hold a secret: it is never shown.
    #[must_use]
    pub fn of_secret(self) -> Self {
        Self {
            kind: Kind::Secret,
            ..self
        }
    }

    /// The file's name as it may be shown: it can come from outside, and hold anything.
    #[must_use]
    pub fn file_shown(&self) -> String {
        clean(&self.file, LONGEST_NAME)
    }

    /// Whether the line it is about may be shown.
    #[must_use]
    pub fn may_be_shown(&self) -> bool {
        self.kind != Kind::Secret
    }

    /// The same fault with the word that was probably meant.
    #[must_use]
    pub fn suggesting(self, suggestion: Option<&str>) -> Self {
        Self {
            suggestion: suggestion.map(shown),
            ..self
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        let file = self.file_shown();
        write!(f, "{file}:{line}:{column}: {message}")?;
        self.suggestion
            .iter()
            .try_for_each(|word| write!(f, ", did you mean `{word}`?"))
    }
}

/// Faults in order of file, line and column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    kept: Vec<Fault>,
    unkept: usize,
}

impl Faults {
    /// Those kept, at most [`MOST_KEPT`].
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.kept.iter()
    }

    /// How many there are, kept or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept.len() + self.unkept
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many files they are in.
    #[must_use]
    pub fn files(&self) -> usize {
        let names: BTreeSet<&str> = self.iter().map(|fault| fault.file.as_ref()).collect();
        names.len()
    }

    /// For example `8 faults in 3 files`; `noun` is `fault` or `warning`.
    #[must_use]
    pub fn summary(&self, noun: &str) -> String {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let (faults, files) = (self.len(), self.files());
        let (many, spread) = (plural(faults), plural(files));
        format!("{faults} {noun}{many} in {files} file{spread}")
    }
}

impl fmt::Display for Faults {
    /// One line each: `file:line:column: message`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.iter().enumerate() {
            let gap = if index == 0 { "" } else { "\n" };
            write!(f, "{gap}{fault}")?;
        }
        if self.unkept > 0 {
            write!(f, "\nand {} more", self.unkept)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl FromIterator<Fault> for Faults {
    /// Sorts, drops repetitions, and of a line with broken syntax keeps only that.
    fn from_iter<I: IntoIterator<Item = Fault>>(faults: I) -> Self {
        let mut all: Vec<Fault> = faults.into_iter().collect();
        let broken: BTreeSet<(Arc<str>, usize)> = all
            .iter()
            .filter(|fault| fault.kind == Kind::Syntax)
            .map(|fault| (Arc::clone(&fault.file), fault.line))
            .collect();
        all.retain(|fault| {
            fault.kind == Kind::Syntax || !broken.contains(&(Arc::clone(&fault.file), fault.line))
        });
        all.sort();
        all.dedup_by(|next, last| {
            let same_line = (&next.file, next.line) == (&last.file, last.line);
            next == last || (same_line && next.kind == Kind::Syntax)
        });
        let unkept = all.len().saturating_sub(MOST_KEPT);
        all.truncate(MOST_KEPT);
        Self { kept: all, unkept }
    }
}

/// Faults and warnings while they are being gathered from several texts.
#[derive(Debug, Default)]
pub struct Findings {
    faults: Gathering,
    warnings: Gathering,
}

/// One list while it grows. What comes after twice [`MOST_KEPT`] is only counted: the list is
/// cut to its first when it is sorted.
#[derive(Debug, Default)]
struct Gathering {
    kept: RefCell<Vec<Fault>>,
    unkept: Cell<usize>,
}

impl Findings {
    /// Notes a fault, which is made only if it will be kept.
    pub fn fault(&self, fault: impl FnOnce() -> Fault) {
        self.faults.add(fault);
    }

    /// Notes something that is allowed but probably not meant.
    pub fn warning(&self, warning: impl FnOnce() -> Fault) {
        self.warnings.add(warning);
    }

    /// Takes out the faults and the warnings, each sorted.
    #[must_use]
    pub fn take_lists(&self) -> (Faults, Faults) {
        (self.faults.take(), self.warnings.take())
    }
}

impl Gathering {
    /// Finding a fault's place costs a walk along its line, so a flood of them must not.
    fn add(&self, fault: impl FnOnce() -> Fault) {
        let mut kept = self.kept.borrow_mut();
        if kept.len() < 2 * MOST_KEPT {
            kept.push(fault());
        } else {
            self.unkept.set(self.unkept.get().saturating_add(1));
        }
    }

    fn take(&self) -> Faults {
        let mut faults: Faults = self.kept.take().into_iter().collect();
        faults.unkept = faults.unkept.saturating_add(self.unkept.take());
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(source: &Source, word: &str, message: &str) -> Fault {
        let start = source.text().find(word).unwrap();
        Fault::new(source, (start..start + word.len()).into(), message)
    }

    #[test]
    fn faults_are_sorted_by_file_line_and_column() {
        let (a, b) = (Source::new("a", "x y\nz"), Source::new("b", "x"));
        let faults: Faults = [
            fault(&b, "x", "4"),
            fault(&a, "z", "3"),
            fault(&a, "y", "2"),
            fault(&a, "x", "1"),
        ]
        .into_iter()
        .collect();
        assert_eq!(faults.to_string(), "a:1:1: 1\na:1:3: 2\na:2:1: 3\nb:1:1: 4");
        assert_eq!(faults.summary("fault"), "4 faults in 2 files");
    }

    #[test]
    fn broken_syntax_hides_the_other_faults_of_its_line_only() {
        let source = Source::new("a", "x y\nz");
        let faults: Faults = [
            fault(&source, "x", "doubtful"),
            fault(&source, "y", "syntax").of_syntax(),
            fault(&source, "z", "kept"),
        ]
        .into_iter()
        .collect();
        assert_eq!(faults.to_string(), "a:1:3: syntax\na:2:1: kept");
    }

    #[test]
    fn a_flood_of_faults_is_counted_but_not_kept() {
        let findings = Findings::default();
        let text = "x\n".repeat(5_000);
        let source = Source::new("a", &text);
        for line in 0..5_000 {
            findings.fault(|| Fault::new(&source, (line * 2..line * 2 + 1).into(), "no"));
            findings.warning(|| Fault::of_file("b", "no"));
        }
        let (faults, warnings) = findings.take_lists();
        assert_eq!(faults.iter().count(), MOST_KEPT);
        assert_eq!(faults.len(), 5_000);
        assert_eq!(warnings.len(), 4_001, "alike ones are one");
        assert!(faults.to_string().ends_with("and 4500 more"));
    }
}
