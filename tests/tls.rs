//! Rows L of docs/security.md, and what of A7, R2 and R5 is about TLS: real sockets, certificates
//! made for the test, and a client that is not ours.

mod certificates;
mod door;
mod handshakes;
mod patience;
mod renewals;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::kit::tls::{Client, Made};
use crate::kit::{Authority, House, Plan};

/// A house over TLS, a client that trusts its certificate, and who made that.
struct Secure {
    house: House,
    client: Client,
    authority: Authority,
}

impl Secure {
    /// One with these lines of `[tls]`.
    async fn with(lines: &str) -> Self {
        Self::of(|authority| {
            let made = authority.vouches(&["shop.example", "www.shop.example"]);
            Plan::default().over_tls(&made, lines)
        })
        .await
    }

    /// One of the plan that is made with an authority.
    async fn of(plan: impl FnOnce(&Authority) -> Plan) -> Self {
        let authority = Authority::new();
        Self {
            house: House::of(plan(&authority)).await,
            client: authority.client(),
            authority,
        }
    }

    /// How often a handshake came out so.
    async fn shaken(&self, result: &str) -> f64 {
        let labels = format!("result=\"{result}\"");
        let name = "anteroom_tls_handshakes_total";
        self.house.metric(name, &labels).await
    }
}

/// The first certificate of a chain.
fn first(made: &Made) -> CertificateDer<'static> {
    CertificateDer::from_pem_slice(made.chain.as_bytes()).unwrap()
}
