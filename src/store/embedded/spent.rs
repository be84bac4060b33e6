//! Single-use things that were used, and by whom.

use std::collections::{BTreeSet, HashMap};

use super::moment::Moment;
use super::room::Room;
use crate::domain::visitor::VisitorId;
use crate::domain::window::WindowId;
use crate::store::{Spending, Spent};

/// The key of a single-use thing.
pub(super) type Key = [u8; 16];

/// Uses forgotten a call at most.
const SWEEP: usize = 1_024;

/// Who used a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Use {
    pub(super) window: WindowId,
    pub(super) visitor: VisitorId,
    /// Room time until which it is remembered.
    pub(super) forget: Moment,
}

/// What of a room was used.
#[derive(Debug, Default)]
pub(super) struct Uses {
    by_key: HashMap<Key, Use>,
    by_forget: BTreeSet<(Moment, Key)>,
}

impl Uses {
    /// Who used a thing, as long as it is remembered.
    pub(super) fn of(&self, key: &Key) -> Option<&Use> {
        self.by_key.get(key)
    }

    /// Notes a use, in the stead of an older one.
    pub(super) fn put(&mut self, key: Key, used: Use) {
        if let Some(old) = self.by_key.insert(key, used) {
            self.by_forget.remove(&(old.forget, key));
        }
        self.by_forget.insert((used.forget, key));
    }

    fn forget_one(&mut self, now: Moment) -> Option<Key> {
        let &(forget, key) = self.by_forget.first()?;
        if forget > now {
            return None;
        }
        self.by_forget.remove(&(forget, key));
        self.by_key.remove(&key);
        Some(key)
    }
}

impl Room {
    /// Uses a thing, if nobody else has.
    pub(super) fn spend(&mut self, ask: &Spending) -> Spent {
        let now = self.now();
        let known = self.uses.of(&ask.key).filter(|used| used.forget > now);
        let forget = now.after(ask.keep);
        let (said, forget) = match known {
            None => (Spent::Now, forget),
            Some(used) if (used.window, used.visitor) != (ask.window, ask.visitor) => {
                return Spent::ByAnother;
            }
            Some(used) => (Spent::Before, forget.max(used.forget)),
        };
        let used = Use {
            window: ask.window,
            visitor: ask.visitor,
            forget,
        };
        if known != Some(&used) {
            self.uses.put(ask.key, used);
            self.dirty.uses.insert(ask.key);
            self.changed();
        }
        said
    }

    /// Forgets a bounded number of uses that need no longer be remembered; says how many.
    pub(super) fn forget_uses(&mut self) -> u64 {
        let now = self.now();
        let mut forgotten = 0;
        while forgotten < SWEEP as u64
            && let Some(key) = self.uses.forget_one(now)
        {
            self.dirty.uses.insert(key);
            self.changed();
            forgotten += 1;
        }
        forgotten
    }
}
