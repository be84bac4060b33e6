//! `anteroom reload`: makes a running gateway read its policies and keys again.

use std::fmt::{Display, Write as _};
use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::args::{Output, Reach, Shared};
use super::client::{Answer, Client, plain, wait_for};
use super::{ended, print};
use crate::control::policies::{Finding, Reloaded};

/// Makes a running gateway read its policies and keys again.
///
/// They take effect whole or not at all. Exits with 1 and every fault when they are refused; those
/// in force stay then.
#[derive(Debug, Args)]
pub struct ReloadArgs {
    #[command(flatten)]
    pub(super) reach: Reach,
}

/// What is printed, and whether the policies took effect.
#[derive(Debug)]
enum Told {
    InForce(String),
    Refused(String),
}

/// Asks the control API and prints what changed, or what is wrong.
#[must_use]
pub fn run(args: &ReloadArgs, shared: &Shared) -> ExitCode {
    let asked = Client::open(&args.reach.or(shared))
        .and_then(|client| wait_for(exchange(&client, shared.output)));
    match asked {
        Ok(Told::InForce(text)) => print(&text),
        Ok(Told::Refused(text)) => {
            print(&text);
            ExitCode::FAILURE
        }
        Err(fault) => ended(Err(fault)),
    }
}

async fn exchange(client: &Client, output: Output) -> anyhow::Result<Told> {
    let answer = client.ask("POST", "/v1/policies/reload", None).await?;
    let Some(faults) = faults(&answer) else {
        let value = answer.fine()?;
        return Ok(Told::InForce(match output {
            Output::Json => format!("{value:#}\n"),
            Output::Table => changes(&serde_json::from_value(value)?),
        }));
    };
    let value = answer.value()?;
    Ok(Told::Refused(match output {
        Output::Json => format!("{value:#}\n"),
        Output::Table => {
            let detail = value.get("detail").and_then(Value::as_str);
            lines("", &faults) + &plain(detail.unwrap_or_default()) + "\n"
        }
    }))
}

/// The faults of policies that were refused.
fn faults(answer: &Answer) -> Option<Vec<Finding>> {
    if answer.status.is_success() {
        return None;
    }
    let faults = answer.value().ok()?.get("faults")?.clone();
    serde_json::from_value(faults).ok()
}

fn changes(reloaded: &Reloaded) -> String {
    let Reloaded { version, found } = reloaded;
    let mut text = lines("", &found.changes);
    text += &lines("needs a restart: ", &found.needs_restart);
    text += &lines("warning: ", &found.warnings);
    let end = if found.changes.is_empty() {
        "nothing changed; "
    } else {
        ""
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{end}the policies in force are number {version}");
    text
}

fn lines(before: &str, things: &[impl Display]) -> String {
    let line = |thing: &_| format!("{before}{}\n", plain(&format!("{thing}")));
    things.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::cli::room::tests::{running, said};
    use crate::control::Control;
    use crate::control::auth::Role;
    use crate::control::kit::{Files, control, token};

    async fn told(files: Files, output: Output) -> Told {
        let gateway = running(Control {
            policies: Some(Arc::new(files)),
            ..control(Arc::default())
        })
        .await;
        let admin = Client::new(&gateway.url, Some(&token(Role::Admin))).unwrap();
        exchange(&admin, output).await.unwrap()
    }

    #[tokio::test]
    async fn what_changed_is_a_line_each_and_the_number_comes_last() {
        let Told::InForce(text) = told(Files::sound(), Output::Table).await else {
            panic!("refused")
        };
        assert_eq!(
            text,
            "room derby: pace.per_minute 600 → 900\nneeds a restart: [store]: url changed\n\
             the policies in force are number 2\n"
        );
        let Told::InForce(text) = told(Files::same(), Output::Table).await else {
            panic!("refused")
        };
        assert_eq!(
            text,
            "nothing changed; the policies in force are number 2\n"
        );
        let Told::InForce(text) = told(Files::sound(), Output::Json).await else {
            panic!("refused")
        };
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["changes"][0]["after"], "900");
    }

    #[tokio::test]
    async fn every_fault_is_told_with_its_place() {
        let Told::Refused(text) = told(Files::faulty(), Output::Table).await else {
            panic!("in force")
        };
        assert_eq!(
            text,
            "rooms/derby.toml:3:1: unknown key `pase`, did you mean `pace`?\n\
             the policies in force stay: 1 fault in 1 file\n"
        );
        let Told::Refused(text) = told(Files::faulty(), Output::Json).await else {
            panic!("in force")
        };
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&value["status"], &value["faults"][0]["line"]),
            (&422.into(), &3.into())
        );
    }

    #[tokio::test]
    async fn who_may_not_is_told_so() {
        let gateway = running(control(Arc::default())).await;
        let refused = exchange(&gateway.client, Output::Table)
            .await
            .map(|_| String::new());
        assert!(said(refused).contains("needs the role `admin`"));
    }
}
