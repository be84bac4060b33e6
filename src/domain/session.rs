//! One admitted visitor's stay: its name, its limits and how long its token may live.

use std::fmt;
use std::time::Duration;

use super::clock::UnixTime;

/// The name of a session: HMAC(room, window, visitor, turn), so it is the same however often it
/// is asked for. Shown as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Jti(pub [u8; 16]);

impl Jti {
    /// Reads 32 lower-case hex digits; anything else is `None`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.as_bytes();
        if digits.len() != 32 {
            return None;
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let &[high, low] = pair else { return None };
            *byte = hex_digit(high)? << 4 | hex_digit(low)?;
        }
        Some(Self(bytes))
    }
}

const fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Jti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Jti {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, ..] = self.0;
        write!(f, "Jti({first:02x}{second:02x}…)")
    }
}

/// How long sessions and claim windows last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTerms {
    /// Ends after this long without a request.
    pub idle: Duration,
    /// Ends this long after the claim, whatever happens.
    pub absolute: Duration,
    /// How long a released visitor may take to claim.
    pub claim_window: Duration,
}

impl Default for SessionTerms {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(5),
            absolute: Duration::from_mins(30),
            claim_window: Duration::from_mins(2),
        }
    }
}

/// How long somebody let in without the store may stay, and for how long nobody is released once
/// the store is back.
pub const ALONE: Duration = Duration::from_secs(60);

/// Clock difference a token check forgives; the store holds a slot this much past the token.
pub const LEEWAY: Duration = Duration::from_secs(5);

impl SessionTerms {
    /// When a token made or renewed at `now` for a session begun at `since` expires: the earlier
    /// of the absolute end and the idle limit. `None` when the absolute end is past.
    #[must_use]
    pub fn expiry(&self, since: UnixTime, now: UnixTime) -> Option<UnixTime> {
        let end = since.after(self.absolute);
        (now < end).then(|| end.min(now.after(self.idle)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_until_the_earlier_of_both_limits() {
        let terms = SessionTerms::default();
        let since = UnixTime::from_secs(1_000);

        assert_eq!(terms.expiry(since, since), Some(UnixTime::from_secs(1_300)));
        assert_eq!(
            terms.expiry(since, UnixTime::from_secs(2_700)),
            Some(UnixTime::from_secs(2_800))
        );
        assert_eq!(terms.expiry(since, UnixTime::from_secs(2_800)), None);
    }

    #[test]
    fn a_jti_reads_back_what_it_shows_and_nothing_else() {
        let jti = Jti([0xab; 16]);
        assert_eq!(Jti::parse(&jti.to_string()), Some(jti));
        for bad in [
            "",
            "AB",
            &"AB".repeat(16),
            &"ab".repeat(17),
            &"zz".repeat(16),
        ] {
            assert_eq!(Jti::parse(bad), None, "{bad}");
        }
    }
}
