//! Rust source without its comments, texts and tests, so that words in them count for nothing.

/// `source` with comments, strings and characters blanked out. Every line keeps its number.
pub fn bare(source: &str) -> String {
    let mut reader = Reader {
        rest: source.chars().collect(),
        at: 0,
        bare: String::with_capacity(source.len()),
    };
    while reader.at < reader.rest.len() {
        reader.step();
    }
    reader.bare
}

/// What of `bare` source comes before its inline `#[cfg(test)] mod …`, which closes a file.
pub fn before_tests(bare: &str) -> &str {
    let mut from = 0;
    while let Some(found) = bare[from..].find("#[cfg(test)]") {
        let attribute = from + found;
        from = attribute + "#[cfg(test)]".len();
        let opens = bare[from..].split(['{', ';']).next().unwrap_or_default();
        let inline = bare[from + opens.len()..].starts_with('{');
        if inline && opens.split_whitespace().any(|word| word == "mod") {
            return &bare[..attribute];
        }
    }
    bare
}

/// The names of modules that `bare` source declares for tests alone: `#[cfg(test)] mod name;`.
pub fn test_modules(bare: &str) -> Vec<String> {
    bare.split("#[cfg(test)]")
        .skip(1)
        .filter_map(|after| after.split_once(';'))
        .filter_map(|(declared, _)| declared.rsplit_once("mod "))
        .map(|(_, name)| name.trim().to_owned())
        .filter(|name| name.chars().all(is_word))
        .collect()
}

/// Whether a character may stand in a name.
pub fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

struct Reader {
    rest: Vec<char>,
    at: usize,
    bare: String,
}

impl Reader {
    fn step(&mut self) {
        let word_before = self.bare.ends_with(is_word);
        match (self.ahead(0), self.ahead(1)) {
            ('/', '/') => self.blank_until(|reader| reader.ahead(0) == '\n'),
            ('/', '*') => self.block_comment(),
            ('"', _) => self.text(),
            ('r' | 'b' | 'c', _) if !word_before && self.raw_hashes().is_some() => self.raw_text(),
            ('\'', '\\') => self.character(),
            ('\'', _) if self.ahead(2) == '\'' => self.blank(3),
            _ => self.keep(),
        }
    }

    fn ahead(&self, by: usize) -> char {
        self.rest.get(self.at + by).copied().unwrap_or('\0')
    }

    fn keep(&mut self) {
        self.bare.push(self.ahead(0));
        self.at += 1;
    }

    fn blank(&mut self, count: usize) {
        for _ in 0..count {
            if self.at < self.rest.len() {
                let line_end = self.ahead(0) == '\n';
                self.bare.push(if line_end { '\n' } else { ' ' });
                self.at += 1;
            }
        }
    }

    fn blank_until(&mut self, done: impl Fn(&Self) -> bool) {
        while self.at < self.rest.len() && !done(self) {
            self.blank(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_u32;
        loop {
            match (self.ahead(0), self.ahead(1)) {
                ('/', '*') => depth += 1,
                ('*', '/') => depth -= 1,
                _ if self.at >= self.rest.len() => return,
                _ => {
                    self.blank(1);
                    continue;
                }
            }
            self.blank(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn text(&mut self) {
        self.blank(1);
        while self.at < self.rest.len() && self.ahead(0) != '"' {
            self.blank(if self.ahead(0) == '\\' { 2 } else { 1 });
        }
        self.blank(1);
    }

    fn character(&mut self) {
        self.blank(3);
        self.blank_until(|reader| reader.ahead(0) == '\'');
        self.blank(1);
    }

    /// How many `#` a raw text that begins here has, if one begins here.
    fn raw_hashes(&self) -> Option<usize> {
        let letters = (0..2)
            .take_while(|&by| "rbc".contains(self.ahead(by)))
            .count();
        let raw = (0..letters).any(|by| self.ahead(by) == 'r');
        let hashes = (letters..).take_while(|&by| self.ahead(by) == '#').count();
        (raw && self.ahead(letters + hashes) == '"').then_some(hashes)
    }

    fn raw_text(&mut self) {
        let hashes = self.raw_hashes().unwrap_or_default();
        self.blank_until(|reader| reader.ahead(0) == '"');
        self.blank(1);
        self.blank_until(|reader| {
            reader.ahead(0) == '"' && (1..=hashes).all(|by| reader.ahead(by) == '#')
        });
        self.blank(1 + hashes);
    }
}

#[test]
fn comments_texts_and_characters_are_blanked_and_lines_kept() {
    let source =
        "a // x\n/* x /* x */ x */ b \"x\\\"x\" 'x' '\\'' &'a c r#\"x\"x\"# br\"x\" for_r \"\"";

    let seen = bare(source);

    assert_eq!(seen.lines().count(), 2);
    assert!(!seen.contains('x'), "{seen}");
    let words: Vec<&str> = seen.split_whitespace().collect();
    assert_eq!(words, ["a", "b", "&'a", "c", "for_r"]);
}

#[test]
fn tests_are_told_from_what_they_test() {
    let source = "fn a() {}\n#[cfg(test)]\npub(crate) mod testing;\n#[cfg(test)]\nfn b() {}\n#[cfg(test)]\nmod tests {\n}\n";

    assert_eq!(test_modules(source), ["testing"]);
    assert!(before_tests(source).ends_with("fn b() {}\n"));
}
