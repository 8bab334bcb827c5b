//! `pl clean`: removes what can be made again.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::{self, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;

/// Remove what can be made again
///
/// Worktrees that nobody needs, setups and blobs that no record points to, logs of old runs, bundles of quarantine whose
/// workstream went on since; of a named task what it made. Whatever is dirty, kept, unreferenced or in use stays, and is said.
#[derive(Debug, Args)]
#[command(before_help = "  pl clean -n                 say what would be removed
  pl clean                    worktrees, setups, logs, blobs that nobody needs
  pl clean ws-15              only what belongs to ws-15
  pl clean docs               what the task docs made")]
pub struct Arguments {
    /// Only what belongs to these; without one everything
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(targets))]
    targets: Vec<String>,
    /// Only say what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let removed = engine::clean(&project, &arguments.targets, arguments.dry_run)?;
    terminal.print_removed(&removed, "removed")?;
    Ok(Outcome::Done)
}
