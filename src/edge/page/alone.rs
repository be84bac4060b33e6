//! A page that stands alone: whatever it needs is in it, because nothing else can be asked for.

use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::{self, HeaderName};
use sha2::{Digest, Sha256};

use super::page_headers;
use crate::edge::texts::{FaultWords, Texts};

const STYLE: &str = include_str!("../../../static/alone.css");

/// Its own style and its empty icon, and nothing from anywhere.
static CSP: LazyLock<String> = LazyLock::new(|| {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'"
    )
});

/// The headers of such a page, its media type included.
pub fn alone_headers() -> [(HeaderName, HeaderValue); 8] {
    page_headers().map(|(name, value)| match name {
        header::CONTENT_SECURITY_POLICY => {
            // Made of base64 and words, which every value may hold.
            let csp = HeaderValue::from_str(&CSP).unwrap_or(value);
            (name, csp)
        }
        name => (name, value),
    })
}

/// The page that answers with this status code.
pub fn alone(texts: &Texts, code: u16) -> String {
    let FaultWords { head, lead, owner } = (texts.fault)(code);
    let owner = if owner.is_empty() {
        String::new()
    } else {
        format!("<p class=\"small\">{owner}</p>\n")
    };
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{head}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{head}</h1>\n<p>{lead}</p>\n{owner}<p class=\"small\">{code}</p>\n\
         </main>\n</body>\n</html>\n",
        texts.lang
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::texts::EN;

    #[test]
    fn w1_a_page_that_stands_alone_asks_for_nothing_and_leads_nowhere() {
        for code in [400, 408, 414, 421, 431, 505] {
            let page = alone(&EN, code);
            let words = (EN.fault)(code);
            for text in [words.head, words.lead, words.owner] {
                assert!(page.contains(text), "{code}");
                assert!(!text.contains(['<', '>', '&']), "{code}");
            }
            assert_eq!(page.matches("href=").count(), 1, "{code}: the empty icon");
            for asks in ["src=", "url(", "@import", "<a ", "<script", "<form"] {
                assert!(!page.contains(asks), "{code}: {asks}");
            }
            assert!(page.len() < 3_000, "{code}");
        }
    }

    #[test]
    fn w1_its_policy_allows_its_own_style_and_no_other() {
        let page = alone(&EN, 431);
        let (_, rest) = page.split_once("<style>").unwrap();
        let (style, _) = rest.split_once("</style>").unwrap();
        let hash = STANDARD.encode(Sha256::digest(style));
        let headers = alone_headers();
        let csp = headers
            .iter()
            .find(|(name, _)| name == header::CONTENT_SECURITY_POLICY);
        let csp = csp.unwrap().1.to_str().unwrap();
        assert!(csp.starts_with("default-src 'none'; style-src 'sha256-"));
        assert!(csp.contains(&format!("'sha256-{hash}'")), "{csp}");
    }
}
