//! The address a visitor wanted, made safe to stand in a page of ours.

use crate::gate::canonical::RETURN_MARK;

/// `wanted` if it can only lead to a place on this same site, else `/`.
///
/// It must be a path with an optional query, as a request names it. `//host` and `/\host` name another host, browsers
/// drop tabs and line breaks while they read an address and take `\` for `/`, so none of these
/// is let through. Escaping for HTML is still needed.
#[must_use]
pub fn same_site(wanted: &str) -> &str {
    let another_host = wanted.starts_with("//");
    let misread = |letter: char| {
        matches!(letter, '\\' | '#') || letter.is_control() || letter.is_whitespace()
    };
    if wanted.starts_with('/') && !another_host && !wanted.contains(misread) {
        wanted
    } else {
        "/"
    }
}

/// The wanted address with [`RETURN_MARK`] added to its query.
#[must_use]
pub fn marked(wanted: &str) -> String {
    let clean = unmarked(wanted);
    let joint = match clean.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{clean}{joint}{RETURN_MARK}")
}

/// The wanted address without [`RETURN_MARK`]; safe as [`same_site`] makes it.
#[must_use]
pub fn unmarked(wanted: &str) -> String {
    let wanted = same_site(wanted);
    let Some((path, query)) = wanted.split_once('?') else {
        return wanted.to_owned();
    };
    if !query.split('&').any(|pair| pair == RETURN_MARK) {
        return wanted.to_owned();
    }
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| *pair != RETURN_MARK)
        .collect();
    if kept.is_empty() {
        path.to_owned()
    } else {
        format!("{path}?{}", kept.join("&"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n3_an_address_that_could_lead_elsewhere_becomes_the_start_page() {
        let elsewhere = [
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\r\n/evil.example",
            "https://evil.example/",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "@evil.example",
            "evil.example",
            "?next=1",
            "",
            " //evil.example",
            "/ok\u{a0}x",
            "/ok\0",
            "/ok#x",
        ];
        for wanted in elsewhere {
            assert_eq!(same_site(wanted), "/", "{wanted:?}");
            assert_eq!(marked(wanted), "/?anteroom-return=1", "{wanted:?}");
            assert_eq!(unmarked(wanted), "/", "{wanted:?}");
        }
    }

    #[test]
    fn an_ordinary_address_stays_as_it_is() {
        let long = format!("/buy?x={}", "a".repeat(8_192));
        for wanted in [
            "/",
            "/buy/1?a=b&c=%2F%2Fevil",
            "/buy//twice",
            "/@x",
            "/ü",
            &long,
        ] {
            assert_eq!(same_site(wanted), wanted);
            assert_eq!(unmarked(wanted), wanted);
        }
    }

    #[test]
    fn the_marker_is_added_once_and_taken_off_again() {
        for (clean, with) in [
            ("/buy", "/buy?anteroom-return=1"),
            ("/buy?", "/buy?anteroom-return=1"),
            ("/buy?a=1&b=", "/buy?a=1&b=&anteroom-return=1"),
        ] {
            assert_eq!(marked(clean), with);
            assert_eq!(marked(with), with);
            assert_eq!(
                unmarked(with).trim_end_matches('?'),
                clean.trim_end_matches('?')
            );
        }
        assert_eq!(unmarked("/b?anteroom-return=1&a=2"), "/b?a=2");
        assert_eq!(unmarked("/b?x-anteroom-return=1"), "/b?x-anteroom-return=1");
    }
}
