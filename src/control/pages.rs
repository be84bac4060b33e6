//! `GET /v1/audit`: which lines are asked for, and how they are shown.

use super::ledger::{Lines, Page};
use super::problem::Problem;

/// Lines shown where nothing is said.
const USUAL: usize = 100;

/// Lines shown at most.
pub(super) const MOST: usize = 1_000;

/// `after=N&limit=M`, both optional.
///
/// # Errors
/// 422 for other parameters, repeated ones, and what is no number in range.
pub(super) fn page(query: &str) -> Result<Page, Problem> {
    let (mut after, mut limit) = (None, None);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let slot = match name {
            "after" => &mut after,
            "limit" => &mut limit,
            _ => return Err(unknown(name)),
        };
        if slot.replace(value).is_some() {
            return Err(Problem::unacceptable(format!("`{name}` is there twice")));
        }
    }
    let most = limit.map(|value| number("limit", value, 1, MOST as u64));
    Ok(Page {
        after: after
            .map(|value| number("after", value, 0, u64::MAX))
            .transpose()?,
        most: most
            .transpose()?
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(USUAL),
    })
}

fn number(name: &str, value: &str, least: u64, most: u64) -> Result<u64, Problem> {
    let digits = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok().filter(|_| digits);
    let number = number.filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| {
        let shown: String = value.chars().take(40).collect();
        Problem::unacceptable(format!(
            "`{name}` must be a whole number from {least} to {most}, not `{shown}`"
        ))
    })
}

fn unknown(name: &str) -> Problem {
    let shown: String = name.chars().take(40).collect();
    Problem::unacceptable(format!(
        "there is no parameter `{shown}`: send `after` and `limit` only"
    ))
}

/// The lines as they stand in the file, so that their hashes can be checked.
pub(super) fn shown(lines: &Lines) -> String {
    let head = serde_json::json!({
        "chain": lines.head.chain, "number": lines.head.number, "hash": lines.head.hash,
    });
    format!("{{\"head\":{head},\"lines\":[{}]}}", lines.lines.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_names_a_page_or_is_told_what_may_be_asked() {
        let asked = |after, most| Page { after, most };
        for (query, expected) in [
            ("", asked(None, USUAL)),
            ("limit=1000", asked(None, 1_000)),
            ("after=0&limit=1", asked(Some(0), 1)),
            (
                "&limit=7&after=18446744073709551615",
                asked(Some(u64::MAX), 7),
            ),
        ] {
            assert_eq!(page(query).unwrap(), expected, "{query}");
        }
        for bad in [
            "limit=0",
            "limit=1001",
            "limit=-1",
            "limit=%31",
            "limit",
            "after=",
            "after=+1",
            "after=18446744073709551616",
            "after=1&after=2",
            "before=3",
        ] {
            assert_eq!(page(bad).unwrap_err().status(), 422, "{bad}");
        }
    }
}
