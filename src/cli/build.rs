//! `pl build`: brings targets up to date and tells how it goes.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::mpsc;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::completions::targets;
use crate::cli::engine::kept::{Fresh, Moved, Told};
use crate::cli::engine::{self, BuildRequest, Built, Project};
use crate::cli::exit::{Failed, Outcome, outcome_of};
use crate::cli::terminal::Terminal;
use crate::cli::{DefinitionArguments, check, profiling};
use crate::report::console::{self, Console, Verbosity};
use crate::report::event_lines::EventLines;
use crate::report::{diagnostics, summary};

/// Bring targets up to date
///
/// Runs what is stale and nothing else, in isolation and in parallel. A failed workstream blocks those that depend on
/// it and nobody else. A target is a name, a prefix of one that ends at a `-` (ws-15), a pattern, gate:N, setup:NAME,
/// the path of a declared output, or a part of a workstream (ws-15/test.2).
#[derive(Debug, Args)]
#[command(before_help = "  pl build ws-15              ws-15 and what it depends on
  pl build                    the default, or every task
  pl build 'ws-2*' -j 4       all that match, four steps at a time
  pl build test -- -k config  what stands after -- fills {args}")]
pub struct Arguments {
    /// What to bring up to date; without one the default, or every task
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(targets))]
    pub(in crate::cli) targets: Vec<String>,
    /// Say what would run, and touch nothing: pl check
    #[arg(short = 'n', long, env = "PIPELINE_DRY_RUN", hide_env_values = true)]
    #[arg(value_parser = clap::builder::FalseyValueParser::new())]
    pub(in crate::cli) dry_run: bool,
    /// Steps at a time [default: the machine's processors]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(in crate::cli) jobs: Option<u32>,
    /// After a failure go on with what does not depend on it; the default
    #[arg(short = 'k', long, conflicts_with = "fail_fast")]
    pub(in crate::cli) keep_going: bool,
    /// After a failure start nothing new
    #[arg(long)]
    pub(in crate::cli) fail_fast: bool,
    /// Run the named targets even if they are fresh
    #[arg(long, requires = "targets")]
    pub(in crate::cli) force: bool,
    /// Give failed workstreams a new try
    #[arg(long)]
    pub(in crate::cli) again: bool,
    /// Write events as JSON lines to a file, or to standard output
    #[arg(long, value_name = "FILE|-")]
    pub(in crate::cli) events: Option<PathBuf>,
    /// Write where the time went as a trace, for ui.perfetto.dev or chrome://tracing
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub(in crate::cli) profile: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) definitions: DefinitionArguments,
    /// What fills {args} of the one target
    #[arg(last = true, value_name = "ARGS")]
    pub(in crate::cli) args: Vec<String>,
}

/// Performs the command.
pub fn run(mut arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let profile = arguments.profile.take();
    profiling::around(project, profile, "pl build", |project| perform(arguments, project, terminal))
}

fn perform(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments { targets, dry_run, jobs, fail_fast, force, again, events, definitions, args, .. } = arguments;
    let project = definitions.apply(project);
    if dry_run {
        return check::plan(&project, &targets, force, terminal);
    }
    let to_stdout = events.as_ref().is_some_and(|path| path.as_os_str() == "-");
    if to_stdout && terminal.json {
        return Err(Failed::usage("--json and --events - both want standard output").hint("give --events a file"));
    }
    let event_lines = events.map(|path| open(&path, &project)).transpose()?;
    let all_steps = terminal.json;
    let request = BuildRequest { targets, args, jobs, fail_fast, force, again, all_steps, watch: None };
    let mut moved = None;
    match engine::look(&project, &request) {
        Some(Told::Fresh(fresh)) => {
            if let Some(told) = tell_fresh(&fresh, terminal, to_stdout) {
                return told;
            }
        }
        // Who reads events is told of every step.
        Some(Told::Moved(files)) if event_lines.is_none() => moved = Some(files),
        _ => {}
    }
    let built = tell_while(&project, &request, moved, terminal, event_lines, to_stdout)?;
    tell(&built, terminal, to_stdout)
}

/// Builds, and tells how it goes.
pub fn tell_while(
    project: &Project,
    request: &BuildRequest,
    moved: Option<Box<Moved>>,
    terminal: &Terminal,
    event_lines: Option<EventLines>,
    stdout_is_taken: bool,
) -> Result<Built, Failed> {
    let (style, options) = terminal.console(stdout_is_taken);
    let (sender, receiver) = mpsc::channel();
    let teller = console::spawn(Console::new(style, options), event_lines, receiver);
    let built = engine::build(project, request, moved, sender);
    teller.join().expect("BUG: the console panicked");
    built
}

/// Tells of a build that had nothing to do; `None` where the plan turns out to be damaged.
fn tell_fresh(fresh: &Fresh, terminal: &Terminal, stdout_is_taken: bool) -> Option<Result<Outcome, Failed>> {
    let object = if terminal.json { Some(fresh.build_summary()?) } else { None };
    let line =
        |style| summary::up_to_date_line(fresh.named(), fresh.first(), fresh.steps(), fresh.duration_ms(), style);
    let told = if stdout_is_taken {
        terminal.tell(&line(&terminal.err.style));
        Ok(())
    } else {
        terminal.print(&line(&terminal.people().style))
    };
    let told = told.and_then(|()| object.map_or(Ok(()), |object| terminal.print_json(&object)));
    Some(told.map(|()| Outcome::Done))
}

/// Tells what a build came to.
pub fn tell(built: &Built, terminal: &Terminal, stdout_is_taken: bool) -> Result<Outcome, Failed> {
    let tells = built.summary.run_id.is_some() && terminal.verbosity != Verbosity::Quiet;
    if let Some(counts) = diagnostics::counts(&built.diagnostics).filter(|_| tells) {
        terminal.tell(&format!("{counts} in definitions; pl check shows them\n"));
    }
    let workstreams: Vec<&str> = built.workstreams.iter().map(String::as_str).collect();
    let context = summary::Context {
        targets: &built.targets,
        workstreams: &workstreams,
        base: built.base.as_deref(),
        repository: built.repository.as_deref(),
    };
    if stdout_is_taken {
        terminal.tell(&summary::render(&built.summary, &context, &terminal.err.style));
    } else {
        terminal.print(&summary::render(&built.summary, &context, &terminal.people().style))?;
    }
    if terminal.json {
        terminal.print_json(&built.summary)?;
    }
    Ok(outcome_of(&built.summary))
}

fn open(path: &PathBuf, project: &Project) -> Result<EventLines, Failed> {
    let out: Box<dyn Write + Send> = if path.as_os_str() == "-" {
        Box::new(std::io::stdout())
    } else {
        let path = project.directory.join(path);
        let file = File::create(&path)
            .map_err(|error| Failed::missing(format!("cannot write {}: {error}", path.display())))?;
        Box::new(file)
    };
    Ok(EventLines::new(out, Box::new(|| jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())))
}
