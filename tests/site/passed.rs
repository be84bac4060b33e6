//! Which interim answers and trailers of the site a visitor gets: the one place that says it.

use super::exchanges::Exchange;
use super::fetch::Way;
use super::reply::{Fields, Reply};

/// The interim answers that come through, where they can be seen: the client of HTTP/2 shows none.
///
/// The site's do, with what they link to. Who asks whether a body is wanted hears so before, from
/// the gateway itself.
pub fn interim(straight: &Reply, exchange: &Exchange, way: Way) -> Option<Vec<(u16, Fields)>> {
    let own = exchange.expects().then(|| (100, Fields::new()));
    let sites = straight.interim.iter().filter(|(status, _)| *status != 100);
    let sites = sites.map(|(status, fields)| {
        let links = fields.iter().filter(|(name, _)| name == "link");
        (*status, links.cloned().collect())
    });
    (way != Way::Http2).then(|| own.into_iter().chain(sites).collect())
}

/// The trailers that come through: none.
pub fn trailers(_: &Reply, _: Way) -> Fields {
    Fields::new()
}

/// What `Trailer` says of them.
pub fn announced(_: &Reply, _: Way) -> Vec<String> {
    Vec::new()
}
