//! `pl reset`: forgets what is recorded of targets.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::{self, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;

/// Forget what is recorded of targets
///
/// The next build asks their tools again. Results and kept work stay reachable: the refs below refs/pl/ that hold them are
/// said.
#[derive(Debug, Args)]
#[command(before_help = "  pl reset ws-15              the next build does it anew
  pl reset ws-15/fix.2        the next build asks for its second fix anew; /fix: for all of them
  pl reset ws-15 -n           say what would be forgotten")]
pub struct Arguments {
    /// What to forget
    #[arg(value_name = "TARGET", required = true, add = ArgValueCompleter::new(targets))]
    targets: Vec<String>,
    /// Only say what would be done
    #[arg(short = 'n', long)]
    dry_run: bool,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let removed = engine::reset(&project, &arguments.targets, arguments.dry_run)?;
    terminal.print_removed(&removed, "forgotten")?;
    Ok(Outcome::Done)
}
