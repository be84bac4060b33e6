//! The words that may stand in a metric's labels. Labels come from these and from the
//! configuration, never from clients, so their number is bounded.

mod verb;

pub use verb::Verb;

/// What the gate decided, as `anteroom_requests_total{verdict}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VerdictLabel {
    /// Forwarded to the origin.
    Pass,
    /// Forwarded for the room's crew.
    Crew,
    /// Forwarded, and the turn was claimed by the same request.
    Claimed,
    /// The queue page or its JSON.
    Wait,
    /// The room is closed, ended, full or lets nobody in.
    Shut,
    /// One of our own addresses under `/_anteroom/`.
    Own,
    /// Turned away; `anteroom_refusals_total{reason}` says why.
    Refused,
}

impl VerdictLabel {
    /// Every verdict, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Pass,
        Self::Crew,
        Self::Claimed,
        Self::Wait,
        Self::Shut,
        Self::Own,
        Self::Refused,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Crew => "crew",
            Self::Claimed => "claimed",
            Self::Wait => "wait",
            Self::Shut => "shut",
            Self::Own => "own",
            Self::Refused => "refused",
        }
    }
}

/// Why a request was turned away, as `anteroom_refusals_total{reason}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalLabel {
    /// The request can be read in more than one way (400).
    Ambiguous,
    /// A head, address or body beyond its limit (413, 414, 431).
    TooLarge,
    /// A head that came too slowly (408).
    Slow,
    /// A method that is never forwarded (405).
    Method,
    /// An expectation that nobody can meet (417).
    Expectation,
    /// A WebSocket handshake that is none (400, 426).
    Handshake,
    /// A host that is not ours (421).
    UnknownHost,
    /// A host that the connection was not encrypted for (421).
    OtherName,
    /// A change asked for in the clear, where visitors come over TLS (403).
    InTheClear,
    /// One of our own addresses that does not exist (404).
    UnknownAddress,
    /// A change asked for by another site's page (403).
    CrossSite,
    /// A bot rule denies it (403).
    Denied,
    /// A rate limit was reached (429).
    Limited,
    /// The machine gives no random numbers (503).
    NoChance,
    /// There is too much to do for newcomers (503).
    Busy,
}

impl RefusalLabel {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 15] = [
        Self::Ambiguous,
        Self::TooLarge,
        Self::Slow,
        Self::Method,
        Self::Expectation,
        Self::Handshake,
        Self::UnknownHost,
        Self::OtherName,
        Self::InTheClear,
        Self::UnknownAddress,
        Self::CrossSite,
        Self::Denied,
        Self::Limited,
        Self::NoChance,
        Self::Busy,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ambiguous => "ambiguous",
            Self::TooLarge => "too_large",
            Self::Slow => "slow",
            Self::Method => "method",
            Self::Expectation => "expectation",
            Self::Handshake => "handshake",
            Self::UnknownHost => "unknown_host",
            Self::OtherName => "other_name",
            Self::InTheClear => "in_the_clear",
            Self::UnknownAddress => "unknown_address",
            Self::CrossSite => "cross_site",
            Self::Denied => "denied",
            Self::Limited => "limited",
            Self::NoChance => "no_chance",
            Self::Busy => "busy",
        }
    }
}

/// Why a WebSocket was not opened, as `anteroom_websockets_refused_total{reason}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketRefusal {
    /// The gate did not let the request pass: who asked has to wait, or is turned away.
    Gate,
    /// It was no handshake of version 13.
    Handshake,
    /// As many are open as may be.
    Full,
    /// The site gave an ordinary answer.
    Declined,
    /// The site could not be asked, or its answer not be believed.
    Fault,
}

impl SocketRefusal {
    /// Every reason, in the order of declaration.
    pub const ALL: [Self; 5] = [
        Self::Gate,
        Self::Handshake,
        Self::Full,
        Self::Declined,
        Self::Fault,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gate => "gate",
            Self::Handshake => "handshake",
            Self::Full => "full",
            Self::Declined => "declined",
            Self::Fault => "fault",
        }
    }
}

/// What ended an open WebSocket, as `anteroom_websockets_ended_total{by}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEnd {
    /// The visitor closed it.
    Visitor,
    /// The site closed it.
    Site,
    /// The session that opened it was over.
    Session,
    /// Nothing moved for too long.
    Idle,
    /// The gateway stops.
    Drain,
}

impl SocketEnd {
    /// Everything that ends one, in the order of declaration.
    pub const ALL: [Self; 5] = [
        Self::Visitor,
        Self::Site,
        Self::Session,
        Self::Idle,
        Self::Drain,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Visitor => "visitor",
            Self::Site => "site",
            Self::Session => "session",
            Self::Idle => "idle",
            Self::Drain => "drain",
        }
    }
}

/// Why a token that was brought did not count, as `anteroom_tokens_refused_total{reason}` says
/// it: every reason of `token` for refusing one, that its session ended, and that it is used from too
/// many networks.
pub const TOKEN_REASONS: [&str; 15] = [
    "too_long",
    "malformed",
    "header",
    "unknown_key",
    "algorithm",
    "signature",
    "claims",
    "issuer",
    "audience",
    "room",
    "expired",
    "not_yet_valid",
    "lifetime",
    "ended",
    "spread",
];

/// What became of a code, as `anteroom_codes_redeemed_total{result}` says it: every outcome of
/// `gate` for one.
pub const CODE_RESULTS: [&str; 10] = [
    "accepted",
    "late",
    "again",
    "sign_in",
    "wrong",
    "used",
    "expired",
    "other_room",
    "shut",
    "away",
];

/// A bot rule as the configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleLabel {
    /// The rule's name.
    pub rule: String,
    /// What it does: `allow`, `deny`, ….
    pub action: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_stands_at_the_index_of_its_value() {
        for (index, verdict) in VerdictLabel::ALL.into_iter().enumerate() {
            assert_eq!(verdict as usize, index, "{}", verdict.word());
        }
        for (index, reason) in RefusalLabel::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.word());
        }
        for (index, reason) in SocketRefusal::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, index, "{}", reason.word());
        }
        for (index, end) in SocketEnd::ALL.into_iter().enumerate() {
            assert_eq!(end as usize, index, "{}", end.word());
        }
        for (index, verb) in Verb::ALL.into_iter().enumerate() {
            assert_eq!(verb as usize, index, "{}", verb.word());
        }
    }
}
