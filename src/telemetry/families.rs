//! The declaration of every metric: name, kind, labels, and a doc comment that is its help text.

use prometheus::core::Collector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
};

/// The bounds of every duration histogram, in seconds: those that OpenTelemetry's semantic
/// conventions advise for `http.server.request.duration`.
pub const DURATION_BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

/// What the declaration of a metric says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its name.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its help text.
    pub help: &'static str,
}

/// A kind of metric with labels.
trait Family: Collector + Clone + Sized + 'static {
    const KIND: &'static str;

    fn make(declared: &Declared) -> prometheus::Result<Self>;

    fn register(declared: &Declared, registry: &Registry) -> prometheus::Result<Self> {
        let family = Self::make(declared)?;
        registry.register(Box::new(family.clone()))?;
        Ok(family)
    }
}

impl Family for IntCounterVec {
    const KIND: &'static str = "counter";

    fn make(declared: &Declared) -> prometheus::Result<Self> {
        Self::new(Opts::new(declared.name, declared.help), declared.labels)
    }
}

impl Family for IntGaugeVec {
    const KIND: &'static str = "gauge";

    fn make(declared: &Declared) -> prometheus::Result<Self> {
        Self::new(Opts::new(declared.name, declared.help), declared.labels)
    }
}

impl Family for GaugeVec {
    const KIND: &'static str = "gauge";

    fn make(declared: &Declared) -> prometheus::Result<Self> {
        Self::new(Opts::new(declared.name, declared.help), declared.labels)
    }
}

impl Family for HistogramVec {
    const KIND: &'static str = "histogram";

    fn make(declared: &Declared) -> prometheus::Result<Self> {
        let opts = HistogramOpts::new(declared.name, declared.help);
        Self::new(opts.buckets(DURATION_BUCKETS.to_vec()), declared.labels)
    }
}

/// Declares the metrics: help text, field, kind, name, labels.
macro_rules! families {
    ($(#[doc = $help:literal] $field:ident: $kind:ty = $name:literal [$($label:literal),*];)+) => {
        /// A handle of every metric with its labels still open.
        pub(super) struct Families { $(#[doc = $help] pub(super) $field: $kind,)+ }

        /// Every metric, in the order of declaration.
        pub const DECLARED: &[Declared] = &[$(Declared {
            name: $name,
            kind: <$kind as Family>::KIND,
            labels: &[$($label),*],
            help: $help.trim_ascii(),
        },)+];

        impl Families {
            /// Declares them all in `registry`.
            pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
                let mut declared = DECLARED.iter();
                let mut next = || declared.next().ok_or(prometheus::Error::AlreadyReg);
                Ok(Self { $($field: <$kind>::register(next()?, registry)?,)+ })
            }
        }
    };
}

families! {
    /// Requests of visitors, by what the gate decided.
    requests: IntCounterVec = "anteroom_requests_total" ["verdict"];
    /// Requests turned away, by reason.
    refusals: IntCounterVec = "anteroom_refusals_total" ["reason"];
    /// Tokens that were brought and did not count, by reason; the visitor is told none of them.
    tokens: IntCounterVec = "anteroom_tokens_refused_total" ["reason"];
    /// Requests to the control API that were turned away at its door, by reason.
    control_refusals: IntCounterVec = "anteroom_control_refusals_total" ["reason"];
    /// Addresses, networks and visitors whose use of a rate limit is remembered.
    limit_keys: IntGaugeVec = "anteroom_limit_keys" [];
    /// Addresses, networks and visitors that a rate limit began to count, by the place they got.
    limit_newcomers: IntCounterVec = "anteroom_limit_newcomers_total" ["place"];
    /// Requests that a bot rule matched, by rule and by what it does.
    rule_matches: IntCounterVec = "anteroom_rule_matches_total" ["rule", "action"];
    /// Places given over the room's life, as the store counts them; alike on every gateway.
    joins: IntCounterVec = "anteroom_joins_total" ["room"];
    /// Visitors released by the pace over the room's life, as the store counts them.
    releases: IntCounterVec = "anteroom_releases_total" ["room"];
    /// Visitors released by an operator's order over the room's life, as the store counts them.
    grants: IntCounterVec = "anteroom_releases_ordered_total" ["room"];
    /// Turns claimed over the room's life, as the store counts them.
    claims: IntCounterVec = "anteroom_claims_total" ["room"];
    /// Turns that nobody took over the room's life, as the store counts them.
    missed: IntCounterVec = "anteroom_missed_total" ["room"];
    /// Visitors who hold a place and are not released, present or not.
    waiting: IntGaugeVec = "anteroom_visitors_waiting" ["room"];
    /// Visitors who wait in a lane, in rooms that have lanes.
    lane_waiting: IntGaugeVec = "anteroom_lane_waiting" ["room", "lane"];
    /// Visitors released from a lane over the room's life, by pace and by order.
    lane_releases: IntCounterVec = "anteroom_lane_releases_total" ["room", "lane"];
    /// Visitors of those waiting who were found absent.
    absent: IntGaugeVec = "anteroom_visitors_absent" ["room"];
    /// Visitors who are released and have not claimed their turn.
    released: IntGaugeVec = "anteroom_visitors_released" ["room"];
    /// Sessions of admitted visitors.
    sessions: IntGaugeVec = "anteroom_sessions_active" ["room"];
    /// Sessions that were used from more networks at a time than their room allows, or than is usual.
    sessions_spread: IntCounterVec = "anteroom_sessions_spread_total" [];
    /// Number of the room's last tick.
    tick: IntGaugeVec = "anteroom_tick" ["room"];
    /// The pace in force, in visitors per minute.
    pace: IntGaugeVec = "anteroom_pace_per_minute" ["room"];
    /// Median wait estimated for somebody who joined now; absent while it cannot be known.
    wait: GaugeVec = "anteroom_wait_seconds" ["room"];
    /// 1 while places are being made sure of after a loss of the store's data, else 0.
    recovering: IntGaugeVec = "anteroom_room_recovering" ["room"];
    /// How far this gateway's wall clock is ahead of the store's; beyond 2 s it signs nothing.
    clock_offset: GaugeVec = "anteroom_clock_offset_seconds" [];
    /// Calls of the queue store, by verb and by result.
    store_calls: IntCounterVec = "anteroom_store_calls_total" ["verb", "result"];
    /// How long calls of the queue store took, answered or not.
    store_duration: HistogramVec = "anteroom_store_duration_seconds" ["verb"];
    /// 1 while the queue store answers the surveys of every room, else 0.
    store_reachable: IntGaugeVec = "anteroom_store_reachable" [];
    /// From a request's arrival to the head of the origin's answer, or to what went wrong.
    origin_duration: HistogramVec = "anteroom_origin_duration_seconds" ["site"];
    /// Requests that were sent to no origin, by why not.
    origin_unsent: IntCounterVec = "anteroom_origin_unsent_total" ["site", "reason"];
    /// Requests at an origin that came to an end there, by what became of them.
    origin_requests: IntCounterVec = "anteroom_origin_requests_total" ["site", "origin", "result"];
    /// Requests that were sent a second time after this origin hung up on them.
    origin_retries: IntCounterVec = "anteroom_origin_retries_total" ["site", "origin"];
    /// Times for which an origin was left out after failures in a row.
    origin_ejections: IntCounterVec = "anteroom_origin_ejections_total" ["site", "origin"];
    /// 1 while an origin is used, 0 while it is left out or says that it is unwell.
    origin_usable: IntGaugeVec = "anteroom_origin_healthy" ["site", "origin"];
    /// Requests that are with an origin, up to the end of their answers.
    origin_busy: IntGaugeVec = "anteroom_origin_requests_active" ["site", "origin"];
    /// Requests that wait until an origin may have another one.
    origin_pending: IntGaugeVec = "anteroom_origin_requests_pending" ["site", "origin"];
    /// How long new connections to an origin took, TLS included.
    origin_connects: HistogramVec = "anteroom_origin_connect_seconds" ["site", "origin"];
    /// What sites said on their answers, by word.
    site_words: IntCounterVec = "anteroom_site_words_total" ["word"];
    /// Event streams of sites that were ended because the session of who opened them was over.
    site_streams_ended: IntCounterVec = "anteroom_site_event_streams_ended_total" [];
    /// Connections of visitors that are open, by protocol.
    connections_open: IntGaugeVec = "anteroom_connections_open" ["protocol"];
    /// Connections of visitors that were opened, by protocol.
    connections: IntCounterVec = "anteroom_connections_total" ["protocol"];
    /// Open connections that wait for a request, and make way where there is no room.
    connections_parked: IntGaugeVec = "anteroom_connections_parked" [];
    /// Connections that were not taken or not kept for want of room, by reason.
    connections_turned: IntCounterVec = "anteroom_connections_turned_away_total" ["reason"];
    /// Connections of HTTP/1.1 whose visitors left while they were owed an answer.
    connections_departed: IntCounterVec = "anteroom_connections_departed_total" [];
    /// 1 while there is too much to do, so that new visitors are told to come back in a moment, else 0.
    pressure: IntGaugeVec = "anteroom_pressure" [];
    /// Connections of HTTP/2 that were closed, by what ended them.
    http2_ended: IntCounterVec = "anteroom_http2_ended_total" ["by"];
    /// Fields behind bodies that were dropped, by direction.
    trailers_dropped: IntCounterVec = "anteroom_trailers_dropped_total" ["of"];
    /// Interim answers of origins, by what became of them.
    interim_answers: IntCounterVec = "anteroom_interim_answers_total" ["result"];
    /// WebSockets that are open between visitors and sites.
    sockets_open: IntGaugeVec = "anteroom_websockets_open" [];
    /// WebSockets that were opened.
    sockets: IntCounterVec = "anteroom_websockets_total" [];
    /// WebSockets that were asked for and not opened, by reason.
    sockets_refused: IntCounterVec = "anteroom_websockets_refused_total" ["reason"];
    /// WebSockets that were closed, by what ended them.
    sockets_ended: IntCounterVec = "anteroom_websockets_ended_total" ["by"];
    /// Event streams that are open.
    streams_open: IntGaugeVec = "anteroom_event_streams_open" [];
    /// Event streams that were asked for and not opened, by reason; the page polls instead.
    streams_refused: IntCounterVec = "anteroom_event_streams_refused_total" ["reason"];
    /// Event streams that were closed, by what ended them.
    streams_ended: IntCounterVec = "anteroom_event_streams_ended_total" ["by"];
    /// Events sent on event streams, by name.
    events: IntCounterVec = "anteroom_events_total" ["event"];
    /// Handshakes of TLS with visitors, by what became of them.
    tls_handshakes: IntCounterVec = "anteroom_tls_handshakes_total" ["result"];
    /// Encrypted connections of visitors, by the version of TLS.
    tls_connections: IntCounterVec = "anteroom_tls_connections_total" ["version"];
    /// When a certificate ends, in seconds since 1970.
    certificate_expiry: IntGaugeVec = "anteroom_tls_certificate_expiry_timestamp_seconds" ["certificate"];
    /// Connections of proxies that must begin with a PROXY header, by what they began with.
    proxy_headers: IntCounterVec = "anteroom_proxy_headers_total" ["result"];
    /// 1 if the last reload of the policies took effect, 0 if it was refused.
    last_reload: IntGaugeVec = "anteroom_config_last_reload_successful" [];
    /// Number of the policies in force: 1 at the start, one more after each reload that took effect.
    version: IntGaugeVec = "anteroom_policies_version" [];
    /// Reloads of the policies, by whether they took effect.
    reloads: IntCounterVec = "anteroom_reloads_total" ["result"];
    /// Codes that visitors brought, by what became of them.
    codes: IntCounterVec = "anteroom_codes_redeemed_total" ["room", "result"];
    /// Public keys of an identity provider that can be used.
    identity_keys: IntGaugeVec = "anteroom_identity_keys" ["identity"];
    /// Readings of an identity provider's keys, by whether they gave any; if not, the last ones stay.
    identity_reads: IntCounterVec = "anteroom_identity_key_reads_total" ["identity", "result"];
    /// Always 1; the label says which version runs.
    build_info: IntGaugeVec = "anteroom_build_info" ["version"];
}

/// A counter for each of these words, in their order.
pub(super) fn words<const N: usize>(
    family: &IntCounterVec,
    words: [&'static str; N],
) -> prometheus::Result<Vec<IntCounter>> {
    let counters = words.into_iter();
    counters
        .map(|word| family.get_metric_with_label_values(&[word]))
        .collect()
}
