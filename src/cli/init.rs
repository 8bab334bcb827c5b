//! `pl init`: writes a first Pipelinefile.kdl that fits the repository.
//!
//! Writes that one file and nothing else; never writes over one.

mod look;
mod template;

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::Path;

use clap::Args;

use crate::cli::engine::Project;
use crate::cli::exit::{Failed, Outcome};
use crate::cli::init::template::Template;
use crate::cli::terminal::Terminal;
use crate::report::Tone;

/// The file that is written.
const FILE: &str = "Pipelinefile.kdl";

/// Write a first Pipelinefile.kdl
///
/// Looks at the repository (cargo, npm, python, go, make) and writes tasks that fit, with comments, and an example of a
/// workstream to uncomment. Writes that one file, and never over one that is there.
#[derive(Debug, Args)]
#[command(before_help = "  pl init                     here
  pl init -C ../other         there")]
pub struct Arguments {}

/// Performs the command.
pub fn run(arguments: &Arguments, project: &Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    let Arguments {} = arguments;
    let template = look::at(&project.directory);
    write(&project.directory, &template)?;
    let tasks: Vec<&str> = template.tasks.iter().map(|task| task.name.as_str()).collect();
    if terminal.json {
        terminal.print_json(&serde_json::json!({ "wrote": FILE, "kinds": template.kinds, "tasks": tasks }))?;
        return Ok(Outcome::Done);
    }
    let style = &terminal.out.style;
    let what = match (template.kinds.as_slice(), tasks.as_slice()) {
        ([], _) => "no build tool was recognised, so its one task says hello".to_owned(),
        (kinds, [task]) => format!("{}: task {task}", kinds.join(", ")),
        (kinds, tasks) => format!("{}: tasks {}", kinds.join(", "), tasks.join(" ")),
    };
    let (check, build) = (style.paint(Tone::Command, "pl check"), style.paint(Tone::Command, "pl build"));
    let written = style.paint(Tone::Strong, FILE);
    terminal.print(&format!("wrote {written} ({what})\n  {check}   what would run, and why\n  {build}   runs it\n"))?;
    Ok(Outcome::Done)
}

/// Writes the file, unless there is one.
fn write(directory: &Path, template: &Template) -> Result<(), Failed> {
    let path = directory.join(FILE);
    let mut file = OpenOptions::new().write(true).create_new(true).open(&path).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failed::usage(format!("{FILE} is already there"))
            .hint("edit it; or move it away, then pl init")
            .hint("pl check says what it means"),
        _ => Failed::missing(format!("cannot write {}: {error}", path.display())),
    })?;
    file.write_all(template.text().as_bytes())
        .map_err(|error| Failed::missing(format!("cannot write {}: {error}", path.display())))
}

#[cfg(test)]
mod tests;
