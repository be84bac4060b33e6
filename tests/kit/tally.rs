//! Counts what a Redis is asked: each script by its digest, other commands by their names.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;

use super::{PATIENCE, Redis};

/// Reads what Redis tells of every command it is asked. What scripts do within is left out.
pub struct Tally {
    told: BufReader<TcpStream>,
    taken: u32,
}

impl Tally {
    /// Counts from now on.
    pub fn of(redis: &Redis) -> Self {
        let mut stream = TcpStream::connect(redis.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(b"MONITOR\r\n").unwrap();
        let mut tally = Self {
            told: BufReader::new(stream),
            taken: 0,
        };
        assert_eq!(tally.line(), "+OK\r\n");
        tally
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.told.read_line(&mut line).unwrap();
        line
    }

    /// What was asked since the last time.
    pub fn take(&mut self, redis: &Redis) -> BTreeMap<String, u64> {
        self.taken += 1;
        let last = format!("tally {}", self.taken);
        redis.run(&["ECHO", &last]);
        let mut counts = BTreeMap::new();
        loop {
            let line = self.line();
            if line.contains(&last) {
                return counts;
            }
            if let Some(asked) = asked(&line) {
                *counts.entry(asked).or_default() += 1;
            }
        }
    }
}

/// The digest of a script or the name of a command in a line as
/// `+1.2 [0 127.0.0.1:3] "EVALSHA" "digest" …`.
fn asked(line: &str) -> Option<String> {
    let (from, command) = line.split_once(']')?;
    if from.ends_with("lua") {
        return None;
    }
    let mut words = command.split('"').skip(1).step_by(2);
    let name = words.next()?.to_lowercase();
    Some(match name.as_str() {
        "evalsha" => words.next()?.to_owned(),
        _ => name,
    })
}
