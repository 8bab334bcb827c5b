//! What `pl lint` came to.

use serde::{Deserialize, Serialize};

use crate::base::finding::Finding;

/// The object that `pl lint --json` prints.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LintSummary {
    /// No finding fails, and no rule failed.
    pub ok: bool,
    /// Files that were asked for.
    pub files: usize,
    /// By path and place.
    pub findings: Vec<Finding>,
    /// How many of them fail by the project's policy.
    pub failing: usize,
    /// In order of their names.
    pub rules: Vec<LintRule>,
    /// Files that `--fix` changed.
    pub fixed: Vec<String>,
    /// What else a person should know.
    pub notes: Vec<String>,
    /// Wall time.
    pub duration_ms: u64,
}

/// What one rule came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LintRule {
    /// Its name.
    pub name: String,
    /// What it came to.
    pub status: LintStatus,
    /// Files that it looks over, of those asked for.
    pub files: usize,
    /// Files that it judged now; of the others it was known.
    pub judged: usize,
    /// Why it failed or was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// What its program said, where it failed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// What a rule came to.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LintStatus {
    /// No findings.
    #[default]
    Clean,
    /// Findings.
    Findings,
    /// Its program could not do its work: nothing is known.
    Failed,
    /// Its program is not there, and that fails.
    Missing,
    /// Its program is not there, and the rule says to leave it out then.
    Skipped,
}
