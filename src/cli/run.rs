//! `anteroom run`: reads the policies and runs the gateway until it is told to stop.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::app::{App, Fresh, Parts, Reread, audit, open_store};
use crate::config::{self, Checked};
use crate::control::policies::Refused;
use crate::domain::clock::Clock;
use crate::text::excerpt::{Severity, excerpts};

use super::client::plain;
use super::{keys, policies};

/// Runs the gateway.
///
/// TERM and INT let requests under way finish; a second one ends at once. HUP reads policies and
/// keys again and puts them into force whole, or says in the log why not.
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
    // First of all, because HUP ends a process that does not listen for it.
    let mut hang_up = signal(SignalKind::hangup()).context("cannot listen for signals")?;
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
    let audit = audit::open(&config, &args.policies, &clock);
    let keep = config.store.keep.resolve(&args.policies);
    let app = App::start(Parts {
        audit,
        config,
        keys,
        store,
        control_token,
        clock,
        reread: Some(reread(&args.policies, &dir)),
        keep,
        policies: args.policies.clone(),
    })?;
    for address in app.public() {
        tracing::info!(%address, "visitors are answered");
    }
    for address in app.encrypted() {
        tracing::info!(%address, "visitors are answered over TLS");
    }
    tracing::info!(address = %app.control(), "operators are answered");
    loop {
        tokio::select! {
            () = stop.asked() => break,
            _ = hang_up.recv() => app.reload("SIGHUP"),
        }
    }
    tracing::info!("stopping: requests under way may finish; ask again to end at once");
    tokio::select! {
        () = app.drain() => {}
        () = stop.asked() => tracing::warn!("ended at once"),
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads these directories anew each time it is called.
fn reread(policies: &Path, keys: &Path) -> Reread {
    let (policies, keys) = (policies.to_owned(), keys.to_owned());
    Arc::new(move || read_again(&policies, &keys))
}

/// The key folder is the one in use: another one, like another listener, needs a restart.
fn read_again(policies: &Path, keys: &Path) -> Result<Fresh, Refused> {
    let sources = policies::read_dir(policies).map_err(|fault| refused(&fault))?;
    let keyring = keys::load(keys).map_err(|fault| refused(&fault));
    match config::read(&sources) {
        Ok(Checked { config, warnings }) => Ok(Fresh {
            keys: keyring.map(|keys| keys.with_issuer(&config.keys.issuer)),
            config,
            warnings,
        }),
        Err(faults) => {
            let mut refused = Refused::from(faults);
            if let Err(keys) = keyring {
                refused.summary.push_str(", and the keys");
                refused.faults.extend(keys.faults);
            }
            Err(refused)
        }
    }
}

/// A fault of a folder as a whole, on one line.
fn refused(fault: &anyhow::Error) -> Refused {
    let text = format!("{fault:#}");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    Refused::because(plain(&lines.join(" ")))
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
