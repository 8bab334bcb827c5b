//! What a build comes to: the object that `pl build --json` prints.
//!
//! Plain data; the field names are a promise (see schema/build.json).

pub mod attempt;
pub mod lint;

use serde::{Deserialize, Serialize};

use crate::base::failure::Failure;
use crate::base::finding::Finding;

/// The whole of a build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct BuildSummary {
    /// `null` when nothing was to be done: such a build makes no run.
    pub run_id: Option<String>,
    /// `completed partial failed interrupted`.
    pub status: String,
    /// The workstreams asked for and those they need.
    pub workstreams: Vec<WorkstreamSummary>,
    /// The tasks asked for and those they need.
    pub tasks: Vec<StepSummary>,
    /// Steps for which something ran.
    pub steps_run: usize,
    /// Steps for which a record held.
    pub steps_fresh: usize,
    /// Wall time.
    pub duration_ms: u64,
    /// Whether exactly what was planned ran.
    pub plan_matched: bool,
    /// What the build could not have been shorter than: the workstreams and tasks, each waiting for the one before, that took
    /// longest together. Empty where nothing ran.
    pub critical_path: Vec<PathPart>,
}

/// A workstream or task on the critical path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PathPart {
    /// Its id or name.
    pub name: String,
    /// Wall time of its steps.
    pub duration_ms: u64,
}

/// One workstream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkstreamSummary {
    /// Its id.
    pub id: String,
    /// `done fresh landed failed blocked waiting interrupted`.
    pub status: String,
    /// Why it is not done, or why it ran.
    pub reason: Option<String>,
    /// Whose fault it is that it is not done: the class of the failure, or `budget` where time or cost ended its fix loop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// The result commit.
    pub commit: Option<String>,
    /// The courtesy branch, if it names the commit.
    pub branch: Option<String>,
    /// Its worktree, while it exists.
    pub worktree: Option<String>,
    /// Its steps.
    pub steps: Vec<StepSummary>,
    /// What it touched.
    pub scope: ScopeSummary,
    /// Wall time of its steps.
    pub duration_ms: u64,
}

/// What a fix loop did, as it was noted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LoopHistory {
    /// The run that went on with it last.
    pub run_id: String,
    /// In order; the first are the edits.
    pub attempts: Vec<LoopAttempt>,
    /// Why it was given up, where it was.
    pub end: Option<LoopEnd>,
}

/// One attempt: the edits, or a fix.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LoopAttempt {
    /// From 1.
    pub number: u32,
    /// The step.
    pub step: String,
    /// Who: a tool, or `RULE (mechanical)`.
    pub tool: String,
    /// `taken`, or why nothing of it was.
    pub outcome: String,
    /// Wall time.
    pub duration_ms: u64,
    /// What the tool says it cost, in millionths; where it says nothing, what its definition says.
    pub cost_micros: u64,
    /// Neither says.
    #[serde(default)]
    pub cost_unknown: bool,
    /// Paths that it changed.
    pub files: Vec<String>,
    /// What was wrong before it.
    pub findings_before: Option<usize>,
    /// What is wrong after it; unknown where it was not verified.
    pub findings_after: Option<usize>,
    /// Rules and tests that are red after it.
    pub red: Vec<String>,
    /// The tree that it left.
    pub tree: String,
}

/// Why a fix loop was given up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LoopEnd {
    /// `exhausted attempts repeats oscillation time cost`.
    pub cause: String,
    /// One sentence.
    pub message: String,
    /// What it is seen by.
    pub evidence: Vec<String>,
    /// What to do.
    pub help: String,
    /// The folder with all attempts.
    pub quarantine: String,
}

/// Which paths a workstream touched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ScopeSummary {
    /// In scope: changed or deleted.
    pub changed: Vec<String>,
    /// In scope: added.
    pub created: Vec<String>,
    /// Out of scope; put back.
    pub out_of_scope: Vec<String>,
}

/// How a step ended; every planned step ends in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepStatus {
    /// A record held; nothing ran.
    Fresh,
    /// It ran and is good.
    Done,
    /// It ran (or a record says so) and is not good.
    Failed,
    /// A step above it failed.
    Blocked,
    /// Nothing to do: a rule without a program, a rule that nothing touched.
    Skipped,
    /// It waits for a person.
    Waiting,
    /// The run was interrupted before or while it ran.
    Interrupted,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct StepSummary {
    /// Its name.
    pub name: String,
    /// `task setup base edit lint test result`.
    pub kind: String,
    /// How it ended.
    pub status: StepStatus,
    /// `fresh stale unsettled`, as judged when it was ready.
    pub verdict: String,
    /// Why.
    pub reason: Option<String>,
    /// Programs started for it.
    pub attempts: u32,
    /// Wall time.
    pub duration_ms: u64,
    /// What was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// What `pl check --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckReport {
    /// No errors in the definitions.
    pub ok: bool,
    /// Workstreams read.
    pub bundles_checked: usize,
    /// What is wrong, warnings included.
    pub errors: Vec<CheckError>,
    /// The steps of the targets, dependencies first.
    pub steps: Vec<PlannedStep>,
    /// Steps that are stale or unsettled.
    pub would_run: usize,
}

/// One diagnostic for a program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CheckError {
    /// `schema dependency cycle overlap config unexpected`.
    #[serde(rename = "type")]
    pub class: String,
    /// The diagnostic's code.
    pub code: String,
    /// `error warning note`.
    pub severity: String,
    /// One sentence.
    pub message: String,
    /// The file.
    pub file: Option<String>,
    /// From 1.
    pub line: Option<usize>,
    /// From 1.
    pub column: Option<usize>,
    /// The workstream, task or rule.
    pub id: Option<String>,
    /// Further places, `file:line:column: text`.
    pub details: Vec<String>,
    /// What to do.
    pub help: Option<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PlannedStep {
    /// Its name.
    pub name: String,
    /// `task setup base edit lint test result`.
    pub kind: String,
    /// Its workstream.
    pub workstream: Option<String>,
    /// `fresh stale unsettled`.
    pub verdict: String,
    /// Why.
    pub reason: Option<String>,
    /// Which tool or program.
    pub tool: Option<String>,
    /// The last outcome was red (a fresh red step stays failed).
    #[serde(default)]
    pub red: bool,
    /// Names of the steps it waits for.
    #[serde(default)]
    pub depends_on: Vec<String>,
}
