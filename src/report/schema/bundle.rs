//! The JSON that people and generators write: bundles and task files.
//!
//! Only for the schemas: `syntax` reads these files with places and better messages, and its tests hold the two
//! together. Unknown properties are refused.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// One bundle, or an array of them.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum BundleFile {
    /// One workstream.
    One(Box<Bundle>),
    /// Several.
    Several(Vec<Bundle>),
}

/// A workstream.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// Its id.
    #[schemars(regex(pattern = "^ws-[a-z0-9-]+$"))]
    pub id: String,
    /// The change that it belongs to.
    #[schemars(length(min = 1))]
    pub openspec_change: String,
    /// The issue that it belongs to.
    pub ccpm_issue: Issue,
    /// Its phase.
    #[schemars(range(min = 1))]
    pub gate: u32,
    /// Paths it may change, delete or add: files, `folders/`, patterns.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub files_scope: Vec<String>,
    /// Paths it may add.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub files_create: Vec<String>,
    /// Instructions, done in this order.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub tasks: Vec<String>,
    /// The tool, or a capability that is routed to tools.
    #[schemars(length(min = 1))]
    pub tool: String,
    /// Shell commands that must all be green, in this order.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub acceptance_tests: Vec<String>,
    /// Workstreams that come first: ids, or prefixes of ids that end at a `-`.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub depends_on: Vec<String>,
    /// Limits of its fix loop.
    pub circuit_breaker: Option<CircuitBreaker>,
    /// Whatever its author wants to keep with it.
    #[serde(default)]
    pub metadata: BTreeMap<String, serde_json::Value>,
}

/// The number or name of an issue.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Issue {
    /// `42`.
    Number(u64),
    /// `"PL-42"`.
    Name(String),
}

/// Limits of a fix loop.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CircuitBreaker {
    /// Attempts a step.
    #[schemars(range(min = 1))]
    pub max_attempts: Option<u32>,
    /// Repeats of one error.
    pub max_error_repeats: Option<u32>,
    /// Comings back of one tree.
    pub oscillation_threshold: Option<u32>,
}

/// Tasks that a generator wrote.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskFile {
    /// In any order; `depends_on` tells what comes first.
    pub tasks: Vec<TaskEntry>,
}

/// One task: with `run`, with `shell`, or with neither (a group).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("not" = { "required": ["run", "shell"] }))]
pub struct TaskEntry {
    /// Its name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// A program and its arguments.
    #[schemars(length(min = 1))]
    pub run: Option<Vec<String>>,
    /// Text for `sh -c`.
    #[schemars(length(min = 1))]
    pub shell: Option<String>,
    /// What it reads: paths and patterns.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub inputs: Vec<String>,
    /// What it makes: files, and folders with a `/` at the end.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub outputs: Vec<String>,
    /// Where its command writes what it read, as make and ninja understand it; `{out}` is its first output.
    #[schemars(length(min = 1))]
    pub depfile: Option<String>,
    /// Tasks that come first.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub depends_on: Vec<String>,
    /// Variables that are set.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Its working folder, below the project's root.
    pub dir: Option<String>,
    /// The pool whose places it takes.
    pub pool: Option<String>,
    /// Whether its command shares places with `pl`; left out, make, cargo and ninja do.
    pub jobserver: Option<bool>,
    /// Wall time: `500ms`, `30s`, `10m`, `2h`.
    #[schemars(regex(pattern = "^[0-9]+(ms|s|m|h)$"))]
    pub timeout: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{BundleFile, TaskFile};

    #[test]
    fn unknown_properties_are_refused() {
        let task = r#"{"tasks": [{"name": "a", "run": ["b"], "oops": 1}]}"#;
        assert!(serde_json::from_str::<TaskFile>(task).is_err());
        let bundle = r#"{"id": "ws-1", "openspec_change": "c", "ccpm_issue": 1, "gate": 1, "files_scope": ["a"],
            "tasks": ["do"], "tool": "replay"}"#;
        assert!(serde_json::from_str::<BundleFile>(bundle).is_ok());
        assert!(serde_json::from_str::<BundleFile>(&bundle.replace("\"gate\"", "\"gait\"")).is_err());
    }
}
