//! Which of a site's origins one request has been to.

/// The origins that a request has been to.
#[derive(Clone, Copy, Debug)]
pub(in crate::origin) struct Tried(u64);

impl Tried {
    /// None yet.
    pub(in crate::origin) const fn none() -> Self {
        Self(0)
    }

    const fn bit(at: usize) -> u64 {
        1 << (at & 63)
    }

    pub(super) const fn has(self, at: usize) -> bool {
        self.0 & Self::bit(at) != 0
    }

    pub(super) const fn add(&mut self, at: usize) {
        self.0 |= Self::bit(at);
    }

    pub(super) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
