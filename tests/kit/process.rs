//! The gateway as a process of its own: for kills, exit codes and memory.

use std::collections::BTreeSet;
use std::fs::File;
use std::hash::BuildHasher;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use super::house::CONTROL_TOKEN;
use super::policies::Addresses;
use super::visitor::{Ask, Visitor};
use super::{Plan, until};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_anteroom");

/// Two different addresses that were free a moment ago. Their ports lie below those which the
/// system gives to outgoing connections, so that none of these takes one before the gateway does.
pub fn free_addresses() -> [SocketAddr; 2] {
    let held = [(); 2].map(|()| free_listener());
    held.map(|listener| listener.local_addr().unwrap())
}

/// The ports that were given already: what is to listen there may not do so yet.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A listener on such a port, which is given once only.
pub fn free_listener() -> TcpListener {
    loop {
        // A new hasher is seeded at random.
        let random = std::hash::RandomState::new().hash_one(0);
        let port = 20_000 + u16::try_from(random % 12_000).unwrap();
        if !GIVEN.lock().unwrap().insert(port) {
            continue;
        }
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", port)) {
            return listener;
        }
    }
}

/// Runs the command to its end.
pub fn anteroom(words: &[&str]) -> Output {
    command(words).output().unwrap()
}

fn command(words: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(words)
        .stdin(Stdio::null())
        .env("ANTEROOM_CONTROL_TOKEN", CONTROL_TOKEN)
        .env_remove("ANTEROOM_CONTROL");
    command
}

/// Writes policies and keys for a process into a directory.
pub fn furnish(dir: &Path, plan: &Plan, origin: SocketAddr) -> Addresses {
    let [public, control] = free_addresses();
    let at = Addresses {
        public,
        control,
        origin,
    };
    plan.write(dir, at);
    let keys = dir.join("keys");
    let made = anteroom(&["keys", "generate", "--dir", keys.to_str().unwrap()]);
    assert!(made.status.success(), "{made:?}");
    at
}

/// A running gateway.
pub struct Gateway {
    /// Its listeners.
    pub at: Addresses,
    child: Child,
}

impl Gateway {
    /// Starts on a furnished directory and waits until it answers and its room is open.
    pub async fn start(dir: &Path, at: Addresses) -> Self {
        let mut gateway = Self {
            at,
            child: spawn(dir, &[]),
        };
        gateway.is_up(dir).await;
        gateway
    }

    /// Starts where the store is away, and waits until it can be asked how it is.
    pub async fn start_without_store(dir: &Path, at: Addresses) -> Self {
        let child = spawn(dir, &[]);
        until("the gateway lives", || async {
            let mut probe = Visitor::to(at.control).host(&at.control.to_string());
            let answer = probe.try_ask(&Ask::get("/livez")).await?;
            (answer.status == 200).then_some(())
        })
        .await;
        Self { at, child }
    }

    async fn is_up(&mut self, dir: &Path) {
        let (control, child) = (self.at.control, tokio::sync::Mutex::new(&mut self.child));
        until("the gateway is ready", || async {
            let ended = child.lock().await.try_wait().unwrap();
            assert!(ended.is_none(), "{ended:?}: {}", log(dir));
            ready(control).await
        })
        .await;
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it at once, as a power failure would.
    pub fn kill_nine(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Asks it to read its policies again.
    pub fn hang_up(&self) {
        self.signal("-HUP");
    }

    /// Stands still for so long, as on a machine that has no time for it.
    pub async fn stands_still(&self, span: Duration) {
        self.signal("-STOP");
        tokio::time::sleep(span).await;
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Somebody with the control token, at the control API.
    pub fn operator(&self) -> Visitor {
        Visitor::to(self.at.control)
            .host(&self.at.control.to_string())
            .with_header("authorization", &format!("Bearer {CONTROL_TOKEN}"))
    }

    /// Waits until it has ended.
    pub async fn ended(mut self) -> ExitStatus {
        let child = tokio::sync::Mutex::new(&mut self.child);
        until("the gateway ends", || async {
            child.lock().await.try_wait().unwrap()
        })
        .await
    }

    /// The memory it holds, in bytes.
    pub fn memory(&self) -> u64 {
        self.bytes("VmRSS:")
    }

    /// Most of its resident memory since [`Self::forgets_its_peak`], in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.bytes("VmHWM:")
    }

    /// From here on the peak is counted anew.
    pub fn forgets_its_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.id()), "5").unwrap();
    }

    fn bytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap();
        line.trim()
            .strip_suffix(" kB")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1_024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Starts a gateway that is expected to refuse; gives its exit code and what it said.
pub async fn refuses(dir: &Path, wrapper: &[&str]) -> (Option<i32>, String) {
    let mut child = spawn(dir, wrapper);
    let until_end = async {
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let Ok(status) = tokio::time::timeout(super::PATIENCE, until_end).await else {
        child.kill().unwrap();
        child.wait().unwrap();
        panic!("the gateway runs instead of refusing: {}", log(dir));
    };
    (status.code(), log(dir))
}

/// Starts a gateway under a wrapper such as `prlimit` and waits until it answers.
pub async fn start_under(wrapper: &[&str], dir: &Path, at: Addresses) -> Gateway {
    let mut gateway = Gateway {
        at,
        child: spawn(dir, wrapper),
    };
    gateway.is_up(dir).await;
    gateway
}

/// What a gateway of this directory said, on both its outputs.
pub fn log(dir: &Path) -> String {
    std::fs::read_to_string(dir.join("log")).unwrap_or_default()
}

fn spawn(dir: &Path, wrapper: &[&str]) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(dir.join("log"))
        .unwrap();
    let words = ["run", "--policies", dir.to_str().unwrap()];
    let mut whole = match wrapper {
        [] => command(&words),
        [first, rest @ ..] => {
            let mut whole = Command::new(first);
            whole
                .args(rest)
                .arg(PROGRAM)
                .args(words)
                .env("ANTEROOM_CONTROL_TOKEN", CONTROL_TOKEN);
            whole
        }
    };
    whole
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

async fn ready(control: SocketAddr) -> Option<()> {
    let mut probe = Visitor::to(control)
        .host(&control.to_string())
        .with_header("authorization", &format!("Bearer {CONTROL_TOKEN}"));
    let ready = probe.try_ask(&Ask::get("/readyz")).await?.status == 200;
    let room = probe.try_ask(&Ask::get("/v1/rooms/derby")).await?;
    (ready && room.status == 200 && room.says("state") != "closed").then_some(())
}
