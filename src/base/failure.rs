//! Why a step did not succeed, as people are told it.
//!
//! Plain data; does not know how the step was run.

use serde::{Deserialize, Serialize};

use crate::base::finding::Finding;

/// What went wrong with a step, for people: never just a word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Failure {
    /// `agent red-base flaky environment quota hang timeout crash infrastructure task`; `quarantined` of a loop that was given up.
    pub class: String,
    /// One sentence.
    pub message: String,
    /// What to type or change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// `cd … && …`: how to stand where it stood.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
    /// Where the whole output is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
    /// The output's end, as much as is shown.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
    /// What was found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<Finding>,
}
