//! `pl log`: what steps said, whole.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::{self, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::report::history;

/// Print what steps said, whole
///
/// Alone: the steps of the newest run. With a run: its steps. With a step or a target: its newest attempt.
#[derive(Debug, Args)]
#[command(before_help = "  pl log                      the newest run
  pl log ws-15/test.2         the newest attempt of a step
  pl log --events ws-15       what happened to it, a JSON object a line")]
pub struct Arguments {
    /// A run, a step or a target
    #[arg(value_name = "RUN|STEP", add = ArgValueCompleter::new(targets))]
    subject: Option<String>,
    /// The events instead, one JSON object a line
    #[arg(long)]
    events: bool,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    if arguments.events {
        let events = engine::events(&project, arguments.subject.as_deref())?;
        let lines: String = events.iter().map(|event| format!("{event}\n")).collect();
        terminal.print(&lines)?;
        return Ok(Outcome::Done);
    }
    let logged = engine::log(&project, arguments.subject.as_deref())?;
    if terminal.json {
        terminal.print_json(&logged)?;
    } else {
        terminal.print(&history::log(&logged, &terminal.out.style))?;
    }
    Ok(Outcome::Done)
}
