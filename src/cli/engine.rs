//! The seam between commands and what they ask for: one function a question.
//!
//! Plain requests in, what `report` draws out. Parses nothing and prints nothing.

pub mod open;

pub mod building;
pub mod cone;
pub mod planning;
pub mod kept;
pub mod steps_told;

pub mod differing;
pub mod explaining;
pub mod logging;
pub mod looking;
pub mod linting;
pub mod needs;
pub mod vouching;
pub mod watching;

pub mod cleaning;
pub mod forgetting;
pub mod leftovers;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Sender;

use crate::base::diagnostic::{Code, Diagnostic};
use crate::base::span::Sources;
use crate::cli::doctor::Needed;
use crate::cli::engine::kept::{Fresh, Moved, Told};
use crate::cli::engine::watching::Seen;
use crate::cli::exit::Failed;
use crate::event::Event;
use crate::exec::touch::Touch;
use crate::process::cancel::Cancel;
use crate::report::explain::Explanation;
use crate::report::history::{LogShow, Show};
use crate::summary::{BuildSummary, CheckReport};
use crate::system::profile::Profile;

/// Where to look for definitions and how to read them.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder that `pl` was started in, or `-C`.
    pub directory: PathBuf,
    /// `--set NAME=VALUE`.
    pub set: Vec<(String, String)>,
    /// `--tool NAME`.
    pub tool: Option<String>,
    /// Takes note of where time goes; changes nothing else.
    pub profile: Profile,
}

/// What `pl build` asks for.
#[derive(Debug)]
pub struct BuildRequest {
    /// As typed; empty: the default.
    pub targets: Vec<String>,
    /// What stands after `--`.
    pub args: Vec<String>,
    /// Steps at a time; `None`: as many as the machine has processors.
    pub jobs: Option<u32>,
    /// After a failure nothing new starts.
    pub fail_fast: bool,
    /// The named targets run even if fresh.
    pub force: bool,
    /// Failed workstreams get a new try.
    pub again: bool,
    /// The summary names every step, those that nothing moved for, too.
    pub all_steps: bool,
    /// Who watches; `None`: the build hears signals itself.
    pub watch: Option<Watch>,
}

/// What a build shares with who watches.
#[derive(Debug, Clone)]
pub struct Watch {
    /// Ends it.
    pub cancel: Cancel,
    /// Says that files moved.
    pub touch: Arc<Touch>,
}

/// What a build gives back.
#[derive(Debug)]
pub struct Built {
    /// The object of `--json`.
    pub summary: BuildSummary,
    /// Resolved names of the targets asked for.
    pub targets: Vec<String>,
    /// All workstreams of the project.
    pub workstreams: Vec<String>,
    /// The branch that workstreams start from.
    pub base: Option<String>,
    /// Where the repository is, as typed from the folder asked in; `None`: it is the one around.
    pub repository: Option<String>,
    /// Warnings and notes about definitions.
    pub diagnostics: Vec<Diagnostic>,
    /// Their texts.
    pub sources: Sources,
    /// What steps observed before the build, for who watches.
    pub seen: Option<Seen>,
}

/// What planning gives back; errors in definitions are in `diagnostics` and leave `report.ok` false.
#[derive(Debug)]
pub struct Planned {
    /// The object of `--json`.
    pub report: CheckReport,
    /// All that is to be said about definitions.
    pub diagnostics: Vec<Diagnostic>,
    /// Their texts.
    pub sources: Sources,
}

/// Which findings are asked for.
#[derive(Debug, Default)]
pub struct FindingsRequest {
    /// A workstream or one of its steps.
    pub target: Option<String>,
    /// A run that is over; without one, the newest candidates.
    pub run: Option<String>,
    /// One rule.
    pub tool: Option<String>,
}

/// What `pl show` asks for.
#[derive(Debug)]
pub enum ShowRequest {
    /// Every target.
    Targets,
    /// Newest runs.
    Runs,
    /// Findings of the newest candidates, or of a run.
    Findings(FindingsRequest),
    /// What steps cost; of one target where one is named.
    Stats(Option<String>),
    /// What the tools of a workstream, or of one of its edits, are told.
    Prompt(String),
    /// One attempt of a workstream, from 1.
    Attempt(String, u32),
    /// A run, a workstream, a task or a step.
    Subject(String),
}

/// What `pl diff` asks for.
#[derive(Debug)]
pub struct DiffRequest {
    /// The workstream.
    pub target: String,
    /// First and last instruction; `None`: the whole result.
    pub between: Option<(u32, u32)>,
    /// Write recordings below this folder instead of printing.
    pub to: Option<PathBuf>,
}

/// What a cleaning or forgetting did.
#[derive(Debug, Default, serde::Serialize)]
pub struct Removed {
    /// One line each: `worktree of ws-15-… (kept as refs/pl/…)`.
    pub removed: Vec<String>,
    /// One line each, with the reason.
    pub kept: Vec<String>,
    /// Nothing was touched: `-n`.
    pub dry_run: bool,
}

/// Brings targets up to date; drops `events` when the last one is sent. `moved` is what [`look`] told.
pub fn build(
    project: &Project,
    request: &BuildRequest,
    moved: Option<Box<Moved>>,
    events: Sender<Event>,
) -> Result<Built, Failed> {
    building::build(project, request, moved, events)
}

/// Whether there is anything to do, where the kept plan can tell; else it is for [`build`] to find out.
pub fn look(project: &Project, request: &BuildRequest) -> Option<Told> {
    kept::look(project, request)
}

/// A check that finds nothing to do, where the kept plan can tell; else it is for [`plan`] to find out.
pub fn fresh_check(project: &Project, targets: &[String]) -> Option<Fresh> {
    kept::fresh_check(project, targets)
}

/// Says what would run; touches nothing.
pub fn plan(project: &Project, targets: &[String], force: bool) -> Result<Planned, Failed> {
    planning::plan(project, targets, force)
}

/// Explains one step's verdict.
pub fn explain(project: &Project, step: &str) -> Result<Explanation, Failed> {
    explaining::explain(project, step)
}

/// Every documented diagnostic.
pub fn codes() -> Vec<&'static Code> {
    explaining::codes()
}

/// Looks up what happened.
pub fn show(project: &Project, request: ShowRequest) -> Result<Show, Failed> {
    looking::show(project, request)
}

/// Output that was kept: of the newest run, of a run, of a step.
pub fn log(project: &Project, subject: Option<&str>) -> Result<LogShow, Failed> {
    logging::log(project, subject)
}

/// Events of the newest run, of a run, of a workstream: the lines that `--events` writes.
pub fn events(project: &Project, subject: Option<&str>) -> Result<Vec<serde_json::Value>, Failed> {
    logging::events(project, subject)
}

/// A patch in git's format, or (with `to`) the files written, one a line.
pub fn diff(project: &Project, request: &DiffRequest) -> Result<Vec<u8>, Failed> {
    differing::diff(project, request)
}

/// Forgets what is recorded of targets; their work stays reachable.
pub fn reset(project: &Project, targets: &[String], dry_run: bool) -> Result<Removed, Failed> {
    forgetting::reset(project, targets, dry_run)
}

/// Removes worktrees, declared outputs and what no record points to.
pub fn clean(project: &Project, targets: &[String], dry_run: bool) -> Result<Removed, Failed> {
    cleaning::clean(project, targets, dry_run)
}

/// Programs that definitions name; an empty list where there are none.
pub fn needed_programs(project: &Project, others: &[String]) -> Result<Vec<Needed>, Failed> {
    needs::needed_programs(project, others)
}

/// Installs the programs of rules into the project's own tools; each is told as it ends.
pub fn install(
    project: &Project,
    rules: &[String],
    told: &(dyn Fn(&needs::Installed) + Sync),
) -> Result<Vec<needs::Installed>, Failed> {
    needs::install(project, rules, told)
}

/// Names that can be built, for completion; must be quick and never fails.
pub fn target_names(directory: &Path) -> Vec<String> {
    planning::target_names(directory)
}
