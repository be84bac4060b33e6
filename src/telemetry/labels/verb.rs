//! The verbs of the store, as labels.

/// A verb of the store, as `anteroom_store_calls_total{verb}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Visitors take places.
    Join,
    /// Visitors pass at once where nobody waits.
    Pass,
    /// Visitors near the front ask where they stand.
    CheckIn,
    /// Visitors step away.
    StepAway,
    /// Released visitors get more time.
    Extend,
    /// Released visitors take their turns.
    Claim,
    /// Visitors go.
    Leave,
    /// Visitors use single-use things.
    Spend,
    /// One tick of the pacer.
    Release,
    /// Sessions are shown to be alive.
    Touch,
    /// Keeps a session while its visitor pays.
    Hold,
    /// Sessions end.
    End,
    /// What is over is cleared away.
    Sweep,
    /// What is known of a room.
    Survey,
    /// An operator's order is written.
    Order,
    /// A gateway puts back what the store lost.
    Recover,
    /// A page of the frozen lobby.
    Lobby,
    /// A stretch of the drawn order gets its places.
    Place,
    /// A page of the drawn order.
    Roster,
}

impl Verb {
    /// Every verb, in the order of declaration.
    pub const ALL: [Self; 19] = [
        Self::Join,
        Self::Pass,
        Self::CheckIn,
        Self::StepAway,
        Self::Extend,
        Self::Claim,
        Self::Leave,
        Self::Spend,
        Self::Release,
        Self::Touch,
        Self::Hold,
        Self::End,
        Self::Sweep,
        Self::Survey,
        Self::Order,
        Self::Recover,
        Self::Lobby,
        Self::Place,
        Self::Roster,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Pass => "pass",
            Self::CheckIn => "check_in",
            Self::StepAway => "step_away",
            Self::Extend => "extend",
            Self::Claim => "claim",
            Self::Leave => "leave",
            Self::Spend => "spend",
            Self::Release => "release",
            Self::Touch => "touch",
            Self::Hold => "hold",
            Self::End => "end",
            Self::Sweep => "sweep",
            Self::Survey => "survey",
            Self::Order => "order",
            Self::Recover => "recover",
            Self::Lobby => "lobby",
            Self::Place => "place",
            Self::Roster => "roster",
        }
    }
}
