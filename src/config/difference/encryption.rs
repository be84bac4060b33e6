//! `[tls]` as named things and their settings.

use super::things::{Thing, or_none, seconds, to};
use crate::config::tls::{Certificate, Clients, HttpsPort, Tls};

/// `[tls]`, and each of its certificates by its file.
pub(super) fn encryption(tls: &Tls) -> Vec<Thing> {
    let Tls {
        certificates,
        redirect,
        hsts,
        hsts_subdomains,
        clients,
        oldest,
    } = tls;
    let (asked, authorities) = match clients {
        Clients::Off => ("off", None),
        Clients::Optional(authorities) => ("optional", Some(authorities)),
        Clients::Required(authorities) => ("required", Some(authorities)),
    };
    let settings = vec![
        ("redirect", to(redirect.is_some())),
        (
            "redirect_port",
            or_none(redirect.map(|port| match port {
                HttpsPort::Listener => "that of the first `tls`".to_owned(),
                HttpsPort::Named(port) => port.to_string(),
            })),
        ),
        ("hsts_s", seconds(*hsts)),
        ("hsts_subdomains", to(hsts_subdomains)),
        ("client_certificates", to(asked)),
        (
            "client_ca",
            or_none(authorities.map(|file| file.0.display())),
        ),
        ("min_version", to(oldest.word())),
    ];
    let mut things = vec![Thing::new("[tls]", settings)];
    things.extend(certificates.iter().map(certificate));
    things
}

fn certificate(certificate: &Certificate) -> Thing {
    let Certificate {
        chain,
        key,
        is_default,
    } = certificate;
    let settings = vec![("key", to(key.0.display())), ("default", to(is_default))];
    Thing::new(format!("certificate {}", chain.0.display()), settings)
}
