//! One ticket site: its origins, and which of them a request goes to.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::balance::{Candidate, hashed, least, number};
use super::deadline::Deadlines;
use super::health::{Fit, Passing};
use super::pool::{Arrival, Pool};
use super::retry::Budget;
use super::trailers::Sieve;
use super::{Balance, OriginError, OriginStats, Settings, World};
use crate::gate::permit::{Grounds, Permit};
use crate::telemetry::metrics::MetricsError;

/// One ticket site.
#[derive(Debug)]
pub(super) struct Site {
    settings: Settings,
    deadlines: Deadlines,
    pools: Vec<Arc<Pool>>,
    turn: AtomicUsize,
    pub(super) budget: Budget,
    /// What may come behind a body.
    pub(super) sieve: Arc<Sieve>,
}

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Whose request it is, as a number.
    pub(super) visitor: u64,
    /// Whether it may be sent to an origin that is only tried.
    pub(super) risk: Risk,
}

/// What happens if a request goes wrong at its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Risk {
    /// It may be sent to another one.
    None,
    /// It is lost.
    Loss,
}

/// The origins that a request has been to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tried(u64);

impl Tried {
    const fn bit(at: usize) -> u64 {
        1 << (at & 63)
    }

    const fn has(self, at: usize) -> bool {
        self.0 & Self::bit(at) != 0
    }

    const fn add(&mut self, at: usize) {
        self.0 |= Self::bit(at);
    }
}

impl Site {
    /// A site of these settings. Origins that are the same as ones of `last` are those; where some
    /// are, the others have joined them.
    ///
    /// # Errors
    ///
    /// [`MetricsError`] if a series cannot be declared.
    pub(super) fn new(
        settings: Settings,
        last: Option<&Self>,
        world: &World,
    ) -> Result<Self, MetricsError> {
        let of_last = |address| {
            let mut pools = last?.pools.iter();
            pools.find(|pool| pool.is_of(address, &settings))
        };
        let joins = settings.origins.iter().any(|at| of_last(at).is_some());
        let arrival = if joins {
            Arrival::Later
        } else {
            Arrival::First
        };
        let pools = settings.origins.iter().map(|address| {
            of_last(address).map_or_else(
                || Pool::new(address, &settings, (world, arrival)).map(Arc::new),
                |pool| Ok(Arc::clone(pool)),
            )
        });
        Ok(Self {
            deadlines: Deadlines::new(&settings),
            pools: pools.collect::<Result<_, _>>()?,
            turn: AtomicUsize::new(0),
            budget: Budget::full(),
            sieve: Arc::new(Sieve::new(
                &settings.trailers,
                Arc::clone(&world.metrics.asides),
            )),
            settings,
        })
    }

    pub(super) fn is_of(&self, settings: &Settings) -> bool {
        self.settings == *settings
    }

    pub(super) fn is_named_as(&self, settings: &Settings) -> bool {
        self.settings.name == settings.name
    }

    pub(super) const fn deadlines(&self) -> Deadlines {
        self.deadlines
    }

    /// How long a body or an open socket may stand still.
    pub(super) const fn idle(&self) -> Duration {
        self.settings.idle
    }

    pub(super) fn pools(&self) -> &[Arc<Pool>] {
        &self.pools
    }

    pub(super) const fn has_several(&self) -> bool {
        self.pools.len() > 1
    }

    pub(super) fn stats(&self) -> OriginStats {
        OriginStats {
            busy: self.pools.iter().map(|pool| pool.busy()).sum(),
            max_connections: self
                .settings
                .max_connections
                .saturating_mul(self.pools.len()),
        }
    }

    /// Whose request it is, as far as that matters for the choice: the session, which stays the
    /// same wherever the visitor is, else the address or its network.
    pub(super) fn visitor(&self, permit: &Permit) -> u64 {
        if self.settings.balance != Balance::Visitor || !self.has_several() {
            return 0;
        }
        match (permit.grounds(), permit.passage().client) {
            (Grounds::Admitted(session), _) => number(&session.0),
            (_, IpAddr::V4(address)) => number(&address.octets()),
            (_, IpAddr::V6(address)) => number(&(u128::from(address) >> 64).to_be_bytes()),
        }
    }

    /// The origin for a request that has been to `tried`, to which that one is added.
    ///
    /// First comes one that was left out and is due to be tried, then those that are fit, then
    /// those that say they are unwell although requests succeed. If all are left out, the one
    /// that would be due first is tried, by one request at a time.
    ///
    /// # Errors
    ///
    /// [`OriginError::LeftOut`] if there is none.
    pub(super) fn choose(&self, ask: Ask, tried: &mut Tried) -> Result<Arc<Pool>, OriginError> {
        let chosen = match self.pools.as_slice() {
            [only] if !tried.has(0) => (only.fit().passing == Passing::Freely).then_some(0),
            [_] => None,
            _ => self.on_trial(ask, *tried).or_else(|| {
                let fit = |fit: Fit| fit.passing == Passing::Freely && !fit.unwell;
                let passing = |fit: Fit| fit.passing == Passing::Freely;
                self.balanced(ask, *tried, fit)
                    .or_else(|| self.balanced(ask, *tried, passing))
            }),
        };
        let chosen = chosen.or_else(|| self.least_bad(*tried));
        let at = chosen.ok_or(OriginError::LeftOut)?;
        tried.add(at);
        self.pools.get(at).cloned().ok_or(OriginError::LeftOut)
    }

    fn untried(&self, tried: Tried) -> impl Iterator<Item = (usize, &Arc<Pool>)> {
        let pools = self.pools.iter().enumerate();
        pools.filter(move |(at, _)| !tried.has(*at))
    }

    fn on_trial(&self, ask: Ask, tried: Tried) -> Option<usize> {
        if ask.risk == Risk::Loss {
            return None;
        }
        let mut due = self
            .untried(tried)
            .filter(|(_, pool)| pool.fit().passing == Passing::OnTrial);
        due.find(|(_, pool)| pool.try_out()).map(|(at, _)| at)
    }

    fn balanced(&self, ask: Ask, tried: Tried, may: impl Fn(Fit) -> bool) -> Option<usize> {
        let candidates = self.untried(tried).filter_map(|(at, pool)| {
            let fit = pool.fit();
            may(fit).then(|| Candidate {
                at,
                busy: pool.load(),
                share: fit.share,
                name: pool.number(),
            })
        });
        match self.settings.balance {
            Balance::LeastConnections => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                least(candidates, turn % self.pools.len().max(1))
            }
            Balance::Visitor => hashed(candidates, ask.visitor),
        }
    }

    fn least_bad(&self, tried: Tried) -> Option<usize> {
        let left_out = self
            .untried(tried)
            .filter_map(|(at, pool)| match pool.fit().passing {
                Passing::Freely => None,
                Passing::OnTrial => Some((Duration::ZERO, at, pool)),
                Passing::NotBefore(until) => Some((until, at, pool)),
            });
        let (_, at, pool) = left_out.min_by_key(|(until, at, _)| (*until, *at))?;
        pool.try_out().then_some(at)
    }
}
