//! `pl check`: what is wrong with definitions, what would run, and why.

use std::path::PathBuf;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::base::span::Sources;
use crate::cli::completions::targets;
use crate::cli::engine::{self, Planned, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::cli::{DefinitionArguments, profiling};
use crate::report::console::Verbosity;
use crate::report::{diagnostics, plan};

/// Say what would run, and why; touch nothing
///
/// Reads all definitions, reports what is wrong with them, and judges every step of the targets: fresh, stale with the
/// one reason, or unsettled (below a stale step, so it may turn out fresh). Writes nothing and starts no program.
#[derive(Debug, Args)]
#[command(before_help = "  pl check                    the default, or every task
  pl check ws-15              ws-15 and what it depends on
  pl check --fail-if-stale    exit with 4 where there is work to do
  pl check --json             the same for a program")]
pub struct Arguments {
    /// What to look at; without one the default, or every task
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(targets))]
    pub(in crate::cli) targets: Vec<String>,
    /// Exit with 4 if something would run
    #[arg(long)]
    pub(in crate::cli) fail_if_stale: bool,
    /// As if the named targets were forced
    #[arg(long, requires = "targets")]
    pub(in crate::cli) force: bool,
    /// Write where the time went as a trace, for ui.perfetto.dev or chrome://tracing
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(in crate::cli) profile: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) definitions: DefinitionArguments,
}

/// Performs the command.
pub fn run(mut arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let profile = arguments.profile.take();
    profiling::around(project, profile, "pl check", |project| perform(arguments, project, terminal))
}

fn perform(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments { targets, fail_if_stale, force, definitions, .. } = arguments;
    let project = definitions.apply(project);
    if let Some(told) = fresh(&project, &targets, force, terminal) {
        return told.map(|()| Outcome::Done);
    }
    let planned = engine::plan(&project, &targets, force)?;
    tell(&planned, &targets, terminal)?;
    Ok(match planned.report.ok {
        false => Outcome::Wrong,
        true if fail_if_stale && planned.report.would_run > 0 => Outcome::WorkToDo,
        true => Outcome::Done,
    })
}

/// What `pl build -n` does.
pub fn plan(project: &Project, targets: &[String], force: bool, terminal: &Terminal) -> Result<Outcome, Failed> {
    if let Some(told) = fresh(project, targets, force, terminal) {
        return told.map(|()| Outcome::Done);
    }
    let planned = engine::plan(project, targets, force)?;
    tell(&planned, targets, terminal)?;
    Ok(if planned.report.ok { Outcome::Done } else { Outcome::Wrong })
}

/// Tells of targets with nothing to do, where the kept plan knows.
fn fresh(project: &Project, targets: &[String], force: bool, terminal: &Terminal) -> Option<Result<(), Failed>> {
    let fresh = if force { None } else { engine::fresh_check(project, targets) }?;
    if terminal.json || terminal.verbosity == Verbosity::Verbose {
        let (report, diagnostics, sources) = (fresh.check_report()?, Vec::new(), Sources::default());
        return Some(tell(&Planned { report, diagnostics, sources }, targets, terminal));
    }
    Some(terminal.print(&plan::all_fresh(fresh.steps(), &command(targets), &terminal.out.style)))
}

fn command(targets: &[String]) -> String {
    let quoted = targets.iter().map(|target| crate::analysis::pipeline::quote(target));
    ["pl build".to_owned()].into_iter().chain(quoted).collect::<Vec<_>>().join(" ")
}

fn tell(planned: &Planned, targets: &[String], terminal: &Terminal) -> Result<(), Failed> {
    let style = &terminal.err.style;
    terminal.tell(&diagnostics::render(&planned.diagnostics, &planned.sources, style, terminal.form()));
    if terminal.json {
        return terminal.print_json(&planned.report);
    }
    let context = plan::Context { command: &command(targets), verbose: terminal.verbosity == Verbosity::Verbose };
    terminal.print(&plan::render(&planned.report, &context, &terminal.out.style))
}
