//! What can be written in a definition file, with the place of everything: the output of `syntax`.
//!
//! Knows neither other files nor whether a name exists; `analysis` resolves and checks.

pub mod table;

use std::collections::BTreeMap;

use ecow::EcoString;

use self::table::TaskTable;
use crate::base::span::{Span, Spanned};

/// Text with its place.
pub type Text = Spanned<EcoString>;

/// All that one file (or, merged, all files) defines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definitions {
    /// It came with the binary: what a project defines replaces it by name. Set by whoever reads the files.
    pub shipped: bool,
    /// `default "ci"`: targets of a plain `pl build`.
    pub default: Vec<Text>,
    /// `repository "…" { … }`.
    pub repository: Vec<RepositoryDefinition>,
    /// `override { tool "replay" }`.
    pub override_tool: Option<Text>,
    /// `defaults { … }`.
    pub defaults: DefaultsDefinition,
    /// `let { name "value" }`.
    pub variables: Vec<(Text, Text)>,
    /// `env { NAME "value"; pass "CARGO_*" }`.
    pub environment: EnvironmentDefinition,
    /// `pools { ai 2 }`.
    pub pools: Vec<(Text, Spanned<u32>)>,
    /// `include "gen/*.json"`.
    pub includes: Vec<Text>,
    /// `gates "ordered"`.
    pub gates: Option<Text>,
    /// `keep "target/"`: folders that may persist in worktrees.
    pub keep: Vec<Text>,
    /// `memory "4GiB"`: what programs may take together.
    pub memory: Option<Text>,
    /// Paths that every workstream's tests pin.
    pub pins: Vec<Text>,
    /// `strict` as a top-level field: a test that dirties its tree fails.
    pub strict: Option<Spanned<bool>>,
    /// `fail-on severity="warning"`.
    pub fail_on: Vec<FailOnDefinition>,
    /// `allow-overlap "ws-a" "ws-b" reason="…"`.
    pub allow_overlaps: Vec<AllowOverlap>,
    /// `setup "python" { … }`.
    pub setups: Vec<SetupDefinition>,
    /// `task "test" { … }`, and the tasks of a JSON task file in which something is wrong.
    pub tasks: Vec<TaskDefinition>,
    /// The tasks of a JSON task file in which nothing is wrong.
    pub task_table: TaskTable,
    /// `workstream "…" { … }` and JSON bundles.
    pub workstreams: Vec<WorkstreamDefinition>,
    /// `rule "ruff" { … }`.
    pub rules: Vec<RuleDefinition>,
    /// `tool "aider" { … }`.
    pub tools: Vec<ToolDefinition>,
    /// `route "edit" "claude" "aider"`.
    pub routes: Vec<RouteDefinition>,
    /// `use "ruff" "mypy"`: optional rules that are looked over.
    pub used_rules: Vec<Text>,
    /// `skip-rules "python-syntax"`: rules that are looked over nowhere.
    pub skipped_rules: Vec<Text>,
}

/// `repository "../legacy" { base "main"; seed "tests/fixtures/legacy" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryDefinition {
    /// The folder, relative to the Pipelinefile.
    pub path: Text,
    /// Branch or revision that workstreams start from.
    pub base: Option<Text>,
    /// Folder that the repository is made from when it is not there.
    pub seed: Option<Text>,
    /// The whole node.
    pub span: Span,
}

/// `defaults { tool "edit"; timeout "10m"; breaker { … } }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DefaultsDefinition {
    /// Tool or capability of workstreams that name none.
    pub tool: Option<Text>,
    /// Wall time of a step.
    pub timeout: Option<Text>,
    /// `prove` of tests that say none.
    pub prove: Option<Text>,
    /// `skip`, `fail` or `install`: what is done where a rule's program is not there.
    pub missing: Option<Text>,
    /// Limits of the fix loop.
    pub breaker: BreakerDefinition,
}

/// `breaker { max-attempts 5; max-error-repeats 2; oscillation-threshold 2 }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BreakerDefinition {
    /// At least 1.
    pub max_attempts: Option<Spanned<u32>>,
    /// At least 0.
    pub max_fixes: Option<Spanned<u32>>,
    /// At least 0.
    pub max_error_repeats: Option<Spanned<u32>>,
    /// At least 0.
    pub oscillation_threshold: Option<Spanned<u32>>,
    /// At least 1.
    pub oscillation_window: Option<Spanned<u32>>,
    /// A duration.
    pub max_time: Option<Text>,
    /// A decimal number.
    pub max_cost: Option<Text>,
    /// Over the others where a rule is red.
    pub lint: Option<Box<BreakerDefinition>>,
    /// Over the others where a test is red.
    pub test: Option<Box<BreakerDefinition>>,
}

impl BreakerDefinition {
    /// These limits, and `other`'s where they say nothing.
    pub fn or(self, other: &Self) -> Self {
        let nested = |own: Option<Box<Self>>, other: &Option<Box<Self>>| match (own, other) {
            (Some(own), Some(other)) => Some(Box::new(own.or(other))),
            (own, other) => own.or_else(|| other.clone()),
        };
        Self {
            max_attempts: self.max_attempts.or_else(|| other.max_attempts.clone()),
            max_fixes: self.max_fixes.or_else(|| other.max_fixes.clone()),
            max_error_repeats: self.max_error_repeats.or_else(|| other.max_error_repeats.clone()),
            oscillation_threshold: self.oscillation_threshold.or_else(|| other.oscillation_threshold.clone()),
            oscillation_window: self.oscillation_window.or_else(|| other.oscillation_window.clone()),
            max_time: self.max_time.or_else(|| other.max_time.clone()),
            max_cost: self.max_cost.or_else(|| other.max_cost.clone()),
            lint: nested(self.lint, &other.lint),
            test: nested(self.test, &other.test),
        }
    }
}

/// `fail-on severity="warning" category="style" code="E1" rule="ruff"`: all that is said must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailOnDefinition {
    /// This grave, or graver.
    pub severity: Option<Text>,
    /// Of this category.
    pub category: Option<Text>,
    /// With this code.
    pub code: Option<Text>,
    /// Of this rule.
    pub rule: Option<Text>,
}

/// `env { … }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EnvironmentDefinition {
    /// Variables that are set.
    pub set: Vec<(Text, Text)>,
    /// Names or patterns of variables that are let through.
    pub pass: Vec<Text>,
}

/// `allow-overlap "ws-a" "ws-b" reason="…"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllowOverlap {
    /// One workstream.
    pub left: Text,
    /// The other.
    pub right: Text,
    /// Why it is right.
    pub reason: Option<Text>,
}

/// argv, or text for a shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandDefinition {
    /// `run "cargo" "test"`.
    Run(Vec<Text>),
    /// `shell "a && b"`.
    Shell(Text),
}

/// `setup "python" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupDefinition {
    /// Its name.
    pub name: Text,
    /// How it is made.
    pub command: Option<CommandDefinition>,
    /// Files of the tree that it reads.
    pub inputs: Vec<Text>,
    /// Folders put in front of PATH.
    pub bin: Vec<Text>,
    /// `per="worktree"`.
    pub per: Option<Text>,
    /// Wall time.
    pub timeout: Option<Text>,
    /// Own environment.
    pub environment: EnvironmentDefinition,
    /// Own variables.
    pub variables: Vec<(Text, Text)>,
    /// The whole node.
    pub span: Span,
}

/// `outputs "target/doc/" store=#false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputDefinition {
    /// File, or folder with a trailing `/`.
    pub path: Text,
    /// Whether its bytes are kept to be restored.
    pub store: bool,
}

/// `task "test" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskDefinition {
    /// Its name.
    pub name: Text,
    /// One line for people.
    pub about: Option<Text>,
    /// Tasks (or setups, `setup:NAME`) done first.
    pub depends_on: Vec<Text>,
    /// Working folder.
    pub dir: Option<Text>,
    /// What runs; none for a group.
    pub command: Option<CommandDefinition>,
    /// What is read and keyed.
    pub inputs: Vec<Text>,
    /// What is made.
    pub outputs: Vec<OutputDefinition>,
    /// `in-place`: outputs that are inputs too.
    pub in_place: bool,
    /// `depfile "{out}.d"`: where the command writes what it read, as make and ninja understand it.
    pub depfile: Option<Text>,
    /// Own environment.
    pub environment: EnvironmentDefinition,
    /// Own variables.
    pub variables: Vec<(Text, Text)>,
    /// Pool whose places it takes.
    pub pool: Option<Text>,
    /// Whether its command shares places with `pl`; none: as its program suggests.
    pub jobserver: Option<bool>,
    /// Wall time.
    pub timeout: Option<Text>,
    /// The whole node.
    pub span: Span,
}

impl TaskDefinition {
    /// A task of which nothing is said but its name.
    pub fn empty(name: Text, span: Span) -> Self {
        Self {
            name,
            about: None,
            depends_on: Vec::new(),
            dir: None,
            command: None,
            inputs: Vec::new(),
            outputs: Vec::new(),
            in_place: false,
            depfile: None,
            environment: EnvironmentDefinition::default(),
            variables: Vec::new(),
            pool: None,
            jobserver: None,
            timeout: None,
            span,
        }
    }
}

/// One acceptance test of a workstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestDefinition {
    /// What runs; a JSON bundle's strings are shell texts in which nothing is substituted.
    pub command: CommandDefinition,
    /// Whether `{name}` is substituted.
    pub substituted: bool,
    /// Declared inputs; none: the whole tree.
    pub inputs: Vec<Text>,
    /// Wall time.
    pub timeout: Option<Text>,
    /// `prove "red-first" | "shown" | "off"`.
    pub prove: Option<Text>,
    /// `flaky "allow" | "fail"`.
    pub flaky: Option<Text>,
    /// The whole node or value.
    pub span: Span,
}

/// `workstream "ws-…" { … }` or a JSON bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkstreamDefinition {
    /// Its id.
    pub id: Text,
    /// One line for people; a JSON bundle has none.
    pub title: Option<Text>,
    /// `openspec_change`.
    pub change: Option<Text>,
    /// `ccpm_issue`, a number as its text.
    pub issue: Option<Text>,
    /// Phase, at least 1.
    pub gate: Option<Spanned<u32>>,
    /// What it may change, delete or add.
    pub files_scope: Vec<Text>,
    /// What it may add.
    pub files_create: Vec<Text>,
    /// Further files that its tool observes.
    pub context: Vec<Text>,
    /// `tasks`: what is to be done.
    pub instructions: Vec<Text>,
    /// How it is accepted.
    pub acceptance_tests: Vec<TestDefinition>,
    /// Workstreams it waits for.
    pub depends_on: Vec<Text>,
    /// Tool or capability.
    pub tool: Option<Text>,
    /// Names of setups; none: all.
    pub setups: Vec<Text>,
    /// Rules that are left out for it.
    pub skip_rules: Vec<Text>,
    /// `on-base-change "carry" | "redo"`.
    pub on_base_change: Option<Text>,
    /// Folders that may persist.
    pub keep: Vec<Text>,
    /// Paths that its tests pin.
    pub pins: Vec<Text>,
    /// Own environment for its tests.
    pub environment: EnvironmentDefinition,
    /// Own variables (KDL only).
    pub variables: Vec<(Text, Text)>,
    /// `circuit_breaker`.
    pub breaker: BreakerDefinition,
    /// `metadata`, as JSON text; kept, never keyed.
    pub metadata: Option<String>,
    /// The whole node or object.
    pub span: Span,
}

/// `parse "json" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParserDefinition {
    /// `json`, `json-lines`, `sarif`, `junit`, `tap`, `regex`, `lines` or `exit-code`.
    pub kind: Text,
    /// `path`, `line`, …: what a finding is made of; `each`, `pattern`, `stream`, …: how it is read.
    pub fields: BTreeMap<String, Text>,
    /// `where "type" "typo"`: only elements in which a path has one of these values.
    pub only: Vec<Vec<Text>>,
    /// The whole node.
    pub span: Span,
}

/// `rule "ruff" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDefinition {
    /// Its name.
    pub name: Text,
    /// One line for people.
    pub about: Option<Text>,
    /// Patterns of the files that it looks over.
    pub files: Vec<Text>,
    /// `in="scope" | "changed" | "all"`.
    pub looks_in: Option<Text>,
    /// What runs.
    pub command: Option<CommandDefinition>,
    /// `exit { clean 0; findings 1 }`.
    pub exit_clean: Vec<Spanned<i32>>,
    /// See `exit_clean`.
    pub exit_findings: Vec<Spanned<i32>>,
    /// How its output is read; what several find is put together.
    pub parsers: Vec<ParserDefinition>,
    /// `category "style"`, and `category "syntax" "^E9"` for codes that a pattern names.
    pub categories: Vec<Vec<Text>>,
    /// `severity "error"`, and `severity "info" "convention"` for words of the program.
    pub severities: Vec<Vec<Text>>,
    /// `broken "^ERROR"`: lines that say that the program could not do its work.
    pub broken: Vec<Text>,
    /// `check "whitespace"`: one that needs no program.
    pub check: Option<Text>,
    /// `optional`: only where `use` names it.
    pub optional: bool,
    /// `each-file`: files are judged one by one.
    pub each_file: bool,
    /// `hide-source`: the lines of its findings are not shown.
    pub hide_source: bool,
    /// `idle` and `quota`.
    pub patience: PatienceDefinition,
    /// `fix { run … }`, each a step of its own, in order.
    pub fix: Vec<CommandDefinition>,
    /// Configuration files that it reads, looked for from each file's folder up to the root.
    pub inputs: Vec<Text>,
    /// `reads "tree" | "files"`.
    pub reads: Option<Text>,
    /// `missing "skip" | "fail"`.
    pub missing: Option<Text>,
    /// `version { run … }`.
    pub version: Option<CommandDefinition>,
    /// `install "pip" "ruff==…"`.
    pub install: Vec<Text>,
    /// Wall time.
    pub timeout: Option<Text>,
    /// The whole node.
    pub span: Span,
}

/// `idle "2m"` and `quota { exit 75; says "rate limit" }`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PatienceDefinition {
    /// Silence after which a program is taken for hung.
    pub idle: Option<Text>,
    /// Exit codes that say that a quota is used up.
    pub exit: Vec<Spanned<i32>>,
    /// Lines that say so.
    pub says: Vec<Text>,
}

/// `tool "aider" { … }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolDefinition {
    /// Its name.
    pub name: Text,
    /// One line for people.
    pub about: Option<Text>,
    /// `ai`, `exec`, `manual` or `replay`.
    pub kind: Option<Text>,
    /// Capabilities.
    pub can: Vec<Text>,
    /// Pool whose places it takes.
    pub pool: Option<Text>,
    /// Wall time.
    pub timeout: Option<Text>,
    /// What one start costs, where it does not tell.
    pub cost: Option<Text>,
    /// `idle` and `quota`.
    pub patience: PatienceDefinition,
    /// What runs.
    pub command: Option<CommandDefinition>,
    /// `version { run … }`.
    pub version: Option<CommandDefinition>,
    /// Variables passed and never stored.
    pub secrets: Vec<Text>,
    /// `observes "tree" | "scope"`.
    pub observes: Option<Text>,
    /// `per "instruction" | "workstream"`.
    pub per: Option<Text>,
    /// `on-base-change "carry" | "redo"`.
    pub on_base_change: Option<Text>,
    /// `recordings "DIR"` of a replay tool.
    pub recordings: Option<Text>,
    /// Own environment.
    pub environment: EnvironmentDefinition,
    /// Own variables.
    pub variables: Vec<(Text, Text)>,
    /// The whole node.
    pub span: Span,
}

/// `route "edit" "claude" "aider" "manual"`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteDefinition {
    /// The capability.
    pub capability: Text,
    /// Who is asked, in order.
    pub tools: Vec<Text>,
    /// The whole node.
    pub span: Span,
}
