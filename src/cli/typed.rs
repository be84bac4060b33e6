//! Values of the room verbs as they are typed, checked before anything is sent.

use clap::ValueEnum;

use crate::domain::session::Jti;

/// What can be done to a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum SessionOrder {
    /// The purchase is done: the slot is free
    Complete,
    /// It ends
    Revoke,
    /// It is kept through a payment
    Hold,
}

impl SessionOrder {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Revoke => "revoke",
            Self::Hold => "hold",
        }
    }
}

/// A capacity as it is typed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cap(pub(super) Option<u32>);

/// The bounds of the API, so that a slip is said before anything is sent.
pub(super) fn number() -> clap::builder::RangedI64ValueParser<u32> {
    clap::value_parser!(u32).range(1..=10_000_000)
}

pub(super) fn cap(text: &str) -> Result<Cap, String> {
    if text == "none" {
        return Ok(Cap(None));
    }
    let number = text.parse().ok().filter(|n| (1..=10_000_000).contains(n));
    let range = || "write a whole number from 1 to 10000000, or `none`".to_owned();
    number.map(|n| Cap(Some(n))).ok_or_else(range)
}

pub(super) fn session(text: &str) -> Result<String, String> {
    match Jti::parse(text) {
        Some(jti) => Ok(jti.to_string()),
        None => Err("write the 32 lower-case hex digits of a token's `jti`".to_owned()),
    }
}

pub(super) fn time(text: &str) -> Result<String, String> {
    match text.parse::<jiff::Timestamp>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("write a time with its zone, such as 2026-12-01T10:00:00+01:00".to_owned()),
    }
}
