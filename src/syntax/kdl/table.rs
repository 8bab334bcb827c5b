//! Which nodes stand where, and what each may hold: the grammar of definitions as data.
//!
//! Knows spelling and shape; what a node becomes is `lower`'s work.

/// What a node may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One text.
    One,
    /// Several texts, the field again, or `- "…"` children.
    Many,
    /// One whole number.
    Number,
    /// Several whole numbers.
    Numbers,
    /// Nothing, `#true` or `#false`.
    Flag,
    /// The arguments of a program.
    Argv,
    /// One text for a shell.
    Shell,
    /// As `Argv`, then perhaps children.
    TestArgv,
    /// As `Shell`, then perhaps children.
    TestShell,
    /// Children only.
    Block,
    /// A name, then children.
    Named,
    /// A name, then perhaps children.
    NamedAlone,
}

/// One field or node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Field {
    /// Its spelling.
    pub(super) name: &'static str,
    pub(super) shape: Shape,
    /// Whether it may stand several times.
    pub(super) repeats: bool,
    /// `key=value` it takes.
    pub(super) properties: &'static [&'static str],
}

const fn once(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, repeats: false, properties: &[] }
}

const fn often(name: &'static str, shape: Shape) -> Field {
    Field { name, shape, repeats: true, properties: &[] }
}

const fn with(field: Field, properties: &'static [&'static str]) -> Field {
    Field { properties, ..field }
}

/// The nodes of a file, by which files may hold them.
pub(super) const TOP: &[Field] = &[
    often("default", Shape::Many),
    often("repository", Shape::NamedAlone),
    once("override", Shape::Block),
    once("defaults", Shape::Block),
    often("let", Shape::Block),
    often("env", Shape::Block),
    often("pools", Shape::Block),
    often("include", Shape::Many),
    once("gates", Shape::One),
    often("keep", Shape::Many),
    often("pins", Shape::Many),
    once("strict", Shape::Flag),
    with(often("fail-on", Shape::Flag), &["severity", "category", "code", "rule"]),
    once("memory", Shape::One),
    with(often("allow-overlap", Shape::Many), &["reason"]),
    with(often("setup", Shape::Named), &["per"]),
    often("task", Shape::Named),
    often("workstream", Shape::Named),
    often("rule", Shape::Named),
    often("tool", Shape::Named),
    often("route", Shape::Many),
    often("use", Shape::Many),
    often("skip-rules", Shape::Many),
];

/// Nodes of rules/*.kdl.
pub(super) const IN_RULES: &[&str] = &["rule", "tool", "route"];
/// Nodes of workstreams/*.kdl.
pub(super) const IN_WORKSTREAMS: &[&str] = &["workstream", "allow-overlap"];
/// Nodes that an included file cannot hold: they are the project's own.
pub(super) const NOT_INCLUDED: &[&str] = &[
    "default",
    "repository",
    "override",
    "defaults",
    "include",
    "gates",
    "strict",
    "fail-on",
    "memory",
    "use",
    "skip-rules",
];

/// `repository "…" { … }`.
pub(super) const REPOSITORY: &[Field] = &[once("base", Shape::One), once("seed", Shape::One)];
/// `override { … }`.
pub(super) const OVERRIDE: &[Field] = &[once("tool", Shape::One)];
/// `defaults { … }`.
pub(super) const DEFAULTS: &[Field] = &[
    once("tool", Shape::One),
    once("timeout", Shape::One),
    once("missing", Shape::One),
    once("prove", Shape::One),
    once("breaker", Shape::Block),
];
/// `breaker { … }` and `circuit-breaker { … }`.
pub(super) const BREAKER: &[Field] = &[
    once("max-attempts", Shape::Number),
    once("max-fixes", Shape::Number),
    once("max-error-repeats", Shape::Number),
    once("oscillation-threshold", Shape::Number),
    once("oscillation-window", Shape::Number),
    once("max-time", Shape::One),
    once("max-cost", Shape::One),
    once("lint", Shape::Block),
    once("test", Shape::Block),
];
/// `lint { … }` and `test { … }` inside a breaker: what may differ by what is red.
pub(super) const BREAKER_OF_KIND: &[Field] =
    &[once("max-attempts", Shape::Number), once("max-fixes", Shape::Number), once("max-error-repeats", Shape::Number)];
/// `setup "…" { … }`.
pub(super) const SETUP: &[Field] = &[
    once("run", Shape::Argv),
    once("shell", Shape::Shell),
    often("inputs", Shape::Many),
    often("bin", Shape::Many),
    once("per", Shape::One),
    once("timeout", Shape::One),
    often("env", Shape::Block),
    often("let", Shape::Block),
];
/// `task "…" { … }`.
pub(super) const TASK: &[Field] = &[
    once("about", Shape::One),
    often("depends-on", Shape::Many),
    once("dir", Shape::One),
    once("run", Shape::Argv),
    once("shell", Shape::Shell),
    often("inputs", Shape::Many),
    with(often("outputs", Shape::Many), &["store"]),
    once("in-place", Shape::Flag),
    once("depfile", Shape::One),
    often("env", Shape::Block),
    often("let", Shape::Block),
    once("pool", Shape::One),
    once("jobserver", Shape::Flag),
    once("timeout", Shape::One),
];
/// `workstream "…" { … }`.
pub(super) const WORKSTREAM: &[Field] = &[
    once("title", Shape::One),
    once("openspec-change", Shape::One),
    once("ccpm-issue", Shape::One),
    once("gate", Shape::Number),
    often("files-scope", Shape::Many),
    often("files-create", Shape::Many),
    often("context", Shape::Many),
    often("tasks", Shape::Many),
    often("acceptance-tests", Shape::Block),
    often("depends-on", Shape::Many),
    once("tool", Shape::One),
    often("setups", Shape::Many),
    often("skip-rules", Shape::Many),
    once("on-base-change", Shape::One),
    often("keep", Shape::Many),
    often("pins", Shape::Many),
    often("env", Shape::Block),
    often("let", Shape::Block),
    once("circuit-breaker", Shape::Block),
    once("metadata", Shape::Block),
];
/// `acceptance-tests { … }`.
pub(super) const TESTS: &[Field] = &[often("run", Shape::TestArgv), often("shell", Shape::TestShell)];
/// `run … { … }` inside `acceptance-tests`.
pub(super) const TEST: &[Field] =
    &[often("inputs", Shape::Many), once("timeout", Shape::One), once("prove", Shape::One), once("flaky", Shape::One)];
/// `rule "…" { … }`.
pub(super) const RULE: &[Field] = &[
    once("about", Shape::One),
    with(often("files", Shape::Many), &["in"]),
    once("run", Shape::Argv),
    once("shell", Shape::Shell),
    once("exit", Shape::Block),
    once("check", Shape::One),
    often("parse", Shape::NamedAlone),
    often("broken", Shape::Many),
    often("category", Shape::Many),
    often("severity", Shape::Many),
    often("fix", Shape::Block),
    once("optional", Shape::Flag),
    once("each-file", Shape::Flag),
    once("hide-source", Shape::Flag),
    often("inputs", Shape::Many),
    once("reads", Shape::One),
    once("missing", Shape::One),
    once("version", Shape::Block),
    often("install", Shape::Many),
    once("timeout", Shape::One),
    once("idle", Shape::One),
    once("quota", Shape::Block),
];
/// `exit { … }`.
pub(super) const EXIT: &[Field] = &[often("clean", Shape::Numbers), often("findings", Shape::Numbers)];
/// `quota { … }`.
pub(super) const QUOTA: &[Field] = &[often("exit", Shape::Numbers), often("says", Shape::Many)];
/// `parse "json" { … }`.
pub(super) const PARSER: &[Field] = &[
    once("each", Shape::One),
    often("where", Shape::Many),
    once("path", Shape::One),
    once("line", Shape::One),
    once("column", Shape::One),
    once("end-line", Shape::One),
    once("end-column", Shape::One),
    once("code", Shape::One),
    once("message", Shape::One),
    once("severity", Shape::One),
    once("help-url", Shape::One),
    once("fixable", Shape::One),
    once("line-base", Shape::One),
    once("column-base", Shape::One),
    once("column-unit", Shape::One),
    once("errors", Shape::One),
    once("blank", Shape::One),
    once("over", Shape::One),
    once("ignore", Shape::One),
    once("pattern", Shape::One),
    once("stream", Shape::One),
];
/// `fix { … }` and `version { … }`.
pub(super) const COMMAND: &[Field] = &[once("run", Shape::Argv), once("shell", Shape::Shell)];
/// `tool "…" { … }`.
pub(super) const TOOL: &[Field] = &[
    once("about", Shape::One),
    once("kind", Shape::One),
    often("can", Shape::Many),
    once("pool", Shape::One),
    once("timeout", Shape::One),
    once("cost", Shape::One),
    once("idle", Shape::One),
    once("quota", Shape::Block),
    once("run", Shape::Argv),
    once("shell", Shape::Shell),
    once("version", Shape::Block),
    often("secrets", Shape::Many),
    once("observes", Shape::One),
    once("per", Shape::One),
    once("on-base-change", Shape::One),
    once("recordings", Shape::One),
    often("env", Shape::Block),
    often("let", Shape::Block),
];

/// Words that are kept for later.
pub(super) const RESERVED: &[&str] = &["when", "env-file"];

/// A word that people write for another; asked before the nearest spelling.
pub(super) fn meant(name: &str) -> Option<&'static str> {
    Some(match name {
        "command" | "cmd" | "exec" => "run",
        "script" | "sh" => "shell",
        "deps" | "needs" | "requires" | "after" => "depends-on",
        "description" | "desc" | "help" => "about",
        "cwd" | "workdir" | "working-dir" => "dir",
        "sources" | "srcs" => "inputs",
        "generates" | "targets" => "outputs",
        "vars" | "variables" => "let",
        "environment" => "env",
        "breaker" => "circuit-breaker",
        "circuit-breaker" => "breaker",
        "instructions" | "steps" => "tasks",
        "tests" => "acceptance-tests",
        _ => return None,
    })
}
