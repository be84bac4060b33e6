//! What a source file must keep to, and which of its lines do not.

use super::bare::{bare, before_tests};
use super::paths;

/// The folders from the ground floor up. Each may import only those before it.
pub const FLOORS: [&str; 14] = [
    "text",
    "domain",
    "token",
    "policy",
    "store",
    "telemetry",
    "gate",
    "origin",
    "edge",
    "pacing",
    "control",
    "config",
    "app",
    "cli",
];

/// The longest a file may be before its tests.
const LONGEST: usize = 300;

/// Words that only some files may hold, outside tests.
struct Ban {
    words: &'static [&'static str],
    /// Beginnings of the paths below `src/` that may.
    except: &'static [&'static str],
    why: &'static str,
}

const BANS: [Ban; 6] = [
    Ban {
        words: &[
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
            ".elapsed()",
        ],
        except: &["domain/clock.rs"],
        why: "only domain/clock.rs reads a clock: take `Now` as an argument",
    },
    Ban {
        words: &[
            "env::var",
            "env::args",
            "env::current_dir",
            "env::temp_dir",
            "env::home_dir",
        ],
        except: &["main.rs", "app", "cli/"],
        why: "only main, app and cli read the environment",
    },
    Ban {
        words: &[
            "std::fs",
            "tokio::fs",
            "File::open",
            "File::create",
            "OpenOptions::new",
        ],
        except: &["main.rs", "app", "cli/", "store/embedded/", "store/kept"],
        why: "only main, app and cli read files, and store its own",
    },
    Ban {
        words: &[
            "process::exit",
            "process::abort",
            "Command::new",
            "thread::sleep",
        ],
        except: &[],
        why: "main returns an exit code, nothing else is started, and nobody sleeps on a thread",
    },
    Ban {
        // The shop is a site of its own, the client reads control's answers; the origin's own statuses frame its answers.
        words: &["StatusCode::"],
        except: &[
            "edge/respond.rs",
            "edge/respond/",
            "edge/page.rs",
            "control/",
            "cli/client.rs",
            "cli/shop.rs",
            "origin/framing.rs",
        ],
        why: "edge/respond.rs and edge/page.rs know the status codes, control has its own",
    },
    Ban {
        words: &["#![allow", "#[allow", "unsafe {", "unsafe fn"],
        except: &[],
        why: "an exception is an `#[expect(…, reason = …)]`, and unsafe code needs a file of its own",
    },
];

/// What is made of a secret, and what is shown in its stead. A comparison that stops at the first
/// byte that differs would tell how much of it was guessed, and no clock can be trusted to see that.
const SECRET: [&str; 9] = [
    "tag",
    "mac",
    "digest",
    "Sha256",
    "sha256",
    "secret",
    "signature",
    "finalize",
    "into_bytes",
];

/// Files in which such a word is compared and no visitor brings either side.
const OPEN: [&str; 5] = [
    // Whether two sets of files that the owner gave are the same.
    "token/keyring.rs",
    "origin/tls.rs",
    // Whether a setting is there at all.
    "config/exempt.rs",
    // The versions of orders, which are no secret.
    "control/carry.rs",
    // Whether a file of our own is whole.
    "store/kept/lobby.rs",
];

/// Where a secret is compared with what somebody brought, and by what: it takes the same time
/// wherever they differ.
pub const COMPARED: [(&str, &str, usize); 5] = [
    ("token/queue.rs", ".verify_truncated_left(", 1),
    ("token/crew.rs", ".verify_truncated_left(", 1),
    ("token/code.rs", ".verify_truncated_left(", 1),
    (
        "control/auth.rs",
        "constant_time::verify_slices_are_equal(",
        1,
    ),
    ("gate/room.rs", "constant_time::verify_slices_are_equal(", 1),
];

/// A source file and where it stands in the crate.
pub struct Source {
    /// Below `src/`, with `/` between the parts.
    pub path: String,
    /// All of it.
    pub text: String,
    /// Whether only tests see this file.
    pub for_tests: bool,
}

impl Source {
    /// The modules between the crate's root and this file's own, that one included.
    pub fn module(&self) -> Vec<&str> {
        let mut module: Vec<&str> = self.path.trim_end_matches(".rs").split('/').collect();
        module.pop_if(|last| matches!(*last, "mod" | "lib" | "main"));
        module
    }

    /// Every line that breaks a rule, as `file:line: why`.
    pub fn faults(&self) -> Vec<String> {
        let bare = bare(&self.text);
        let mut faults = self.upstairs(&bare);
        if !self.text.starts_with("//!") {
            faults.push(format!(
                "{}:1: say first what this file holds, with `//!`",
                self.path
            ));
        }
        if self.for_tests {
            return faults;
        }
        let code = before_tests(&bare);
        let lines = code.lines().count();
        if lines > LONGEST {
            faults.push(format!("{}: {lines} lines before its tests", self.path));
        }
        faults.extend(BANS.iter().flat_map(|ban| self.banned(code, ban)));
        faults.extend(self.compared_openly(code));
        faults
    }

    /// Lines that compare a secret with `==` or the like.
    fn compared_openly(&self, code: &str) -> Vec<String> {
        if OPEN.contains(&self.path.as_str()) {
            return Vec::new();
        }
        let compares = |line: &&str| {
            [" == ", " != ", ".eq(", ".ne(", ".cmp(", ".starts_with("]
                .iter()
                .any(|by| line.contains(by))
        };
        let names = |line: &&str| {
            line.split(|one: char| !one.is_alphanumeric() && one != '_')
                .any(|word| SECRET.contains(&word))
        };
        code.lines()
            .zip(1..)
            .filter(|(line, _)| compares(line) && names(line))
            .map(|(_, number)| {
                let path = &self.path;
                format!("{path}:{number}: secrets are compared in constant time")
            })
            .collect()
    }

    /// How often its code, outside tests, holds these words.
    pub fn count(&self, words: &str) -> usize {
        before_tests(&bare(&self.text)).matches(words).count()
    }

    /// Names of folders that this file may not know.
    fn upstairs(&self, bare: &str) -> Vec<String> {
        if self.path == "lib.rs" {
            return Vec::new();
        }
        let module = self.module();
        let own = module.first().copied().unwrap_or("main");
        paths::named(bare, module.len())
            .into_iter()
            .filter(|named| named.folder != own && !may_import(own, &named.folder))
            .map(|named| {
                let (path, line, folder) = (&self.path, named.line, named.folder);
                format!("{path}:{line}: `{own}` may not import `{folder}`")
            })
            .collect()
    }

    fn banned(&self, code: &str, ban: &Ban) -> Vec<String> {
        if ban.except.iter().any(|home| self.path.starts_with(home)) {
            return Vec::new();
        }
        let lines = code.lines().zip(1..);
        lines
            .filter_map(|(line, number)| {
                let word = ban.words.iter().find(|word| line.contains(*word))?;
                Some(format!("{}:{number}: `{word}`: {}", self.path, ban.why))
            })
            .collect()
    }
}

fn floor(folder: &str) -> Option<usize> {
    FLOORS.iter().position(|known| *known == folder)
}

fn may_import(own: &str, other: &str) -> bool {
    if own == "main" {
        return other == "cli";
    }
    matches!((floor(own), floor(other)), (Some(own), Some(other)) if other < own)
}
