//! `anteroom token`: tokens for the control API.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::anyhow;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clap::{Args, Subcommand};
use serde_json::json;

use super::args::Output;
use super::ended;
use crate::control::auth::{Role, digest};
use crate::domain::room::RoomName;

/// What to do with control tokens.
#[derive(Debug, Args)]
pub struct TokenArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Makes a token and prints it once, with the lines that make a gateway accept it.
    New {
        /// What its holder may do: `viewer`, `operator` or `admin`
        #[arg(long)]
        role: Role,
        /// Whose it is, for the logs; the role's name unless given
        #[arg(long)]
        name: Option<RoomName>,
    },
}

/// Makes a token. Nothing is stored or sent.
#[must_use]
pub fn run(args: &TokenArgs, output: Output) -> ExitCode {
    let Verb::New { role, name } = &args.verb;
    let name = name.as_ref().map_or(role.word(), RoomName::as_str);
    ended(fresh().map(|token| shown(&token, name, *role, output)))
}

/// 32 random bytes behind a prefix that secret scanners can look for.
fn fresh() -> anyhow::Result<String> {
    let mut secret = [0; 32];
    let filled = SystemRandom::new().fill(&mut secret);
    filled.map_err(|_| anyhow!("the system gave no random bytes"))?;
    Ok(format!("anteroom_{}", URL_SAFE_NO_PAD.encode(secret)))
}

fn shown(token: &str, name: &str, role: Role, output: Output) -> String {
    let sha256 = digest(token).iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    match output {
        Output::Json => {
            let fields =
                json!({"token": token, "name": name, "role": role.word(), "sha256": sha256});
            format!("{fields}\n")
        }
        Output::Table => format!(
            "Token, shown only this once:\n\n{token}\n\nLines for anteroom.toml:\n\n[[control.token]]\nname = \"{name}\"\nrole = \"{role}\"\nsha256 = \"{sha256}\"\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::auth::Credential;

    #[test]
    fn a_token_fits_its_own_lines() {
        let token = fresh().unwrap();
        assert_ne!(token, fresh().unwrap());
        let secret = token.strip_prefix("anteroom_").unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(secret).unwrap().len(), 32);

        let text = shown(&token, "alice", Role::Operator, Output::Table);
        assert_eq!(text.matches(&token).count(), 1);
        let lines = &text[text.find("[[control.token]]").unwrap()..];
        let read: toml::Table = lines.parse().unwrap();
        let line = read["control"]["token"][0].as_table().unwrap();
        assert_eq!(line["name"].as_str(), Some("alice"));
        assert_eq!(line["role"].as_str(), Some("operator"));
        let credential = Credential::of("alice", Role::Operator, &token);
        let hex: String = credential
            .sha256
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(line["sha256"].as_str(), Some(hex.as_str()));

        let text = shown(&token, "alice", Role::Operator, Output::Json);
        let fields: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&fields["token"], &fields["sha256"]),
            (&json!(token), &json!(hex))
        );
    }
}
