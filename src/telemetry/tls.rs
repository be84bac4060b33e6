//! Counting what happens to a connection before its first request: the PROXY header and the
//! handshake of TLS.

use std::sync::{Mutex, PoisonError};

use prometheus::{IntCounter, IntGaugeVec};

use super::families::{Families, words};
use super::metrics::count;

/// What became of a handshake, as `anteroom_tls_handshakes_total{result}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shaken {
    /// The connection is encrypted.
    Done,
    /// It took too long.
    Timeout,
    /// The two sides did not agree, or the visitor's bytes were no handshake.
    Failed,
    /// As many as may be were worked on.
    Refused,
}

impl Shaken {
    /// Every outcome, in the order of declaration.
    pub const ALL: [Self; 4] = [Self::Done, Self::Timeout, Self::Failed, Self::Refused];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Done => "ok",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
            Self::Refused => "refused",
        }
    }
}

/// A version of TLS, as `anteroom_tls_connections_total{version}` says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

impl Version {
    /// Every version, in the order of declaration.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// What a listed proxy wrote in front of a connection, as `anteroom_proxy_headers_total{result}`
/// says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    /// Whose connection it is.
    Visitor,
    /// That it is the proxy's own, or of nobody it could name.
    Local,
    /// Something else: no header at all.
    Missing,
    /// A header that cannot be read.
    Malformed,
    /// Nothing whole in time.
    Timeout,
    /// Nothing: it closed.
    Closed,
}

impl Announced {
    /// Every outcome, in the order of declaration.
    pub const ALL: [Self; 6] = [
        Self::Visitor,
        Self::Local,
        Self::Missing,
        Self::Malformed,
        Self::Timeout,
        Self::Closed,
    ];

    /// The word in the label.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Visitor => "ok",
            Self::Local => "local",
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Timeout => "timeout",
            Self::Closed => "closed",
        }
    }
}

/// The handles of connections' beginnings.
pub struct TlsMetrics {
    handshakes: Vec<IntCounter>,
    versions: Vec<IntCounter>,
    announced: Vec<IntCounter>,
    expiry: IntGaugeVec,
    /// The certificates that are shown.
    shown: Mutex<Vec<String>>,
}

impl TlsMetrics {
    pub(super) fn of(families: &Families) -> prometheus::Result<Self> {
        Ok(Self {
            handshakes: words(&families.tls_handshakes, Shaken::ALL.map(Shaken::word))?,
            versions: words(&families.tls_connections, Version::ALL.map(Version::word))?,
            announced: words(&families.proxy_headers, Announced::ALL.map(Announced::word))?,
            expiry: families.certificate_expiry.clone(),
            shown: Mutex::default(),
        })
    }

    /// Counts a handshake.
    pub fn shaken(&self, outcome: Shaken) {
        count(&self.handshakes, outcome as usize);
    }

    /// Counts the version that two sides agreed on.
    pub fn speaks(&self, version: Version) {
        count(&self.versions, version as usize);
    }

    /// Counts what a listed proxy wrote first.
    pub fn announced(&self, outcome: Announced) {
        count(&self.announced, outcome as usize);
    }

    /// Shows these certificates, and no others any more: each by its file, with the second since
    /// 1970 at which it ends.
    pub fn certificates<'a>(&self, all: impl Iterator<Item = (&'a str, u64)>) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in shown.drain(..) {
            // What is not there may be taken down again: that is no fault.
            let _ = self.expiry.remove_label_values(&[&gone]);
        }
        for (file, ends) in all {
            let ends = i64::try_from(ends).unwrap_or(i64::MAX);
            self.expiry.with_label_values(&[file]).set(ends);
            shown.push(file.to_owned());
        }
    }
}
