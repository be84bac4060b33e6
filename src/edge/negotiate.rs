//! Whether an answer of ours is a page or JSON.

use http::HeaderMap;
use http::header::{ACCEPT, HeaderName, UPGRADE};

use crate::gate::socket::names_websocket;

static SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// All the headers that [`form`] reads.
pub static NEGOTIATED: [HeaderName; 3] =
    [ACCEPT, UPGRADE, HeaderName::from_static("sec-fetch-dest")];

/// The form of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A page for people.
    Html,
    /// For scripts and apps.
    Json,
}

/// Reads `Accept` and `Sec-Fetch-Dest`. A page is for whoever names `text/html` (and does not
/// rank JSON above it), or says nothing in particular; where the browser says that the answer
/// does not become a document, or a socket was asked for, it is JSON.
#[must_use]
pub fn form(headers: &HeaderMap) -> Form {
    let document = headers
        .get(&SEC_FETCH_DEST)
        .is_none_or(|dest| dest == "document" || dest == "iframe" || dest == "frame");
    if !document || names_websocket(headers) {
        return Form::Json;
    }
    let mut named = [None::<u16>; 3];
    for (kind, quality) in entries(headers) {
        let [html, json, any] = &mut named;
        let slot = match kind {
            "text/html" | "application/xhtml+xml" => html,
            "application/json" | "application/problem+json" => json,
            "*/*" | "text/*" => any,
            _ => continue,
        };
        *slot = (*slot).max(Some(quality));
    }
    let [html, json, any] = named;
    let nothing_said = !headers.contains_key(ACCEPT);
    match (html, json) {
        (Some(html), json) if html > 0 && json.is_none_or(|json| json <= html) => Form::Html,
        (None, None) if nothing_said || any.is_some_and(|any| any > 0) => Form::Html,
        _ => Form::Json,
    }
}

/// Whether a request names HTML as something it takes, as browsers do and apps do not.
#[must_use]
pub fn names_html(headers: &HeaderMap) -> bool {
    entries(headers).any(|(kind, quality)| kind == "text/html" && quality > 0)
}

/// The media ranges of `Accept`, in lower case as browsers send them, with their quality in
/// thousandths.
fn entries(headers: &HeaderMap) -> impl Iterator<Item = (&str, u16)> {
    headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
        .map(|entry| {
            let mut parts = entry.split(';');
            let kind = parts.next().unwrap_or_default().trim();
            let quality = parts
                .filter_map(|part| part.trim().strip_prefix("q="))
                .find_map(|text| text.parse::<f32>().ok())
                .map_or(1_000, thousandths);
            (kind, quality)
        })
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to 0 to 1,000"
)]
fn thousandths(quality: f32) -> u16 {
    (quality.clamp(0.0, 1.0) * 1_000.0) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_get_a_page_and_scripts_get_json() {
        for (accept, dest, expected) in [
            (None, None, Form::Html),
            (Some("*/*"), None, Form::Html),
            (
                Some("text/html,application/xhtml+xml,*/*;q=0.8"),
                Some("document"),
                Form::Html,
            ),
            (Some("text/html"), Some("iframe"), Form::Html),
            (Some("*/*"), Some("empty"), Form::Json),
            (Some("text/html"), Some("empty"), Form::Json),
            (Some("application/json"), None, Form::Json),
            (Some("application/json, text/plain, */*"), None, Form::Json),
            (Some("text/html;q=0.5, application/json"), None, Form::Json),
            (Some("text/html, application/json;q=0.9"), None, Form::Html),
            (Some("image/webp"), None, Form::Json),
            (Some("*/*"), Some("image"), Form::Json),
            (Some("text/html;q=0"), None, Form::Json),
            (Some("text/html;q=nan"), None, Form::Json),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(accept) = accept {
                headers.insert(ACCEPT, accept.parse().unwrap());
            }
            if let Some(dest) = dest {
                headers.insert("sec-fetch-dest", dest.parse().unwrap());
            }
            assert_eq!(form(&headers), expected, "{accept:?} {dest:?}");
        }
    }
}
