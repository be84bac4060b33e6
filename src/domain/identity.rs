//! What a room makes of the site's own identities.

use super::room::RoomName;

/// Whose word about visitors a room takes, and what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityTerms {
    /// The name of the provider.
    pub provider: RoomName,
    /// Whether one identity has one place, however many browsers it comes with.
    pub places: Places,
    /// What becomes of those without a valid identity.
    pub without: Without,
    /// Which claims lead into which lane; the first that fits counts.
    pub lanes: Vec<LaneRule>,
}

/// How many places one identity may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// One, however many devices it comes with.
    One,
    /// One for each browser, as without identities.
    Any,
}

/// What becomes of those without a valid identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// They are asked to sign in at the site first, and have no place until then.
    SignIn,
    /// They queue in the general lane.
    General,
}

/// A claim that leads into a lane.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneRule {
    /// The lane's name.
    pub lane: RoomName,
    /// Where the claim is: its name, after the names of the objects around it.
    pub claim: Vec<String>,
    /// What it must be, or be a list of; any of these.
    pub is: Vec<String>,
}
