//! A page that stands alone: it asks for no other file, because none can be asked for. Nothing is
//! inline in pages of ours, so it looks as the browser has it.

use crate::edge::texts::{FaultWords, Texts};

/// The page that answers with this status code.
pub fn alone(texts: &Texts, code: u16) -> String {
    let FaultWords { head, lead, owner } = (texts.fault)(code);
    let owner = if owner.is_empty() {
        String::new()
    } else {
        format!("<p>{owner}</p>\n")
    };
    format!(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"robots\" content=\"noindex\">\n<title>{head}</title>\n\
         <link rel=\"icon\" href=\"data:,\">\n</head>\n<body>\n<main>\n\
         <h1>{head}</h1>\n<p>{lead}</p>\n{owner}<p>{code}</p>\n\
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
            for asks in [
                "src=", "url(", "@import", "<a ", "<script", "<form", "<style",
            ] {
                assert!(!page.contains(asks), "{code}: {asks}");
            }
            assert!(page.len() < 3_000, "{code}");
        }
    }
}
