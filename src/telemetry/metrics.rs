//! Counting and showing the gateway's metrics; [`super::families`] declares them.
//!
//! Handles are resolved when the configuration is known, so that counting is one atomic addition.
//! Figures about rooms are read from the snapshots when somebody scrapes: a room's joins, releases
//! and claims are counted in the store, over the room's life, and every gateway shows the same.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Gauge, GaugeVec, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

use super::door::DOOR_REASONS;
use super::families::{Families, words};
use super::labels::{RefusalLabel, RuleLabel, TOKEN_REASONS, Verb, VerdictLabel};
use super::reading::{Reading, clock_offset};
use super::sockets::SocketMetrics;
use crate::domain::room::RoomName;
use crate::store::StoreError;
use crate::store::survey::StoreHealth;

/// The `result` label of a call that was answered.
const OK: &str = "ok";

/// The results a store call may have: an answer, or a word of [`StoreError`].
const RESULTS: [&str; 5] = [OK, "timeout", "unreachable", "lost", "unreadable"];

/// The metrics could not be declared or written out.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// One room's handles.
struct RoomMetrics {
    joins: IntCounter,
    releases: IntCounter,
    grants: IntCounter,
    claims: IntCounter,
    waiting: IntGauge,
    absent: IntGauge,
    released: IntGauge,
    sessions: IntGauge,
    tick: IntGauge,
    pace: IntGauge,
    recovering: IntGauge,
}

/// One store verb's handles.
struct VerbMetrics {
    results: Vec<(&'static str, IntCounter)>,
    duration: Histogram,
}

/// The gateway's metrics, in a registry of their own.
pub struct Metrics {
    registry: Registry,
    verdicts: Vec<IntCounter>,
    refusals: Vec<IntCounter>,
    rules: Vec<(String, IntCounter)>,
    /// In the order of [`TOKEN_REASONS`].
    tokens: Vec<IntCounter>,
    pub(super) door: Vec<IntCounter>,
    sites: Vec<Histogram>,
    verbs: Vec<VerbMetrics>,
    /// Of WebSockets.
    pub sockets: SocketMetrics,
    rooms: HashMap<RoomName, RoomMetrics>,
    store_reachable: IntGauge,
    clock_offset: Gauge,
    last_reload: IntGauge,
    wait: GaugeVec,
    /// Held while the figures of the rooms are brought up to date, never across an await.
    scraping: Mutex<()>,
}

impl Metrics {
    /// Declares every metric for these rooms, sites and bot rules. Sites are counted by
    /// their index in the list, rules by name.
    ///
    /// # Errors
    /// [`MetricsError`] when the library refuses a declaration.
    pub fn new(
        rooms: &[RoomName],
        sites: &[RoomName],
        rules: &[RuleLabel],
    ) -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let families = Families::register(&registry)?;
        let none: [&str; 0] = [];
        let version = [env!("CARGO_PKG_VERSION")];
        let build_info = &families.build_info;
        build_info.get_metric_with_label_values(&version)?.set(1);
        let last_reload = families.last_reload.get_metric_with_label_values(&none)?;
        last_reload.set(1);
        let rooms = rooms
            .iter()
            .map(|room| Ok((room.clone(), families.room(room)?)));
        Ok(Self {
            verdicts: words(
                &families.requests,
                VerdictLabel::ALL.map(VerdictLabel::word),
            )?,
            refusals: words(
                &families.refusals,
                RefusalLabel::ALL.map(RefusalLabel::word),
            )?,
            rules: families.rules(rules)?,
            tokens: words(&families.tokens, TOKEN_REASONS)?,
            door: words(&families.control_refusals, DOOR_REASONS)?,
            sites: families.sites(sites)?,
            verbs: families.verbs()?,
            sockets: SocketMetrics::of(&families)?,
            rooms: rooms.collect::<prometheus::Result<_>>()?,
            store_reachable: families
                .store_reachable
                .get_metric_with_label_values(&none)?,
            clock_offset: families.clock_offset.get_metric_with_label_values(&none)?,
            last_reload,
            wait: families.wait,
            registry,
            scraping: Mutex::new(()),
        })
    }

    /// Counts a decision of the gate.
    pub fn verdict(&self, verdict: VerdictLabel) {
        count(&self.verdicts, verdict as usize);
    }

    /// Counts a refusal by its reason; the verdict is counted apart.
    pub fn refusal(&self, reason: RefusalLabel) {
        count(&self.refusals, reason as usize);
    }

    /// Counts a match of the bot rule of this name.
    pub fn rule_matched(&self, rule: &RoomName) {
        if let Some((_, counter)) = self.rules.iter().find(|(name, _)| name == rule.as_str()) {
            counter.inc();
        }
    }

    /// Counts a token that did not count, by one of [`TOKEN_REASONS`].
    pub fn token_refused(&self, reason: &str) {
        if let Some(at) = TOKEN_REASONS.iter().position(|word| *word == reason) {
            count(&self.tokens, at);
        }
    }

    /// Records how long the origin of the site with this index took.
    pub fn origin_answered(&self, site: usize, took: Duration) {
        if let Some(histogram) = self.sites.get(site) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// Counts and times a call of the store.
    pub fn store_called<T>(&self, verb: Verb, answer: &Result<T, StoreError>, took: Duration) {
        let result = answer.as_ref().err().map_or(OK, StoreError::word);
        let Some(verb) = self.verbs.get(verb as usize) else {
            return;
        };
        verb.duration.observe(took.as_secs_f64());
        if let Some((_, counter)) = verb.results.iter().find(|(word, _)| *word == result) {
            counter.inc();
        }
    }

    /// Records whether a reload of the policies took effect.
    pub fn reloaded<T, E>(&self, outcome: &Result<T, E>) {
        self.last_reload.set(i64::from(outcome.is_ok()));
    }

    /// Brings the rooms' figures up to date and writes everything as Prometheus text. A room
    /// the store has not answered for yet keeps its figures.
    ///
    /// # Errors
    /// [`MetricsError`] when the text cannot be written.
    pub fn scrape(&self, readings: &[Reading<'_>]) -> Result<String, MetricsError> {
        let _one_at_a_time = self.scraping.lock().unwrap_or_else(PoisonError::into_inner);
        let reachable = readings
            .iter()
            .all(|reading| reading.snapshot.store == StoreHealth::Reachable);
        self.store_reachable.set(i64::from(reachable));
        self.clock_offset.set(clock_offset(readings));
        for reading in readings {
            if let Some(room) = self.rooms.get(&reading.settings.name) {
                room.follow(reading);
                self.follow_wait(reading)?;
            }
        }
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }

    fn follow_wait(&self, reading: &Reading<'_>) -> Result<(), MetricsError> {
        let labels = [reading.settings.name.as_str()];
        match reading.newcomer_wait() {
            Some(wait) => self
                .wait
                .get_metric_with_label_values(&labels)?
                .set(wait.median.as_secs_f64()),
            // A series that is not there may be removed again: that is no fault.
            None => drop(self.wait.remove_label_values(&labels)),
        }
        Ok(())
    }
}

impl Families {
    fn rules(&self, rules: &[RuleLabel]) -> prometheus::Result<Vec<(String, IntCounter)>> {
        let counter = |rule: &RuleLabel| {
            let labels = [rule.rule.as_str(), rule.action];
            let counter = self.rule_matches.get_metric_with_label_values(&labels)?;
            Ok((rule.rule.clone(), counter))
        };
        rules.iter().map(counter).collect()
    }

    fn sites(&self, sites: &[RoomName]) -> prometheus::Result<Vec<Histogram>> {
        let labels = sites.iter().map(|site| [site.as_str()]);
        labels
            .map(|labels| self.origin_duration.get_metric_with_label_values(&labels))
            .collect()
    }

    fn verbs(&self) -> prometheus::Result<Vec<VerbMetrics>> {
        Verb::ALL.into_iter().map(|verb| self.verb(verb)).collect()
    }

    fn room(&self, room: &RoomName) -> prometheus::Result<RoomMetrics> {
        let room = [room.as_str()];
        Ok(RoomMetrics {
            joins: self.joins.get_metric_with_label_values(&room)?,
            releases: self.releases.get_metric_with_label_values(&room)?,
            grants: self.grants.get_metric_with_label_values(&room)?,
            claims: self.claims.get_metric_with_label_values(&room)?,
            waiting: self.waiting.get_metric_with_label_values(&room)?,
            absent: self.absent.get_metric_with_label_values(&room)?,
            released: self.released.get_metric_with_label_values(&room)?,
            sessions: self.sessions.get_metric_with_label_values(&room)?,
            tick: self.tick.get_metric_with_label_values(&room)?,
            pace: self.pace.get_metric_with_label_values(&room)?,
            recovering: self.recovering.get_metric_with_label_values(&room)?,
        })
    }

    fn verb(&self, verb: Verb) -> prometheus::Result<VerbMetrics> {
        let word = verb.word();
        let results = RESULTS.into_iter().map(|result| {
            let counter = self
                .store_calls
                .get_metric_with_label_values(&[word, result])?;
            Ok((result, counter))
        });
        Ok(VerbMetrics {
            results: results.collect::<prometheus::Result<_>>()?,
            duration: self.store_duration.get_metric_with_label_values(&[word])?,
        })
    }
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
        set(&self.waiting, survey.waiting);
        set(&self.absent, survey.absent);
        set(&self.released, survey.released);
        set(&self.sessions, survey.active);
        set(&self.tick, survey.ticks.tick);
    }
}

/// Moves a counter to a total that is kept elsewhere. A smaller total means that the store lost
/// its data: the counter starts again, as after a restart.
fn follow_total(counter: &IntCounter, total: u64) {
    if total < counter.get() {
        counter.reset();
    }
    counter.inc_by(total.saturating_sub(counter.get()));
}

fn set(gauge: &IntGauge, value: u64) {
    gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
}

pub(super) fn count(counters: &[IntCounter], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::survey::{Snapshot, Survey};
    use crate::telemetry::families::DECLARED;
    use crate::telemetry::labels::{SocketEnd, SocketRefusal};
    use crate::telemetry::reading::settings_for_test;

    fn derby() -> RoomName {
        "derby".parse().unwrap()
    }

    fn metrics() -> Metrics {
        let rules = [RuleLabel {
            rule: "scanners".into(),
            action: "deny",
        }];
        Metrics::new(&[derby()], &["shop".parse().unwrap()], &rules).unwrap()
    }

    fn surveyed(joins_total: u64) -> Snapshot {
        Snapshot {
            survey: Survey {
                waiting: 7,
                joins_total,
                ..Survey::default()
            },
            store: StoreHealth::Reachable,
            ..Snapshot::default()
        }
    }

    #[test]
    fn every_metric_with_fixed_labels_is_there_from_the_start() {
        let text = metrics().scrape(&[]).unwrap();
        for metric in DECLARED
            .iter()
            .filter(|metric| metric.name != "anteroom_wait_seconds")
        {
            let line = format!("# TYPE {} {}\n", metric.name, metric.kind);
            assert!(text.contains(&line), "{line}");
            assert!(text.contains(&format!("# HELP {} {}\n", metric.name, metric.help)));
        }
        let version = env!("CARGO_PKG_VERSION");
        assert!(text.contains(&format!("anteroom_build_info{{version=\"{version}\"}} 1\n")));
        assert!(text.contains("anteroom_store_calls_total{result=\"timeout\",verb=\"claim\"} 0\n"));
    }

    #[test]
    fn what_is_recorded_is_shown_under_its_words() {
        let metrics = metrics();
        metrics.verdict(VerdictLabel::Wait);
        metrics.refusal(RefusalLabel::Limited);
        metrics.rule_matched(&"scanners".parse().unwrap());
        metrics.rule_matched(&"unknown".parse().unwrap());
        metrics.origin_answered(0, Duration::from_millis(60));
        let late: Result<(), _> = Err(StoreError::Timeout {
            waited: Duration::from_secs(2),
        });
        metrics.store_called(Verb::Join, &late, Duration::from_secs(2));
        metrics.sockets.opened();
        metrics.sockets.opened();
        metrics.sockets.ended(SocketEnd::Idle);
        metrics.sockets.refused(SocketRefusal::Full);
        metrics.reloaded(&Err::<(), _>("bad"));

        let text = metrics.scrape(&[]).unwrap();
        for line in [
            "anteroom_requests_total{verdict=\"wait\"} 1\n",
            "anteroom_refusals_total{reason=\"limited\"} 1\n",
            "anteroom_rule_matches_total{action=\"deny\",rule=\"scanners\"} 1\n",
            "anteroom_origin_duration_seconds_bucket{site=\"shop\",le=\"0.05\"} 0\n",
            "anteroom_origin_duration_seconds_bucket{site=\"shop\",le=\"0.075\"} 1\n",
            "anteroom_store_calls_total{result=\"timeout\",verb=\"join\"} 1\n",
            "anteroom_store_duration_seconds_count{verb=\"join\"} 1\n",
            "anteroom_websockets_open 1\n",
            "anteroom_websockets_total 2\n",
            "anteroom_websockets_ended_total{by=\"idle\"} 1\n",
            "anteroom_websockets_refused_total{reason=\"full\"} 1\n",
            "anteroom_config_last_reload_successful 0\n",
        ] {
            assert!(text.contains(line), "{line}in\n{text}");
        }
    }

    #[test]
    fn totals_follow_the_store_and_start_again_after_a_loss() {
        let (metrics, settings) = (metrics(), settings_for_test("derby"));
        for (total, shown) in [(5, 5), (5, 5), (9, 9), (2, 2)] {
            let snapshot = surveyed(total);
            let reading = Reading {
                settings: &settings,
                snapshot: &snapshot,
            };
            let text = metrics.scrape(&[reading]).unwrap();
            let line = format!("anteroom_joins_total{{room=\"derby\"}} {shown}\n");
            assert!(text.contains(&line), "{line}in\n{text}");
        }
    }

    #[test]
    fn a_loss_and_a_wrong_clock_are_shown() {
        let (metrics, settings) = (metrics(), settings_for_test("derby"));
        let mut snapshot = surveyed(1);
        snapshot.store = StoreHealth::LostSince(Duration::ZERO);
        snapshot.skew.ahead_ms = -2_500;
        let reading = Reading {
            settings: &settings,
            snapshot: &snapshot,
        };
        let text = metrics.scrape(&[reading]).unwrap();
        for line in [
            "anteroom_room_recovering{room=\"derby\"} 1\n",
            "anteroom_clock_offset_seconds -2.5\n",
            "anteroom_store_reachable 0\n",
            "anteroom_store_calls_total{result=\"lost\",verb=\"join\"} 0\n",
        ] {
            assert!(text.contains(line), "{line}in\n{text}");
        }
    }

    #[test]
    fn a_room_not_yet_surveyed_shows_its_pace_and_nothing_it_does_not_know() {
        let (metrics, settings) = (metrics(), settings_for_test("derby"));
        let snapshot = Snapshot::default();
        let reading = Reading {
            settings: &settings,
            snapshot: &snapshot,
        };
        let text = metrics.scrape(&[reading]).unwrap();
        assert!(text.contains("anteroom_pace_per_minute{room=\"derby\"} 600\n"));
        assert!(text.contains("anteroom_visitors_waiting{room=\"derby\"} 0\n"));
        assert!(text.contains("anteroom_store_reachable 0\n"));
        assert!(
            !text.contains("anteroom_wait_seconds{"),
            "unknown is absent"
        );
    }

    #[test]
    fn every_metric_is_described_in_the_docs_with_its_labels() {
        let docs = include_str!("../../docs/metrics.md");
        for metric in DECLARED {
            let labels = metric.labels.join("`, `");
            let row = format!("| `{}` | {} | ", metric.name, metric.kind);
            let line = docs.lines().find(|line| line.starts_with(&row));
            let line = line.unwrap_or_else(|| panic!("{} is not in docs/metrics.md", metric.name));
            assert!(line.contains(&labels), "{line} lacks {labels}");
        }
    }
}
