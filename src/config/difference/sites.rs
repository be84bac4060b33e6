//! A site and what is behind it, taken apart by name.

use super::things::{Set, Thing, list, or_none, seconds, to};
use crate::config::origins::Origins;
use crate::config::site::Site;
use crate::origin::Fitness;

pub(super) fn site(site: &Site) -> Thing {
    let Site {
        name,
        hosts,
        scheme,
        origins,
        assertion_key,
        trailers,
    } = site;
    let key = assertion_key.as_ref();
    let mut settings = vec![
        ("hosts", list(hosts)),
        ("scheme", to(scheme.word())),
        ("assertion_key", or_none(key.map(|file| file.0.display()))),
        ("trailers", list(trailers)),
    ];
    settings.extend(behind(origins));
    Thing::new(format!("site {name}"), settings)
}

fn behind(origins: &Origins) -> Vec<(&'static str, Set)> {
    let Origins {
        list: addresses,
        balance,
        protocol,
        security,
        connect,
        response,
        idle,
        total,
        max_age,
        max_connections,
        max_pending,
        pending,
        fitness,
        check,
    } = origins;
    let Fitness {
        failures,
        eject,
        eject_most,
        counts_5xx,
        slow_start,
    } = fitness;
    vec![
        ("origin", list(addresses)),
        ("balance", to(balance.word())),
        ("protocol", to(protocol.word())),
        ("tls", to(security)),
        ("connect_s", seconds(*connect)),
        ("response_s", seconds(*response)),
        ("idle_s", seconds(*idle)),
        ("total_s", or_none(total.map(|total| total.as_secs()))),
        ("max_age_s", seconds(*max_age)),
        ("max_connections", to(max_connections)),
        ("max_pending", to(max_pending)),
        ("pending_s", seconds(*pending)),
        ("health.eject_after", to(failures)),
        ("health.eject_s", seconds(*eject)),
        ("health.eject_max_s", seconds(*eject_most)),
        ("health.eject_on_5xx", to(counts_5xx)),
        ("health.slow_start_s", seconds(*slow_start)),
        ("health.path", or_none(check.as_ref())),
    ]
}
