//! The series that the configuration names: those of rooms, sites and bot rules. They come and go
//! with the policies.

use std::collections::{HashMap, HashSet};

use prometheus::{IntCounter, IntGauge};

use super::families::Families;
use super::labels::{CODE_RESULTS, RuleLabel};
use super::lanes::LaneSeries;
use super::reading::Reading;
use super::sites::SiteCounts;
use crate::domain::room::RoomName;
use crate::store::survey::StoreHealth;

/// The handles of the sites and rules of one set of policies. Whoever counts with an older set
/// than the one in force counts into series that are shown no longer.
pub struct Counts {
    sites: Vec<SiteCounts>,
    rules: Vec<(String, IntCounter)>,
    /// Of each room with lanes, in the order of [`CODE_RESULTS`].
    codes: Vec<(RoomName, Vec<IntCounter>)>,
}

impl Counts {
    /// Counts what became of a code in a room, by one of [`CODE_RESULTS`].
    pub fn code_tried(&self, room: &RoomName, result: &str) {
        let at = CODE_RESULTS.iter().position(|word| *word == result);
        let results = self.codes.iter().find(|(name, _)| name == room);
        let counter = results
            .zip(at)
            .and_then(|((_, results), at)| results.get(at));
        if let Some(counter) = counter {
            counter.inc();
        }
    }

    /// Counts a match of the bot rule of this name.
    pub fn rule_matched(&self, rule: &RoomName) {
        if let Some((_, counter)) = self.rules.iter().find(|(name, _)| name == rule.as_str()) {
            counter.inc();
        }
    }

    /// Those of the site with this index.
    #[must_use]
    pub fn site(&self, site: usize) -> Option<&SiteCounts> {
        self.sites.get(site)
    }
}

/// What a set of policies names, as far as series are made of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Named<'a> {
    /// The sites, in their order.
    pub sites: &'a [RoomName],
    /// The bot rules.
    pub rules: &'a [RuleLabel],
    /// The rooms with lanes.
    pub laned: &'a [RoomName],
    /// The origins: each one's site, and its address.
    pub origins: &'a [(RoomName, String)],
}

/// What is shown at present.
#[derive(Default)]
pub(super) struct Shown {
    rooms: HashMap<RoomName, RoomMetrics>,
    sites: Vec<RoomName>,
    rules: Vec<RuleLabel>,
    coded: Vec<RoomName>,
    origins: Vec<(RoomName, String)>,
}

impl Shown {
    /// The handles of these sites and rules; takes down the series of those that are gone.
    pub(super) fn counts(
        &mut self,
        families: &Families,
        named: Named<'_>,
    ) -> prometheus::Result<Counts> {
        let Named {
            sites,
            rules,
            laned,
            origins,
        } = named;
        for gone in self.sites.iter().filter(|site| !sites.contains(site)) {
            families.drop_site(gone);
        }
        for gone in self.rules.iter().filter(|rule| !rules.contains(rule)) {
            let labels = [gone.rule.as_str(), gone.action];
            let _ = families.rule_matches.remove_label_values(&labels);
        }
        for gone in self.coded.iter().filter(|room| !laned.contains(room)) {
            for result in CODE_RESULTS {
                let labels = [gone.as_str(), result];
                let _ = families.codes.remove_label_values(&labels);
            }
        }
        let gone = self.origins.iter().filter(|known| !origins.contains(known));
        for (site, origin) in gone {
            families.drop_origin(site, origin);
        }
        self.origins = origins.to_vec();
        self.coded = laned.to_vec();
        self.sites = sites.to_vec();
        self.rules = rules.to_vec();
        Ok(Counts {
            sites: families.sites(sites)?,
            rules: families.rules(rules)?,
            codes: families.codes_of(laned)?,
        })
    }

    /// Brings the figures of these rooms up to date; takes down those of rooms that are gone.
    pub(super) fn follow(
        &mut self,
        families: &Families,
        readings: &[Reading<'_>],
    ) -> prometheus::Result<()> {
        let names = readings.iter().map(|reading| &reading.settings.name);
        let there: HashSet<&RoomName> = names.collect();
        self.rooms.retain(|room, shown| {
            let stays = there.contains(room);
            if !stays {
                families.drop_room(room);
                shown.lanes.drop_of(families, room);
            }
            stays
        });
        for reading in readings {
            let name = &reading.settings.name;
            if !self.rooms.contains_key(name) {
                self.rooms.insert(name.clone(), families.room(name)?);
            }
            if let Some(room) = self.rooms.get_mut(name) {
                room.follow(reading);
                room.lanes.follow(families, reading)?;
                families.follow_wait(reading)?;
            }
        }
        Ok(())
    }
}

/// One room's handles.
struct RoomMetrics {
    joins: IntCounter,
    releases: IntCounter,
    grants: IntCounter,
    claims: IntCounter,
    missed: IntCounter,
    waiting: IntGauge,
    absent: IntGauge,
    released: IntGauge,
    sessions: IntGauge,
    tick: IntGauge,
    pace: IntGauge,
    recovering: IntGauge,
    lanes: LaneSeries,
}

impl RoomMetrics {
    fn follow(&self, reading: &Reading<'_>) {
        self.pace.set(i64::from(reading.pace().per_minute.get()));
        self.recovering.set(i64::from(reading.snapshot.recovers()));
        if reading.snapshot.store == StoreHealth::NotYet {
            return;
        }
        let survey = &reading.snapshot.survey;
        follow_total(&self.joins, survey.joins_total);
        follow_total(&self.releases, survey.releases_total);
        follow_total(&self.grants, survey.granted_total);
        follow_total(&self.claims, survey.claims_total);
        follow_total(&self.missed, survey.missed_total);
        set(&self.waiting, survey.waiting);
        set(&self.absent, survey.absent);
        set(&self.released, survey.released);
        set(&self.sessions, survey.active);
        set(&self.tick, survey.ticks.tick);
    }
}

impl Families {
    fn codes_of(&self, rooms: &[RoomName]) -> prometheus::Result<Vec<(RoomName, Vec<IntCounter>)>> {
        let counters = |room: &RoomName| {
            let labels = CODE_RESULTS.into_iter().map(|word| [room.as_str(), word]);
            let counters = labels.map(|labels| self.codes.get_metric_with_label_values(&labels));
            Ok((room.clone(), counters.collect::<prometheus::Result<_>>()?))
        };
        rooms.iter().map(counters).collect()
    }

    fn rules(&self, rules: &[RuleLabel]) -> prometheus::Result<Vec<(String, IntCounter)>> {
        let counter = |rule: &RuleLabel| {
            let labels = [rule.rule.as_str(), rule.action];
            let counter = self.rule_matches.get_metric_with_label_values(&labels)?;
            Ok((rule.rule.clone(), counter))
        };
        rules.iter().map(counter).collect()
    }

    fn room(&self, room: &RoomName) -> prometheus::Result<RoomMetrics> {
        let room = [room.as_str()];
        Ok(RoomMetrics {
            joins: self.joins.get_metric_with_label_values(&room)?,
            releases: self.releases.get_metric_with_label_values(&room)?,
            grants: self.grants.get_metric_with_label_values(&room)?,
            claims: self.claims.get_metric_with_label_values(&room)?,
            missed: self.missed.get_metric_with_label_values(&room)?,
            waiting: self.waiting.get_metric_with_label_values(&room)?,
            absent: self.absent.get_metric_with_label_values(&room)?,
            released: self.released.get_metric_with_label_values(&room)?,
            sessions: self.sessions.get_metric_with_label_values(&room)?,
            tick: self.tick.get_metric_with_label_values(&room)?,
            pace: self.pace.get_metric_with_label_values(&room)?,
            recovering: self.recovering.get_metric_with_label_values(&room)?,
            lanes: LaneSeries::default(),
        })
    }

    fn drop_room(&self, room: &RoomName) {
        let labels = [room.as_str()];
        let counters = [
            &self.joins,
            &self.releases,
            &self.grants,
            &self.claims,
            &self.missed,
        ];
        for family in counters {
            let _ = family.remove_label_values(&labels);
        }
        let gauges = [
            &self.waiting,
            &self.absent,
            &self.released,
            &self.sessions,
            &self.tick,
            &self.pace,
            &self.recovering,
        ];
        for family in gauges {
            let _ = family.remove_label_values(&labels);
        }
        let _ = self.wait.remove_label_values(&labels);
    }

    fn follow_wait(&self, reading: &Reading<'_>) -> prometheus::Result<()> {
        let labels = [reading.settings.name.as_str()];
        match reading.newcomer_wait() {
            Some(wait) => self
                .wait
                .get_metric_with_label_values(&labels)?
                .set(wait.median.as_secs_f64()),
            None => drop(self.wait.remove_label_values(&labels)),
        }
        Ok(())
    }
}

/// Moves a counter to a total that is kept elsewhere. A smaller total means that the store lost
/// its data: the counter starts again, as after a restart.
pub(super) fn follow_total(counter: &IntCounter, total: u64) {
    if total < counter.get() {
        counter.reset();
    }
    counter.inc_by(total.saturating_sub(counter.get()));
}

/// Shows a number.
pub(super) fn set(gauge: &IntGauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}
