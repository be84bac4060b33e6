//! One origin: how many requests it may have at once, its warm connections, how a new one is made,
//! and what is thought of it.

mod opening;
mod outcome;

use std::sync::Arc;
use std::time::Duration;

pub(super) use outcome::Blame;

use super::balance::number;
use super::carrier::Carrier;
use super::check::Timetable;
use super::deadline::Deadlines;
use super::health::{Fit, Health};
use super::line::Life;
use super::route::Route;
use super::slots::{Full, Slot, Slots};
use super::{Address, OriginError, Settings, World, shelf};
use crate::domain::clock::Clock;
use crate::policy::limits::AddressKey;
use crate::telemetry::metrics::MetricsError;
use crate::telemetry::origins::{OriginResult, OriginSeries};

/// One origin.
#[derive(Debug)]
pub(super) struct Pool {
    name: String,
    number: u64,
    /// As far as they are about this one.
    settings: Settings,
    life: Life,
    route: Route,
    slots: Arc<Slots>,
    health: Health,
    series: OriginSeries,
    timetable: Timetable,
    clock: Clock,
}

/// Whether an origin is there from the start, or joins others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It has its full share at once.
    First,
    /// Its share grows.
    Later,
}

/// One request's place with an origin, up to the end of its answer.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) pool: Arc<Pool>,
    _slot: Slot,
    trial: Option<Trial>,
    /// What is counted of it at its end.
    result: OriginResult,
}

/// The right of one request to try an origin that was left out; given back when dropped.
#[derive(Debug)]
pub(super) struct Trial {
    pool: Arc<Pool>,
    number: u64,
}

impl Pool {
    /// The origin at `address`.
    ///
    /// # Errors
    ///
    /// [`MetricsError`] if its series cannot be declared.
    pub(super) fn new(
        address: &Address,
        settings: &Settings,
        (world, arrival): (&World, Arrival),
    ) -> Result<Self, MetricsError> {
        let settings = settings.of_one(address);
        let name = address.to_string();
        let series = world.metrics.origin(&settings.name, &name)?;
        series.show_usable(true);
        Ok(Self {
            number: number(name.as_bytes()),
            life: Life {
                deadlines: Deadlines::new(&settings),
                max_age: settings.max_age,
            },
            route: Route::new(address, &settings, world),
            slots: Arc::new(Slots::new(
                settings.max_connections,
                settings.max_pending,
                settings.pending,
            )),
            health: match arrival {
                Arrival::First => Health::new(settings.fitness),
                Arrival::Later => Health::joining(settings.fitness, world.clock.now().mono),
            },
            clock: world.clock.clone(),
            timetable: Timetable::default(),
            series,
            settings,
            name,
        })
    }

    /// Whether it is the one at `address` under the same settings.
    pub(super) fn is_of(&self, address: &Address, settings: &Settings) -> bool {
        self.settings == settings.of_one(address)
    }

    /// Its name as a number.
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// What is set of it.
    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Requests that it has, and those that wait for it.
    pub(super) fn load(&self) -> usize {
        self.slots.busy().saturating_add(self.slots.pending())
    }

    /// Requests that are with it now.
    pub(super) fn busy(&self) -> usize {
        self.slots.busy()
    }

    /// What it can be given.
    pub(super) fn fit(&self) -> Fit {
        self.health.fit(|| self.now())
    }

    /// Takes the right to try it out, if nobody has it.
    pub(super) fn try_out(self: &Arc<Self>) -> Option<Trial> {
        self.health.try_out(self.now()).map(|number| Trial {
            pool: Arc::clone(self),
            number,
        })
    }

    /// Takes a place for one request of a visitor of `network`, if one is free.
    pub(super) fn enter(self: &Arc<Self>, network: AddressKey) -> Option<Held> {
        self.slots.take(network).ok().map(|slot| self.held(slot))
    }

    /// Takes a place, after a short wait if none is free.
    ///
    /// # Errors
    ///
    /// [`OriginError::Busy`] if none became free.
    pub(super) async fn wait(self: &Arc<Self>, network: AddressKey) -> Result<Held, OriginError> {
        let taken = self.slots.wait(network).await;
        taken.map(|slot| self.held(slot)).map_err(|full| {
            self.series.ended(match full {
                Full::Origin => OriginResult::Busy,
                Full::Network => OriginResult::Network,
            });
            OriginError::Busy
        })
    }

    fn held(self: &Arc<Self>, slot: Slot) -> Held {
        Held {
            pool: Arc::clone(self),
            _slot: slot,
            trial: None,
            result: OriginResult::Visitor,
        }
    }

    fn now(&self) -> Duration {
        self.clock.now().mono
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        self.pool.health.end_trial(self.number);
    }
}

impl Held {
    /// The place of a request that tries the origin.
    pub(super) fn on(mut self, trial: Option<Trial>) -> Self {
        self.trial = trial;
        self
    }

    /// Ends the exchange and keeps its connection for another.
    pub(super) fn keep(self, carrier: Carrier) {
        match carrier {
            Carrier::Line(line) => {
                shelf::keep_line(&self.pool, line, self.pool.settings.idle_connections);
            }
            // The connection below it is kept already.
            Carrier::Stream(stream) => drop(stream),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::OriginStats;
    use crate::origin::testing::{OK, TicketSite, get, origin_of, text};

    async fn connections_of_three(
        settings: impl FnOnce(Settings) -> Settings,
        says: &str,
    ) -> Vec<usize> {
        let site = TicketSite::answering(says).await;
        let origin = origin_of(vec![settings(site.settings())]);
        for _ in 0..3 {
            text(get(&origin).await.unwrap()).await.unwrap();
        }
        site.heard().iter().map(|heard| heard.connection).collect()
    }

    #[tokio::test]
    async fn a_connection_is_used_again_when_its_answer_was_read() {
        assert_eq!(
            connections_of_three(|settings| settings, OK).await,
            [0, 0, 0]
        );
    }

    #[tokio::test]
    async fn an_answer_in_chunks_leaves_its_connection_usable() {
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n";

        assert_eq!(
            connections_of_three(|settings| settings, chunked).await,
            [0, 0, 0]
        );
    }

    #[tokio::test]
    async fn a_connection_that_the_origin_ends_is_not_used_again() {
        let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

        assert_eq!(
            connections_of_three(|settings| settings, closing).await,
            [0, 1, 2]
        );
    }

    #[tokio::test]
    async fn no_more_connections_are_kept_than_are_asked_for() {
        let none = |settings| Settings {
            idle_connections: 0,
            ..settings
        };

        assert_eq!(connections_of_three(none, OK).await, [0, 1, 2]);
    }

    #[tokio::test]
    async fn an_answer_left_unread_closes_its_connection() {
        let (told, mut hung_up) = tokio::sync::mpsc::channel(1);
        let site = TicketSite::doing(move |mut caller| {
            let told = told.clone();
            async move {
                caller.hear().await;
                caller
                    .say("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
                    .await;
                caller.hang_on().await;
                told.send(()).await.unwrap();
            }
        })
        .await;
        let origin = site.origin();

        drop(get(&origin).await.unwrap());

        assert_eq!(hung_up.recv().await, Some(()));
        assert_eq!(origin.stats(0).unwrap().busy, 0);
    }

    #[tokio::test]
    async fn sites_do_not_share_connections() {
        let (one, two) = (
            TicketSite::answering(OK).await,
            TicketSite::answering(OK).await,
        );
        let first = origin_of(vec![one.settings()]);
        text(get(&first).await.unwrap()).await.unwrap();
        let second = origin_of(vec![two.settings()]);
        text(get(&second).await.unwrap()).await.unwrap();

        assert_eq!((one.heard().len(), two.heard().len()), (1, 1));
    }

    #[tokio::test]
    async fn a_site_whose_settings_stay_keeps_its_connections() {
        let (one, two) = (
            TicketSite::answering(OK).await,
            TicketSite::answering(OK).await,
        );
        let before = origin_of(vec![one.settings()]);
        text(get(&before).await.unwrap()).await.unwrap();

        let other = Settings {
            name: "other".parse().unwrap(),
            ..two.settings()
        };
        let same = before.renewed(vec![one.settings(), other]).unwrap();
        text(get(&same).await.unwrap()).await.unwrap();
        let slower = Settings {
            response: Duration::from_secs(9),
            ..one.settings()
        };
        let changed = same.renewed(vec![slower]).unwrap();
        text(get(&changed).await.unwrap()).await.unwrap();

        let used: Vec<_> = one.heard().iter().map(|heard| heard.connection).collect();
        assert_eq!(used, [0, 0, 1]);
        assert_eq!(same.stats(1).unwrap().busy, 0);
    }

    #[tokio::test]
    async fn a_request_too_many_waits_for_a_slot_and_then_gives_up() {
        let site = TicketSite::answering(OK).await;
        let max_connections = 1;
        let origin = origin_of(vec![Settings {
            max_connections,
            ..site.settings()
        }]);
        let unread = get(&origin).await.unwrap();
        assert_eq!(
            origin.stats(0),
            Some(OriginStats {
                busy: 1,
                max_connections
            })
        );

        assert!(matches!(get(&origin).await, Err(OriginError::Busy)));

        let (second, first) = tokio::join!(get(&origin), text(unread));
        assert_eq!(first.unwrap(), "ok");
        assert_eq!(text(second.unwrap()).await.unwrap(), "ok");
        assert_eq!(origin.stats(0).unwrap().busy, 0);
        assert_eq!(site.heard().len(), 2);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn many_at_once_are_all_answered_within_the_cap() {
        let site = TicketSite::answering(OK).await;
        let max_connections = 8;
        let origin = origin_of(vec![Settings {
            max_connections,
            ..site.settings()
        }]);
        let origin = Arc::new(origin);
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..200 {
            let origin = Arc::clone(&origin);
            asking.spawn(async move { text(get(&origin).await.unwrap()).await.unwrap() });
        }

        assert!(asking.join_all().await.iter().all(|answer| answer == "ok"));

        assert_eq!(origin.stats(0).unwrap().busy, 0);
        assert_eq!(site.heard().len(), 200);
    }
}
