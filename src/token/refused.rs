//! Why a token was refused.

/// Why a token is not accepted.
///
/// For counting and for tests only: whoever brings such a token gets exactly what no token gets,
/// whichever of these it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenRefused {
    /// Longer than any token of ours; nothing of it was read.
    #[error("the token is too long")]
    TooLong,
    /// Not the shape or the canonical spelling of a token, or of a version unknown here.
    #[error("the token is malformed")]
    Malformed,
    /// The JWT header is not exactly `typ`, `alg` and `kid`, or `typ` is another.
    #[error("the token's header is not ours")]
    Header,
    /// The key it names is not in the keyring.
    #[error("the token's key is unknown")]
    UnknownKey,
    /// `alg` is not the one algorithm of the key it names.
    #[error("the token's algorithm is not its key's")]
    Algorithm,
    /// The signature is wrong. A queue token of another room or issuer ends here as well.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing, unknown, twice there, or of the wrong type.
    #[error("the token's claims are not ours")]
    Claims,
    /// Signed for another issuer.
    #[error("the token is another issuer's")]
    Issuer,
    /// An identity token for another audience.
    #[error("the token is for another audience")]
    Audience,
    /// Signed for another room.
    #[error("the token is another room's")]
    Room,
    /// Past its expiry and the leeway.
    #[error("the token has expired")]
    Expired,
    /// Not valid before a later time than now and the leeway, or issued in the future.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// Lives longer than any session may.
    #[error("the token lives too long")]
    Lifetime,
}

impl TokenRefused {
    /// One word for the `reason` label of the metrics.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Header => "header",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Room => "room",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::Lifetime => "lifetime",
        }
    }
}
