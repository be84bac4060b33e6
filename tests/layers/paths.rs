//! Where the paths in a file lead: which folders of the crate it names.

use super::bare::is_word;

/// A folder named somewhere in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Named {
    /// The first segment below the crate's root.
    pub folder: String,
    /// Counted from 1.
    pub line: usize,
}

/// Every folder that `bare` source names through `crate::`, `anteroom::` or enough `super::`.
/// `depth` is how many modules lie between the file's own module and the crate's root.
pub fn named(bare: &str, depth: usize) -> Vec<Named> {
    let mut found = Vec::new();
    for (at, _) in bare.match_indices("::") {
        let (before, after) = (&bare[..at], &bare[at + 2..]);
        if !leads_to_root(before, depth) || after.starts_with('<') {
            continue;
        }
        let line = 1 + before.matches('\n').count();
        for (folder, below) in roots(after) {
            let line = line + below;
            found.push(Named { folder, line });
        }
    }
    found
}

/// Whether the path that ends `before` stands for the crate's root.
fn leads_to_root(before: &str, depth: usize) -> bool {
    let path_from = before
        .rfind(|character: char| !is_word(character) && character != ':')
        .map_or(0, |end| end + 1);
    let path: Vec<&str> = before[path_from..].split("::").collect();
    match path[..] {
        ["crate"] | ["anteroom"] | ["", "anteroom"] => true,
        _ => {
            let supers = path.iter().filter(|&&segment| segment == "super").count();
            let own = path.iter().filter(|&&segment| segment == "self").count();
            supers > 0
                && supers + own == path.len()
                && supers == depth + inline_modules(&before[..path_from])
        }
    }
}

/// How many inline modules are open at the end of `before`.
fn inline_modules(before: &str) -> usize {
    let mut open = Vec::new();
    let mut statement = String::new();
    for character in before.chars() {
        match character {
            '{' => open.push(opens_module(&std::mem::take(&mut statement))),
            '}' => {
                open.pop();
                statement.clear();
            }
            ';' | ']' => statement.clear(),
            _ => statement.push(character),
        }
    }
    open.into_iter().filter(|&module| module).count()
}

fn opens_module(statement: &str) -> bool {
    let mut words = statement.split_whitespace().rev();
    let name = words.next();
    name.is_some() && words.next() == Some("mod")
}

/// The first segments after a path to the root: one name, or those of a `{…}` with how many
/// lines below they stand.
fn roots(after: &str) -> Vec<(String, usize)> {
    let Some(group) = after.strip_prefix('{') else {
        return vec![(first_word(after), 0)];
    };
    let (mut depth, mut wanted, mut lines) = (0_usize, true, 0);
    let mut found = Vec::new();
    for (at, character) in group.char_indices() {
        match character {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => wanted = true,
            '\n' => lines += 1,
            _ if wanted && is_word(character) => {
                wanted = false;
                found.push((first_word(&group[at..]), lines));
            }
            _ => {}
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars()
        .take_while(|&character| is_word(character))
        .collect()
}

#[cfg(test)]
fn folders(source: &str, depth: usize) -> Vec<String> {
    named(source, depth)
        .into_iter()
        .map(|named| named.folder)
        .collect()
}

#[test]
fn every_way_to_the_root_is_seen() {
    assert_eq!(folders("use crate::store::Store;", 2), ["store"]);
    assert_eq!(
        folders("use crate::{domain::{a, b},\n gate, app::{c}};", 1),
        ["domain", "gate", "app"]
    );
    assert_eq!(folders("use super::super::cli::run;", 2), ["cli"]);
    assert_eq!(folders("fn a() { anteroom::cli::main() }", 0), ["cli"]);
    assert_eq!(folders("mod tests { use super::super::app; }", 1), ["app"]);
    assert_eq!(folders("pub(in crate::edge) fn a() {}", 1), ["edge"]);
}

#[test]
fn what_stays_inside_a_folder_is_none_of_our_business() {
    assert!(folders("use super::place::Place; use super::super::b;", 3).is_empty());
    assert!(folders("mod tests { use super::*; }", 1).is_empty());
    assert!(folders("use std::fmt; self::a(); Self::b(); mycrate::c();", 1).is_empty());
}

#[test]
fn a_group_tells_the_line_of_each_of_its_names() {
    let found = named("\nuse crate::{\n    text,\n    app,\n};", 1);

    let lines: Vec<usize> = found.iter().map(|named| named.line).collect();
    assert_eq!(lines, [3, 4]);
}
