//! `anteroom run`: reads the policies and runs the gateway until it is told to stop.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Parts, audit, open_store};
use crate::config::{self, Checked};
use crate::domain::clock::Clock;
use crate::text::excerpt::{Severity, excerpts};

use super::{keys, policies};

/// Runs the gateway.
///
/// TERM and INT let requests under way finish; a second one ends at once. HUP changes nothing in
/// this version.
#[derive(Clone, Debug, clap::Args)]
pub struct RunArgs {
    /// The policies directory.
    #[arg(long, value_name = "DIR", default_value = "./policies")]
    pub policies: PathBuf,
}

/// Runs until stopped. `control_token` is an admin token from the environment.
///
/// # Errors
/// What keeps the gateway from starting; the message says what to do.
pub async fn run(args: &RunArgs, control_token: Option<String>) -> anyhow::Result<ExitCode> {
    let sources = policies::read_dir(&args.policies)?;
    let Checked { config, warnings } = match config::read(&sources) {
        Ok(checked) => checked,
        Err(faults) => {
            eprint!("{}", excerpts(&faults, &sources, Severity::Fault));
            eprintln!("{}", faults.summary("fault"));
            return Ok(ExitCode::FAILURE);
        }
    };
    for warning in warnings.iter() {
        tracing::warn!("{warning}");
    }
    let clock = Clock::machine();
    let dir = config.keys.dir.resolve(&args.policies);
    let keys = keys::load(&dir)?.with_issuer(&config.keys.issuer);
    let store = open_store(&config.store, &args.policies, &clock)?;
    let mut stop = Stop::listen()?;
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for signals")?;
    let audit = audit::open(&config, &args.policies, &clock);
    let keep = config.store.keep.resolve(&args.policies);
    let app = App::start(Parts {
        audit,
        config,
        keys,
        store,
        control_token,
        clock,
        keep,
    })?;
    for address in app.public() {
        tracing::info!(%address, "visitors are answered");
    }
    tracing::info!(address = %app.control(), "operators are answered");
    loop {
        tokio::select! {
            () = stop.asked() => break,
            _ = hang_up.recv() => {
                tracing::warn!("this version reads its policies at the start only: restart the gateway to change them");
            }
        }
    }
    tracing::info!("stopping: requests under way may finish; ask again to end at once");
    tokio::select! {
        () = app.drain() => {}
        () = stop.asked() => tracing::warn!("ended at once"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The signals that ask a gateway to stop.
pub struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Stop {
    /// Listens for TERM and INT.
    ///
    /// # Errors
    /// When the system gives no signal handler.
    pub fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub async fn asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
