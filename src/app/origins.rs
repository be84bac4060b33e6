//! The origins of the policies in force: the files that TLS to them is made of, and the round that
//! asks them whether they are well.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use arc_swap::ArcSwap;
use http::HeaderValue;
use tokio::task::JoinSet;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_util::sync::CancellationToken;

use super::files::{secret, text};
use crate::config::origins::{self, Origins, Security};
use crate::config::site::Site;
use crate::config::{Config, PolicyPath};
use crate::edge::serve::Door;
use crate::origin::{Address, Check, Papers, Scheme, Settings, Tls};
use crate::token::assertion::Assertor;

/// How often it is looked which origins are to be asked, and their figures are shown.
const LOOK: Duration = Duration::from_millis(250);

/// Connections to one origin that each worker thread keeps warm.
const WARM: usize = 256;

/// Asks the origins of the door that is in force, until it is stopped.
pub(super) async fn watch(door: Arc<ArcSwap<Door>>, stop: CancellationToken) {
    let mut asking = JoinSet::new();
    while stop
        .run_until_cancelled(tokio::time::sleep(LOOK))
        .await
        .is_some()
    {
        for check in door.load_full().origin.round() {
            asking.spawn(check.run());
        }
        while asking.try_join_next().is_some() {}
    }
}

/// What is behind the gate, in the order of the sites, made with the files that policies name.
pub(super) struct Behind {
    /// How the origins are reached.
    pub origins: Vec<Settings>,
    /// What signs to a site that asks for it what came through the gate.
    pub assertors: Vec<Option<Arc<Assertor>>>,
}

/// Reads what policies say of what is behind the gate. Blocks.
///
/// # Errors
/// The first file that cannot be read, or does not hold what it should.
pub(super) fn behind(config: &Config, policies: &Path) -> anyhow::Result<Behind> {
    Ok(Behind {
        origins: settings(config, policies)?,
        assertors: assertors(config, policies)?,
    })
}

fn assertors(config: &Config, policies: &Path) -> anyhow::Result<Vec<Option<Arc<Assertor>>>> {
    let sites = config.sites.iter();
    let of_site = |site: &Site| {
        let Some(file) = &site.assertion_key else {
            return Ok(None);
        };
        let file = file.resolve(policies);
        let secret = secret(&file)?;
        let unusable = || format!("the secret {} of site {}", file.display(), site.name);
        let text = std::str::from_utf8(&secret).with_context(unusable)?;
        let assertor = Assertor::read(&config.keys.issuer, &site.name, text);
        Ok(Some(Arc::new(assertor.with_context(unusable)?)))
    };
    sites.map(of_site).collect()
}

fn settings(config: &Config, policies: &Path) -> anyhow::Result<Vec<Settings>> {
    let sites = config.sites.iter();
    sites.map(|site| of_site(site, policies)).collect()
}

fn of_site(site: &Site, policies: &Path) -> anyhow::Result<Settings> {
    let Origins {
        list,
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
    } = &site.origins;
    let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
    let is_secure = |origin: &Address| origin.scheme == Scheme::Https;
    let tls = list
        .iter()
        .any(is_secure)
        .then(|| tls(security, policies))
        .transpose()
        .with_context(|| format!("TLS to the origins of site {}", site.name))?;
    Ok(Settings {
        name: site.name.clone(),
        origins: list.clone(),
        balance: *balance,
        protocol: *protocol,
        tls,
        connect: *connect,
        response: *response,
        idle: *idle,
        total: *total,
        max_age: *max_age,
        max_connections: count(max_connections.get()),
        max_pending: count(*max_pending),
        pending: *pending,
        idle_connections: WARM,
        fitness: *fitness,
        check: check.as_ref().map(|check| asked(check, site)),
    })
}

/// A health check names the site's first host, as a visitor would, or none that is real.
fn asked(check: &origins::Check, site: &Site) -> Check {
    let address = site.address(false).unwrap_or_default();
    let host = address.split_once("://").map(|(_, host)| host);
    let host = host.and_then(|host| HeaderValue::from_str(host).ok());
    Check {
        path: check.path.clone(),
        host: host.unwrap_or(HeaderValue::from_static("localhost")),
        interval: check.interval,
        timeout: check.timeout,
        healthy_after: check.healthy_after,
        unhealthy_after: check.unhealthy_after,
    }
}

fn tls(security: &Security, policies: &Path) -> anyhow::Result<Tls> {
    let Security {
        authorities,
        name,
        own,
    } = security;
    let authorities = match authorities {
        Some(file) => certificates(file, policies)?,
        None => rustls_native_certs::load_native_certs().certs,
    };
    if authorities.is_empty() {
        bail!("this system has no list of trusted authorities: name one in `ca`");
    }
    let own = own
        .as_ref()
        .map(|(chain, key)| {
            let key = key.resolve(policies);
            let unusable = || format!("{} holds no private key in PEM", key.display());
            let secret = PrivateKeyDer::from_pem_slice(&secret(&key)?).with_context(unusable)?;
            anyhow::Ok((certificates(chain, policies)?, secret))
        })
        .transpose()?;
    Ok(Tls::new(Papers {
        authorities,
        name: name.clone(),
        own,
    })?)
}

fn certificates(
    file: &PolicyPath,
    policies: &Path,
) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let path = file.resolve(policies);
    let unreadable = || format!("cannot read certificates from {}", path.display());
    let text = text(&path)?;
    let found = CertificateDer::pem_slice_iter(&text);
    let found: Vec<_> = found.collect::<Result<_, _>>().with_context(unreadable)?;
    if found.is_empty() {
        bail!("{} holds no certificate in PEM", path.display());
    }
    Ok(found)
}
