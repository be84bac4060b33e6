//! A room: a queue that guards part of an origin, and the terms its owner set for it.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::identity::IdentityTerms;
use super::lane::{Lane, LaneSettings, Weights};
use super::pace::{Corrected, Correction, Pace};
use super::pattern::PathPattern;
pub use super::schedule::{SaleWindow, Schedule};
use super::session::SessionTerms;

/// A name as people write it in files: `[a-z0-9][a-z0-9-]{0,31}`. Used for rooms and sites.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomName(Box<str>);

impl RoomName {
    /// The name as text, 1 to 32 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name is 1 to 32 lower-case letters, digits and hyphens, and begins with a letter or digit"
)]
pub struct BadName;

impl FromStr for RoomName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| plain(byte) || byte == b'-')
            && text.bytes().next().is_some_and(plain);
        fits.then(|| Self(text.into())).ok_or(BadName)
    }
}

/// Who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// Everybody, in order of joining.
    Fifo,
    /// Everybody: those who came within one fairness window are drawn among each other, and
    /// windows go in the order of time.
    Random,
    /// Nobody; visitors are counted.
    Passthrough,
    /// Nobody gets in.
    Reject,
}

/// When visitors have to queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Activation {
    /// Always, while the room is open.
    #[default]
    Always,
    /// When pace or capacity is reached, until the queue has emptied again.
    Overload,
}

/// What becomes of newcomers while the store does not answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenStoreFails {
    /// They wait until it does.
    #[default]
    Hold,
    /// They pass at this gateway's share of the pace, where nobody waited before.
    Pass,
}

/// How a room treats those who cannot be there when they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbsenceTerms {
    /// How often a visitor may step away in one stay.
    pub step_aways: u8,
    /// How long one such absence may last.
    pub step_away: Duration,
    /// How often somebody called may ask for another claim window of time.
    pub extensions: u8,
}

impl Default for AbsenceTerms {
    /// Three times ten minutes, and ten times more time, as WCAG 2.2.1 asks.
    fn default() -> Self {
        Self {
            step_aways: 3,
            step_away: Duration::from_mins(10),
            extensions: 10,
        }
    }
}

/// The status code of the queue page for those who wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PageStatus {
    /// 200, the default: browsers and link previews treat it as a page.
    #[default]
    Ok,
    /// 202.
    Accepted,
    /// 429.
    TooManyRequests,
    /// 503.
    ServiceUnavailable,
}

/// Requests that pass a room without queueing; every condition given must hold, at least one is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exempt {
    /// The method, in capitals.
    pub method: Option<String>,
    /// The canonical path.
    pub path: Option<PathPattern>,
    /// Networks the client address must be in; empty means any.
    pub from: Vec<IpNet>,
    /// A header (lower-case name) whose value has this SHA-256.
    pub header: Option<(String, [u8; 32])>,
}

/// What the store must know of a room's terms to keep it. The owner's file sets them; an
/// operator's order may replace pace and capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// How fast visitors are released.
    pub pace: Pace,
    /// At most this many inside (released and unclaimed + admitted); `None` is no cap.
    pub capacity: Option<NonZeroU32>,
    /// Sessions and claim windows.
    pub session: SessionTerms,
    /// At most this many waiting; later ones find the room full.
    pub max_waiting: u32,
    /// What will be released within this time is *near*: near visitors check in with the store.
    pub horizon: Duration,
    /// What the pace is multiplied by for those who will not come.
    pub correction: Correction,
    /// How long a round of [`Method::Random`] lasts; `None` in a room that never has one.
    /// [`Orders::terms`](super::window::Orders::terms) leaves it out in windows of other methods.
    pub fairness_window: Option<Duration>,
    /// The share of each lane.
    pub lanes: Weights,
    /// Those who cannot be there.
    pub absence: AbsenceTerms,
}

impl Terms {
    /// The usual terms at this pace, without a cap.
    #[must_use]
    pub fn of_pace(pace: Pace) -> Self {
        Self {
            pace,
            capacity: None,
            session: SessionTerms::default(),
            max_waiting: DEFAULT_MAX_WAITING,
            horizon: DEFAULT_HORIZON,
            correction: Correction::NONE,
            fairness_window: None,
            lanes: Weights::default(),
            absence: AbsenceTerms::default(),
        }
    }

    /// The pace in force, corrected: an operator's where there is one, else the file's.
    #[must_use]
    pub fn pace_in_force(&self, ordered: Option<Pace>) -> Corrected {
        ordered.unwrap_or(self.pace).corrected(self.correction)
    }
}

/// Everything a room's file says.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomSettings {
    /// Its name, unique among the rooms.
    pub name: RoomName,
    /// The site it guards a part of.
    pub site: RoomName,
    /// What it covers.
    pub paths: Vec<PathPattern>,
    /// What it does not cover although `paths` would.
    pub except: Vec<PathPattern>,
    /// Who passes without queueing.
    pub exempt: Vec<Exempt>,
    /// Who waits.
    pub method: Method,
    /// Whether it is only there for its crew: everybody else passes.
    pub rehearsal: bool,
    /// The terms the store keeps it by.
    pub terms: Terms,
    /// When it opens and ends by itself.
    pub schedule: Schedule,
    /// The queue page's status code.
    pub page_status: PageStatus,
    /// When visitors have to queue.
    pub activation: Activation,
    /// What becomes of newcomers while the store does not answer.
    pub when_store_fails: WhenStoreFails,
    /// Its lanes, the general one first; empty where it names none.
    pub lanes: Vec<LaneSettings>,
    /// What it makes of the site's own identities; `None` where it asks for none.
    pub identity: Option<IdentityTerms>,
}

impl RoomSettings {
    /// The lane of this name.
    #[must_use]
    pub fn lane_named(&self, name: &str) -> Option<Lane> {
        let mut names = self.lanes.iter().map(|lane| lane.name.as_str());
        let at = names.position(|known| known == name)?;
        u8::try_from(at).ok().map(Lane)
    }
}

/// `max_waiting` where a room does not say.
pub const DEFAULT_MAX_WAITING: u32 = 1_000_000;

/// `horizon_s` where a room does not say: three of the longest poll intervals.
pub const DEFAULT_HORIZON: Duration = Duration::from_mins(3);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_plain_and_begin_with_a_letter_or_digit() {
        for good in ["a", "derby", "9-lives", &"x".repeat(32)] {
            assert_eq!(good.parse::<RoomName>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "-a",
            "Derby",
            "a b",
            "a/b",
            "é",
            "a\r\nb",
            &"x".repeat(33),
        ] {
            assert_eq!(bad.parse::<RoomName>(), Err(BadName), "{bad:?}");
        }
    }
}
