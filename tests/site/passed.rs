//! Which interim answers and trailers of the site a visitor gets: the one place that says it.

use super::exchanges::Exchange;
use super::fetch::Way;
use super::reply::{Fields, Reply};

/// The interim answers that come through, where they can be seen: the client of HTTP/2 shows none.
///
/// All of the site's do but 100: who asks whether a body is wanted hears so from the gateway.
pub fn interim(straight: &Reply, exchange: &Exchange, way: Way) -> Option<Vec<(u16, Fields)>> {
    let own = exchange.expects().then(|| (100, Fields::new()));
    let theirs = straight.interim.iter().filter(|(status, _)| *status != 100);
    (way != Way::Http2).then(|| own.into_iter().chain(theirs.cloned()).collect())
}

/// The trailers that come through: none, as the house lists none for its site.
pub fn trailers(_: &Reply, _: Way) -> Fields {
    Fields::new()
}

/// What `Trailer` says of them.
pub fn announced(_: &Reply, _: Way) -> Vec<String> {
    Vec::new()
}
