//! Which key of a purpose signs when, and until when the others are needed.
//!
//! Every key verifies as long as it is there. Each signs from a time on, which its file's name
//! says, until the next one does; so gateways that read a new folder one after the other change
//! over at one moment, and none meets a token it cannot verify.

use std::time::Duration;

use super::inspect::SoundKey;
use super::keyfile::{Kid, Purpose};
use super::queue::WITH_PLACE;
use crate::domain::clock::UnixTime;
use crate::domain::session::LEEWAY;

/// The keys of one purpose, of which there is always at least one.
pub(super) struct Keys<K> {
    oldest: K,
    /// Each with the time from which it signs, ascending.
    newer: Vec<(UnixTime, K)>,
}

impl<K> Keys<K> {
    /// From keys and the times from which they sign, ascending.
    pub(super) fn in_turn(keys: Vec<(UnixTime, K)>) -> Option<Self> {
        let mut keys = keys.into_iter();
        let (_, oldest) = keys.next()?;
        Some(Self {
            oldest,
            newer: keys.collect(),
        })
    }

    /// The key that signs at `now`: the last whose time has come, else the oldest.
    pub(super) fn signing(&self, now: UnixTime) -> &K {
        let begun = self.newer.iter().rev().find(|(from, _)| *from <= now);
        begun.map_or(&self.oldest, |(_, key)| key)
    }

    /// Every key, newest first, those whose time is still to come included.
    pub(super) fn iter(&self) -> impl Iterator<Item = &K> {
        let newer = self.newer.iter().rev().map(|(_, key)| key);
        newer.chain(std::iter::once(&self.oldest))
    }

    pub(super) fn map(self, each: impl Fn(K) -> K) -> Self {
        let newer = self.newer.into_iter();
        Self {
            oldest: each(self.oldest),
            newer: newer.map(|(from, key)| (from, each(key))).collect(),
        }
    }
}

/// What a key does besides verifying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// It signs from a time on, until another does.
    Signs {
        /// From when.
        from: UnixTime,
        /// Until when; `None` while no other key follows.
        until: Option<UnixTime>,
    },
    /// It is the one of its purpose that is used, for good.
    InUse,
    /// Its purpose uses an older key.
    Spare,
}

/// A key, as `keys list` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyLine {
    /// What it is for.
    pub purpose: Purpose,
    /// Its id.
    pub kid: Kid,
    /// `EdDSA`, `HS256`, or `HMAC-SHA-256`.
    pub algorithm: &'static str,
    /// What it does.
    pub duty: Duty,
    /// Its file, without the folder.
    pub file: String,
}

impl KeyLine {
    /// When no living token can need the key any more, given the longest life of an admission
    /// token; `None` while no other key follows it. Holds for gateways that had read the key's
    /// successor by the time it began to sign.
    #[must_use]
    pub fn needless_at(&self, longest_admission: Duration) -> Option<UnixTime> {
        let life = match self.purpose {
            Purpose::Queue => WITH_PLACE,
            Purpose::Admission => longest_admission,
            Purpose::Identity | Purpose::Draw => return None,
        };
        match self.duty {
            Duty::Signs { until, .. } => Some(until?.after(life).after(LEEWAY)),
            Duty::InUse | Duty::Spare => None,
        }
    }
}

/// One line a key, by purpose, from keys in the order in which they sign.
pub(super) fn lines(found: &[SoundKey]) -> Vec<KeyLine> {
    let mut lines = Vec::with_capacity(found.len());
    for purpose in Purpose::ALL {
        let mine = || found.iter().filter(move |key| key.purpose == purpose);
        let next = mine().skip(1).map(|key| Some(key.from));
        let next = next.chain(std::iter::once(None));
        lines.extend(mine().zip(next).enumerate().map(|(nth, (key, until))| {
            let from = key.from;
            let duty = match purpose {
                Purpose::Queue | Purpose::Admission => Duty::Signs { from, until },
                Purpose::Identity | Purpose::Draw if nth == 0 => Duty::InUse,
                Purpose::Identity | Purpose::Draw => Duty::Spare,
            };
            KeyLine {
                purpose,
                kid: key.kid.clone(),
                algorithm: key.algorithm(),
                duty,
                file: key.file.clone(),
            }
        }));
    }
    lines
}
