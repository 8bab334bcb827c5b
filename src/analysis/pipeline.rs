//! The resolved whole: what `analysis` makes of all definitions, without a span in it.
//!
//! Two texts that mean the same give equal pipelines; so whatever is computed from one is cut off early
//! when only a comment moved. Knows nothing of keys, disks or processes.

pub mod parser;
pub mod program;
pub mod template;

use std::collections::BTreeMap;
use std::sync::Arc;

use ecow::EcoString;
use serde::{Deserialize, Serialize};

use crate::analysis::breaker::Breakers;
use crate::analysis::pipeline::template::{Property, Template};
use crate::base::name::{RuleName, SetupName, TaskName, ToolName, WorkstreamId};
use crate::base::path::{Pattern, RepoPath};

/// Everything that can be built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pipeline {
    /// What workstreams change.
    pub repository: RepositoryConfig,
    /// Targets of a plain `pl build`, as written; empty: every task, no workstream.
    pub default: Vec<String>,
    /// Gates are barriers.
    pub gates_ordered: bool,
    /// What programs may take together, in bytes; none: what the machine has.
    pub memory_bytes: Option<u64>,
    /// A test that dirties its tree fails.
    pub strict: bool,
    /// What makes a rule red; none: errors and warnings do.
    pub fail_on: Vec<FailOn>,
    /// Places a pool has.
    pub pools: BTreeMap<String, u32>,
    /// Setups by order of definition.
    pub setups: Vec<Setup>,
    /// Tasks by order of definition.
    pub tasks: Vec<Task>,
    /// Workstreams by id.
    pub workstreams: Vec<Workstream>,
    /// Rules by name; a project's rule replaces the shipped one of its name.
    pub rules: Vec<Rule>,
    /// Tools by name; the built-in `manual`, `replay` and `exec` kinds need no file.
    pub tools: Vec<Tool>,
    /// Capability to tools, in order.
    pub routes: BTreeMap<String, Vec<ToolName>>,
    /// Pairs of workstreams that may overlap, smaller id first.
    pub allowed_overlaps: Vec<(WorkstreamId, WorkstreamId)>,
}

/// What workstreams change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepositoryConfig {
    /// Relative to the project's root; `None`: the repository around it.
    pub path: Option<String>,
    /// Branch or revision that workstreams start from; `None`: what HEAD names.
    pub base: Option<String>,
    /// Folder that it is made from, relative to the project's root.
    pub seed: Option<String>,
}

/// What a step runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Command {
    /// Started directly.
    Argv(Box<[Template]>),
    /// Given to `sh -c`.
    Shell(Template),
}

impl Command {
    /// Whether it has a place for a property.
    pub fn uses(&self, property: Property) -> bool {
        match self {
            Self::Argv(words) => words.iter().any(|word| word.uses(property)),
            Self::Shell(text) => text.uses(property),
        }
    }

    /// The command as one line for people and keys, quoted for a shell.
    pub fn text(&self) -> String {
        match self {
            Self::Shell(text) => text.text(),
            Self::Argv(argv) => argv.iter().map(|word| quote(&word.text())).collect::<Vec<_>>().join(" "),
        }
    }
}

/// Quotes a word for a shell where it needs it.
pub fn quote(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| format!("{word:?}"), |quoted| quoted.into_owned())
}

/// The environment that a step asks for beyond the fixed part, all levels merged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Environment {
    /// Set to these values.
    pub set: BTreeMap<String, String>,
    /// Let through: names, or patterns with `*`.
    pub pass: Vec<String>,
}

/// Prepares something that tests need, once a set of inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Its name.
    pub name: SetupName,
    /// How it is made.
    pub command: Command,
    /// Files of the verified tree that it reads.
    pub inputs: Vec<Pattern>,
    /// Folders put in front of PATH.
    pub bin: Vec<Template>,
    /// Made in each worktree instead of shared.
    pub per_worktree: bool,
    /// Wall time in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Its environment.
    pub environment: Environment,
}

/// A make-like step in the project's own folder. There may be hundreds of thousands, so it holds no more than it must: what few
/// have stands aside, texts and environments are shared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its name.
    pub name: TaskName,
    /// Tasks done first.
    pub depends_on: Box<[TaskName]>,
    /// What runs; `None`: a group.
    pub command: Option<Command>,
    /// What is read and keyed, relative to the project's root.
    pub inputs: Box<[Pattern]>,
    /// What is made, relative to the project's root.
    pub outputs: Box<[Output]>,
    /// Its environment.
    #[serde(with = "shared")]
    pub environment: Arc<Environment>,
    /// Wall time in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Outputs may be inputs.
    pub in_place: bool,
    /// Whether its command shares places with `pl`; none: as its program suggests.
    pub jobserver: Option<bool>,
    /// What few tasks have; `None`: nothing of it.
    pub extras: Option<Box<TaskExtras>>,
}

/// What few tasks have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskExtras {
    /// One line for people.
    pub about: Option<EcoString>,
    /// Setups done first.
    pub setups: Vec<SetupName>,
    /// Working folder relative to the project's root; empty: the root.
    pub dir: EcoString,
    /// Where the command writes what it read, relative to the project's root: inputs that are found while it runs.
    pub depfile: Option<RepoPath>,
    /// Pool whose places it takes.
    pub pool: Option<EcoString>,
}

impl TaskExtras {
    /// As a task holds them.
    pub fn boxed(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }
}

impl Task {
    /// One line for people.
    pub fn about(&self) -> Option<&str> {
        self.extras.as_ref()?.about.as_deref()
    }

    /// Setups done first.
    pub fn setups(&self) -> &[SetupName] {
        self.extras.as_ref().map_or(&[], |extras| &extras.setups)
    }

    /// Working folder relative to the project's root; empty: the root.
    pub fn dir(&self) -> &str {
        self.extras.as_ref().map_or("", |extras| &extras.dir)
    }

    /// Where the command writes what it read, relative to the project's root: inputs that are found while it runs.
    pub fn depfile(&self) -> Option<&RepoPath> {
        self.extras.as_ref()?.depfile.as_ref()
    }

    /// Pool whose places it takes.
    pub fn pool(&self) -> Option<&str> {
        self.extras.as_ref()?.pool.as_deref()
    }
}

/// An environment that several steps share, as its value.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Environment;

    pub(super) fn serialize<S: Serializer>(environment: &Arc<Environment>, serializer: S) -> Result<S::Ok, S::Error> {
        environment.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<Environment>, D::Error> {
        Environment::deserialize(deserializer).map(Arc::new)
    }
}

/// Something that a task makes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Output {
    /// Where.
    pub path: RepoPath,
    /// A folder with all below it.
    pub folder: bool,
    /// Kept as blobs and restored from them.
    pub store: bool,
}

/// A bounded change to a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workstream {
    /// Its id.
    pub id: WorkstreamId,
    /// One line for people.
    pub title: Option<String>,
    /// `openspec_change`.
    pub change: Option<String>,
    /// `ccpm_issue`.
    pub issue: Option<String>,
    /// Phase, from 1.
    pub gate: u32,
    /// May be changed, deleted, added.
    pub files_scope: Vec<Pattern>,
    /// May be added.
    pub files_create: Vec<Pattern>,
    /// Also observed by the tool.
    pub context: Vec<Pattern>,
    /// What is to be done, in order.
    pub instructions: Vec<String>,
    /// How it is accepted, in order.
    pub tests: Vec<AcceptanceTest>,
    /// Resolved ids, sorted.
    pub depends_on: Vec<WorkstreamId>,
    /// Tool or capability as written.
    pub asked_tool: String,
    /// Who is asked, in order: the tool, or the capability's route.
    pub tools: Vec<ToolName>,
    /// Setups of its verification.
    pub setups: Vec<SetupName>,
    /// Rules that look it over.
    pub rules: Vec<RuleName>,
    /// What happens when what its tool observes changed.
    pub on_base_change: OnBaseChange,
    /// Folders that may persist in its worktree.
    pub keep: Vec<Pattern>,
    /// Paths that its tests pin.
    pub pins: Vec<Pattern>,
    /// Its tests' environment.
    pub environment: Environment,
    /// Wall time of an edit in milliseconds.
    pub timeout_ms: Option<u64>,
    /// Who is asked to fix what was found, in order; a person is never among them.
    pub fixers: Vec<ToolName>,
    /// Limits of its fix loop.
    pub breakers: Breakers,
    /// JSON text; kept, never keyed.
    pub metadata: Option<String>,
}

/// What happens to an edit when what its tool observes changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnBaseChange {
    /// Merge it three-way onto the new base; ask again only on conflict or red.
    Carry,
    /// Ask again.
    Redo,
}

/// One acceptance test.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AcceptanceTest {
    /// What runs.
    pub command: Command,
    /// Declared inputs; empty: the whole tree.
    pub inputs: Vec<Pattern>,
    /// Wall time in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What its outcome on the base is for.
    pub prove: Prove,
    /// Red once and then green is no failure.
    pub flaky_allowed: bool,
}

/// What the outcome of a test on the base is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Prove {
    /// It must be red there.
    RedFirst,
    /// It is shown.
    Shown,
    /// Nothing: it is not run there.
    Off,
}

/// Findings that make a rule red: all that is said must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct FailOn {
    /// This grave, or graver.
    pub severity: Option<crate::base::finding::FindingSeverity>,
    /// Of this category.
    pub category: Option<String>,
    /// With this code.
    pub code: Option<String>,
    /// Of this rule.
    pub rule: Option<String>,
}

/// A declared checker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its name.
    pub name: RuleName,
    /// One line for people.
    pub about: Option<String>,
    /// Files that it looks over.
    pub files: Vec<Pattern>,
    /// Which of those.
    pub looks_in: LooksIn,
    /// What runs.
    pub command: Command,
    /// Exit codes that mean clean.
    pub exit_clean: Vec<i32>,
    /// Exit codes that mean findings.
    pub exit_findings: Vec<i32>,
    /// How its output is read; what several find is put together.
    pub parsers: Vec<parser::Parser>,
    /// Patterns of lines, of either stream, that say that the program could not do its work, whatever its exit code.
    pub broken: Vec<String>,
    /// One that needs no program.
    pub check: Option<Check>,
    /// Category of its findings.
    pub category: String,
    /// Patterns of codes that are of another category; the first that fits counts.
    pub categories: Vec<(String, String)>,
    /// Severity of findings that carry none.
    pub severity: crate::base::finding::FindingSeverity,
    /// What the program's own words for a severity mean, in small letters.
    pub severities: BTreeMap<String, crate::base::finding::FindingSeverity>,
    /// Mechanical fixes, in order.
    pub fix: Vec<Command>,
    /// Where it was declared among all rules: the order of mechanical fixes.
    pub place: u32,
    /// Configuration files, looked for from each file's folder up to the root.
    pub inputs: Vec<String>,
    /// Only the named files are keyed, not the whole tree.
    pub reads_files_only: bool,
    /// What is done where its program is not there.
    pub missing: Missing,
    /// `use` names it.
    pub used: bool,
    /// Looked over where nobody names rules: it is used or not optional, and the project's `skip-rules` does not name it.
    pub looked_over: bool,
    /// Files are judged one by one, so that what is known of one does not depend on the others.
    pub each_file: bool,
    /// The lines of what it finds are not shown: they may hold a secret.
    pub hide_source: bool,
    /// When it is taken for hung, and how it says that its quota is used up.
    pub patience: program::Patience,
    /// How its version is asked.
    pub version: Option<Command>,
    /// `["pip", "ruff==…"]`; how it is had.
    pub install: Vec<String>,
    /// Wall time in milliseconds.
    pub timeout_ms: Option<u64>,
}

/// What is done where a rule's program is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Missing {
    /// The rule fails.
    Fail,
    /// The rule is left out, with a note.
    Skip,
    /// It is installed into `.pl/tools`.
    Install,
}

/// Which files a rule looks over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LooksIn {
    /// Those in the workstream's scope.
    Scope,
    /// Those that the workstream changed or added.
    Changed,
    /// All of the tree.
    All,
}

/// A check that needs no program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// Names that do not work everywhere.
    Paths,
    /// Markers that an unfinished merge left.
    ConflictMarkers,
    /// Blanks at the end of lines, and how a file ends.
    Whitespace,
    /// JSON that can be read.
    Json,
    /// YAML that can be read.
    Yaml,
}

impl Check {
    /// Raised when a check finds something else in the same file: part of a lint's key.
    pub const VERSION: &'static str = "pl 1";
}

/// What kind of program does an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ToolKind {
    /// A coding agent.
    Ai,
    /// Any command.
    Exec,
    /// A person.
    Manual,
    /// Recorded edits.
    Replay,
}

/// What an edit's tool looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Observes {
    /// All of the tree.
    Tree,
    /// Blobs in scope and declared context.
    Scope,
}

/// A program that does a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: ToolName,
    /// One line for people.
    pub about: Option<String>,
    /// What kind it is.
    pub kind: ToolKind,
    /// Capabilities.
    pub can: Vec<String>,
    /// Pool whose places it takes.
    pub pool: Option<String>,
    /// Wall time in milliseconds.
    pub timeout_ms: Option<u64>,
    /// What one start costs where it does not tell, in millionths.
    pub cost_micros: Option<u64>,
    /// When it is taken for hung, and how it says that its quota is used up.
    pub patience: program::Patience,
    /// What runs; `manual` and `replay` have none.
    pub command: Option<Command>,
    /// How its version is asked.
    pub version: Option<Command>,
    /// Variables passed and never stored.
    pub secrets: Vec<String>,
    /// What it looks at.
    pub observes: Observes,
    /// Asked once for the whole workstream instead of once an instruction.
    pub per_workstream: bool,
    /// What happens when what it observes changed.
    pub on_base_change: OnBaseChange,
    /// Folder of recorded edits, relative to the project's root.
    pub recordings: String,
    /// Its environment.
    pub environment: Environment,
}
