//! One admitted visitor's stay: its name, its limits and how long its token may live.

use std::fmt;
use std::num::NonZeroU8;
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
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
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
    /// What one hold lasts at most, and how far past its absolute end holds may keep a session.
    pub hold_max: Duration,
    /// From how many networks a session may be used at a time before it is revoked; `None` for any
    /// number.
    pub max_networks: Option<NonZeroU8>,
}

impl Default for SessionTerms {
    fn default() -> Self {
        Self {
            idle: Duration::from_mins(5),
            absolute: Duration::from_mins(30),
            claim_window: Duration::from_mins(2),
            hold_max: Duration::from_mins(15),
            max_networks: None,
        }
    }
}

/// How long somebody let in without the store may stay, and for how long nobody is released once
/// the store is back.
pub const ALONE: Duration = Duration::from_secs(60);

/// Clock difference a token check forgives; the store holds a slot this much past the token.
pub const LEEWAY: Duration = Duration::from_secs(5);

impl SessionTerms {
    /// Whether so much is left of a turn that an ask for more time changes nothing: three quarters
    /// of a claim window. So an ask may be sent twice, and is counted once.
    #[must_use]
    pub fn is_fresh(&self, left: Duration) -> bool {
        left.saturating_mul(4) > self.claim_window.saturating_mul(3)
    }

    /// When a token made or renewed at `now` for a session begun at `since` expires: the earlier
    /// of the absolute end and the idle limit. `None` when the absolute end is past.
    #[must_use]
    pub fn expiry(&self, since: UnixTime, now: UnixTime) -> Option<UnixTime> {
        let end = since.after(self.absolute);
        (now < end).then(|| end.min(now.after(self.idle)))
    }

    /// Until when a hold of `length` keeps a session begun at `since`, asked for at `now`, whatever
    /// its visitor does meanwhile. A hold lasts at most `hold_max`, and all holds together keep a
    /// session at most `hold_max` past its absolute end.
    #[must_use]
    pub fn held_until(&self, since: UnixTime, now: UnixTime, length: Duration) -> UnixTime {
        let wanted = now.after(length.min(self.hold_max));
        wanted.min(since.after(self.longest_stay()))
    }

    /// How long a session may last at most, holds included.
    #[must_use]
    pub fn longest_stay(&self) -> Duration {
        self.absolute.saturating_add(self.hold_max)
    }

    /// How long a token made now may live at most: until the idle limit, or through a hold.
    #[must_use]
    pub fn longest_token(&self) -> Duration {
        self.idle.max(self.hold_max)
    }
}

/// What a site says of a session of its visitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Steer {
    /// The purchase is done: the slot is free for the next.
    Complete,
    /// The session ends.
    Revoke,
    /// The session is kept for so long, also while its visitor does nothing: it pays elsewhere.
    Hold(Duration),
}

impl Steer {
    /// The longest hold that can be asked for; a room's own ceiling is lower.
    pub const LONGEST_HOLD: Duration = Duration::from_hours(24 * 30);

    /// Reads `complete`, `revoke` or `hold=SECONDS`, in any case; anything else is `None`, a hold
    /// of no time too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches([' ', '\t']);
        if text.eq_ignore_ascii_case("complete") {
            return Some(Self::Complete);
        }
        if text.eq_ignore_ascii_case("revoke") {
            return Some(Self::Revoke);
        }
        let (word, seconds) = text.split_once('=')?;
        let digits = seconds.bytes().all(|byte| byte.is_ascii_digit());
        let length = seconds.parse().ok().map(Duration::from_secs);
        length
            .filter(|_| digits && word.eq_ignore_ascii_case("hold"))
            .and_then(Self::hold)
    }

    /// A hold of `length`; `None` where that is no time, or longer than any hold.
    #[must_use]
    pub fn hold(length: Duration) -> Option<Self> {
        let fits = !length.is_zero() && length <= Self::LONGEST_HOLD;
        fits.then_some(Self::Hold(length))
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
    fn a_hold_is_bounded_by_itself_and_past_the_absolute_end() {
        let terms = SessionTerms {
            hold_max: Duration::from_secs(600),
            ..SessionTerms::default()
        };
        let since = UnixTime::from_secs(1_000);
        let held = |now, length| {
            let now = UnixTime::from_secs(now);
            let until = terms.held_until(since, now, Duration::from_secs(length));
            until.secs()
        };
        assert_eq!(held(1_000, 60), 1_060);
        assert_eq!(held(1_000, 601), 1_600, "no hold is longer");
        assert_eq!(held(2_790, 600), 3_390, "past the absolute end, 2,800");
        assert_eq!(held(3_000, 600), 3_400, "holds together reach 600 past it");
        assert_eq!(held(3_399, 600), 3_400);
    }

    #[test]
    fn a_site_says_one_of_three_things() {
        let hold = |seconds| Some(Steer::Hold(Duration::from_secs(seconds)));
        for (text, said) in [
            ("complete", Some(Steer::Complete)),
            (" Complete\t", Some(Steer::Complete)),
            ("revoke", Some(Steer::Revoke)),
            ("hold=600", hold(600)),
            ("HOLD=1", hold(1)),
            ("hold=2592000", hold(2_592_000)),
            ("hold=2592001", None),
            ("hold=0", None),
            ("hold=-1", None),
            ("hold=+1", None),
            ("hold=1.5", None),
            ("hold= 1", None),
            ("hold =1", None),
            ("hold=", None),
            ("hold", None),
            ("hold=99999999999999999999", None),
            ("completed", None),
            ("complete, revoke", None),
            ("", None),
        ] {
            assert_eq!(Steer::parse(text), said, "{text:?}");
        }
    }

    #[test]
    fn a_turn_is_fresh_while_more_than_three_quarters_of_its_window_are_left() {
        let terms = SessionTerms {
            claim_window: Duration::from_secs(120),
            ..SessionTerms::default()
        };
        let fresh = |millis| terms.is_fresh(Duration::from_millis(millis));
        assert!(fresh(120_000) && fresh(90_001));
        assert!(!fresh(90_000) && !fresh(0));
        assert!(terms.is_fresh(Duration::MAX), "a first turn may be longer");
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
