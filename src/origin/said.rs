//! What a site says to us on its answers, read before our headers are taken off them.

use http::{HeaderMap, HeaderName};

use crate::domain::session::Steer;
use crate::domain::stock::MOST_STOCK;

const SESSION: HeaderName = HeaderName::from_static("anteroom-session");
const STOCK: HeaderName = HeaderName::from_static("anteroom-stock");

/// What one answer says to us. It travels with the answer as an extension, and nobody else sees
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// Of the session that asked.
    pub session: Option<Steer>,
    /// How many things are left to be sold.
    pub stock: Option<u64>,
    /// Whether something was said that cannot be understood; it counts for nothing.
    pub is_malformed: bool,
}

impl Said {
    /// Reads what an answer's headers say. Two lines of one name say nothing that could be relied
    /// on.
    #[must_use]
    pub fn read(headers: &HeaderMap) -> Self {
        let session = only(headers, &SESSION);
        let stock = only(headers, &STOCK);
        let said = Self {
            session: session.and_then(|text| Steer::parse(text?)),
            stock: stock.and_then(|text| read_stock(text?)),
            is_malformed: false,
        };
        Self {
            is_malformed: session.is_some() && said.session.is_none()
                || stock.is_some() && said.stock.is_none(),
            ..said
        }
    }

    /// Whether nothing was said.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.session.is_none() && self.stock.is_none() && !self.is_malformed
    }
}

/// The text of a header that stands on one line; within, `None` where it is not on one or no text.
#[expect(
    clippy::option_option,
    reason = "the outer one is a header that is not there"
)]
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    let alone = lines.next().is_none();
    Some(first.to_str().ok().filter(|_| alone))
}

fn read_stock(text: &str) -> Option<u64> {
    let text = text.trim_matches([' ', '\t']);
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let count = text.parse().ok().filter(|_| digits)?;
    (count <= MOST_STOCK).then_some(count)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    fn said(lines: &[(&'static str, &[u8])]) -> Said {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        Said::read(&headers)
    }

    #[test]
    fn both_words_are_read_whatever_their_case() {
        let both = said(&[
            ("Anteroom-Session", b"hold=90"),
            ("ANTEROOM-STOCK", b" 12 "),
        ]);
        assert_eq!(
            both,
            Said {
                session: Some(Steer::Hold(Duration::from_secs(90))),
                stock: Some(12),
                is_malformed: false,
            }
        );
        assert_eq!(said(&[("anteroom-stock", b"0")]).stock, Some(0));
        assert!(said(&[("content-type", b"text/html")]).is_nothing());
    }

    #[test]
    fn what_cannot_be_understood_counts_for_nothing() {
        let cases: [&[(&'static str, &[u8])]; 10] = [
            &[("anteroom-session", b"hold=0")],
            &[("anteroom-session", b"")],
            &[
                ("anteroom-session", b"complete"),
                ("anteroom-session", b"complete"),
            ],
            &[
                ("anteroom-session", b"complete"),
                ("anteroom-session", b"hold=5"),
            ],
            &[("anteroom-session", b"compl\xe8te")],
            &[("anteroom-stock", b"-1")],
            &[("anteroom-stock", b"1.5")],
            &[("anteroom-stock", b"")],
            &[("anteroom-stock", b"1000000001")],
            &[("anteroom-stock", b"0"), ("anteroom-stock", b"1")],
        ];
        for lines in cases {
            let said = said(lines);
            let nothing = said.session.is_none() && said.stock.is_none();
            assert!(nothing && said.is_malformed, "{lines:?}: {said:?}");
        }
        let half = said(&[("anteroom-session", b"revoke"), ("anteroom-stock", b"some")]);
        assert_eq!((half.session, half.stock), (Some(Steer::Revoke), None));
        assert!(half.is_malformed);
    }
}
