//! What a rule's program or `pl`'s own scope check found in a tree.
//!
//! Plain data; does not know which program said it or whether it makes anything fail.

use serde::{Deserialize, Serialize};

/// How grave the program called it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FindingSeverity {
    /// Must be mended.
    Error,
    /// Should be mended.
    Warning,
    /// Good to know.
    Info,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Finding {
    /// Rule or check that found it.
    pub tool: String,
    /// The program's own code.
    pub code: Option<String>,
    /// `syntax type style formatting security test_failure scope_violation path other`.
    pub category: String,
    /// How grave.
    pub severity: FindingSeverity,
    /// Relative to the repository's root.
    pub path: Option<String>,
    /// From 1.
    pub line: Option<u32>,
    /// From 1.
    pub column: Option<u32>,
    /// What was said.
    pub message: String,
}
