//! `anteroom demo`: a small ticket shop, a gateway in front of it, and fans who queue.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::app::{App, Parts, audit, open_store};
use crate::config::{self, Sources};
use crate::domain::clock::Clock;
use crate::domain::room::RoomName;
use crate::domain::window::{Order, Orders};
use crate::store::{Ordered, QueueStore, StoreError};
use crate::text::excerpt::{Severity, excerpts};
use crate::token::chance::random_bytes;
use crate::token::keyfile::AdmissionAlgorithm;

use super::run::Stop;
use super::{fans, keys, shop};

/// How often the demo says how the line moves.
const REPORT: Duration = Duration::from_secs(5);

/// How often a store is asked before the demo gives it up: a Redis needs a moment.
const STORE_ASKS: u32 = 20;

/// The pause between two asks.
const STORE_PAUSE: Duration = Duration::from_millis(250);

/// Shows everything at work: a ticket shop, the gateway before it, and simulated fans.
#[derive(Clone, Debug, clap::Args)]
pub struct DemoArgs {
    /// Where visitors come.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8700")]
    pub public: SocketAddr,
    /// Where operators come.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8701")]
    pub control: SocketAddr,
    /// Where the shop listens.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8702")]
    pub origin: SocketAddr,
    /// How many simulated fans queue; 0 for none.
    #[arg(long, default_value_t = 50)]
    pub fans: u32,
    /// How many visitors are let in each minute.
    #[arg(long, default_value_t = 120)]
    pub per_minute: u32,
    /// Where the queue is kept: `embedded:` and a directory, or `redis://` and a host.
    /// Default: in the data directory.
    #[arg(long, value_name = "URL")]
    pub store: Option<String>,
    /// Where keys and queue are kept.
    #[arg(long, value_name = "DIR", default_value = "./.anteroom-demo")]
    pub data: PathBuf,
}

/// Runs the demo until stopped. `control_token` is an admin token from the environment.
///
/// # Errors
/// What keeps it from starting; the message says what to do.
pub async fn run(args: &DemoArgs, control_token: Option<String>) -> anyhow::Result<ExitCode> {
    let clock = Clock::machine();
    fs::create_dir_all(&args.data)
        .with_context(|| format!("cannot make the directory {}", args.data.display()))?;
    let data = args.data.canonicalize()?;
    let config = configuration(args)?;
    let keys = demo_keys(&data.join("keys"))?;
    let store = open_store(&config.store, &data, &clock)?;
    open_room(store.as_ref(), &clock).await?;
    let token = match control_token {
        Some(token) => token,
        None => URL_SAFE_NO_PAD.encode(random_bytes::<24>()?),
    };
    let origin = TcpListener::bind(args.origin).await.with_context(|| {
        format!("cannot listen on {}: end the program that does, or choose another address with --origin", args.origin)
    })?;
    let shop_address = origin.local_addr()?;
    let audit = audit::open(&config, &data, &clock);
    let keep = config.store.keep.resolve(&data);
    let app = App::start(Parts {
        audit,
        config,
        keys,
        store: Arc::clone(&store),
        control_token: Some(token.clone()),
        clock,
        reread: None,
        keep,
        policies: data.clone(),
    })?;
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    tasks.spawn(shop::serve(origin, stop.clone()));
    let public = *app
        .public()
        .first()
        .ok_or_else(|| anyhow!("nothing listens"))?;
    greet(args, (public, app.control(), shop_address), &token);
    for number in 0..args.fans {
        tasks.spawn(fans::visit(public, number, stop.clone()));
    }
    let mut signals = Stop::listen()?;
    tokio::select! {
        () = signals.asked() => {}
        fault = report(store.as_ref(), args.per_minute) => fault?,
    }
    stop.cancel();
    tokio::select! {
        () = app.drain() => {}
        () = signals.asked() => {}
    }
    Ok(ExitCode::SUCCESS)
}

fn room() -> anyhow::Result<RoomName> {
    Ok("demo".parse()?)
}

/// The demo's policies, read as any other's are.
fn configuration(args: &DemoArgs) -> anyhow::Result<config::Config> {
    let store = args.store.as_deref().unwrap_or("embedded:./store");
    let gateway = format!(
        "[listen]\npublic = [\"{}\"]\ncontrol = \"{}\"\n[store]\nurl = {store:?}\n[keys]\ndir = \"./keys\"\n\
         [[site]]\nname = \"shop\"\nhosts = [\"*\"]\norigin = [\"http://{}\"]\n",
        args.public, args.control, args.origin
    );
    let room = format!(
        "name = \"demo\"\nsite = \"shop\"\npaths = [\"/buy/*\"]\n[pace]\nper_minute = {}\n\
         [capacity]\nactive = 5000\n",
        args.per_minute
    );
    let limits = include_str!("../../policies/limits.toml");
    let bots = include_str!("../../policies/bots.toml");
    let scanners = include_str!("../../policies/bots/scanners.toml");
    let mut sources = Sources::default();
    for (name, text) in [
        ("anteroom.toml", gateway.as_str()),
        ("rooms/demo.toml", room.as_str()),
        ("limits.toml", limits),
        ("bots.toml", bots),
        ("bots/scanners.toml", scanners),
    ] {
        sources.add(name, text)?;
    }
    match config::read(&sources) {
        Ok(checked) => Ok(checked.config),
        Err(faults) => Err(anyhow!(
            "{}{}",
            excerpts(&faults, &sources, Severity::Fault),
            faults.summary("fault")
        )),
    }
}

fn demo_keys(dir: &Path) -> anyhow::Result<crate::token::Keyring> {
    if let Ok(held) = keys::load(dir) {
        return Ok(held);
    }
    keys::generate(dir, AdmissionAlgorithm::EdDsa)?;
    keys::load(dir)
}

/// Opens the room unless the store already holds an order for it.
async fn open_room(store: &dyn QueueStore, clock: &Clock) -> anyhow::Result<()> {
    let first = Orders::default();
    let orders = first.apply(&Order::OPEN_NOW, clock.now().wall)?;
    let mut asks = 1;
    loop {
        match store.order(&room()?, &orders, first.version).await {
            Ok(Ordered::Done | Ordered::Changed(_)) => return Ok(()),
            Err(StoreError::Unreachable(_) | StoreError::Timeout { .. }) if asks < STORE_ASKS => {
                asks += 1;
                tokio::time::sleep(STORE_PAUSE).await;
            }
            Err(fault) => return Err(fault.into()),
        }
    }
}

fn greet(
    args: &DemoArgs,
    (public, control, shop): (SocketAddr, SocketAddr, SocketAddr),
    token: &str,
) {
    let minutes = f64::from(args.fans) / f64::from(args.per_minute.max(1));
    let wait = (minutes * 60.0).ceil();
    println!("Visitors   http://{public}/        choose Buy tickets and queue");
    println!("Operators  http://{control}/        ANTEROOM_CONTROL_TOKEN={token}");
    println!("           with that token set: anteroom --control http://{control} room list");
    println!("The shop   http://{shop}/        without a queue in front");
    println!(
        "{} fans are in line at {} a minute: you will wait about {wait} s. Ctrl+C ends the demo.",
        args.fans, args.per_minute
    );
}

/// Says every few seconds how the line moves; ends only with a fault.
async fn report(store: &dyn QueueStore, per_minute: u32) -> anyhow::Result<()> {
    let room = room()?;
    let terms = crate::domain::room::Terms::of_pace(
        crate::domain::pace::Pace::per_minute(per_minute).context("a pace is 1 to 10,000,000")?,
    );
    loop {
        tokio::time::sleep(REPORT).await;
        let survey = match store.survey(&room, &terms, u64::MAX).await {
            Ok(survey) => survey,
            Err(fault) => {
                println!("{fault}; the demo goes on when it can");
                continue;
            }
        };
        println!(
            "{:>6} in line  {:>4} called  {:>4} inside  {:>6} let in so far",
            survey.waiting, survey.released, survey.active, survey.claims_total
        );
    }
}
