//! What one attempt came to, in the fields that reviewers and dashboards know from the older system's error report.
//!
//! Plain data, counted here so that the bundle in quarantine and `pl show --attempt` cannot disagree.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::base::failure::Failure;
use crate::base::finding::{Finding, FindingSeverity};
use crate::summary::LoopAttempt;

/// The category of an issue that stands for a failed test.
const TEST_FAILURE: &str = "test_failure";

/// One attempt with what was wrong after it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AttemptReport {
    /// From 1; the first are the edits.
    pub attempt_number: u32,
    /// Who: a tool, or `RULE (mechanical)`.
    pub ai_agent: String,
    /// The run that went on with it last.
    pub run_id: String,
    /// The workstream.
    pub workstream_id: String,
    /// What is wrong after it; a test that says no more is an issue of category `test_failure`.
    pub issues: Vec<Finding>,
    /// The files that it changed, before and after.
    pub outputs: Vec<AttemptOutput>,
    /// The issues, counted.
    pub summary: IssueSummary,
    /// The row of `pl show`.
    pub attempt: LoopAttempt,
    /// Rules and tests that are red after it, and why.
    pub red: Vec<RedStep>,
}

/// A file that an attempt changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AttemptOutput {
    /// Relative to the repository's root.
    pub path: String,
    /// The blob before it; none where it was added. `git cat-file -p` shows it.
    pub input: Option<String>,
    /// The blob after it; none where it was deleted.
    pub output: Option<String>,
}

/// A rule or test that is red.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RedStep {
    /// The step.
    pub step: String,
    /// Why.
    pub failure: Failure,
}

impl RedStep {
    /// Its part of the name: `ruff`, `test.2`.
    pub fn part(&self) -> &str {
        self.step.split_once('/').map_or(&self.step, |(_, part)| part)
    }

    fn is_test(&self) -> bool {
        self.part().starts_with("test.")
    }

    /// What it found, or itself where it named nothing.
    fn issues(&self) -> Vec<Finding> {
        if !self.failure.findings.is_empty() {
            return self.failure.findings.clone();
        }
        let category = if self.is_test() { TEST_FAILURE } else { "other" };
        let (tool, category, message) = (self.part().to_owned(), category.to_owned(), self.failure.message.clone());
        vec![Finding { tool, category, message, ..Finding::default() }]
    }
}

/// Issues, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct IssueSummary {
    /// All.
    pub total_issues: usize,
    /// By rule or test.
    pub issues_by_tool: BTreeMap<String, usize>,
    /// By category.
    pub issues_by_category: BTreeMap<String, usize>,
    /// Some issue is of syntax or types, or a failed test.
    pub has_hard_fail: bool,
    /// No hard fail, and every issue is of style or formatting; also where there is none.
    pub style_only: bool,
    /// Of severity `error`.
    pub total_errors: usize,
    /// Of severity `warning`.
    pub total_warnings: usize,
}

impl AttemptReport {
    /// The report of an attempt.
    pub fn of(run: &str, ws: &str, attempt: LoopAttempt, outputs: Vec<AttemptOutput>, red: Vec<RedStep>) -> Self {
        let issues: Vec<Finding> = red.iter().flat_map(RedStep::issues).collect();
        Self {
            attempt_number: attempt.number,
            ai_agent: attempt.tool.clone(),
            run_id: run.to_owned(),
            workstream_id: ws.to_owned(),
            summary: IssueSummary::of(&issues),
            issues,
            outputs,
            attempt,
            red,
        }
    }
}

impl IssueSummary {
    /// Counts issues.
    pub fn of(issues: &[Finding]) -> Self {
        let by = |word: fn(&Finding) -> &String| {
            let mut counts = BTreeMap::new();
            issues.iter().for_each(|issue| *counts.entry(word(issue).clone()).or_default() += 1);
            counts
        };
        let of = |severity| issues.iter().filter(|issue| issue.severity == severity).count();
        let is_hard = |issue: &Finding| matches!(issue.category.as_str(), "syntax" | "type" | TEST_FAILURE);
        let is_style = |issue: &Finding| matches!(issue.category.as_str(), "style" | "formatting");
        Self {
            total_issues: issues.len(),
            issues_by_tool: by(|issue| &issue.tool),
            issues_by_category: by(|issue| &issue.category),
            has_hard_fail: issues.iter().any(is_hard),
            style_only: issues.iter().all(is_style),
            total_errors: of(FindingSeverity::Error),
            total_warnings: of(FindingSeverity::Warning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AttemptReport, RedStep};
    use crate::base::failure::Failure;
    use crate::base::finding::{Finding, FindingSeverity};
    use crate::summary::LoopAttempt;

    fn report(red: &[(&str, &[(&str, FindingSeverity)])]) -> AttemptReport {
        let finding = |tool: &str, (category, severity): &(&str, FindingSeverity)| Finding {
            tool: tool.into(),
            category: (*category).into(),
            severity: *severity,
            ..Finding::default()
        };
        let step = |(tool, findings): &(&str, &[(&str, FindingSeverity)])| RedStep {
            step: format!("ws-1/{tool}"),
            failure: Failure {
                findings: findings.iter().map(|one| finding(tool, one)).collect(),
                ..Failure::default()
            },
        };
        let red = red.iter().map(step).collect();
        AttemptReport::of("r", "ws-1", LoopAttempt { number: 2, ..LoopAttempt::default() }, Vec::new(), red)
    }

    #[test]
    fn issues_are_counted_as_the_older_report_did() {
        use FindingSeverity::{Error, Info, Warning};
        let none = report(&[]).summary;
        assert!(none.style_only && !none.has_hard_fail && none.total_issues == 0);
        let style = report(&[("ruff", &[("style", Error), ("formatting", Warning), ("style", Info)])]).summary;
        assert!(style.style_only && !style.has_hard_fail);
        assert_eq!((style.total_issues, style.total_errors, style.total_warnings), (3, 1, 1));
        assert_eq!(style.issues_by_category["style"], 2);
        let security = report(&[("bandit", &[("security", Warning)]), ("ruff", &[("style", Error)])]).summary;
        assert!(!security.style_only && !security.has_hard_fail);
        assert!(report(&[("mypy", &[("type", Error)])]).summary.has_hard_fail);
        let test = report(&[("test.1", &[])]);
        assert!(test.summary.has_hard_fail && !test.summary.style_only);
        assert_eq!((test.issues[0].tool.as_str(), test.issues[0].category.as_str()), ("test.1", "test_failure"));
    }
}
