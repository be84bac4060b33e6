//! `[proxies]`: the machines in front, by what is believed of them.

use ipnet::IpNet;

use crate::policy::network;
use crate::text::table::Table;

/// Networks of machines in front.
pub(super) struct Proxies {
    /// Whose headers about the visitor are believed.
    pub trusted: Vec<IpNet>,
    /// Who must begin each connection with a PROXY header.
    pub announcing: Vec<IpNet>,
}

/// Reads `[proxies]`.
pub(super) fn read(mut table: Table<'_>) -> Proxies {
    let trusted = table.take("trusted").map(network::list_or_none);
    let announcing = table.take("protocol").map(network::list_or_none);
    table.finish();
    Proxies {
        trusted: trusted.unwrap_or_default(),
        announcing: announcing.unwrap_or_default(),
    }
}
