//! `anteroom simulate`: a whole sale in seconds, by the code that releases fans.

mod args;
mod arrivals;
mod curve;
mod demand;
mod dice;
mod fan;
mod figures;
mod findings;
mod gateway;
mod picture;
mod plan;
mod record;
mod report;
mod sale;
mod shown;
mod span;
mod typed;

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::json;

pub use args::SimulateArgs;

use super::args::Output;
use super::ended;
use findings::Findings;
use report::Heading;

/// Simulates a sale and prints what it showed. Exits with 1 where a bound was broken.
#[must_use]
pub fn run(args: &SimulateArgs, output: Output) -> ExitCode {
    match simulated(args) {
        Ok((heading, findings)) => {
            let kept = findings.bounds.are_kept();
            let code = ended(printed(&heading, &findings, output));
            if kept { code } else { ExitCode::FAILURE }
        }
        Err(fault) => ended(Err(fault)),
    }
}

fn simulated(args: &SimulateArgs) -> anyhow::Result<(Heading, Findings)> {
    let finish = args.finish()?;
    let text = match &args.arrivals {
        None => None,
        Some(path) => {
            let read = fs::read_to_string(path);
            Some(read.with_context(|| format!("cannot read {}", path.display()))?)
        }
    };
    let plan = args.plan(text.as_deref())?;
    let heading = args.heading(&plan);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let sold = runtime.block_on(sale::run(plan))?;
    let findings = Findings::of(sold, args.stay, finish);
    if let Some(path) = &args.svg {
        fs::write(path, picture::draw(&heading, &findings))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok((heading, findings))
}

fn printed(heading: &Heading, findings: &Findings, output: Output) -> anyhow::Result<String> {
    Ok(match output {
        Output::Table => report::text(heading, findings),
        Output::Json => {
            let mut value = serde_json::to_value(findings)?;
            if let Some(object) = value.as_object_mut() {
                object.insert("sale".to_owned(), json!(heading.line));
                let planning = report::planning(heading, findings);
                object.insert("planning".to_owned(), json!(planning));
                object.insert("calibration".to_owned(), json!(findings.calibration()));
            }
            format!("{value:#}\n")
        }
    })
}

#[cfg(test)]
mod tests;
