//! `[tls]`: certificates, and how visitors are brought to use them.

use std::num::NonZeroU16;
use std::time::Duration;

use super::PolicyPath;
use super::listen::Listen;
use crate::text::span::Span;
use crate::text::table::{Reader, Table};
use crate::text::value::{Placed, Value};

/// For how long browsers are told to come over TLS only where nothing else is said: a year.
const HSTS_S: u32 = 31_536_000;

/// The longest that may be said: two years.
const MOST_HSTS_S: u32 = 2 * HSTS_S;

/// TLS on the listeners of `[listen] tls`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificates, at least one.
    pub certificates: Vec<Certificate>,
    /// The port of `https://` addresses that plain requests are sent to; `None` where they are
    /// answered as they come.
    pub redirect: Option<HttpsPort>,
    /// For how long browsers are told to come over TLS only; zero has them forget it.
    pub hsts: Duration,
    /// Whether that holds for every name below the site's too.
    pub hsts_subdomains: bool,
    /// Whether visitors must show certificates.
    pub clients: Clients,
    /// The oldest version that is spoken.
    pub oldest: Oldest,
}

/// One `[[tls.certificate]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The file of the certificate and those that vouch for it, in PEM.
    pub chain: PolicyPath,
    /// The file of its private key, in PEM.
    pub key: PolicyPath,
    /// Whether it is shown to who asks for no name, or for one that no certificate stands for.
    pub is_default: bool,
}

/// The port of an `https://` address, which 443 leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpsPort {
    /// That of the first TLS listener, whichever that is: other listeners need a restart, and
    /// until then nobody listens on theirs.
    Listener,
    /// This one, as where a proxy or the system's own rules lead from it to a listener.
    Named(NonZeroU16),
}

/// Where `https://` goes that names no port. Nothing better is known of a listener on a free port.
const HTTPS: Option<NonZeroU16> = NonZeroU16::new(443);

/// Whether visitors must show certificates, and whose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clients {
    /// They are not asked.
    Off,
    /// They may; one that they show must be of these authorities.
    Optional(PolicyPath),
    /// They must.
    Required(PolicyPath),
}

/// The oldest version of TLS that is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Oldest {
    /// 1.2.
    Tls12,
    /// 1.3.
    Tls13,
}

impl Tls {
    /// The port over TLS that plain requests are sent to, with these listeners; `None` where they
    /// are answered as they come.
    #[must_use]
    pub fn secure_port(&self, listen: &Listen) -> Option<NonZeroU16> {
        let first = || listen.tls.first().map(std::net::SocketAddr::port);
        self.redirect.and_then(|port| match port {
            HttpsPort::Named(port) => Some(port),
            HttpsPort::Listener => first().and_then(NonZeroU16::new).or(HTTPS),
        })
    }
}

impl Oldest {
    /// The version, as in the file.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// Who must show certificates, before it is known of which authorities.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ask {
    Off,
    Optional,
    Required,
}

/// What the listeners say that `[tls]` builds on.
#[derive(Clone, Copy)]
pub(super) struct Listeners {
    /// Where those that speak TLS are written, if there is one.
    pub encrypted: Option<Span>,
    /// Whether there is a plain one.
    pub plain: bool,
}

/// Reads `[tls]`, which only gateways with a TLS listener need. `Some(None)` is a gateway without;
/// `None` where a fault was noted. Listeners that could not be read say nothing against it.
pub(super) fn read(mut table: Table<'_>, at: Option<Listeners>) -> Option<Option<Tls>> {
    let reader = table.reader();
    let span = table.span();
    let is_written = !table.is_empty();
    let listed = table.holds("certificate");
    let certificates = certificates(table.sections("certificate"));
    let redirect = redirect(&mut table, at);
    let hsts = table.take("hsts_s");
    let hsts = hsts.map(|value| value.number(0..=MOST_HSTS_S));
    let hsts_subdomains = table.take("hsts_subdomains").map(Value::flag);
    let clients = clients(&mut table);
    let versions = [("1.2", Oldest::Tls12), ("1.3", Oldest::Tls13)];
    let oldest = table.take("min_version");
    let oldest = oldest.map(|value| value.word(&versions, &[]));
    let encrypted = at.and_then(|at| at.encrypted);
    if let (Some(encrypted), false, false) = (encrypted, listed, reader.is_broken()) {
        reader.fault(
            encrypted,
            "`tls` in `[listen]` needs a `[[tls.certificate]]`",
        );
    }
    table.finish();
    if at?.encrypted.is_none() {
        if is_written && !reader.is_broken() {
            reader.warn(span, "`[tls]` has no effect without `tls` in `[listen]`");
        }
        return Some(None);
    }
    let hsts = hsts.unwrap_or(Some(HSTS_S))?;
    Some(Some(Tls {
        certificates: certificates.filter(|list| !list.is_empty())?,
        redirect: redirect?,
        hsts: Duration::from_secs(hsts.into()),
        hsts_subdomains: hsts_subdomains.unwrap_or(Some(false))?,
        clients: clients?,
        oldest: oldest.unwrap_or(Some(Oldest::Tls12))?,
    }))
}

fn certificates(tables: Vec<Table<'_>>) -> Option<Vec<Certificate>> {
    let mut chosen: Option<Placed<()>> = None;
    let mut all = Some(Vec::new());
    for mut table in tables {
        let reader = table.reader();
        let chain = table.required("chain").and_then(Value::parse);
        let key = table.required("key").and_then(Value::parse);
        let default = table.take("default");
        let at = default.as_ref().map(Value::span);
        let is_default = default.map_or(Some(false), Value::flag);
        table.finish();
        if let (Some(true), Some(at)) = (is_default, at) {
            match chosen {
                Some(_) => reader.fault(at, "another certificate is the default already"),
                None => chosen = Some(Placed { at, value: () }),
            }
        }
        let read = || {
            Some(Certificate {
                chain: chain?,
                key: key?,
                is_default: is_default?,
            })
        };
        all = all.zip(read()).map(|(mut all, one)| {
            all.push(one);
            all
        });
    }
    all
}

/// Where plain requests are sent; `None` where a fault was noted.
fn redirect(table: &mut Table<'_>, at: Option<Listeners>) -> Option<Option<HttpsPort>> {
    let reader = table.reader();
    let wanted = table.take("redirect");
    let place = wanted.as_ref().map(Value::span);
    let wanted = wanted.map_or(Some(true), Value::flag);
    let port = table.take("redirect_port");
    let port_place = port.as_ref().map(Value::span);
    let port = port.map(|value| value.number(1..=65_535));
    let unheard = |key, place: Option<_>| {
        if let Some(place) = place {
            let message = format!("`{key}` has no effect without `public` in `[listen]`");
            reader.warn(place, message);
        }
    };
    if at.is_some_and(|at| at.encrypted.is_some() && !at.plain) {
        unheard("redirect", place.filter(|_| wanted == Some(true)));
        unheard("redirect_port", port_place);
    }
    let port = match port {
        Some(port) => HttpsPort::Named(NonZeroU16::new(u16::try_from(port?).ok()?)?),
        None => HttpsPort::Listener,
    };
    Some(wanted?.then_some(port))
}

fn clients(table: &mut Table<'_>) -> Option<Clients> {
    let reader = table.reader();
    let asked = table.take("client_certificates");
    let at = asked.as_ref().map(Value::span);
    let words = [
        ("off", Ask::Off),
        ("optional", Ask::Optional),
        ("required", Ask::Required),
    ];
    let asked = asked.map_or(Some(Ask::Off), |value| value.word(&words, &[]));
    let authorities = table.take("client_ca");
    let ca_at = authorities.as_ref().map(Value::span);
    let authorities = authorities.map(Value::parse::<PolicyPath>);
    needless(reader, (asked, ca_at));
    match (asked?, authorities, at) {
        (Ask::Off, ..) => Some(Clients::Off),
        (Ask::Optional, Some(authorities), _) => Some(Clients::Optional(authorities?)),
        (Ask::Required, Some(authorities), _) => Some(Clients::Required(authorities?)),
        (Ask::Optional | Ask::Required, None, at) => {
            let message = "who may vouch for visitors' certificates? Name a file in `client_ca`";
            reader.fault(at.unwrap_or_default(), message);
            None
        }
    }
}

fn needless(reader: Reader<'_>, (asked, at): (Option<Ask>, Option<Span>)) {
    if let (Some(Ask::Off), Some(at)) = (asked, at) {
        reader.warn(
            at,
            "`client_ca` has no effect while `client_certificates` is off",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Checked, Sources};

    const CERTIFICATE: &str = "[[tls.certificate]]\nchain = './a.pem'\nkey = './a.key'\n";

    fn read(listen: &str, tls: &str) -> Checked {
        let mut sources = Sources::default();
        let gateway = format!(
            "[listen]\n{listen}\n{tls}\n[store]\nurl = 'embedded:./data'\n[keys]\ndir = './keys'\n\
             [[site]]\nname = 'shop'\nhosts = ['*']\norigin = ['http://127.0.0.1:8702']\n"
        );
        sources.add("anteroom.toml", &gateway).unwrap();
        crate::config::read(&sources).unwrap_or_else(|faults| panic!("{faults}"))
    }

    #[test]
    fn a_certificate_and_a_listener_are_enough() {
        let checked = read("tls = '[::]:443'", CERTIFICATE);
        assert!(checked.config.listen.public.is_empty());
        let tls = checked.config.tls.unwrap();
        assert_eq!(tls.certificates.len(), 1);
        assert_eq!(tls.redirect, Some(HttpsPort::Listener));
        assert_eq!(tls.hsts, Duration::from_secs(31_536_000));
        assert!(!tls.hsts_subdomains);
        assert_eq!((tls.clients, tls.oldest), (Clients::Off, Oldest::Tls12));
        assert_eq!(checked.config.connections.handshakes.get(), 64);
    }

    #[test]
    fn visitors_are_sent_where_tls_is_unless_the_owner_says_otherwise() {
        let port = |listen: &str, lines: &str| {
            let config = read(listen, &format!("[tls]\n{lines}\n{CERTIFICATE}")).config;
            let port = config.tls.unwrap().secure_port(&config.listen);
            port.map(NonZeroU16::get)
        };
        let both = "public = '0.0.0.0:80'\ntls = ['0.0.0.0:8443', '[::]:9443']";
        assert_eq!(port(both, ""), Some(8_443));
        assert_eq!(port(both, "redirect_port = 443"), Some(443));
        assert_eq!(port(both, "redirect = false"), None);
        assert_eq!(
            port("public = '0.0.0.0:80'\ntls = '0.0.0.0:0'", ""),
            Some(443)
        );
    }

    #[test]
    fn what_has_no_effect_is_a_warning() {
        let warned = |listen: &str, tls: &str| read(listen, tls).warnings.to_string();
        let without = warned("public = '0.0.0.0:80'", CERTIFICATE);
        assert!(without.contains("`[tls]` has no effect"), "{without}");
        let lines = format!("[tls]\nredirect = true\nclient_ca = 'ca.pem'\n{CERTIFICATE}");
        let alone = warned("tls = '0.0.0.0:443'", &lines);
        assert!(
            alone.contains("`redirect` has no effect without `public`"),
            "{alone}"
        );
        assert!(alone.contains("`client_ca` has no effect"), "{alone}");
        assert_eq!(read("public = '0.0.0.0:80'", CERTIFICATE).config.tls, None);
    }

    #[test]
    fn authorities_go_with_who_must_show_certificates() {
        for (word, clients) in [
            ("optional", Clients::Optional("./ca.pem".parse().unwrap())),
            ("required", Clients::Required("./ca.pem".parse().unwrap())),
        ] {
            let lines = format!(
                "[tls]\nclient_certificates = '{word}'\nclient_ca = './ca.pem'\n{CERTIFICATE}"
            );
            let tls = read("tls = '0.0.0.0:443'", &lines).config.tls;
            assert_eq!(tls.unwrap().clients, clients);
        }
    }
}
