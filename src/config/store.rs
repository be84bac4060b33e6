//! `[store]`: where the queues are kept, and what every gateway keeps beside it.

use std::str::FromStr;

use super::PolicyPath;
use crate::store::redis::address::{Address, BadAddress};
use crate::text::table::Table;
use crate::text::value::{Placed, Value};

/// The folder of kept orders where nothing else is said.
const DEFAULT_KEEP: &str = "./kept";

/// What `[store]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreSettings {
    /// Where the queues are kept.
    pub url: StoreUrl,
    /// A file that holds the store's password; only beside a Redis whose URL has none.
    pub password_file: Option<PolicyPath>,
    /// The folder in which this gateway keeps each room's orders, to put them back into a store
    /// that lost them; `./kept`.
    pub keep: PolicyPath,
}

/// Where the queues are kept. `Debug` shows no password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// In a directory on this machine.
    Embedded(PolicyPath),
    /// In a Redis that several gateways may share.
    Redis(Address),
}

/// Why a text is no store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadStore {
    /// A kind of Redis that comes later.
    #[error("`{0}` is not available in this version: use `redis://HOST`")]
    Later(&'static str),
    /// A Redis that is written wrongly.
    #[error(transparent)]
    Address(#[from] BadAddress),
    /// It is something else.
    #[error("a store is written as in `embedded:./data` or `redis://127.0.0.1:6379`")]
    Shape,
}

impl FromStr for StoreUrl {
    type Err = BadStore;

    fn from_str(text: &str) -> Result<Self, BadStore> {
        const LATER: [&str; 3] = ["rediss", "redis+sentinel", "redis+cluster"];
        let (scheme, rest) = text.split_once(':').ok_or(BadStore::Shape)?;
        if let Some(later) = LATER.iter().find(|later| **later == scheme) {
            return Err(BadStore::Later(later));
        }
        match scheme {
            "redis" => Ok(Self::Redis(text.parse()?)),
            "embedded" if !rest.is_empty() => Ok(Self::Embedded(PolicyPath(rest.into()))),
            _ => Err(BadStore::Shape),
        }
    }
}

/// Reads `[store]`.
pub(super) fn read(mut table: Table<'_>) -> Option<StoreSettings> {
    let url: Option<Placed<StoreUrl>> = table.required("url").and_then(Value::address);
    let password_file: Option<Placed<PolicyPath>> =
        table.take("password_file").and_then(Value::placed);
    let keep = table.take("keep").map(Value::parse);
    if let Some(url) = &url {
        check_password(&table, url, password_file.as_ref());
    }
    table.finish();
    Some(StoreSettings {
        url: url?.value,
        password_file: password_file.map(|file| file.value),
        keep: keep.unwrap_or_else(|| DEFAULT_KEEP.parse().ok())?,
    })
}

/// The password stands in one place, and only where there is somebody to show it to.
fn check_password(table: &Table<'_>, url: &Placed<StoreUrl>, file: Option<&Placed<PolicyPath>>) {
    let reader = table.reader();
    match (&url.value, file) {
        (StoreUrl::Embedded(_), Some(file)) => {
            reader.fault(
                file.at,
                "`password_file`: an embedded store has no password",
            );
        }
        (StoreUrl::Redis(address), Some(file)) if address.has_password() => {
            let message = "`password_file`: the `url` holds a password already; keep one of them";
            reader.fault(file.at, message);
        }
        (StoreUrl::Redis(address), None) if address.names_a_user() && !address.has_password() => {
            let message = "`url` names a user without a password: add it, or a `password_file`";
            reader.secret_fault(url.at, message);
        }
        (StoreUrl::Embedded(_), None) | (StoreUrl::Redis(_), _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_a_folder_or_a_redis() {
        let embedded = "embedded:/var/lib/a b".parse();
        assert_eq!(
            embedded,
            Ok(StoreUrl::Embedded(PolicyPath("/var/lib/a b".into())))
        );
        let redis: StoreUrl = "redis://:hush@10.0.0.5/2".parse().unwrap();
        assert_eq!(
            format!("{redis:?}"),
            "Redis(Address(redis://10.0.0.5:6379/2))"
        );
        for (text, fault) in [
            ("rediss://a", BadStore::Later("rediss")),
            ("redis+sentinel://a,b/m", BadStore::Later("redis+sentinel")),
            ("redis+cluster://a,b", BadStore::Later("redis+cluster")),
            ("redis://", BadStore::Address(BadAddress::Host)),
            ("redis:a", BadStore::Address(BadAddress::Scheme)),
            ("embedded:", BadStore::Shape),
            ("./data", BadStore::Shape),
            ("postgres://a", BadStore::Shape),
        ] {
            assert_eq!(text.parse::<StoreUrl>(), Err(fault), "{text}");
        }
    }
}
