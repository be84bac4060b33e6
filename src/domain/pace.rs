//! How fast visitors are released: the pace, what one tick may do, and who may propose it when.

use std::num::NonZeroU32;
use std::time::Duration;

/// Visitors per minute, and how many may go at once after a lull.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Pace {
    /// 1 to 10,000,000.
    pub per_minute: NonZeroU32,
    /// 1 to 10,000,000; one second's worth, at least 1, unless set.
    pub burst: NonZeroU32,
}

/// The time between two ticks of a room that has somebody.
pub const TICK: Duration = Duration::from_millis(250);

impl Pace {
    /// The highest pace, burst and capacity that may be set.
    pub const MOST: u32 = 10_000_000;

    /// `per_minute` with the default burst; `None` outside 1 to [`Pace::MOST`].
    #[must_use]
    pub fn per_minute(per_minute: u32) -> Option<Self> {
        let rate = NonZeroU32::new(per_minute).filter(|rate| rate.get() <= Self::MOST)?;
        let burst = NonZeroU32::new(per_minute / 60).unwrap_or(NonZeroU32::MIN);
        Some(Self {
            per_minute: rate,
            burst,
        })
    }

    /// The same pace with `burst`; `None` outside 1 to [`Pace::MOST`].
    #[must_use]
    pub fn with_burst(self, burst: u32) -> Option<Self> {
        let burst = NonZeroU32::new(burst).filter(|burst| burst.get() <= Self::MOST)?;
        Some(Self { burst, ..self })
    }
}
