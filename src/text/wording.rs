//! How messages word things: quoted pieces of a text, lists of choices, numbers, near words.

use toml::de::DeValue;

/// The word that was probably meant by `written`, if one is near enough.
#[must_use]
pub fn closest<'w>(written: &str, words: impl Iterator<Item = &'w str>) -> Option<&'w str> {
    if written.len() > 64 {
        return None;
    }
    let reach = 1 + written.chars().count() / 4;
    words
        .map(|word| (strsim::damerau_levenshtein(written, word), word))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, word)| word)
}

/// A piece of the source as a message shows it: at most 60 characters, none of them a control
/// character.
#[must_use]
pub fn shown(text: &str) -> String {
    clean(text, 60)
}

/// `text` without control characters, cut after `most` of its characters.
pub(super) fn clean(text: &str, most: usize) -> String {
    let mut out: String = text.chars().take(most).flat_map(visible).collect();
    if text.chars().nth(most).is_some() {
        out.push('\u{2026}');
    }
    out
}

/// The character, or its escape where it would not show or would turn the text around.
fn visible(character: char) -> impl Iterator<Item = char> {
    let turns = matches!(
        character,
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    let plain = !turns && !character.is_control();
    let escaped = (!plain).then(|| character.escape_unicode());
    plain
        .then_some(character)
        .into_iter()
        .chain(escaped.into_iter().flatten())
}

/// Words as a choice: `a, b or c`.
pub(super) fn either(words: &[String]) -> String {
    match words {
        [] => "nothing".to_owned(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A number with commas between its thousands.
pub(super) fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// What a value is.
pub(super) const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(true) => "`true`",
        DeValue::Boolean(false) => "`false`",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_pieces_are_short_and_cannot_steer_a_terminal() {
        assert_eq!(shown("a\u{1b}[2J\u{202e}"), "a\\u{1b}[2J\\u{202e}");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 61);
    }

    #[test]
    fn a_near_word_is_suggested_and_a_far_one_is_not() {
        let meant = |written: &str| closest(written, ["burst", "per_minute"].into_iter());
        assert_eq!(meant("brust"), Some("burst"));
        assert_eq!(meant("per_minuts"), Some("per_minute"));
        assert_eq!(meant("capacity"), None);
        assert_eq!(meant(&"burst".repeat(50_000)), None);
    }

    #[test]
    fn numbers_have_commas_between_thousands() {
        let words = [1, 999, 1_000, 2_592_000].map(grouped);
        assert_eq!(words, ["1", "999", "1,000", "2,592,000"]);
    }
}
