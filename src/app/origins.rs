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
use crate::control::policies::{Change, Finding, Refused, both};
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
#[derive(Clone)]
pub(super) struct Behind {
    /// How the origins are reached.
    pub origins: Vec<Settings>,
    /// What signs to a site that asks for it what came through the gate.
    pub assertors: Vec<Option<Arc<Assertor>>>,
}

/// Reads what policies say of what is behind the gate. Blocks.
///
/// # Errors
/// Every file that cannot be read, or does not hold what it should.
pub(super) fn behind(config: &Config, policies: &Path) -> Result<Behind, Refused> {
    let (mut sites, mut faults) = (Vec::new(), Vec::new());
    for site in &config.sites {
        let assertor = assertor(config, site, policies).transpose();
        match both(of_site(site, policies), assertor.map_err(refused)) {
            Ok(read) => sites.push(read),
            Err(refused) => faults.extend(refused.faults),
        }
    }
    if !faults.is_empty() {
        return Err(Refused::of(faults));
    }
    let (origins, assertors) = sites.into_iter().unzip();
    Ok(Behind { origins, assertors })
}

fn refused(fault: anyhow::Error) -> Refused {
    Refused::of(vec![Finding::of_all(format!("{fault:#}"))])
}

impl Behind {
    /// What is different in the files of sites that were there before: a way to them, or the secret
    /// that is shared with them.
    pub fn changes(&self, last: &Self) -> Vec<Change> {
        let mut changes = Vec::new();
        for (site, assertor) in self.sites() {
            let mut before = last.sites();
            let Some((was, signed)) = before.find(|(before, _)| before.name == site.name) else {
                continue;
            };
            let what = format!("site {}", site.name);
            let ways = was.tls.as_ref().zip(site.tls.as_ref());
            if ways.is_some_and(|(last, next)| last != next) {
                changes.push(Change::unshown(&what, "tls"));
            }
            if signed
                .zip(assertor)
                .is_some_and(|(last, next)| !last.has_secret_of(next))
            {
                changes.push(Change::unshown(&what, "assertion_key"));
            }
        }
        changes
    }

    fn sites(&self) -> impl Iterator<Item = (&Settings, Option<&Assertor>)> {
        let assertors = self.assertors.iter().map(Option::as_deref);
        self.origins.iter().zip(assertors)
    }
}

/// What signs to a site, if it asks for that.
fn assertor(
    config: &Config,
    site: &Site,
    policies: &Path,
) -> Option<anyhow::Result<Arc<Assertor>>> {
    let file = site.assertion_key.as_ref()?.resolve(policies);
    let unusable = || format!("the secret {} of site {}", file.display(), site.name);
    let read = || {
        let secret = secret(&file)?;
        let text = std::str::from_utf8(&secret).with_context(unusable)?;
        let assertor = Assertor::read(&config.keys.issuer, &site.name, text);
        Ok(Arc::new(assertor.with_context(unusable)?))
    };
    Some(read())
}

fn of_site(site: &Site, policies: &Path) -> Result<Settings, Refused> {
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
        .map_err(|refused| of_origins(refused, site))?;
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
        trailers: site.trailers.clone(),
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

/// Says of each fault which site it is of.
fn of_origins(refused: Refused, site: &Site) -> Refused {
    let faults = refused.faults.into_iter().map(|fault| {
        let message = format!(
            "TLS to the origins of site {}: {}",
            site.name, fault.message
        );
        Finding { message, ..fault }
    });
    Refused::of(faults.collect())
}

fn tls(security: &Security, policies: &Path) -> Result<Tls, Refused> {
    let Security {
        authorities,
        name,
        own,
    } = security;
    let authorities = trusted(authorities.as_ref(), policies).map_err(refused);
    let own = own.as_ref().map(|(chain, key)| {
        let key = private_key(&key.resolve(policies)).map_err(refused);
        both(certificates(chain, policies).map_err(refused), key)
    });
    let (authorities, own) = both(authorities, own.transpose())?;
    let papers = Papers {
        authorities,
        name: name.clone(),
        own,
    };
    Tls::new(papers).map_err(|fault| refused(fault.into()))
}

fn trusted(
    file: Option<&PolicyPath>,
    policies: &Path,
) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    if let Some(file) = file {
        return certificates(file, policies);
    }
    let found = rustls_native_certs::load_native_certs().certs;
    if found.is_empty() {
        bail!("this system has no list of trusted authorities: name one in `ca`");
    }
    Ok(found)
}

fn private_key(file: &Path) -> anyhow::Result<PrivateKeyDer<'static>> {
    let unusable = || format!("{} holds no private key in PEM", file.display());
    PrivateKeyDer::from_pem_slice(&secret(file)?).with_context(unusable)
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
