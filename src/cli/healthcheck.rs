//! `anteroom healthcheck`: for a container's health check, which has no `curl`.

use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::args::{Reach, Shared};
use super::client::{Client, wait_for};
use super::ended;

/// What to ask.
#[derive(Debug, Args)]
pub struct HealthcheckArgs {
    /// Ask only whether the process lives, not whether it should be sent visitors
    #[arg(long)]
    live: bool,
    #[command(flatten)]
    reach: Reach,
}

/// Asks, and is well when the answer is.
#[must_use]
pub fn run(args: &HealthcheckArgs, shared: &Shared) -> ExitCode {
    let asked =
        Client::open(&args.reach.or(shared)).and_then(|client| wait_for(check(&client, args.live)));
    ended(asked)
}

async fn check(client: &Client, live: bool) -> anyhow::Result<String> {
    let (path, well) = if live {
        ("/livez", "live\n")
    } else {
        ("/readyz", "ready\n")
    };
    let answer = client.ask("GET", path, None).await?;
    if answer.status.is_success() {
        return Ok(well.to_owned());
    }
    let reasons = answer
        .value()
        .ok()
        .and_then(|body| body.get("reasons").cloned());
    match reasons {
        Some(reasons) => bail!("not ready: {reasons}"),
        None => bail!("{path} answered {}", answer.status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::room::tests::{running, said};
    use crate::control::kit::control;

    #[tokio::test]
    async fn a_gateway_is_ready_until_it_drains() {
        let control = control(std::sync::Arc::default());
        let readiness = control.ready.clone();
        let gateway = running(control).await;
        assert_eq!(check(&gateway.client, false).await.unwrap(), "ready\n");
        assert_eq!(check(&gateway.client, true).await.unwrap(), "live\n");

        readiness.drain();
        let drained = said(check(&gateway.client, false).await);
        assert_eq!(drained, "not ready: [\"draining\"]");
        assert!(check(&gateway.client, true).await.is_ok());
    }
}
