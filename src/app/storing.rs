//! From what the policies say about the store to the store itself.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};

use crate::config::store::{StoreSettings, StoreUrl};
use crate::domain::clock::Clock;
use crate::domain::place::Epoch;
use crate::store::QueueStore;
use crate::store::embedded::Embedded;
use crate::store::gathered::Gathered;
use crate::store::redis::Redis;
use crate::store::redis::link::Link;

/// Opens the store that a configuration names. A Redis is not waited for: until it answers, the
/// store says that it is away. Needs a tokio runtime.
///
/// # Errors
/// When it cannot be opened, or its password not be read; the message says what to do.
pub fn open_store(
    settings: &StoreSettings,
    policies: &Path,
    clock: &Clock,
) -> anyhow::Result<Arc<dyn QueueStore>> {
    let clock = clock.clone();
    let epoch = move || Epoch(clock.now().wall.minutes_since_2025());
    let address = match &settings.url {
        StoreUrl::Embedded(path) => {
            return Ok(Arc::new(Embedded::open(&path.resolve(policies), epoch())?));
        }
        StoreUrl::Redis(address) => address.clone(),
    };
    let address = match &settings.password_file {
        Some(file) => address.with_password(&password(&file.resolve(policies))?),
        None => address,
    };
    let redis = Redis::new(Link::open(address), epoch);
    Ok(Arc::new(Gathered::over(Arc::new(redis))))
}

/// The one line of a password file.
fn password(path: &Path) -> anyhow::Result<String> {
    let text = fs::read_to_string(path)
        .with_context(|| format!("cannot read the store's password from {}", path.display()))?;
    let mut lines = text.lines();
    match (lines.next(), lines.next()) {
        (Some(line), None) if !line.is_empty() => Ok(line.to_owned()),
        _ => bail!(
            "{} must hold the store's password, on one line",
            path.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_one_line_of_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        for (text, expected) in [
            ("hush", Some("hush")),
            ("hush\n", Some("hush")),
            ("hu sh \r\n", Some("hu sh ")),
            ("", None),
            ("\n", None),
            ("hush\nmore\n", None),
        ] {
            fs::write(&file, text).unwrap();
            assert_eq!(password(&file).ok().as_deref(), expected, "{text:?}");
        }
        let missing = password(&folder.path().join("none")).unwrap_err();
        assert!(missing.to_string().contains("password from"), "{missing}");
    }
}
