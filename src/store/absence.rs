//! Who shows a token, and what became of a wish: for those who cannot be there.

use crate::domain::standing::Stand;

/// Who shows a token: it matters to those who stepped away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShownBy {
    /// The page or an open event stream, of itself: who stepped away stays away.
    Page,
    /// The visitor, who came: who stepped away is back.
    Visitor,
}

/// What became of an ask to step away, or for more time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    /// It is so, by this ask or by an earlier one like it.
    Yes(Stand),
    /// The visitor did so as often as one may in a stay; nothing changed.
    Spent(Stand),
    /// The visitor is not where one may ask for it; nothing changed.
    Not(Stand),
}

impl Granted {
    /// Where the visitor stands.
    #[must_use]
    pub const fn stand(&self) -> &Stand {
        match self {
            Self::Yes(stand) | Self::Spent(stand) | Self::Not(stand) => stand,
        }
    }
}
