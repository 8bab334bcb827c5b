//! Findings for people (`text`), and for other programs: what a review page, a pipeline or an editor reads. One file a format.
//!
//! Knows no rule; findings come in as they are kept.

pub mod entries;
mod snippet;
pub mod text;

mod github;
mod gitlab;
mod junit;
mod markdown;
mod sarif;

use std::collections::BTreeMap;

use crate::report::history::FindingRow;

/// A form of a list of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// SARIF 2.1.0.
    Sarif,
    /// Workflow commands of GitHub Actions.
    Github,
    /// A Code Quality report of GitLab.
    Gitlab,
    /// A test report in the form of JUnit's.
    Junit,
    /// A table for a comment.
    Markdown,
}

/// The list in a format, with its last line ended.
pub fn render(format: Format, findings: &[FindingRow]) -> String {
    let findings = unique(findings);
    match format {
        Format::Sarif => sarif::render(&findings),
        Format::Github => github::render(&findings),
        Format::Gitlab => gitlab::render(&findings),
        Format::Junit => junit::render(&findings),
        Format::Markdown => markdown::render(&findings),
    }
}

/// Each finding once, though several workstreams have it, by path and place.
fn unique(findings: &[FindingRow]) -> Vec<&FindingRow> {
    let mut seen = BTreeMap::new();
    for row in findings {
        let finding = &row.finding;
        let place = (finding.path.as_deref(), finding.line, finding.column, finding.tool.as_str());
        seen.entry((place, finding.code.as_deref(), finding.message.as_str())).or_insert(row);
    }
    seen.into_values().collect()
}

/// Findings by the rule that found them.
fn by_tool<'a>(findings: &[&'a FindingRow]) -> BTreeMap<&'a str, Vec<&'a FindingRow>> {
    let mut tools: BTreeMap<&str, Vec<&FindingRow>> = BTreeMap::new();
    for row in findings {
        tools.entry(row.finding.tool.as_str()).or_default().push(row);
    }
    tools
}

/// A JSON document with its last line ended.
fn document(value: &serde_json::Value) -> String {
    let text = serde_json::to_string_pretty(value).expect("BUG: a report is JSON");
    format!("{text}\n")
}

#[cfg(test)]
mod tests {
    use super::{Format, render};
    use crate::base::finding::{Finding, FindingSeverity};
    use crate::report::history::FindingRow;

    fn rows() -> Vec<FindingRow> {
        let finding = Finding {
            tool: "ruff".into(),
            code: Some("F401".into()),
            category: "style".into(),
            severity: FindingSeverity::Warning,
            path: Some("src/a,b.py".into()),
            line: Some(3),
            column: Some(8),
            end_line: Some(3),
            end_column: Some(11),
            message: "`sys` <imported>\nbut | unused: 100%".into(),
            signature: "abc".into(),
            help_url: Some("https://example.org/F401".into()),
            fixable: true,
            source: Some("import os, sys".into()),
            source_column: None,
        };
        let whole = Finding { tool: "tests".into(), message: "it broke".into(), ..Finding::default() };
        let row = |step: &str, finding: &Finding| FindingRow {
            step: step.into(),
            finding: finding.clone(),
            ..FindingRow::default()
        };
        vec![row("ws-1/ruff", &finding), row("ws-2/ruff", &finding), row("ws-1/tests", &whole)]
    }

    #[test]
    fn commands_of_a_workflow_are_escaped() {
        let expected = "::error title=tests::it broke\n\
            ::warning title=ruff F401,file=src/a%2Cb.py,line=3,col=8,endLine=3,endColumn=11::\
            `sys` <imported>%0Abut | unused: 100%25\n";
        assert_eq!(render(Format::Github, &rows()), expected);
    }

    #[test]
    fn documents_hold_each_finding_once() {
        let sarif: serde_json::Value = serde_json::from_str(&render(Format::Sarif, &rows())).unwrap();
        assert_eq!(sarif["version"], "2.1.0");
        assert_eq!(sarif["runs"].as_array().unwrap().len(), 2);
        let run = &sarif["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][0]["helpUri"], "https://example.org/F401");
        assert_eq!(run["results"].as_array().unwrap().len(), 1);
        let place = &run["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(
            (&place["artifactLocation"]["uri"], &place["region"]["endColumn"]),
            (&"src/a%2Cb.py".into(), &11.into())
        );
        let gitlab: serde_json::Value = serde_json::from_str(&render(Format::Gitlab, &rows())).unwrap();
        assert_eq!(gitlab.as_array().unwrap().len(), 2);
        assert_eq!((&gitlab[1]["severity"], &gitlab[1]["location"]["lines"]["begin"]), (&"minor".into(), &3.into()));
        assert_ne!(gitlab[0]["fingerprint"], gitlab[1]["fingerprint"]);
    }

    #[test]
    fn a_test_report_is_one_that_can_be_read() {
        let text = render(Format::Junit, &rows());
        let report = roxmltree::Document::parse(&text).unwrap();
        let failures: Vec<_> = report.descendants().filter(|node| node.has_tag_name("failure")).collect();
        assert_eq!(failures.len(), 2);
        assert_eq!(failures[0].attribute("message"), Some("`sys` <imported> but | unused: 100%"));
        assert_eq!(failures[0].parent().unwrap().attribute("file"), Some("src/a,b.py"));
        assert!(render(Format::Junit, &[]).contains("tests=\"0\""));
    }

    #[test]
    fn a_table_is_not_broken_by_a_message() {
        let expected = "**2 findings**: 1 error, 1 warning\n\n\
            | place | severity | rule | message |\n|---|---|---|---|\n\
            |  | error | tests | it broke |\n\
            | `src/a,b.py:3:8` | warning | ruff [F401](https://example.org/F401) | `sys` &lt;imported> but \\| unused: 100% |\n";
        assert_eq!(render(Format::Markdown, &rows()), expected);
        assert_eq!(render(Format::Markdown, &[]), "No findings.\n");
    }
}
