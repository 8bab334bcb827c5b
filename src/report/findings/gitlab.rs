//! A Code Quality report of GitLab (its documentation, "Code Quality report format").
//!
//! A finding without a path has none to hang on there; it gets the root.

use serde_json::{Value, json};

use crate::base::finding::FindingSeverity;
use crate::report::history::FindingRow;

pub(super) fn render(findings: &[&FindingRow]) -> String {
    super::document(&Value::Array(findings.iter().map(|row| issue(row)).collect()))
}

fn issue(row: &FindingRow) -> Value {
    let finding = &row.finding;
    let severity = match finding.severity {
        FindingSeverity::Error => "major",
        FindingSeverity::Warning => "minor",
        FindingSeverity::Info => "info",
    };
    let check = match &finding.code {
        Some(code) => format!("{}/{code}", finding.tool),
        None => finding.tool.clone(),
    };
    // Two equal faults in a file are two issues: the line tells them apart.
    let fingerprint = format!("{check}:{}:{}", finding.signature, finding.line.unwrap_or(0));
    json!({
        "description": finding.message,
        "check_name": check,
        "fingerprint": fingerprint,
        "severity": severity,
        "location": {
            "path": finding.path.as_deref().unwrap_or("."),
            "lines": { "begin": finding.line.unwrap_or(1) },
        },
    })
}
