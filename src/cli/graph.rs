//! `pl graph`: what waits for what.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::DefinitionArguments;
use crate::cli::completions::targets;
use crate::cli::engine::{self, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::report::diagnostics;
use crate::report::graph::{Detail, dot, json, tree};

/// Show what waits for what
///
/// A tree for the terminal: what is asked for at the left, what it waits for below it. A node that several wait for is
/// drawn whole once and marked (*) afterwards. With --dot a description for Graphviz, with --json one object.
#[derive(Debug, Args)]
#[command(before_help = "  pl graph                                   workstreams and tasks as a tree
  pl graph ws-15 --steps                     with their steps
  pl graph --dot | dot -Tsvg -o graph.svg    as a picture
  pl graph --dot --workstreams               a picture without the steps")]
pub struct Arguments {
    /// What to look at; without one everything
    #[arg(value_name = "TARGET", add = ArgValueCompleter::new(targets))]
    targets: Vec<String>,
    /// For Graphviz
    #[arg(long, conflicts_with = "json")]
    dot: bool,
    /// Steps as nodes; the default of --dot
    #[arg(long)]
    steps: bool,
    /// Only workstreams and tasks as nodes; the default of the tree
    #[arg(long, conflicts_with = "steps")]
    workstreams: bool,
    #[command(flatten)]
    definitions: DefinitionArguments,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments { mut targets, dot, steps, workstreams, definitions } = arguments;
    let project = definitions.apply(project);
    if targets.is_empty() {
        targets.push("*".to_owned());
    }
    let planned = engine::plan(&project, &targets, false)?;
    let style = &terminal.err.style;
    terminal.tell(&diagnostics::render(&planned.diagnostics, &planned.sources, style, terminal.form()));
    let planned_steps = &planned.report.steps;
    let detail = if steps || dot && !workstreams { Detail::Steps } else { Detail::Workstreams };
    if terminal.json {
        terminal.print_json(&json::report(planned_steps))?;
    } else if dot {
        terminal.print(&dot::render(planned_steps, detail))?;
    } else if planned.report.ok {
        terminal.print(&tree::render(planned_steps, detail, &terminal.out.style))?;
    }
    Ok(if planned.report.ok { Outcome::Done } else { Outcome::Wrong })
}
