//! The policies of a house, as the texts an owner would write.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anteroom::config::{self, Config, Sources};
use anteroom::store::QueueStore;

use super::process::free_listener;
use super::tls::{Authority, Made};

/// What a house is to be like.
#[derive(Clone)]
pub struct Plan {
    /// Visitors a minute in the room `derby`.
    pub per_minute: u32,
    /// Lines of its `[session]`.
    pub session: String,
    /// Further lines of the `[[site]]`.
    pub site: String,
    /// Lines at the top of the room's file.
    pub room: String,
    /// Networks of proxies in front.
    pub trusted: String,
    /// Networks of proxies that begin with a PROXY header.
    pub announcing: String,
    /// Where visitors come over TLS, if they do.
    pub tls: Option<SocketAddr>,
    /// The `[tls]` of such a house.
    pub encryption: String,
    /// The files of its certificates, by name.
    pub certificates: Vec<(String, Made)>,
    /// Further files by name.
    pub files: Vec<(String, String)>,
    /// Lines of `[store]`.
    pub storing: String,
    /// Where the rooms are kept, if not where `[store]` says.
    pub store: Option<Arc<dyn QueueStore>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            per_minute: 1,
            room: String::new(),
            session: String::new(),
            site: String::new(),
            trusted: String::new(),
            announcing: String::new(),
            tls: None,
            encryption: String::new(),
            certificates: Vec::new(),
            files: Vec::new(),
            storing: "url = \"embedded:./data\"".to_owned(),
            store: None,
        }
    }
}

/// The listeners and the origin of a house.
#[derive(Clone, Copy, Debug)]
pub struct Addresses {
    /// Where visitors come.
    pub public: SocketAddr,
    /// Where operators come.
    pub control: SocketAddr,
    /// The site behind.
    pub origin: SocketAddr,
}

impl Plan {
    /// A room `derby` over `/buy/*` that lets in so many a minute.
    pub fn per_minute(per_minute: u32) -> Self {
        Self {
            per_minute,
            ..Self::default()
        }
    }

    /// With these lines at the top of the room's file.
    pub fn room(mut self, lines: &str) -> Self {
        let _ = writeln!(self.room, "{lines}");
        self
    }

    /// With these lines in the room's `[session]`.
    pub fn session(mut self, lines: &str) -> Self {
        let _ = writeln!(self.session, "{lines}");
        self
    }

    /// With these lines in the `[[site]]`.
    pub fn site(mut self, lines: &str) -> Self {
        let _ = writeln!(self.site, "{lines}");
        self
    }

    /// Behind proxies of these networks, as in `"127.0.0.0/8"`.
    pub fn behind(mut self, networks: &str) -> Self {
        networks.clone_into(&mut self.trusted);
        self
    }

    /// Where proxies of these networks say whose connection it is.
    pub fn announced_by(mut self, networks: &str) -> Self {
        networks.clone_into(&mut self.announcing);
        self
    }

    /// With a TLS listener that shows this certificate, by these lines of `[tls]`.
    pub fn over_tls(mut self, made: &Made, lines: &str) -> Self {
        let free = free_listener().local_addr().unwrap();
        self.tls = Some(free);
        self.encryption = format!("[tls]\n{lines}\n");
        self.certificate("shop", made)
    }

    /// With one more certificate in the files `NAME.pem` and `NAME.key`.
    pub fn certificate(mut self, name: &str, made: &Made) -> Self {
        let _ = writeln!(
            self.encryption,
            "[[tls.certificate]]\nchain = \"{name}.pem\"\nkey = \"./{name}.key\""
        );
        self.certificates.push((name.to_owned(), made.clone()));
        self
    }

    /// With the file `ca.pem` of an authority.
    pub fn authority(mut self, authority: &Authority) -> Self {
        let (chain, key) = (authority.pem(), String::new());
        self.certificates
            .push(("ca".to_owned(), Made { chain, key }));
        self
    }

    /// With one more file.
    pub fn file(mut self, name: &str, text: &str) -> Self {
        self.files.push((name.to_owned(), text.to_owned()));
        self
    }

    /// With one more open room.
    pub fn another_room(self, name: &str, path: &str) -> Self {
        let text = format!(
            "name = \"{name}\"\nsite = \"shop\"\npaths = [\"{path}\"]\n[pace]\nper_minute = 60\n\
             [window]\nopens_at = \"2025-06-01T00:00:00Z\"\n"
        );
        self.file(&format!("rooms/{name}.toml"), &text)
    }

    /// With a store of this URL.
    pub fn stored_at(mut self, url: &str) -> Self {
        self.storing = format!("url = \"{url}\"");
        self
    }

    /// On this store.
    pub fn on(mut self, store: Arc<dyn QueueStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Every file by name.
    pub fn texts(&self, at: Addresses) -> Vec<(String, String)> {
        let Addresses {
            public,
            control,
            origin,
        } = at;
        let Self {
            per_minute,
            room,
            session,
            site,
            trusted,
            announcing,
            storing,
            encryption,
            ..
        } = self;
        let tls = self.tls.map(|tls| format!("tls = [\"{tls}\"]\n"));
        let tls = tls.unwrap_or_default();
        let anteroom = format!(
            "[listen]\npublic = [\"{public}\"]\ncontrol = \"{control}\"\n{tls}{encryption}\
             [store]\n{storing}\n[keys]\ndir = \"./keys\"\n\
             [proxies]\ntrusted = [{trusted}]\nprotocol = [{announcing}]\n\
             [[site]]\nname = \"shop\"\nhosts = [\"shop.example\"]\n\
             origin = [\"http://{origin}\"]\n{site}"
        );
        let derby = format!(
            "name = \"derby\"\nsite = \"shop\"\npaths = [\"/buy/*\"]\n\
             {room}[pace]\nper_minute = {per_minute}\n[capacity]\nactive = 5000\n\
             [window]\nopens_at = \"2025-06-01T00:00:00Z\"\n[session]\n{session}"
        );
        let mut texts = vec![
            ("anteroom.toml".to_owned(), anteroom),
            ("rooms/derby.toml".to_owned(), derby),
        ];
        texts.extend(self.files.iter().cloned());
        texts
    }

    /// The checked configuration.
    pub fn config(&self, at: Addresses) -> Config {
        let mut sources = Sources::default();
        for (name, text) in self.texts(at) {
            sources.add(&name, &text).unwrap();
        }
        let checked = config::read(&sources);
        checked
            .unwrap_or_else(|faults| panic!("the plan is faulty: {faults:?}"))
            .config
    }

    /// Writes the files into a directory.
    pub fn write(&self, dir: &Path, at: Addresses) {
        self.write_certificates(dir);
        for (name, text) in self.texts(at) {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
    }

    /// Writes the files of its certificates.
    pub fn write_certificates(&self, dir: &Path) {
        for (name, made) in &self.certificates {
            made.write(dir, name);
        }
    }
}
