//! Which certificate is shown to whom, and how others take its place while the gateway runs.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use rustls::pki_types::CertificateDer;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Secure, first};
use crate::kit::house::metric;
use crate::kit::process::{anteroom, furnish, log, refuses};
use crate::kit::tls::{Client, Made};
use crate::kit::{Authority, Gateway, Origin, Plan, Visitor, until};

/// The certificate that is shown to who asks for this name.
async fn shown(client: &Client, at: SocketAddr, name: &str) -> CertificateDer<'static> {
    let stream = client.connect(at, name).await.unwrap();
    let chain = stream.get_ref().1.peer_certificates().unwrap();
    chain[0].clone().into_owned()
}

#[tokio::test]
async fn every_name_is_shown_its_own_certificate_and_the_rest_the_default() {
    let authority = Authority::new();
    let shop = authority.vouches(&["shop.example"]);
    let wide = authority.vouches(&["*.shop.example"]);
    let other = authority.vouches(&["other.example", "api.shop.example"]);
    let plan = Plan::default()
        .over_tls(&shop, "")
        .certificate("wide", &wide)
        .certificate("other", &other);
    let house = crate::kit::House::of(plan.clone()).await;
    let (at, client) = (house.encrypted(), authority.heedless());
    for (name, made) in [
        ("shop.example", &shop),
        ("SHOP.example", &shop),
        ("www.shop.example", &wide),
        ("other.example", &other),
        // Of two that stand for it, the first.
        ("api.shop.example", &wide),
        ("a.b.shop.example", &shop),
        ("unknown.example", &shop),
        ("127.0.0.1", &shop),
    ] {
        assert_eq!(shown(&client, at, name).await, first(made), "{name}");
    }
    let silent = authority.client_with(|config| config.enable_sni = false);
    assert_eq!(shown(&silent, at, "shop.example").await, first(&shop));

    drop(house);
    let mut chosen = Plan {
        tls: Plan::default().over_tls(&shop, "").tls,
        ..plan
    };
    chosen.encryption.push_str("default = true\n");
    let house = crate::kit::House::of(chosen).await;
    let at = house.encrypted();
    assert_eq!(shown(&client, at, "unknown.example").await, first(&other));
    assert_eq!(shown(&client, at, "shop.example").await, first(&shop));
}

#[tokio::test]
async fn visitors_show_certificates_where_they_must() {
    let foreign = Authority::new();
    for (asked, bare) in [("required", false), ("optional", true)] {
        let secure = Secure::of(|authority| {
            let made = authority.vouches(&["shop.example"]);
            let lines = format!("client_certificates = \"{asked}\"\nclient_ca = \"ca.pem\"");
            Plan::default().over_tls(&made, &lines).authority(authority)
        })
        .await;
        let authority = &secure.authority;
        let fan = authority.client_showing(&authority.vouches(&["fan.example"]));
        let stranger = authority.client_showing(&foreign.vouches(&["fan.example"]));
        assert!(is_served(&secure, &fan).await, "{asked}");
        assert!(!is_served(&secure, &stranger).await, "{asked}");
        assert_eq!(is_served(&secure, &secure.client).await, bare, "{asked}");
        let names = secure.house.origin.arrived();
        assert!(names.iter().all(|one| !one.head.contains("fan.example")));
        assert_eq!(names.len(), 1 + usize::from(bare));
    }
}

/// With TLS 1.3 it is told behind the client's last word that it was not enough.
async fn is_served(secure: &Secure, client: &Client) -> bool {
    let stream = client.connect(secure.house.encrypted(), "shop.example");
    let Ok(mut stream) = stream.await else {
        return false;
    };
    let ask = b"GET /about HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n";
    if stream.write_all(ask).await.is_err() {
        return false;
    }
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer.starts_with(b"HTTP/1.1 200")
}

/// A gateway over TLS that runs on files.
pub(super) struct Run {
    pub gateway: Gateway,
    pub origin: Origin,
    dir: TempDir,
    pub plan: Plan,
    pub authority: Authority,
    pub client: Client,
}

impl Run {
    pub async fn begin() -> Self {
        Self::of(Plan::default()).await
    }

    /// One of this plan, over TLS.
    pub async fn of(plan: Plan) -> Self {
        let authority = Authority::new();
        let plan = plan.over_tls(&authority.vouches(&["shop.example"]), "");
        let (origin, dir) = (Origin::open().await, TempDir::new().unwrap());
        let at = furnish(dir.path(), &plan, origin.address);
        Self {
            gateway: Gateway::start(dir.path(), at).await,
            origin,
            client: authority.client(),
            dir,
            plan,
            authority,
        }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn encrypted(&self) -> SocketAddr {
        self.plan.tls.unwrap()
    }

    pub fn visitor(&self) -> Visitor {
        Visitor::to(self.encrypted()).over_tls(&self.client, "shop.example")
    }

    pub async fn shows(&self) -> CertificateDer<'static> {
        shown(&self.client, self.encrypted(), "shop.example").await
    }

    fn reload(&self) -> Output {
        let control = format!("http://{}", self.gateway.at.control);
        anteroom(&["reload", "--control", &control])
    }

    /// What a reload says that takes effect.
    pub fn reloads(&self) -> String {
        let output = self.reload();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a reload says that is refused.
    pub fn is_refused(&self) -> String {
        let output = self.reload();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn renews(&self, change: impl FnOnce(&mut rcgen::CertificateParams)) -> Made {
        let made = self.authority.makes(&["shop.example"], change);
        made.write(self.path(), "shop");
        made
    }
}

#[tokio::test]
async fn l2_a_bad_certificate_is_refused_by_its_file_and_the_old_one_stays() {
    let run = Run::begin().await;
    let (old, sound) = (run.shows().await, run.plan.certificates[0].1.clone());
    let (chain, key) = (run.path().join("shop.pem"), run.path().join("shop.key"));
    let another = run.authority.vouches(&["shop.example"]);
    let bad: [(&dyn Fn(), &[&str]); 7] = [
        (
            &|| fs::write(&chain, "").unwrap(),
            &["shop.pem", "no certificate"],
        ),
        (
            &|| fs::write(&chain, "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap(),
            &["shop.pem"],
        ),
        (
            &|| fs::write(&key, "").unwrap(),
            &["shop.key", "no private key"],
        ),
        (
            &|| fs::write(&key, &another.key).unwrap(),
            &["shop.key", "is not the certificate's"],
        ),
        (
            &|| fs::remove_file(&chain).unwrap(),
            &["cannot read", "shop.pem"],
        ),
        (
            &|| fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap(),
            &["shop.key", "chmod 600"],
        ),
        (
            &|| drop(run.renews(|params| params.not_after = rcgen::date_time_ymd(2020, 1, 2))),
            &["shop.pem", "2020-01-02T00:00:00Z"],
        ),
    ];
    for (spoil, says) in bad {
        spoil();
        let told = run.is_refused();
        assert!(
            says.iter().all(|word| told.contains(word)),
            "{says:?}: {told}"
        );
        assert_eq!(run.shows().await, old);
        sound.write(run.path(), "shop");
    }
    run.gateway.hang_up();
    until("the log tells of it", || async {
        log(run.path()).contains("nothing changed").then_some(())
    })
    .await;
    assert!(!log(run.path()).contains("PRIVATE KEY"));

    // What is wrong with several files is said of all at once.
    fs::write(&chain, "").unwrap();
    let mut two = run.plan.clone().certificate("more", &another);
    two.certificates.clear();
    two.write(run.path(), run.gateway.at);
    let told = run.is_refused();
    assert!(
        told.contains("shop.pem") && told.contains("more.pem"),
        "{told}"
    );

    // `check` reads text only.
    let dir = run.path().to_str().unwrap();
    let checked = anteroom(&["check", "--policies", dir]);
    assert!(checked.status.success(), "{checked:?}");
}

#[tokio::test]
async fn l2_a_gateway_starts_with_sound_files_only_and_warns_of_the_days() {
    let run = Run::begin().await;
    let Run {
        gateway,
        dir,
        authority,
        ..
    } = run;
    let (dir, at) = (dir.path(), gateway.at);
    let mut operator = gateway.operator();
    let ends = metric(
        &mut operator,
        "anteroom_tls_certificate_expiry_timestamp_seconds",
        "certificate=\"shop.pem\"",
    );
    assert!(ends.await > 1_800_000_000.0);
    gateway.terminate();
    gateway.ended().await;

    fs::remove_file(dir.join("shop.key")).unwrap();
    let (code, said) = refuses(dir, &[]).await;
    assert_eq!(code, Some(1));
    assert!(said.contains("shop.key"), "{said}");

    // One that has run out is shown, so that what is behind it can at least be reached.
    let old = authority.makes(&["elsewhere.example"], |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 2);
    });
    old.write(dir, "shop");
    let gateway = Gateway::start(dir, at).await;
    let said = log(dir);
    assert!(said.contains("to 2020-01-02T00:00:00Z"), "{said}");
    assert!(
        said.contains("no certificate stands for `shop.example`"),
        "{said}"
    );
    // And it hinders no other change.
    let control = format!("http://{}", gateway.at.control);
    let reloaded = anteroom(&["reload", "--control", &control]);
    assert!(reloaded.status.success(), "{reloaded:?}");
}
