//! `pl lint`: rules over the working copy itself.

use std::path::PathBuf;

use clap::Args;

use crate::cli::engine::Project;
use crate::cli::engine::linting::{self, LintRequest};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::profiling;
use crate::cli::show::Format;
use crate::cli::terminal::Terminal;
use crate::report::console::Verbosity;
use crate::report::history::FindingRow;
use crate::report::{findings, linting as drawn};
use crate::summary::lint::{LintStatus, LintSummary};

/// Look rules over the working copy, as it is now
///
/// The rules are those that workstreams are looked over with: of the project, those that `use` names, and those that always are
/// (docs/rules.md). Files are those that git tracks or would show as untracked. A file is judged again only if it, the rule, its
/// program or its configuration moved. Exits with 1 if something was found or a program could not do its work, with 3 if
/// a program is missing.
#[derive(Debug, Args)]
#[command(before_help = "  pl lint                     everything; what is known is not judged again
  pl lint src tests/a.py      these
  pl lint --since main        files that differ from main
  pl lint --fix               mend what the rules' own commands can mend
  pl lint --rule ruff         with one rule, of the project or of pl
  pl lint --write-baseline    what is found now is agreed; only new findings are told
  pl lint --install-hook      before every commit, over what is committed")]
pub struct Arguments {
    /// Files and folders; without any, the whole project
    #[arg(value_name = "PATH", value_hint = clap::ValueHint::AnyPath)]
    paths: Vec<PathBuf>,
    /// Only files that differ from this revision
    #[arg(long, value_name = "REV")]
    since: Option<String>,
    /// Run the fixes of the rules on the files with findings, and judge again
    #[arg(long)]
    fix: bool,
    /// Only this rule, may be given again; it need not be in use
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<String>,
    /// Judge every file, whatever is known
    #[arg(long)]
    force: bool,
    /// How findings are written
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write down what is found as agreed (lint-baseline.json): from then on only other findings are told
    #[arg(long, conflicts_with_all = ["paths", "since", "fix", "rules"])]
    write_baseline: bool,
    /// Make it git's pre-commit hook, over the files that are committed
    #[arg(long, conflicts_with_all = ["paths", "since", "fix", "rules", "format", "write_baseline"])]
    #[arg(
        long_help = "Make it git's pre-commit hook, over the files that are committed. A hook that pl did not write stays, \
                       unless --force is given. A file that is committed in part is refused: what lies in the folder is not \
                       what would be committed"
    )]
    install_hook: bool,
    /// Write where the time went as a trace, for ui.perfetto.dev or chrome://tracing
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    profile: Option<PathBuf>,
}

/// Performs the command.
pub fn run(mut arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let profile = arguments.profile.take();
    profiling::around(project, profile, "pl lint", |project| perform(arguments, &project, terminal))
}

fn perform(arguments: Arguments, project: &Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments { paths, since, fix, rules, force, format, write_baseline, install_hook, .. } = arguments;
    if install_hook {
        let path = linting::install_hook(project, force)?;
        terminal.print(&format!("wrote {}\n", path.display()))?;
        return Ok(Outcome::Done);
    }
    let summary = linting::lint(project, LintRequest { paths, since, fix, rules, force, write_baseline })?;
    show(&summary, format, terminal)?;
    Ok(outcome(&summary))
}

fn show(summary: &LintSummary, format: Option<Format>, terminal: &Terminal) -> Result<(), Failed> {
    if let Some(foreign) = format.and_then(Format::foreign) {
        let row = |finding: &crate::base::finding::Finding| FindingRow {
            step: format!("lint.{}", finding.tool),
            finding: finding.clone(),
            ..FindingRow::default()
        };
        let rows: Vec<FindingRow> = summary.findings.iter().map(row).collect();
        terminal.print_bytes(findings::render(foreign, &rows).as_bytes())?;
        // A report that lacks a rule must not be taken for a clean one.
        terminal.tell(&drawn::troubles(summary, &terminal.err.style));
        return Ok(());
    }
    if terminal.json || format == Some(Format::Json) {
        return terminal.print_json(summary);
    }
    terminal.print(&drawn::text(summary, terminal.verbosity == Verbosity::Verbose, &terminal.out.style))
}

fn outcome(summary: &LintSummary) -> Outcome {
    let any = |status| summary.rules.iter().any(|rule| rule.status == status);
    match summary.ok {
        true => Outcome::Done,
        false if summary.failing > 0 || any(LintStatus::Failed) => Outcome::StepFailed,
        false => Outcome::Waiting,
    }
}
