//! Cookies: one token of a name or none, and none of ours ever reaches the site.

use anteroom::gate::identify::{CookieNames, Token};
use anteroom::gate::permit::Passage;
use anteroom::origin::headers::prepare_request;
use http::header::COOKIE;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue};

/// Each line is a `Cookie` field.
pub fn run(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(64) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(COOKIE, value);
        }
    }
    let names = CookieNames::of("derby");
    for https in [false, true] {
        for token in [Token::Queue, Token::Admission, Token::Crew] {
            let name = names.name(token, https);
            assert_eq!(
                names.brought(&headers, token, https),
                only(&headers, name),
                "{name}"
            );
        }
    }
    let kept: Vec<Vec<u8>> = pairs(&headers).filter(|pair| !is_ours(pair)).collect();
    let passage = Passage {
        site: 0,
        target: PathAndQuery::from_static("/"),
        host: "shop.example".to_owned(),
        client: [127, 0, 0, 1].into(),
        https: false,
    };
    prepare_request(&mut headers, &passage);
    let left: Vec<Vec<u8>> = pairs(&headers).collect();
    assert_eq!(left, kept, "ours are cut, the others stay");
}

/// The value that stands under a name, if it stands there once and is no longer than any token.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut found = Vec::new();
    for line in headers.get_all(COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let Ok(pair) = std::str::from_utf8(pair) else {
                continue;
            };
            let Some(at) = pair.find('=') else {
                continue;
            };
            if pair[..at].trim() == name {
                found.push(pair[at + 1..].trim());
            }
        }
    }
    let [value] = found[..] else {
        return None;
    };
    (value.len() <= 4_096).then_some(value)
}

/// Every pair that is not blank, without blanks around it.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = Vec<u8>> {
    let lines = headers.get_all(COOKIE).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b';'))
        .map(|pair| pair.trim_ascii().to_vec())
        .filter(|pair| !pair.is_empty())
}

fn is_ours(pair: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pair).to_ascii_lowercase();
    let text = text.trim_start_matches([' ', '\t', '=']);
    let bare = text
        .strip_prefix("__host-")
        .or_else(|| text.strip_prefix("__secure-"))
        .unwrap_or(text);
    bare.starts_with("anteroom-")
}
