//! `pl explain`: why a step runs, or what a diagnostic's code means.

use clap::Args;
use clap_complete::engine::ArgValueCompleter;

use crate::cli::DefinitionArguments;
use crate::cli::completions::targets;
use crate::cli::engine::{self, Project};
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::report::explain;

/// Explain a step's verdict, or a diagnostic's code
///
/// For a step: its verdict, the way up to the root cause, and the parts of its key that differ from its last record.
/// For a code (the word in brackets of a diagnostic): what it means and what to do.
#[derive(Debug, Args)]
#[command(before_help = "  pl explain ws-15/test.2     why it would run, or why not
  pl explain unknown-tool     what a diagnostic means")]
pub struct Arguments {
    /// A step, a target or a code
    #[arg(value_name = "STEP|CODE", add = ArgValueCompleter::new(targets))]
    subject: String,
    #[command(flatten)]
    definitions: DefinitionArguments,
}

/// Performs the command.
pub fn run(arguments: Arguments, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let project = arguments.definitions.apply(project);
    if let Some(code) = engine::codes().into_iter().find(|code| code.id == arguments.subject) {
        if terminal.json {
            let object =
                serde_json::json!({ "code": code.id, "summary": code.summary, "explanation": code.explanation });
            terminal.print_json(&object)?;
        } else {
            terminal.print(&explain::render_code(code, &terminal.out.style))?;
        }
        return Ok(Outcome::Done);
    }
    let explanation = engine::explain(&project, &arguments.subject)?;
    if terminal.json {
        terminal.print_json(&explanation)?;
    } else {
        terminal.print(&explain::render(&explanation, &terminal.out.style))?;
    }
    Ok(Outcome::Done)
}
