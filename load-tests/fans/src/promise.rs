//! What every fan is promised, and how a promise is seen to be broken.

use serde::Serialize;

/// What every fan is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Promise {
    /// Nobody is told a higher position than before.
    PositionsNeverGrow,
    /// A place is given to one fan and kept until the gateway says why it ended.
    PlacesAreKept,
    /// Nobody is admitted twice, and nobody inside is put in line again.
    NobodyTwice,
    /// Nobody without an admission gets a page of the shop.
    NobodyUnadmitted,
    /// Nobody who asks on time still waits after a later place was called.
    InOrderOfPlaces,
    /// In no window more are released than pace and burst allow.
    WithinThePace,
    /// Nobody who waits is without a good answer for far longer than it was told to wait.
    NobodyLost,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::PositionsNeverGrow,
        Self::PlacesAreKept,
        Self::NobodyTwice,
        Self::NobodyUnadmitted,
        Self::InOrderOfPlaces,
        Self::WithinThePace,
        Self::NobodyLost,
    ];

    /// The promise in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::PositionsNeverGrow => "positions never grow",
            Self::PlacesAreKept => "places are kept, one for each fan",
            Self::NobodyTwice => "nobody is admitted or queued twice",
            Self::NobodyUnadmitted => "nobody unadmitted gets a page of the shop",
            Self::InOrderOfPlaces => "turns come in the order of places",
            Self::WithinThePace => "releases stay within the pace",
            Self::NobodyLost => "nobody is lost",
        }
    }
}

/// A promise that was not kept.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Breach {
    /// Which.
    pub promise: Promise,
    /// To whom, if to one fan.
    pub fan: Option<u32>,
    /// When it was seen, in seconds since the beginning.
    pub at_s: f64,
    /// What was seen.
    pub what: String,
}
