//! Other people's servers as processes of our own: nginx and HAProxy, each on a free port.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::process::free_listener;
use super::until;

/// A server that runs until it is dropped.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    dir: TempDir,
    child: Child,
}

/// Where Debian keeps programs that are not on every path.
const PROGRAMS: &str = "/usr/sbin:/usr/local/sbin:/usr/bin:/bin:/usr/local/bin";

/// Folders in which nginx keeps what it works on.
const WORKED_ON: [&str; 5] = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];

impl Server {
    /// An nginx. `content` stands in its `http` block; `@listen` there becomes its address and
    /// `@dir` a folder of its own, which `furnish` may fill before it starts.
    pub async fn nginx(content: &str, furnish: impl FnOnce(&Path)) -> Self {
        let mut temporary = String::new();
        for kind in WORKED_ON {
            let _ = writeln!(temporary, "{kind}_temp_path @dir/{kind};");
        }
        let whole = format!(
            "daemon off;\nmaster_process off;\npid @dir/pid;\nerror_log @dir/error;\n\
             events {{ worker_connections 1024; }}\n\
             http {{\naccess_log off;\n{temporary}{content}\n}}\n"
        );
        let words = ["nginx", "-e", "@dir/error", "-p", "@dir", "-c", "@dir/conf"];
        Self::start(&words, &whole, furnish).await
    }

    /// A HAProxy of this configuration.
    pub async fn haproxy(configuration: &str) -> Self {
        Self::start(
            &["haproxy", "-db", "-f", "@dir/conf"],
            configuration,
            |_| (),
        )
        .await
    }

    async fn start(words: &[&str], configuration: &str, furnish: impl FnOnce(&Path)) -> Self {
        let dir = TempDir::new().unwrap();
        furnish(dir.path());
        let address = free_listener().local_addr().unwrap();
        let place = dir.path().to_str().unwrap();
        let fill = |text: &str| {
            text.replace("@listen", &address.to_string())
                .replace("@dir", place)
        };
        std::fs::write(dir.path().join("conf"), fill(configuration)).unwrap();
        let said = std::fs::File::create(dir.path().join("said")).unwrap();
        let child = Command::new(words[0])
            .args(words[1..].iter().map(|word| fill(word)))
            .env("PATH", PROGRAMS)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn();
        let child = child.unwrap_or_else(|fault| panic!("{}: {fault}", words[0]));
        let mut server = Self {
            address,
            dir,
            child,
        };
        server.is_up().await;
        server
    }

    async fn is_up(&mut self) {
        let (address, dir) = (self.address, self.dir.path());
        let child = tokio::sync::Mutex::new(&mut self.child);
        until("the server listens", || async {
            let ended = child.lock().await.try_wait().unwrap();
            let said = || std::fs::read_to_string(dir.join("said")).unwrap_or_default();
            assert!(ended.is_none(), "{ended:?}: {}", said());
            tokio::net::TcpStream::connect(address).await.ok().map(drop)
        })
        .await;
    }

    /// The text of a file it wrote.
    pub fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.dir.path().join(name)).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
