//! When a room's sale windows begin and end by themselves, as its file says.

use super::clock::UnixTime;
use super::pace::Pace;
use super::room::Method;

/// One sale window of a room's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SaleWindow {
    /// When its lobby opens; before `opens_at`. `None`: it has no lobby, and nothing is drawn.
    pub prequeue_opens_at: Option<UnixTime>,
    /// When it opens. A file's windows are told apart by this.
    pub opens_at: UnixTime,
    /// When it ends, later than `opens_at`; `None`: by order, or when the next one begins.
    pub ends_at: Option<UnixTime>,
    /// Where the external value of its draw will come from; only with a prequeue.
    pub external_source: Option<String>,
    /// Its own pace, instead of the room's.
    pub pace: Option<Pace>,
    /// What is shown to those waiting in it.
    pub message: Option<String>,
    /// Who waits in it, if not as in the room.
    pub method: Option<Method>,
}

impl SaleWindow {
    /// A window that opens at this time, and nothing else said.
    #[must_use]
    pub const fn opening(opens_at: UnixTime) -> Self {
        Self {
            prequeue_opens_at: None,
            opens_at,
            ends_at: None,
            external_source: None,
            pace: None,
            message: None,
            method: None,
        }
    }

    /// When it begins: with its prequeue where it has one.
    #[must_use]
    pub fn begins_at(&self) -> UnixTime {
        self.prequeue_opens_at.unwrap_or(self.opens_at)
    }
}

/// When a room opens and ends by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    windows: Vec<SaleWindow>,
    ends_at: Option<UnixTime>,
}

impl Schedule {
    /// These windows, in whatever order; none begins before the one before it has ended.
    #[must_use]
    pub fn of(mut windows: Vec<SaleWindow>) -> Self {
        windows.sort_by_key(SaleWindow::begins_at);
        Self {
            windows,
            ends_at: None,
        }
    }

    /// No window, but a time at which whatever an operator has opened ends.
    #[must_use]
    pub const fn ending(at: UnixTime) -> Self {
        Self {
            windows: Vec::new(),
            ends_at: Some(at),
        }
    }

    /// The windows, in the order in which they begin.
    #[must_use]
    pub fn windows(&self) -> &[SaleWindow] {
        &self.windows
    }

    /// The end that belongs to no window.
    #[must_use]
    pub const fn lone_end(&self) -> Option<UnixTime> {
        self.ends_at
    }

    /// The windows that open after `passed`, a time in Unix milliseconds.
    pub(super) fn opening_after(&self, passed: Option<u64>) -> impl Iterator<Item = &SaleWindow> {
        let open_later = move |window: &&SaleWindow| is_after(window.opens_at, passed);
        self.windows.iter().filter(open_later)
    }

    /// The first end after `passed`, a time in Unix milliseconds.
    pub(super) fn end_after(&self, passed: Option<u64>) -> Option<UnixTime> {
        let ends = self.windows.iter().filter_map(|window| window.ends_at);
        ends.chain(self.ends_at)
            .filter(|at| is_after(*at, passed))
            .min()
    }

    /// Whether one of the windows opens at exactly this time.
    pub(super) fn has_opening(&self, millis: u64) -> bool {
        let mut windows = self.windows.iter();
        windows.any(|window| window.opens_at.millis() == millis)
    }
}

/// Whether `at` lies after `passed`; everything lies after nothing.
pub(super) fn is_after(at: UnixTime, passed: Option<u64>) -> bool {
    passed.is_none_or(|passed| passed < at.millis())
}
