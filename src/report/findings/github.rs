//! Workflow commands of GitHub Actions (its documentation, "Workflow commands"): annotations beside the lines.
//!
//! One line a finding; what would end a line or a property is escaped.

use crate::base::finding::FindingSeverity;
use crate::report::history::FindingRow;

pub(super) fn render(findings: &[&FindingRow]) -> String {
    findings.iter().map(|row| line(row)).collect()
}

fn line(row: &FindingRow) -> String {
    let finding = &row.finding;
    let word = match finding.severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "notice",
    };
    let title = match &finding.code {
        Some(code) => format!("{} {code}", finding.tool),
        None => finding.tool.clone(),
    };
    let mut properties = vec![format!("title={}", property(&title))];
    properties.extend(finding.path.as_ref().map(|path| format!("file={}", property(path))));
    let numbers = [
        ("line", finding.line),
        ("col", finding.column),
        ("endLine", finding.end_line),
        ("endColumn", finding.end_column),
    ];
    properties.extend(numbers.into_iter().filter_map(|(name, number)| number.map(|number| format!("{name}={number}"))));
    format!("::{word} {}::{}\n", properties.join(","), data(&finding.message))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
