//! The audit log as text: numbered lines, each sealed with a hash over the line before it. Files
//! are `app`'s; this decides what is written and whether what was read is whole.
//!
//! A line is a JSON object whose last member is `hash`: the SHA-256, as 64 lower-case hex digits,
//! of the hash of the line before (its 64 digits; nothing for the first) and the line's own bytes
//! up to `,"hash":`. So every byte counts, and no reader and writer of JSON need agree on any.

mod entry;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::domain::clock::UnixTime;

pub use entry::{Entry, Intent};

/// What stands between a line's own bytes and its hash.
const MARK: &[u8] = b",\"hash\":\"";

/// Characters of a hash.
const HASH: usize = 64;

#[derive(Serialize)]
struct Line<'a> {
    number: u64,
    at: String,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// Where a chain stands: after its newest line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The chain's id.
    pub chain: String,
    /// The number of the newest line; the first is 1.
    pub number: u64,
    /// Its hash.
    pub hash: String,
}

/// The line could not be made: a fault of this program.
#[derive(Debug, thiserror::Error)]
#[error("an audit line could not be made")]
pub struct Unspeakable(#[from] serde_json::Error);

impl Head {
    /// The first line of a new chain with a random id, and the head after it.
    ///
    /// # Errors
    /// [`Unspeakable`].
    pub fn begin(chain: [u8; 16], at: UnixTime) -> Result<(String, Self), Unspeakable> {
        let nothing = Self {
            chain: hex(&chain),
            number: 0,
            hash: String::new(),
        };
        let entry = Entry::Begin {
            chain: nothing.chain.clone(),
            continues: None,
        };
        nothing.add(at, &entry)
    }

    /// The first line of a further file of this chain, and the head after it.
    ///
    /// # Errors
    /// [`Unspeakable`].
    pub fn turn_over(&self, at: UnixTime) -> Result<(String, Self), Unspeakable> {
        let entry = Entry::Begin {
            chain: self.chain.clone(),
            continues: Some(self.hash.clone()),
        };
        self.add(at, &entry)
    }

    /// The next line, with its end, and the head after it.
    ///
    /// # Errors
    /// [`Unspeakable`].
    pub fn add(&self, at: UnixTime, entry: &Entry) -> Result<(String, Self), Unspeakable> {
        let number = self.number.saturating_add(1);
        let at = at.rfc3339();
        let mut line = serde_json::to_string(&Line { number, at, entry })?;
        line.pop();
        let hash = sealed(&self.hash, line.as_bytes());
        let next = Self {
            chain: self.chain.clone(),
            number,
            hash,
        };
        let end = format!(",\"hash\":\"{}\"}}\n", next.hash);
        line.push_str(&end);
        Ok((line, next))
    }
}

/// The hash of a line, given that of the line before.
fn sealed(before: &str, own: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(own);
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// No line feed at its end.
    #[error("it has no end: it was cut off, or is still being written")]
    CutOff,
    /// No line that this program writes.
    #[error("it is no line of an audit log, or its ends were changed")]
    Foreign,
    /// The first line of a file is no beginning.
    #[error("it is no beginning: the lines before it are missing")]
    NoBeginning,
    /// A beginning inside a file.
    #[error("it is a second beginning")]
    Beginning,
    /// Another number than the one after the line before.
    #[error(
        "its number is {found} where {expected} was due: lines were taken out, put in or moved"
    )]
    Number {
        /// The number it bears.
        found: u64,
        /// The number after the line before.
        expected: u64,
    },
    /// The file goes on with another chain, or from another line.
    #[error("it does not continue the file before it")]
    Stranger,
    /// The hash is another.
    #[error("its hash does not fit: the line was changed, or belongs elsewhere")]
    Hash,
}

/// The first wrong line of a log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {wrong}")]
pub struct BadLine {
    /// Which line of the file; the first is 1.
    pub line: u64,
    /// What is wrong with it.
    #[source]
    pub wrong: Wrong,
}

/// What a check needs to know of a line, besides its bytes.
#[derive(Deserialize)]
struct Seen {
    number: u64,
    kind: String,
    chain: Option<String>,
    continues: Option<String>,
}

/// Reads a log line by line, and several files of one chain one after the other.
#[derive(Debug, Default)]
pub struct Reader {
    lines: u64,
    head: Option<Head>,
}

impl Reader {
    /// The next line, with its end.
    ///
    /// # Errors
    /// [`BadLine`]; nothing after it can be believed.
    pub fn read(&mut self, line: &[u8]) -> Result<&Head, BadLine> {
        self.lines += 1;
        let first = self.lines == 1;
        let head = judge(line, self.head.as_ref(), first);
        let line = self.lines;
        let head = head.map_err(|wrong| BadLine { line, wrong })?;
        Ok(self.head.insert(head))
    }

    /// The next line is the first of a further file.
    pub const fn next_file(&mut self) {
        self.lines = 0;
    }

    /// Where the chain stands; `None` before the first line.
    #[must_use]
    pub const fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Lines read of the present file.
    #[must_use]
    pub const fn lines(&self) -> u64 {
        self.lines
    }
}

fn judge(line: &[u8], before: Option<&Head>, first: bool) -> Result<Head, Wrong> {
    let line = line.strip_suffix(b"\n").ok_or(Wrong::CutOff)?;
    let (own, hash) = parts(line).ok_or(Wrong::Foreign)?;
    let whole = [own, b"}"].concat();
    let seen: Seen = serde_json::from_slice(&whole).map_err(|_| Wrong::Foreign)?;
    let before = match (first, seen.kind == "begin") {
        (true, false) => return Err(Wrong::NoBeginning),
        (false, true) => return Err(Wrong::Beginning),
        (true, true) => beginning(&seen, before)?,
        (false, false) => before.cloned().ok_or(Wrong::NoBeginning)?,
    };
    let expected = before.number.saturating_add(1);
    if seen.number != expected {
        let found = seen.number;
        return Err(Wrong::Number { found, expected });
    }
    if sealed(&before.hash, own) != hash {
        return Err(Wrong::Hash);
    }
    Ok(Head {
        number: seen.number,
        hash: hash.to_owned(),
        ..before
    })
}

/// The line's own bytes and its hash.
fn parts(line: &[u8]) -> Option<(&[u8], &str)> {
    let (rest, tail) = line.split_at_checked(line.len().checked_sub(HASH + 2)?)?;
    let hash = tail.strip_suffix(b"\"}")?;
    let plain = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let hash = std::str::from_utf8(hash).ok()?;
    let own = rest.strip_suffix(MARK)?;
    hash.as_bytes().iter().all(plain).then_some((own, hash))
}

/// Where the chain stood before the first line of a file.
fn beginning(seen: &Seen, before: Option<&Head>) -> Result<Head, Wrong> {
    let chain = seen.chain.clone().ok_or(Wrong::Foreign)?;
    match (before, &seen.continues) {
        (Some(head), Some(hash)) if head.hash == *hash && head.chain == chain => Ok(head.clone()),
        (Some(_), _) => Err(Wrong::Stranger),
        (None, Some(hash)) => Ok(Head {
            chain,
            number: seen.number.checked_sub(1).ok_or(Wrong::Foreign)?,
            hash: hash.clone(),
        }),
        (None, None) => Ok(Head {
            chain,
            number: 0,
            hash: String::new(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use serde_json::json;

    const NOON: UnixTime = UnixTime::from_secs(1_795_000_000);

    fn intent(number: u64) -> Entry {
        Entry::Intent(Intent {
            who: "ann".into(),
            role: "operator",
            from: "192.0.2.7".into(),
            action: "PUT /v1/rooms/{room}/pace".into(),
            room: Some("derby".into()),
            asked: json!({"per_minute": number, "note": "\",\"hash\":\""}),
        })
    }

    /// A log of so many lines, the beginning among them.
    fn log(lines: u64) -> (Vec<String>, Head) {
        let (first, mut head) = Head::begin([7; 16], NOON).unwrap();
        let mut log = vec![first];
        for number in 1..lines {
            let (line, next) = head.add(NOON, &intent(number)).unwrap();
            log.push(line);
            head = next;
        }
        (log, head)
    }

    fn read<L: AsRef<[u8]>>(lines: &[L]) -> Result<Option<Head>, BadLine> {
        let mut reader = Reader::default();
        for line in lines {
            reader.read(line.as_ref())?;
        }
        Ok(reader.head().cloned())
    }

    fn wrong<L: AsRef<[u8]>>(lines: &[L]) -> (u64, Wrong) {
        let bad = read(lines).unwrap_err();
        (bad.line, bad.wrong)
    }

    #[test]
    fn a_whole_log_is_whole_and_its_lines_are_json() {
        let (lines, head) = log(5);
        assert_eq!(read(&lines), Ok(Some(head.clone())));
        assert_eq!((head.number, head.hash.len()), (5, HASH));
        let line: Value = serde_json::from_str(&lines[2]).unwrap();
        assert_eq!(
            (&line["number"], &line["kind"]),
            (&json!(3), &json!("intent"))
        );
        assert_eq!(line["asked"]["per_minute"], 2);
        assert_eq!(line["at"], NOON.rfc3339());
    }

    #[test]
    fn a_hash_can_be_made_again_with_the_tools_of_any_machine() {
        let (lines, head) = log(2);
        let before: Value = serde_json::from_str(&lines[0]).unwrap();
        let own = lines[1].split_once(",\"hash\":\"").unwrap().0;
        let text = format!("{}{own}", before["hash"].as_str().unwrap());
        let own_marks = lines[1].matches("\"hash\"").count();
        assert_eq!(own_marks, 1, "a mark inside a text is escaped");
        assert_eq!(hex(&Sha256::digest(text)), head.hash);
    }

    #[test]
    fn c5_no_byte_can_be_changed() {
        let (lines, _) = log(3);
        let lines: Vec<Vec<u8>> = lines.into_iter().map(String::into_bytes).collect();
        for at in 0..lines.len() {
            for byte in 0..lines[at].len() {
                for flip in [1, 0x20, 0x80] {
                    let mut changed = lines.clone();
                    changed[at][byte] ^= flip;
                    let (line, why) = wrong(&changed);
                    // What a first line continues cannot be known from this file alone.
                    assert_eq!(line, at as u64 + 1, "{at} {byte}: {why}");
                }
            }
        }
    }

    #[test]
    fn c5_no_line_can_be_taken_out_put_in_moved_or_cut() {
        let (lines, _) = log(6);
        let mut removed = lines.clone();
        removed.remove(2);
        let due = |found, expected| Wrong::Number { found, expected };
        assert_eq!(wrong(&removed), (3, due(4, 3)));

        let mut swapped = lines.clone();
        swapped.swap(2, 3);
        assert_eq!(wrong(&swapped), (3, due(4, 3)));

        let mut doubled = lines.clone();
        doubled.insert(3, lines[2].clone());
        assert_eq!(wrong(&doubled), (4, due(3, 4)));

        let mut forged = lines.clone();
        let (line, _) = log(2).1.add(NOON, &intent(99)).unwrap();
        forged[2] = line;
        assert_eq!(
            wrong(&forged).0,
            4,
            "a line made anew fits no line after it"
        );

        assert_eq!(wrong(&lines[1..]), (1, Wrong::NoBeginning));
        let again = [lines.clone(), lines.clone()].concat();
        assert_eq!(wrong(&again), (7, Wrong::Beginning));

        for cut in [1, 40, 70] {
            let mut torn = lines.clone();
            let left = torn[3].len() - cut;
            torn[3].truncate(left);
            assert_eq!(wrong(&torn), (4, Wrong::CutOff));
        }
        for odd in ["\n", "{}\n", "\r\n"] {
            let mut odder = lines.clone();
            odder.insert(1, odd.to_owned());
            assert_eq!(wrong(&odder), (2, Wrong::Foreign), "{odd:?}");
        }
    }

    #[test]
    fn a_further_file_continues_the_chain_and_no_other_does() {
        let (old, head) = log(3);
        let (first, begun) = head.turn_over(NOON).unwrap();
        let (second, end) = begun.add(NOON, &intent(4)).unwrap();
        let new = [first, second];
        assert_eq!(read(&new).unwrap(), Some(end.clone()), "alone");

        let mut reader = Reader::default();
        for line in &old {
            reader.read(line.as_bytes()).unwrap();
        }
        reader.next_file();
        for line in &new {
            reader.read(line.as_bytes()).unwrap();
        }
        assert_eq!(reader.head(), Some(&end));

        let mut reader = Reader::default();
        for line in &old[..2] {
            reader.read(line.as_bytes()).unwrap();
        }
        reader.next_file();
        let bad = reader.read(new[0].as_bytes()).unwrap_err();
        assert_eq!((bad.line, bad.wrong), (1, Wrong::Stranger));
    }
}
