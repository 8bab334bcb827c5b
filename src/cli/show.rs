//! `pl show`: targets, runs, attempts, findings.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::{self, FindingsRequest, Project, ShowRequest};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::report::console::Verbosity;
use crate::report::findings;
use crate::report::history::{self, Show};

/// Show targets, runs, attempts and findings
///
/// Alone: every target, its state and its last run. With a workstream, task or run: all that is known of it.
#[derive(Debug, Args)]
#[command(before_help = "  pl show                     every target and its state
  pl show ws-15               attempts, findings, branch, worktree
  pl show --runs              the newest runs
  pl show --findings ws-15    what the rules said, and what became of it
  pl show --findings --run 3f9c
                              what a run found, and what became of it since
  pl show --findings --format sarif > findings.sarif
  pl show ws-15 --attempt 2   what the second attempt changed, and what was wrong after it
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
    /// Findings of this run, by its id or the end of it
    #[arg(long, value_name = "RUN", requires = "findings")]
    run: Option<String>,
    /// Only those of one rule
    #[arg(long, visible_alias = "rule", value_name = "RULE", requires = "findings")]
    tool: Option<String>,
    /// How findings are written
    #[arg(long, value_enum, value_name = "FORMAT", requires = "findings")]
    format: Option<Format>,
    /// What steps cost in all runs, those that cost most first; of all or of one target
    #[arg(long, conflicts_with_all = ["findings", "runs"])]
    stats: bool,
    /// One attempt of a workstream, as `pl show ws-15` counts them
    #[arg(long, value_name = "N", requires = "subject", conflicts_with_all = ["findings", "stats", "prompt"])]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    attempt: Option<u32>,
    /// What the tool of a workstream, or of one edit, is told
    #[arg(long, requires = "subject", conflicts_with_all = ["findings", "stats"])]
    prompt: bool,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// As with --json
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// Workflow commands of GitHub Actions
    Github,
    /// A Code Quality report of GitLab
    Gitlab,
    /// A test report in the form of JUnit's
    Junit,
    /// A table for a comment
    Markdown,
}

impl Format {
    /// The form for other programs; text and JSON are as everywhere.
    pub fn foreign(self) -> Option<findings::Format> {
        Some(match self {
            Self::Text | Self::Json => return None,
            Self::Sarif => findings::Format::Sarif,
            Self::Github => findings::Format::Github,
            Self::Gitlab => findings::Format::Gitlab,
            Self::Junit => findings::Format::Junit,
            Self::Markdown => findings::Format::Markdown,
        })
    }
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let format = arguments.format;
    let request = match arguments {
        Arguments { runs: true, .. } => ShowRequest::Runs,
        Arguments { findings: true, subject: target, run, tool, .. } => {
            ShowRequest::Findings(FindingsRequest { target, run, tool })
        }
        Arguments { stats: true, subject, .. } => ShowRequest::Stats(subject),
        Arguments { prompt: true, subject: Some(subject), .. } => ShowRequest::Prompt(subject),
        Arguments { attempt: Some(number), subject: Some(subject), .. } => ShowRequest::Attempt(subject, number),
        Arguments { subject: Some(subject), .. } => ShowRequest::Subject(subject),
        Arguments { .. } => ShowRequest::Targets,
    };
    let shown = engine::show(&project, request)?;
    if let (Show::Findings { findings, .. }, Some(format)) = (&shown, format.and_then(Format::foreign)) {
        terminal.print_bytes(findings::render(format, findings).as_bytes())?;
    } else if terminal.json || format == Some(Format::Json) {
        terminal.print_json(&shown)?;
    } else {
        let every = terminal.verbosity == Verbosity::Verbose;
        terminal.print(&history::show(&shown, jiff::Timestamp::now(), every, &terminal.out.style))?;
    }
    Ok(Outcome::Done)
}
