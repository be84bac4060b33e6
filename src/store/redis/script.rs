//! A Lua script and the digest that Redis knows it by.

/// One script. Redis keeps scripts in memory only, so the text is at hand to be sent again.
#[derive(Debug)]
pub struct Script {
    /// What it does, as faults name it.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// SHA-1 of the text in hexadecimal.
    pub sha: String,
}

impl Script {
    /// The script of this text.
    #[must_use]
    pub fn new(name: &'static str, text: &'static str) -> Self {
        let sha = redis::Script::new(text).get_hash().to_owned();
        Self { name, text, sha }
    }
}
