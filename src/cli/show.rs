//! `pl show`: targets, runs, attempts, findings.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::{self, Project, ShowRequest};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::report::history;

/// Show targets, runs, attempts and findings
///
/// Alone: every target, its state and its last run. With a workstream, task or run: all that is known of it.
#[derive(Debug, Args)]
#[command(before_help = "  pl show                     every target and its state
  pl show ws-15               attempts, findings, branch, worktree
  pl show --runs              the newest runs
  pl show --findings ws-15    what the rules said
  pl show --stats             what steps cost, and how often they were spared
  pl show --prompt ws-15      what its tool is told")]
pub struct Arguments {
    /// A workstream, a task or a run
    #[arg(value_name = "TARGET|RUN", add = ArgValueCompleter::new(targets))]
    subject: Option<String>,
    /// The newest runs
    #[arg(long, conflicts_with_all = ["subject", "findings"])]
    runs: bool,
    /// Findings, of all or of one target
    #[arg(long)]
    findings: bool,
    /// What steps cost in all runs, those that cost most first; of all or of one target
    #[arg(long, conflicts_with_all = ["findings", "runs"])]
    stats: bool,
    /// What the tool of a workstream, or of one edit, is told
    #[arg(long, requires = "subject", conflicts_with_all = ["findings", "stats"])]
    prompt: bool,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let request = match arguments {
        Arguments { runs: true, .. } => ShowRequest::Runs,
        Arguments { findings: true, subject, .. } => ShowRequest::Findings(subject),
        Arguments { stats: true, subject, .. } => ShowRequest::Stats(subject),
        Arguments { prompt: true, subject: Some(subject), .. } => ShowRequest::Prompt(subject),
        Arguments { subject: Some(subject), .. } => ShowRequest::Subject(subject),
        Arguments { .. } => ShowRequest::Targets,
    };
    let shown = engine::show(&project, request)?;
    if terminal.json {
        terminal.print_json(&shown)?;
    } else {
        terminal.print(&history::show(&shown, jiff::Timestamp::now(), &terminal.out.style))?;
    }
    Ok(Outcome::Done)
}
