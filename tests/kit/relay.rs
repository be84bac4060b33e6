//! A relay between a gateway and its Redis. It counts the calls of each verb, and does something
//! at a call of which only the number is chosen: before Redis has seen it, or after Redis has
//! carried it out and before the gateway knows.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use anteroom::store::redis::scripts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::Redis;

/// When the deed is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Redis never sees the call.
    Before,
    /// Redis has done it, the gateway never hears of it.
    After,
}

/// What is done at a call.
pub struct Trap {
    /// The verb that is counted.
    pub verb: &'static str,
    /// The number of the call, 1 for the first after the trap was set.
    pub call: u64,
    /// When.
    pub cut: Cut,
    /// What; the relay passes on nothing of that call any more.
    pub deed: Box<dyn FnOnce() + Send>,
}

/// The verb of a call that brings its script with it, as Redis did not know it.
pub const UNKNOWN: &str = "eval";

#[derive(Default)]
struct State {
    verbs: HashMap<String, &'static str>,
    calls: HashMap<&'static str, u64>,
    trap: Option<Trap>,
}

/// A relay that runs.
pub struct Relay {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

impl Relay {
    /// Stands before `redis`, which is told every script first: a gateway has to send none.
    pub async fn before(redis: &Redis) -> Self {
        let mut verbs = HashMap::new();
        for script in scripts() {
            let loaded = redis.run(&["SCRIPT", "LOAD", script.text]);
            let digest: String = redis::from_redis_value(loaded).unwrap();
            assert_eq!(digest, script.sha, "{}", script.name);
            verbs.insert(digest, script.name);
        }
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            verbs,
            ..State::default()
        }));
        tokio::spawn(accept(listener, redis.address(), Arc::clone(&state)));
        Self { address, state }
    }

    /// What `[store] url` says.
    pub fn url(&self) -> String {
        format!("redis://{}", self.address)
    }

    /// Sets the trap.
    pub fn set(&self, mut trap: Trap) {
        let mut state = self.state.lock().unwrap();
        trap.call += state.calls.get(trap.verb).copied().unwrap_or(0);
        state.trap = Some(trap);
    }

    /// Whether the trap was sprung.
    pub fn sprung(&self) -> bool {
        self.state.lock().unwrap().trap.is_none()
    }

    /// How often a verb was called.
    pub fn calls(&self, verb: &str) -> u64 {
        self.state
            .lock()
            .unwrap()
            .calls
            .get(verb)
            .copied()
            .unwrap_or(0)
    }
}

async fn accept(listener: TcpListener, to: SocketAddr, state: Arc<Mutex<State>>) {
    while let Ok((gateway, _)) = listener.accept().await {
        if let Ok(redis) = TcpStream::connect(to).await {
            gateway.set_nodelay(true).unwrap();
            redis.set_nodelay(true).unwrap();
            let (from_gateway, to_gateway) = gateway.into_split();
            let (from_redis, to_redis) = redis.into_split();
            let (sent, order) = mpsc::unbounded_channel();
            tokio::spawn(asks(from_gateway, to_redis, sent, Arc::clone(&state)));
            tokio::spawn(answers(from_redis, to_gateway, order));
        }
    }
}

/// What is to happen to the answer of one call.
enum Then {
    PassOn,
    Spring(Trap),
}

impl State {
    /// Counts a call; gives the trap when it is the one.
    fn count(&mut self, words: &[Vec<u8>]) -> Option<Trap> {
        let [name, digest, ..] = words else {
            return None;
        };
        let digest = String::from_utf8_lossy(digest);
        let verb = if name.eq_ignore_ascii_case(b"eval") {
            UNKNOWN
        } else {
            *self.verbs.get(digest.as_ref())?
        };
        let calls = self.calls.entry(verb).or_default();
        *calls += 1;
        let now = *calls;
        self.trap
            .take_if(|trap| trap.verb == verb && trap.call == now)
    }
}

async fn asks(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    sent: mpsc::UnboundedSender<Then>,
    state: Arc<Mutex<State>>,
) {
    let mut held = Vec::new();
    while let Some(length) = whole(&mut from, &mut held).await {
        let call: Vec<u8> = held.drain(..length).collect();
        let trap = state.lock().unwrap().count(&words(&call));
        let then = match trap {
            Some(trap) if trap.cut == Cut::Before => {
                (trap.deed)();
                return;
            }
            Some(trap) => Then::Spring(trap),
            None => Then::PassOn,
        };
        if sent.send(then).is_err() || to.write_all(&call).await.is_err() {
            return;
        }
    }
}

async fn answers(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut order: mpsc::UnboundedReceiver<Then>,
) {
    let mut held = Vec::new();
    while let Some(length) = whole(&mut from, &mut held).await {
        let answer: Vec<u8> = held.drain(..length).collect();
        match order.recv().await {
            Some(Then::PassOn) if to.write_all(&answer).await.is_ok() => {}
            Some(Then::Spring(trap)) => return (trap.deed)(),
            _ => return,
        }
    }
}

/// Reads until one whole value lies at the beginning of `held`; its length.
async fn whole(from: &mut OwnedReadHalf, held: &mut Vec<u8>) -> Option<usize> {
    loop {
        if let Some(length) = length_of(held) {
            return Some(length);
        }
        if from.read_buf(held).await.ok()? == 0 {
            return None;
        }
    }
}

/// The length of the RESP value at the beginning of `bytes`, once it is whole.
fn length_of(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let head = end + 2;
    let number = || {
        let text = std::str::from_utf8(&bytes[1..end]).unwrap();
        text.parse::<i64>().unwrap()
    };
    match bytes[0] {
        b'$' => {
            let body = usize::try_from(number()).map_or(0, |length| length + 2);
            (bytes.len() >= head + body).then_some(head + body)
        }
        b'*' => {
            let mut at = head;
            for _ in 0..number() {
                at += length_of(&bytes[at..])?;
            }
            Some(at)
        }
        b'+' | b'-' | b':' => Some(head),
        other => panic!("not of this protocol: {}", char::from(other)),
    }
}

/// The words of a call, an array of strings.
fn words(call: &[u8]) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = &call[call.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2..];
    while !rest.is_empty() {
        let length = length_of(rest).unwrap();
        let head = rest.windows(2).position(|pair| pair == b"\r\n").unwrap() + 2;
        words.push(rest[head..length - 2].to_vec());
        rest = &rest[length..];
    }
    words
}

#[test]
fn values_are_measured_whole_or_not_at_all() {
    let call = b"*3\r\n$7\r\nEVALSHA\r\n$4\r\nabcd\r\n$2\r\n\r\n\r\n";
    assert_eq!(length_of(call), Some(call.len()));
    for part in 0..call.len() {
        assert_eq!(length_of(&call[..part]), None, "{part}");
    }
    assert_eq!(
        words(call),
        [b"EVALSHA".to_vec(), b"abcd".to_vec(), b"\r\n".to_vec()]
    );
    assert_eq!(length_of(b"$-1\r\n*0\r\n"), Some(5));
    assert_eq!(length_of(b"*0\r\n:12\r\n"), Some(4));
}
