//! Our cookies, cut out of what passes. Everything of ours is named `anteroom-…`, on TLS with
//! the `__Host-` prefix; an origin can neither read nor set such a cookie.

use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderValue};

const OURS: &[u8] = b"anteroom-";

/// Prefixes that browsers give a meaning to.
const PREFIXES: [&[u8]; 2] = [b"__host-", b"__secure-"];

/// Cuts our cookies out of every `Cookie` line. Others keep their bytes and their order; a line
/// of ours alone goes.
pub(super) fn cut(headers: &mut HeaderMap) {
    if !headers
        .get_all(COOKIE)
        .iter()
        .any(|line| pairs(line).any(is_ours))
    {
        return;
    }
    let kept: Vec<HeaderValue> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(without_ours)
        .collect();
    replace(headers, COOKIE, kept);
}

/// Drops `Set-Cookie` lines that would set a cookie of ours.
pub(super) fn drop_set(headers: &mut HeaderMap) {
    let lines = headers.get_all(SET_COOKIE);
    if !lines.iter().any(|line| is_ours(line.as_bytes())) {
        return;
    }
    let kept: Vec<HeaderValue> = lines
        .iter()
        .filter(|line| !is_ours(line.as_bytes()))
        .cloned()
        .collect();
    replace(headers, SET_COOKIE, kept);
}

fn replace(headers: &mut HeaderMap, name: http::HeaderName, values: Vec<HeaderValue>) {
    headers.remove(&name);
    for value in values {
        headers.append(&name, value);
    }
}

fn pairs(line: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    line.as_bytes().split(|byte| *byte == b';')
}

fn without_ours(line: &HeaderValue) -> Option<HeaderValue> {
    let mut kept = Vec::with_capacity(line.len() + 1);
    for pair in pairs(line).filter(|pair| !is_ours(pair)) {
        kept.extend_from_slice(pair);
        kept.push(b';');
    }
    kept.pop();
    if kept
        .iter()
        .all(|byte| byte.is_ascii_whitespace() || *byte == b';')
    {
        return None;
    }
    HeaderValue::from_bytes(kept.trim_ascii()).ok()
}

/// Whether a cookie's name is ours, in any case. `=name=value`, which browsers keep as a
/// nameless cookie and send back as `name=value`, counts as named.
fn is_ours(pair: &[u8]) -> bool {
    let start = pair
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t' | b'='));
    let named = start.and_then(|start| pair.get(start..)).unwrap_or(&[]);
    let bare = PREFIXES
        .iter()
        .find_map(|prefix| strip_prefix(named, prefix));
    strip_prefix(bare.unwrap_or(named), OURS).is_some()
}

fn strip_prefix<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = bytes.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, HeaderValue::from_str(line).unwrap());
        }
        headers
    }

    fn after_cut(lines: &[&str]) -> Vec<String> {
        let mut headers = sent(lines);
        cut(&mut headers);
        let values = headers.get_all(COOKIE).iter();
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a9_our_cookies_are_cut_in_any_spelling() {
        for ours in [
            "anteroom-q-derby=1",
            "anteroom-a-derby=1",
            "__Host-anteroom-q-derby=1",
            "__host-ANTEROOM-A-derby=1",
            "__Secure-anteroom-a-derby=1",
            "Anteroom-A-derby=1",
            "anteroom-a-derby",
            "=anteroom-a-derby=1",
        ] {
            assert_eq!(after_cut(&[ours]), [""; 0], "{ours} alone");
            let line = format!("a=1; {ours}; b=2");
            assert_eq!(after_cut(&[&line]), ["a=1; b=2"], "{line}");
            let line = format!("{ours}; a=1;b=2");
            assert_eq!(after_cut(&[&line]), ["a=1;b=2"], "{line}");
            let line = format!("a=1; {ours}");
            assert_eq!(after_cut(&[&line]), ["a=1"], "{line}");
        }
    }

    #[test]
    fn every_cookie_line_is_cut_and_an_empty_one_goes() {
        let lines = ["a=1; anteroom-q-x=2", "anteroom-a-x=3", "b=4"];

        assert_eq!(after_cut(&lines), ["a=1", "b=4"]);
    }

    #[test]
    fn what_only_looks_like_ours_stays() {
        let line = "my-anteroom-q-x=1;; anteroom=2 ; x=anteroom-a-x=3; __Host-id=4";

        assert_eq!(after_cut(&[line]), [line]);
    }

    #[test]
    fn an_origin_cannot_set_our_cookies() {
        let mut headers = HeaderMap::new();
        for line in [
            "a=1; Path=/",
            "anteroom-a-derby=stolen",
            "b=2",
            "__Host-Anteroom-Q-derby=stolen; Secure",
            "=anteroom-a-derby=stolen",
            " anteroom-a-derby=stolen",
            "c=anteroom-a-derby",
        ] {
            headers.append(SET_COOKIE, HeaderValue::from_static(line));
        }

        drop_set(&mut headers);

        let left: Vec<_> = headers.get_all(SET_COOKIE).iter().collect();
        assert_eq!(left, ["a=1; Path=/", "b=2", "c=anteroom-a-derby"]);
    }

    /// A cookie, and whether it is ours.
    fn cookie() -> impl Strategy<Value = (String, bool)> {
        let value = "[!#-+./-:<-\\[\\]-~]{0,12}";
        prop_oneof![
            ("[b-zB-Z0-9!#$%&'*+.^`|~][a-zA-Z0-9_-]{0,10}", value)
                .prop_map(|(name, value)| (format!("{name}={value}"), false)),
            ("(__Host-|__SECURE-)?[aA]nteroom-[a-z-]{0,8}", value)
                .prop_map(|(name, value)| (format!("{name}={value}"), true)),
        ]
    }

    proptest! {
        #[test]
        fn foreign_cookies_keep_their_bytes_and_their_order(
            lines in prop::collection::vec(
                prop::collection::vec((cookie(), prop_oneof![Just("; "), Just(";"), Just(" ;\t")]), 1..6),
                0..4,
            ),
        ) {
            let written: Vec<String> = lines
                .iter()
                .map(|line| {
                    let (last, before) = line.split_last().unwrap();
                    let mut text: String = before
                        .iter()
                        .map(|((cookie, _), gap)| format!("{cookie}{gap}"))
                        .collect();
                    text.push_str(&last.0.0);
                    text
                })
                .collect();
            let foreign: Vec<&str> = lines
                .iter()
                .flatten()
                .filter(|((_, ours), _)| !ours)
                .map(|((cookie, _), _)| cookie.as_str())
                .collect();
            let written: Vec<&str> = written.iter().map(String::as_str).collect();

            let left = after_cut(&written);

            let found: Vec<&str> = left
                .iter()
                .flat_map(|line| line.split(';'))
                .map(|pair| pair.trim_matches([' ', '\t']))
                .collect();
            prop_assert_eq!(found, foreign);
        }
    }
}
