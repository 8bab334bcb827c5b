//! The graph as one JSON object; its shape is a promise (schema/graph.schema.json).

use serde::{Deserialize, Serialize};

use crate::summary::PlannedStep;

/// What `pl graph --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GraphReport {
    /// Dependencies first.
    pub steps: Vec<GraphStep>,
}

/// One step and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GraphStep {
    /// Its name.
    pub name: String,
    /// `task setup base edit lint test result`.
    pub kind: String,
    /// Its workstream.
    pub workstream: Option<String>,
    /// Names of the steps it waits for.
    pub depends_on: Vec<String>,
    /// `fresh stale unsettled`.
    pub verdict: String,
}

/// The object for a plan.
pub fn report(steps: &[PlannedStep]) -> GraphReport {
    let steps = steps.iter().map(|step| GraphStep {
        name: step.name.clone(),
        kind: step.kind.clone(),
        workstream: step.workstream.clone(),
        depends_on: step.depends_on.clone(),
        verdict: step.verdict.clone(),
    });
    GraphReport { steps: steps.collect() }
}
