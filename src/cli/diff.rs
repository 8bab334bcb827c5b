//! `pl diff`: what a workstream changed.

use std::path::PathBuf;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::{self, DiffRequest, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;

/// Print what a workstream changed, as a patch
///
/// The whole result, or what the instructions from one number to another did. Where a fix loop went over it, the numbers
/// are those of the attempts that `pl show` lists: two give what came between them, one gives what it did; then one edit
/// is named as ws-15/edit.2. With --to the patches are written as
/// recordings that the replay tool can use.
#[derive(Debug, Args)]
#[command(before_help = "  pl diff ws-15                      all that it changed
  pl diff ws-15 2 3                  what instructions 2 and 3 changed, or what came between attempts 2 and 3
  pl diff ws-15 --to recordings/     keep it for the replay tool")]
pub struct Arguments {
    /// The workstream
    #[arg(value_name = "WORKSTREAM", add = ArgValueCompleter::new(targets))]
    target: String,
    /// First instruction or attempt, from 1
    #[arg(value_name = "FROM", value_parser = clap::value_parser!(u32).range(1..))]
    from: Option<u32>,
    /// Last instruction or attempt; without it the first one alone
    #[arg(value_name = "LAST", value_parser = clap::value_parser!(u32).range(1..))]
    last: Option<u32>,
    /// Write recordings below this folder
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    to: Option<PathBuf>,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments { target, from, last, to } = arguments;
    let between = from.map(|from| (from, last.unwrap_or(from)));
    if let Some((from, last)) = between.filter(|(from, last)| from > last) {
        return Err(Failed::usage(format!("{from} comes after {last}")).hint("give the smaller number first"));
    }
    let patch = engine::diff(&project, &DiffRequest { target, between, to })?;
    if terminal.json {
        terminal.print_json(&serde_json::json!({ "patch": String::from_utf8_lossy(&patch) }))?;
    } else {
        terminal.print_bytes(&patch)?;
    }
    Ok(Outcome::Done)
}
