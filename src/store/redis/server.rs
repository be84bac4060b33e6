//! A redis-server of a test's own: on a free port of this machine, in a folder of its own.

use std::hash::BuildHasher;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::{ConnectionLike, Value};
use tempfile::TempDir;

use super::address::Address;

/// How long a server may take to start.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running server, ended when it is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    options: Vec<String>,
    folder: TempDir,
    child: Child,
}

impl Server {
    /// One that keeps nothing on disk, with further options as on its command line.
    pub(crate) fn start(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut given = vec!["--save", "", "--appendonly", "no"];
        given.extend_from_slice(options);
        let options: Vec<String> = given.into_iter().map(str::to_owned).collect();
        let port = free_port();
        let child = launch(port, &options, &folder);
        let server = Self {
            port,
            options,
            folder,
            child,
        };
        server.listens();
        server
    }

    /// Where it is.
    pub(crate) fn address(&self) -> Address {
        format!("redis://127.0.0.1:{}", self.port).parse().unwrap()
    }

    /// Ends it at once, as a power failure would.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port, once it was killed.
    pub(crate) fn restart(&mut self) {
        self.child = launch(self.port, &self.options, &self.folder);
        self.listens();
    }

    fn listens(&self) {
        let step = Duration::from_millis(10);
        for _ in 0..PATIENCE.as_millis() / step.as_millis() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return;
            }
            std::thread::sleep(step);
        }
        panic!("redis-server does not listen on port {}", self.port);
    }

    /// Lets its process stand still.
    pub(crate) fn stop(&self) {
        self.signal("-STOP");
    }

    /// Lets it run on.
    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, which: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([which, &id]).status();
        assert!(sent.unwrap().success());
    }

    /// Does one command as the default user without a password.
    pub(crate) fn run(&self, words: &[&str]) -> Value {
        self.run_with("", words)
    }

    /// Does one command with this account, as in `:secret@`.
    pub(crate) fn run_with(&self, account: &str, words: &[&str]) -> Value {
        let url = format!("redis://{account}127.0.0.1:{}", self.port);
        let mut connection = redis::Client::open(url).unwrap().get_connection().unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut command = redis::Cmd::new();
        command.arg(words);
        connection.req_command(&command).unwrap()
    }

    /// A number kept at `key`; 0 where there is none.
    pub(crate) fn number(&self, key: &str) -> u64 {
        let held = self.run(&["GET", key]);
        redis::from_redis_value::<Option<u64>>(held)
            .unwrap()
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn launch(port: u16, options: &[String], folder: &TempDir) -> Child {
    Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .arg("--dir")
        .arg(folder.path())
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("redis-server is installed")
}

/// A port that was free a moment ago, below those given to outgoing connections.
pub(crate) fn free_port() -> u16 {
    loop {
        // A new hasher is seeded at random.
        let random = std::hash::RandomState::new().hash_one(0);
        let port = 20_000 + u16::try_from(random % 10_000).unwrap();
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
