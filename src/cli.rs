//! Arguments to calls; one file a command.
//!
//! Knows how things are asked for and how an outcome becomes an exit code; what is done lies behind [`engine`], and
//! how it is told in `report`. The only user of clap.

#![expect(clippy::disallowed_methods, reason = "arguments, the terminal, and the files that a person asks for")]

pub mod engine;
pub mod exit;
pub mod terminal;

pub mod build;
pub mod check;
pub mod graph;
pub mod lint;
pub mod watch;

pub mod diff;
pub mod explain;
pub mod log;
pub mod show;

pub mod clean;
pub mod reset;

pub mod completions;
pub mod doctor;
pub mod init;

pub mod help;
pub mod plain;
mod profiling;

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::cli::engine::Project;
use crate::cli::exit::{Failed, Outcome};
use crate::cli::terminal::Terminal;
use crate::system::profile::Profile;

/// make for development workstreams
#[derive(Debug, Parser)]
#[command(name = "pl", version, propagate_version = false, disable_help_subcommand = true, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Common {
    /// Work as if started in this folder
    #[arg(short = 'C', long = "directory", value_name = "DIR", global = true, value_hint = clap::ValueHint::DirPath)]
    directory: Option<PathBuf>,
    /// Print one JSON object on standard output, everything else on standard error
    #[arg(long, global = true)]
    json: bool,
    /// Only failures and the summary
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Every step with its reason; whole lists
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to colour (auto: on a terminal, unless NO_COLOR is set)
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        global = true,
        hide_possible_values = true,
        hide_default_value = true
    )]
    #[arg(long_help = "When to colour: auto, always or never. With auto, colours are for terminals only; NO_COLOR \
                       and TERM=dumb turn them off, CLICOLOR_FORCE=1 turns them on")]
    color: When,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// As the terminal and the environment say.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What changes how definitions are read.
#[derive(Debug, Args)]
pub struct DefinitionArguments {
    /// Set a variable of `let`, may be given again
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = name_and_value)]
    set: Vec<(String, String)>,
    /// Ask this tool for every edit
    #[arg(long, value_name = "NAME")]
    tool: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(build::Arguments),
    Check(check::Arguments),
    Graph(graph::Arguments),
    Watch(watch::Arguments),
    Lint(lint::Arguments),
    Show(show::Arguments),
    Log(log::Arguments),
    Diff(diff::Arguments),
    Explain(explain::Arguments),
    Reset(reset::Arguments),
    Clean(clean::Arguments),
    Init(init::Arguments),
    Doctor(doctor::Arguments),
    Completions(completions::Arguments),
}

/// The whole program.
pub fn run() -> ExitCode {
    exit::on_panic_say_bug();
    catch_unwind(AssertUnwindSafe(|| {
        let arguments: Vec<OsString> = std::env::args_os().collect();
        if let Some(plain) = plain::parse(&arguments, |name| std::env::var_os(name).is_some()) {
            return perform(plain);
        }
        clap_complete::CompleteEnv::with_factory(help::command).complete();
        match help::parse(&arguments) {
            Ok(arguments) => perform(arguments),
            Err(error) => exit::clap_error(&error, arguments.iter().any(|argument| argument == "--json")),
        }
    }))
    .unwrap_or_else(|_| exit::bug())
}

fn perform(arguments: Arguments) -> ExitCode {
    let Arguments { common, command } = arguments;
    let terminal = Terminal::find(&common);
    let result = project(&common).and_then(|project| dispatch(command, project, &terminal));
    exit::code(result, &terminal)
}

fn dispatch(command: Command, project: Project, terminal: &Terminal) -> Result<Outcome, Failed> {
    match command {
        Command::Build(arguments) => build::run(arguments, project, terminal),
        Command::Check(arguments) => check::run(arguments, project, terminal),
        Command::Graph(arguments) => graph::run(arguments, project, terminal),
        Command::Watch(arguments) => watch::run(arguments, project, terminal),
        Command::Lint(arguments) => lint::run(arguments, project, terminal),
        Command::Show(arguments) => show::run(arguments, project, terminal),
        Command::Log(arguments) => log::run(arguments, project, terminal),
        Command::Diff(arguments) => diff::run(arguments, project, terminal),
        Command::Explain(arguments) => explain::run(arguments, project, terminal),
        Command::Reset(arguments) => reset::run(arguments, project, terminal),
        Command::Clean(arguments) => clean::run(arguments, project, terminal),
        Command::Init(arguments) => init::run(&arguments, &project, terminal),
        Command::Doctor(arguments) => doctor::run(arguments, project, terminal),
        Command::Completions(arguments) => completions::run(&arguments, terminal),
    }
}

fn project(common: &Common) -> Result<Project, Failed> {
    let here = std::env::current_dir()
        .map_err(|error| Failed::missing(format!("the current folder cannot be read: {error}")))?;
    let directory = common.directory.as_ref().map_or_else(|| here.clone(), |directory| here.join(directory));
    if !directory.is_dir() {
        return Err(Failed::usage(format!("{} is no folder", directory.display())).hint("give -C a folder that exists"));
    }
    Ok(Project { directory, set: Vec::new(), tool: None, profile: Profile::default() })
}

impl DefinitionArguments {
    fn apply(self, project: Project) -> Project {
        Project { set: self.set, tool: self.tool, ..project }
    }
}

fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write NAME=VALUE".to_owned()),
    }
}
