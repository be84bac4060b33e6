//! Counting and showing the gateway's metrics; [`super::families`] declares them.
//!
//! Handles are resolved beforehand, so that counting is one atomic addition; those that the
//! configuration names are in [`super::series`].
//! Figures about rooms are read from the snapshots when somebody scrapes: a room's joins, releases
//! and claims are counted in the store, over the room's life, and every gateway shows the same.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounter, IntGauge, Registry, TextEncoder};

use super::asides::Asides;
use super::connections::ConnectionMetrics;
use super::door::DOOR_REASONS;
use super::families::{Families, words};
use super::labels::{RefusalLabel, TOKEN_REASONS, Verb, VerdictLabel};
use super::limits::LimitMetrics;
use super::origins::{OriginSeries, UnsentSeries};
use super::reading::{Reading, clock_offset};
use super::series::{Counts, Named, Shown};
use super::site::SiteMetrics;
use super::sockets::SocketMetrics;
use super::streams::StreamMetrics;
use super::tls::TlsMetrics;
use crate::domain::room::RoomName;
use crate::store::StoreError;
use crate::store::survey::StoreHealth;

/// The `result` label of a call that was answered.
const OK: &str = "ok";

/// The results a store call may have: an answer, or a word of [`StoreError`].
const RESULTS: [&str; 5] = [OK, "timeout", "unreachable", "lost", "unreadable"];

/// The results a reload may have.
const RELOADS: [&str; 2] = [OK, "refused"];

/// The metrics could not be declared or written out.
#[derive(Debug, thiserror::Error)]
#[error("metrics: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

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
    /// In the order of [`TOKEN_REASONS`].
    tokens: Vec<IntCounter>,
    pub(super) door: Vec<IntCounter>,
    verbs: Vec<VerbMetrics>,
    /// Of sites' answers.
    pub site: SiteMetrics,
    /// Of visitors' connections.
    pub connections: ConnectionMetrics,
    /// Of what comes before answers and behind bodies.
    pub asides: Arc<Asides>,
    /// Of rate limits.
    pub limits: Arc<LimitMetrics>,
    /// Of WebSockets.
    pub sockets: SocketMetrics,
    /// Of event streams.
    pub streams: StreamMetrics,
    /// Of connections before their first request.
    pub tls: TlsMetrics,
    store_reachable: IntGauge,
    clock_offset: Gauge,
    sessions_spread: IntCounter,
    last_reload: IntGauge,
    version: IntGauge,
    reloads: Vec<IntCounter>,
    families: Families,
    /// Held while the figures of the rooms are brought up to date, never across an await.
    shown: Mutex<Shown>,
}

impl Metrics {
    /// Declares every metric. Those of rooms appear with the first reading, those of sites and
    /// bot rules with [`Metrics::counts`].
    ///
    /// # Errors
    /// [`MetricsError`] when the library refuses a declaration.
    pub fn new() -> Result<Self, MetricsError> {
        let registry = Registry::new();
        let families = Families::register(&registry)?;
        let none: [&str; 0] = [];
        let version = [env!("CARGO_PKG_VERSION")];
        let build_info = &families.build_info;
        build_info.get_metric_with_label_values(&version)?.set(1);
        let last_reload = families.last_reload.get_metric_with_label_values(&none)?;
        last_reload.set(1);
        let version = families.version.get_metric_with_label_values(&none)?;
        version.set(1);
        Ok(Self {
            verdicts: words(
                &families.requests,
                VerdictLabel::ALL.map(VerdictLabel::word),
            )?,
            refusals: words(
                &families.refusals,
                RefusalLabel::ALL.map(RefusalLabel::word),
            )?,
            tokens: words(&families.tokens, TOKEN_REASONS)?,
            door: words(&families.control_refusals, DOOR_REASONS)?,
            verbs: families.verbs()?,
            site: SiteMetrics::of(&families)?,
            connections: ConnectionMetrics::of(&families)?,
            asides: Arc::new(Asides::of(&families)?),
            limits: Arc::new(LimitMetrics::of(&families)?),
            sockets: SocketMetrics::of(&families)?,
            streams: StreamMetrics::of(&families)?,
            tls: TlsMetrics::of(&families)?,
            store_reachable: families
                .store_reachable
                .get_metric_with_label_values(&none)?,
            clock_offset: families.clock_offset.get_metric_with_label_values(&none)?,
            sessions_spread: families
                .sessions_spread
                .get_metric_with_label_values(&none)?,
            last_reload,
            version,
            reloads: words(&families.reloads, RELOADS)?,
            families,
            registry,
            shown: Mutex::default(),
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

    /// Counts a token that did not count, by one of [`TOKEN_REASONS`].
    pub fn token_refused(&self, reason: &str) {
        if let Some(at) = TOKEN_REASONS.iter().position(|word| *word == reason) {
            count(&self.tokens, at);
        }
    }

    /// Counts a session that is used from too many networks.
    pub fn session_spread(&self) {
        self.sessions_spread.inc();
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

    /// The handles of what these policies name, which are shown from now on; those of others are
    /// shown no longer. Sites are counted by their index in the list, rules and rooms by name.
    ///
    /// # Errors
    /// [`MetricsError`] when the library refuses a series.
    pub fn counts(&self, named: Named<'_>) -> Result<Counts, MetricsError> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(shown.counts(&self.families, named)?)
    }

    /// The handles of one origin of a site. They are shown until policies come that do not name it.
    ///
    /// # Errors
    /// [`MetricsError`] when the library refuses a series.
    pub fn origin(&self, site: &RoomName, origin: &str) -> Result<OriginSeries, MetricsError> {
        Ok(self.families.origin(site, origin)?)
    }

    /// The series of a site's requests that are sent to no origin.
    ///
    /// # Errors
    /// [`MetricsError`] when the library refuses a series.
    pub fn unsent(&self, site: &RoomName) -> Result<UnsentSeries, MetricsError> {
        Ok(self.families.unsent(site)?)
    }

    /// Notes a reading of an identity provider's keys: how many can be used, or `None` when it gave
    /// none.
    pub fn keys_read(&self, identity: &str, keys: Option<usize>) {
        let result = if keys.is_some() { OK } else { "failed" };
        self.families
            .identity_reads
            .with_label_values(&[identity, result])
            .inc();
        if let Some(keys) = keys {
            let keys = i64::try_from(keys).unwrap_or(i64::MAX);
            let gauge = &self.families.identity_keys;
            gauge.with_label_values(&[identity]).set(keys);
        }
    }

    /// Takes down the series of an identity provider that is gone.
    pub fn forget_identity(&self, identity: &str) {
        // A series that is not there may be taken down again: that is no fault.
        let _ = self.families.identity_keys.remove_label_values(&[identity]);
        for result in [OK, "failed"] {
            let labels = [identity, result];
            let _ = self.families.identity_reads.remove_label_values(&labels);
        }
    }

    /// Counts a reload of the policies: the number of those in force since, or `None` when it was
    /// refused.
    pub fn reloaded(&self, number: Option<u64>) {
        self.last_reload.set(i64::from(number.is_some()));
        count(&self.reloads, usize::from(number.is_none()));
        if let Some(number) = number {
            self.version.set(i64::try_from(number).unwrap_or(i64::MAX));
        }
    }

    /// Brings the rooms' figures up to date and writes everything as Prometheus text. A room
    /// the store has not answered for yet keeps its figures.
    ///
    /// # Errors
    /// [`MetricsError`] when the text cannot be written.
    pub fn scrape(&self, readings: &[Reading<'_>]) -> Result<String, MetricsError> {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let reachable = readings
            .iter()
            .all(|reading| reading.snapshot.store == StoreHealth::Reachable);
        self.store_reachable.set(i64::from(reachable));
        self.clock_offset.set(clock_offset(readings));
        shown.follow(&self.families, readings)?;
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather())?)
    }
}

impl Families {
    fn verbs(&self) -> prometheus::Result<Vec<VerbMetrics>> {
        Verb::ALL.into_iter().map(|verb| self.verb(verb)).collect()
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

pub(super) fn count(counters: &[IntCounter], index: usize) {
    if let Some(counter) = counters.get(index) {
        counter.inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::lane::LaneSettings;
    use crate::store::survey::{LaneSurvey, Snapshot, Survey};
    use crate::telemetry::families::DECLARED;
    use crate::telemetry::labels::{RuleLabel, SocketEnd, SocketRefusal};
    use crate::telemetry::reading::settings_for_test;
    use crate::telemetry::tls::{Announced, Shaken, Version};

    fn metrics() -> (Metrics, Counts) {
        let metrics = Metrics::new().unwrap();
        let counts = metrics.counts(Named {
            sites: &["shop".parse().unwrap()],
            rules: &[scanners()],
            laned: &["derby".parse().unwrap()],
            origins: &[shop()],
        });
        let (site, origin) = shop();
        metrics.origin(&site, &origin).unwrap();
        metrics.unsent(&site).unwrap();
        (metrics, counts.unwrap())
    }

    fn shop() -> (RoomName, String) {
        ("shop".parse().unwrap(), "http://127.0.0.1:8702".to_owned())
    }

    fn scanners() -> RuleLabel {
        RuleLabel {
            rule: "scanners".into(),
            action: "deny",
        }
    }

    fn lanes(names: &[&str]) -> Vec<LaneSettings> {
        let lane = |name: &&str| LaneSettings {
            name: name.parse().unwrap(),
            weight: 1,
        };
        names.iter().map(lane).collect()
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
        let snapshot = Snapshot::default();
        let mut settings = settings_for_test("derby");
        settings.lanes = lanes(&["general"]);
        let reading = Reading {
            settings: &settings,
            snapshot: &snapshot,
        };
        let text = metrics().0.scrape(&[reading]).unwrap();
        for metric in DECLARED
            .iter()
            .filter(|metric| metric.name != "anteroom_wait_seconds")
            .filter(|metric| !metric.name.starts_with("anteroom_identity_"))
            .filter(|metric| !metric.name.starts_with("anteroom_tls_certificate_"))
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
        let (metrics, counts) = metrics();
        metrics.verdict(VerdictLabel::Wait);
        metrics.refusal(RefusalLabel::Limited);
        counts.rule_matched(&"scanners".parse().unwrap());
        counts.rule_matched(&"unknown".parse().unwrap());
        counts.site(0).unwrap().answered(Duration::from_millis(60));
        let late: Result<(), _> = Err(StoreError::Timeout {
            waited: Duration::from_secs(2),
        });
        metrics.store_called(Verb::Join, &late, Duration::from_secs(2));
        metrics.sockets.opened();
        metrics.sockets.opened();
        metrics.sockets.ended(SocketEnd::Idle);
        metrics.sockets.refused(SocketRefusal::Full);
        metrics.reloaded(Some(2));
        metrics.reloaded(None);
        metrics.keys_read("club", Some(2));
        metrics.keys_read("club", None);
        metrics.tls.shaken(Shaken::Refused);
        metrics.tls.speaks(Version::Tls13);
        metrics.tls.announced(Announced::Missing);
        metrics.tls.certificates([("./gone.pem", 5)].into_iter());
        let ends = [("./a.pem", 1_800_000_000), ("./b.pem", 7)];
        metrics.tls.certificates(ends.into_iter());
        counts.code_tried(&"derby".parse().unwrap(), "used");
        counts.code_tried(&"final".parse().unwrap(), "used");

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
            "anteroom_policies_version 2\n",
            "anteroom_reloads_total{result=\"ok\"} 1\n",
            "anteroom_reloads_total{result=\"refused\"} 1\n",
            "anteroom_identity_keys{identity=\"club\"} 2\n",
            "anteroom_identity_key_reads_total{identity=\"club\",result=\"failed\"} 1\n",
            "anteroom_codes_redeemed_total{result=\"used\",room=\"derby\"} 1\n",
            "anteroom_tls_handshakes_total{result=\"refused\"} 1\n",
            "anteroom_tls_connections_total{version=\"1.3\"} 1\n",
            "anteroom_tls_certificate_expiry_timestamp_seconds{certificate=\"./a.pem\"} 1800000000\n",
            "anteroom_proxy_headers_total{result=\"missing\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}in\n{text}");
        }
        assert!(!text.contains("gone.pem"));
    }

    #[test]
    fn totals_follow_the_store_and_start_again_after_a_loss() {
        let (metrics, settings) = (metrics().0, settings_for_test("derby"));
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
        let (metrics, settings) = (metrics().0, settings_for_test("derby"));
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
        let (metrics, settings) = (metrics().0, settings_for_test("derby"));
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
    fn series_come_and_go_with_the_policies() {
        let (metrics, _) = metrics();
        let snapshot = surveyed(7);
        let settings = ["derby", "final"].map(settings_for_test);
        let [derby, last] = settings.each_ref().map(|settings| Reading {
            settings,
            snapshot: &snapshot,
        });
        let text = metrics.scrape(&[derby]).unwrap();
        for there in ["room=\"derby\"", "site=\"shop\"", "rule=\"scanners\""] {
            assert!(text.contains(there), "{there}");
        }

        let allowed = RuleLabel {
            action: "allow",
            ..scanners()
        };
        metrics
            .counts(Named {
                sites: &["other".parse().unwrap()],
                rules: &[allowed],
                laned: &["final".parse().unwrap()],
                origins: &[],
            })
            .unwrap();
        let text = metrics.scrape(&[last]).unwrap();
        for gone in ["room=\"derby\"", "site=\"shop\"", "action=\"deny\""] {
            assert!(!text.contains(gone), "{gone}in\n{text}");
        }
        for there in ["room=\"final\"", "site=\"other\"", "action=\"allow\""] {
            assert!(text.contains(there), "{there}");
        }
    }

    #[test]
    fn lanes_come_and_go_with_the_policies_and_only_where_there_are_any() {
        let metrics = metrics().0;
        let mut snapshot = surveyed(9);
        let lane = |waiting, releases_total| LaneSurvey {
            waiting,
            releases_total,
            ..LaneSurvey::default()
        };
        snapshot.survey.lanes = vec![lane(5, 70), lane(2, 30), lane(3, 0)];
        let scrape = |names: &[&str]| {
            let mut settings = settings_for_test("derby");
            settings.lanes = lanes(names);
            let reading = Reading {
                settings: &settings,
                snapshot: &snapshot,
            };
            metrics.scrape(&[reading]).unwrap()
        };
        assert!(!scrape(&[]).contains("anteroom_lane_"));
        let text = scrape(&["general", "members"]);
        for line in [
            "anteroom_lane_waiting{lane=\"general\",room=\"derby\"} 5\n",
            "anteroom_lane_releases_total{lane=\"members\",room=\"derby\"} 30\n",
        ] {
            assert!(text.contains(line), "{line}in\n{text}");
        }
        let text = scrape(&["general", "press"]);
        assert!(!text.contains("members") && text.contains("lane=\"press\""));
        assert!(!scrape(&[]).contains("anteroom_lane_"));
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
