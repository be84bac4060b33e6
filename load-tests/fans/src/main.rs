//! `anteroom-fans run PLAN.json FOLDER` runs a sale; `anteroom-fans shop ADDRESS` is the site.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anteroom_fans::plan::Plan;
use anteroom_fans::report::Report;
use anteroom_fans::{curves, life, run, shop, table};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["run", plan, folder] => sale(Path::new(plan), Path::new(folder)),
        ["shop", address] => serve(address),
        _ => Err("usage: anteroom-fans run PLAN.json FOLDER | anteroom-fans shop ADDRESS".into()),
    };
    done.unwrap_or_else(|fault| {
        eprintln!("anteroom-fans: {fault}");
        ExitCode::from(2)
    })
}

/// Runs a sale, and fails when a promise was broken.
fn sale(plan: &Path, folder: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let plan: Plan = serde_json::from_str(&fs::read_to_string(plan)?)?;
    let curve = plan.curve.as_ref().map(fs::read_to_string).transpose()?;
    let outcome = run::run(plan, curve.as_deref())?;
    let figures = Report::of(&outcome);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("report.json"), serde_json::to_string(&figures)?)?;
    fs::write(folder.join("fans.csv"), life::rows(&outcome.journal.lives))?;
    for (name, picture) in curves::pictures(&outcome) {
        fs::write(folder.join(name), picture)?;
    }
    print!("{}", table::text(&figures));
    Ok(if figures.all_kept() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn serve(address: &str) -> Result<ExitCode, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(shop::serve(address.parse()?))?;
    Ok(ExitCode::SUCCESS)
}
