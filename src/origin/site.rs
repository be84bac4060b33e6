//! One ticket site: its origins, and which of them a request goes to.

mod tried;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

pub(super) use tried::Tried;

use super::balance::{Candidate, hashed, least, number};
use super::deadline::Deadlines;
use super::health::{Fit, Passing};
use super::pool::{Arrival, Held, Pool, Trial};
use super::retry::Budget;
use super::trailers::Sieve;
use super::{Balance, OriginError, OriginStats, Settings, World};
use crate::gate::permit::{Grounds, Permit};
use crate::policy::limits::{AddressKey, address_key};
use crate::telemetry::metrics::MetricsError;
use crate::telemetry::origins::UnsentSeries;

/// One ticket site.
#[derive(Debug)]
pub(super) struct Site {
    settings: Settings,
    deadlines: Deadlines,
    pools: Vec<Arc<Pool>>,
    turn: AtomicUsize,
    pub(super) budget: Budget,
    unsent: UnsentSeries,
    /// What may come behind a body.
    pub(super) sieve: Arc<Sieve>,
}

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// Whose request it is, as a number.
    visitor: u64,
    /// Where it comes from.
    network: AddressKey,
    /// Whether it may be sent to an origin that is only tried.
    risk: Risk,
}

/// What happens if a request goes wrong at its origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Risk {
    /// It may be sent to another one.
    None,
    /// It is lost.
    Loss,
}

/// An origin that was chosen.
struct Chosen {
    at: usize,
    pool: Arc<Pool>,
    /// If it is only tried.
    trial: Option<Trial>,
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
            unsent: world.metrics.unsent(&settings.name)?,
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

    /// Where requests are counted that are sent to no origin.
    pub(super) const fn unsent_series(&self) -> &UnsentSeries {
        &self.unsent
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

    /// What is asked of the choice by a request with this permit.
    pub(super) fn ask(&self, permit: &Permit, risk: Risk) -> Ask {
        Ask {
            visitor: self.visitor(permit),
            network: address_key(permit.passage().client),
            risk,
        }
    }

    /// Whose request it is, as far as that matters for the choice: the session, which stays the
    /// same wherever the visitor is, else the address or its network.
    fn visitor(&self, permit: &Permit) -> u64 {
        if self.settings.balance != Balance::Visitor || !self.has_several() {
            return 0;
        }
        match (permit.grounds(), permit.passage().client) {
            (Grounds::Admitted(session), _) => number(&session.0),
            (_, IpAddr::V4(address)) => number(&address.octets()),
            (_, IpAddr::V6(address)) => number(&(u128::from(address) >> 64).to_be_bytes()),
        }
    }

    /// A place for a request that has been to `tried`, to which that origin is added.
    ///
    /// First comes an origin that was left out, does not say it is unwell, and is due to be tried;
    /// then those that are fit, then those that say they are unwell although requests succeed. If
    /// all are left out, the one that would be due first is tried, by one request at a time.
    ///
    /// Origins that are full are passed over. If all that come into question are, the request waits
    /// for one of them.
    ///
    /// # Errors
    ///
    /// [`OriginError::LeftOut`] if there is no origin, [`OriginError::Busy`] if the wait was in vain.
    pub(super) async fn seat(&self, ask: Ask, tried: &mut Tried) -> Result<Held, OriginError> {
        let mut full = Tried::none();
        while let Some(chosen) = self.choose(ask, *tried, full) {
            if let Some(held) = chosen.pool.enter(ask.network) {
                tried.add(chosen.at);
                return Ok(held.on(chosen.trial));
            }
            full.add(chosen.at);
        }
        let chosen = self.choose(ask, *tried, Tried::none());
        let Chosen { at, pool, trial } = chosen.ok_or(OriginError::LeftOut)?;
        tried.add(at);
        Ok(pool.wait(ask.network).await?.on(trial))
    }

    fn choose(&self, ask: Ask, tried: Tried, full: Tried) -> Option<Chosen> {
        let passed = tried.and(full);
        if let Some(chosen) = self.on_trial(ask, passed) {
            return Some(chosen);
        }
        let is_there = |may: fn(Fit) -> bool| self.untried(tried).any(|(_, pool)| may(pool.fit()));
        if is_there(Fit::is_whole) {
            self.balanced(ask, passed, Fit::is_whole)
        } else if is_there(Fit::passes) {
            self.balanced(ask, passed, Fit::passes)
        } else if self.pools.iter().any(|pool| pool.fit().passes()) {
            // What is left out stays so as long as another one is not, even if that one has just
            // failed this request.
            None
        } else {
            self.least_bad(passed)
        }
    }

    fn untried(&self, tried: Tried) -> impl Iterator<Item = (usize, &Arc<Pool>)> {
        let pools = self.pools.iter().enumerate();
        pools.filter(move |(at, _)| !tried.has(*at))
    }

    fn on_trial(&self, ask: Ask, passed: Tried) -> Option<Chosen> {
        let mut due = self
            .untried(passed)
            .filter(|(_, pool)| self.may_try(ask, pool.fit()));
        due.find_map(|(at, pool)| Chosen::to_try(at, pool))
    }

    /// Whether a request may try this origin. What would be lost with it may only where nobody else
    /// ever does: no harmless request came for long, and no health check asks.
    fn may_try(&self, ask: Ask, fit: Fit) -> bool {
        let due = match fit.passing {
            Passing::OnTrial => ask.risk == Risk::None,
            Passing::Overdue => ask.risk == Risk::None || self.settings.check.is_none(),
            Passing::Freely | Passing::Tried | Passing::NotBefore(_) => false,
        };
        due && !fit.unwell
    }

    fn balanced(&self, ask: Ask, passed: Tried, may: fn(Fit) -> bool) -> Option<Chosen> {
        let candidates = self.untried(passed).filter_map(|(at, pool)| {
            let fit = pool.fit();
            may(fit).then(|| Candidate {
                at,
                busy: pool.load(),
                share: fit.share,
                name: pool.number(),
            })
        });
        let at = match self.settings.balance {
            Balance::LeastConnections => {
                let turn = self.turn.fetch_add(1, Ordering::Relaxed);
                least(candidates, turn % self.pools.len().max(1))
            }
            Balance::Visitor => hashed(candidates, ask.visitor),
        }?;
        let pool = Arc::clone(self.pools.get(at)?);
        let trial = None;
        Some(Chosen { at, pool, trial })
    }

    fn least_bad(&self, passed: Tried) -> Option<Chosen> {
        let left_out = self
            .untried(passed)
            .filter_map(|(at, pool)| match pool.fit().passing {
                Passing::Freely | Passing::Tried => None,
                Passing::OnTrial | Passing::Overdue => Some((Duration::ZERO, at, pool)),
                Passing::NotBefore(until) => Some((until, at, pool)),
            });
        let (_, at, pool) = left_out.min_by_key(|(until, at, _)| (*until, *at))?;
        Chosen::to_try(at, pool)
    }
}

impl Chosen {
    /// One that is tried, if no other request tries it.
    fn to_try(at: usize, pool: &Arc<Pool>) -> Option<Self> {
        let trial = Some(pool.try_out()?);
        let pool = Arc::clone(pool);
        Some(Self { at, pool, trial })
    }
}

#[cfg(test)]
mod tests;
