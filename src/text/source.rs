//! Named texts, with a limit on what is taken in.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::span::Lines;

/// The largest file taken in: 1 MiB.
pub const LARGEST_FILE: usize = 1 << 20;

/// The most that all files may hold together: 8 MiB.
pub const LARGEST_SET: usize = 8 << 20;

/// The most files taken in.
pub const MOST_FILES: usize = 2_000;

/// One text and the name it goes by in messages.
#[derive(Clone, Debug)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    lines: Lines,
}

impl Source {
    /// A text named by its path below the policies directory, with forward slashes.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
            lines: Lines::of(text),
        }
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Where its lines begin.
    #[must_use]
    pub const fn lines(&self) -> &Lines {
        &self.lines
    }
}

/// More text than is taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooMuch {
    /// One file is too large.
    #[error("`{0}` is larger than 1 MiB")]
    File(String),
    /// All files together are too large.
    #[error("the files hold more than 8 MiB together")]
    Together,
    /// There are too many files.
    #[error("there are more than 2,000 files")]
    Files,
}

/// Texts by name, in order of their names.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    by_name: BTreeMap<Arc<str>, Source>,
    bytes: usize,
}

impl Sources {
    /// Takes in one text, or replaces the one of that name.
    ///
    /// # Errors
    /// [`TooMuch`] beyond [`LARGEST_FILE`], [`LARGEST_SET`] or [`MOST_FILES`]; nothing is kept then.
    pub fn add(&mut self, name: &str, text: &str) -> Result<(), TooMuch> {
        if text.len() > LARGEST_FILE {
            return Err(TooMuch::File(name.to_owned()));
        }
        let replaced = self.by_name.get(name).map(|old| old.text.len());
        let bytes = self.bytes - replaced.unwrap_or(0) + text.len();
        if bytes > LARGEST_SET {
            return Err(TooMuch::Together);
        }
        if replaced.is_none() && self.by_name.len() >= MOST_FILES {
            return Err(TooMuch::Files);
        }
        self.bytes = bytes;
        let source = Source::new(name, text);
        self.by_name.insert(Arc::clone(&source.name), source);
        Ok(())
    }

    /// The text of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Source> {
        self.by_name.get(name)
    }

    /// All texts, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.by_name.values()
    }

    /// The texts right inside `folder` (named without a slash), in order of their names.
    pub fn inside<'s>(&'s self, folder: &'s str) -> impl Iterator<Item = &'s Source> {
        self.iter().filter(move |source| {
            source
                .name
                .strip_prefix(folder)
                .and_then(|rest| rest.strip_prefix('/'))
                .is_some_and(|rest| !rest.contains('/'))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_taken_in_than_the_limits_allow() {
        let mut sources = Sources::default();
        let large = "x".repeat(LARGEST_FILE);
        assert_eq!(
            sources.add("a.toml", &format!("{large}x")),
            Err(TooMuch::File("a.toml".to_owned()))
        );
        for number in 0..8 {
            sources.add(&format!("{number}.toml"), &large).unwrap();
        }
        assert_eq!(sources.add("9.toml", "x"), Err(TooMuch::Together));
        sources.add("0.toml", "").unwrap();
        sources.add("9.toml", "x").unwrap();
    }

    #[test]
    fn the_count_of_files_is_limited_and_replacing_adds_none() {
        let mut sources = Sources::default();
        for number in 0..MOST_FILES {
            sources.add(&number.to_string(), "").unwrap();
        }
        sources.add("0", "again").unwrap();
        assert_eq!(sources.add("one more", ""), Err(TooMuch::Files));
    }

    #[test]
    fn a_folder_holds_what_lies_right_inside_it() {
        let mut sources = Sources::default();
        for name in [
            "rooms/b.toml",
            "rooms/a.toml",
            "rooms/x/y.toml",
            "rooms.toml",
        ] {
            sources.add(name, "").unwrap();
        }
        let names: Vec<&str> = sources.inside("rooms").map(|s| s.name().as_ref()).collect();
        assert_eq!(names, ["rooms/a.toml", "rooms/b.toml"]);
    }
}
