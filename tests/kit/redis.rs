//! A redis-server of a test's own: a process on a free port, in a folder of its own.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use redis::{ConnectionLike as _, Value};
use tempfile::TempDir;

use super::process::free_listener;
use super::{PATIENCE, until};

/// A running server, ended when it is dropped.
pub struct Redis {
    port: u16,
    options: Vec<String>,
    folder: TempDir,
    child: Child,
}

impl Redis {
    /// One that keeps everything on its disk, so that it survives a kill.
    pub async fn durable() -> Self {
        Self::of(&[
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "everysec",
        ])
        .await
    }

    /// One that keeps everything in memory only.
    pub async fn forgetful() -> Self {
        Self::of(&["--save", "", "--appendonly", "no"]).await
    }

    /// One with these options, as on its command line.
    pub async fn of(options: &[&str]) -> Self {
        let port = free_listener().local_addr().unwrap().port();
        let folder = TempDir::new().unwrap();
        let options: Vec<String> = options.iter().map(|&option| option.to_owned()).collect();
        let child = spawn(port, &options, &folder);
        let redis = Self {
            port,
            options,
            folder,
            child,
        };
        redis.is_up().await;
        redis
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    /// What `[store] url` says.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address())
    }

    /// Kills it at once, as a power failure would.
    pub fn kill_nine(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again on the same port and folder, and waits until it answers.
    pub async fn restart(&mut self) {
        self.child = spawn(self.port, &self.options, &self.folder);
        self.is_up().await;
    }

    /// Forgets everything.
    pub fn flushall(&self) {
        self.run(&["FLUSHALL"]);
    }

    /// How often each command was called since the start, or since
    /// [`forget_calls`](Self::forget_calls). Those that a script calls are counted too.
    pub fn calls(&self) -> BTreeMap<String, u64> {
        let text: String = redis::from_redis_value(self.run(&["INFO", "commandstats"])).unwrap();
        let one = |line: &str| {
            let (name, figures) = line.trim().strip_prefix("cmdstat_")?.split_once(':')?;
            let calls = figures.strip_prefix("calls=")?.split(',').next()?;
            Some((name.to_owned(), calls.parse().ok()?))
        };
        text.lines().filter_map(one).collect()
    }

    /// Counts anew.
    pub fn forget_calls(&self) {
        self.run(&["CONFIG", "RESETSTAT"]);
    }

    /// The numbers that stand in these fields of a room's head, 0 where there is none.
    pub fn head<const N: usize>(&self, room: &str, fields: [&str; N]) -> [u64; N] {
        let key = format!("anteroom:{{{room}}}:head");
        let mut words = vec!["HMGET", &key];
        words.extend(fields);
        let found: Vec<Option<u64>> = redis::from_redis_value(self.run(&words)).unwrap();
        std::array::from_fn(|at| found[at].unwrap_or(0))
    }

    /// Does one command that answers with a number.
    pub fn count(&self, words: &[&str]) -> u64 {
        redis::from_redis_value(self.run(words)).unwrap()
    }

    /// Does one command.
    pub fn run(&self, words: &[&str]) -> Value {
        self.try_run(words).unwrap()
    }

    fn try_run(&self, words: &[&str]) -> Result<Value, redis::RedisError> {
        let mut connection = redis::Client::open(self.url())?.get_connection()?;
        connection.set_read_timeout(Some(PATIENCE))?;
        let mut command = redis::Cmd::new();
        command.arg(words);
        connection.req_command(&command)?.extract_error()
    }

    /// It listens, and has loaded what its disk holds.
    async fn is_up(&self) {
        until("redis-server answers", || async {
            TcpStream::connect_timeout(&self.address(), Duration::from_secs(1)).ok()?;
            self.try_run(&["PING"]).ok()
        })
        .await;
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It may have been killed already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(port: u16, options: &[String], folder: &TempDir) -> Child {
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
