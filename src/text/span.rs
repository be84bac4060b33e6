//! Places in a text: byte spans, and the lines and columns that people count.

/// A range of bytes in one source. May reach past the text's end; every reader clips it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte; equal to `start` for a point.
    pub end: usize,
}

impl From<std::ops::Range<usize>> for Span {
    fn from(range: std::ops::Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

/// A line and a column, both counted from 1; columns count characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// Where the lines of a text begin.
#[derive(Clone, Debug)]
pub struct Lines(Vec<usize>);

impl Lines {
    /// Finds the line starts of `text`; there is always one.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(after_breaks).collect())
    }

    /// The place of the byte at `offset` in `text`, the text these are the lines of. An offset
    /// past the end is the end.
    #[must_use]
    pub fn position(&self, text: &str, offset: usize) -> Position {
        let offset = text.floor_char_boundary(offset);
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.start(line);
        let before = text.get(start..offset).unwrap_or_default();
        Position {
            line,
            column: before.chars().count() + 1,
        }
    }

    /// The text of a line (counted from 1) without its line break, and where it begins.
    #[must_use]
    pub fn line<'t>(&self, text: &'t str, line: usize) -> (usize, &'t str) {
        let start = self.start(line);
        let rest = text.get(start..).unwrap_or_default();
        let content = rest.split('\n').next().unwrap_or_default();
        (start, content.strip_suffix('\r').unwrap_or(content))
    }

    fn start(&self, line: usize) -> usize {
        let index = line.saturating_sub(1);
        self.0.get(index).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let text = "a = 1\r\n# \u{e9}\u{e9} x\n\nend";
        let lines = Lines::of(text);
        let at = |offset| {
            let place = lines.position(text, offset);
            (place.line, place.column)
        };

        assert_eq!(at(0), (1, 1));
        assert_eq!(at(4), (1, 5));
        assert_eq!(at(text.find('x').unwrap()), (2, 6), "two-byte letters");
        assert_eq!(at(text.find("end").unwrap()), (4, 1));
        assert_eq!(at(9_999), (4, 4), "past the end is the end");
        assert_eq!(lines.line(text, 1), (0, "a = 1"));
        assert_eq!(lines.line(text, 3).1, "");
    }

    #[test]
    fn an_offset_inside_a_character_is_its_beginning() {
        let text = "\u{e9}";
        assert_eq!(Lines::of(text).position(text, 1).column, 1);
    }
}
