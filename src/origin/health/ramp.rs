//! The growing share of an origin that is new or comes back. Pure.

use std::time::Duration;

/// A full share, in thousandths.
pub const WHOLE: u32 = 1_000;

/// The share it begins with.
const FIRST: u32 = 100;

/// The share, in thousandths, of an origin that came back at `since`, growing evenly from a tenth
/// to the whole over `span`.
pub fn share(since: Duration, now: Duration, span: Duration) -> u32 {
    let passed = now.saturating_sub(since).as_millis();
    let whole = span.as_millis();
    if passed >= whole {
        return WHOLE;
    }
    let grown = u128::from(WHOLE - FIRST) * passed / whole;
    FIRST.saturating_add(u32::try_from(grown).unwrap_or(WHOLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_grows_evenly_from_a_tenth_to_the_whole() {
        let span = Duration::from_secs(30);
        let at = |seconds: u64| {
            let now = Duration::from_secs(100 + seconds);
            share(Duration::from_secs(100), now, span)
        };
        assert_eq!(
            [at(0), at(10), at(15), at(29), at(30), at(99)],
            [100, 400, 550, 970, 1_000, 1_000]
        );
        assert_eq!(share(span, span, Duration::ZERO), WHOLE, "no slow start");
    }
}
