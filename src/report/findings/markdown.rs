//! A table for a comment.
//!
//! What a message holds cannot end a cell or begin a tag.

use crate::base::finding::FindingSeverity;
use crate::report::history::FindingRow;
use crate::report::text::width::one_line;

pub(super) fn render(findings: &[&FindingRow]) -> String {
    if findings.is_empty() {
        return "No findings.\n".to_owned();
    }
    let counted = |severity: FindingSeverity, word: &str| {
        let count = findings.iter().filter(|row| row.finding.severity == severity).count();
        (count > 0).then(|| format!("{count} {word}{}", if count == 1 { "" } else { "s" }))
    };
    let counts = [
        counted(FindingSeverity::Error, "error"),
        counted(FindingSeverity::Warning, "warning"),
        counted(FindingSeverity::Info, "note"),
    ];
    let counts: Vec<String> = counts.into_iter().flatten().collect();
    let plural = if findings.len() == 1 { "" } else { "s" };
    let mut text = format!(
        "**{} finding{plural}**: {}\n\n| place | severity | rule | message |\n|---|---|---|---|\n",
        findings.len(),
        counts.join(", ")
    );
    findings.iter().for_each(|row| text.push_str(&line(row)));
    text
}

fn line(row: &FindingRow) -> String {
    let finding = &row.finding;
    let numbers: String =
        [finding.line, finding.column].into_iter().flatten().map(|number| format!(":{number}")).collect();
    let place = finding.path.as_ref().map(|path| format!("`{}{numbers}`", cell(path))).unwrap_or_default();
    let severity = match finding.severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "note",
    };
    let code = match (&finding.code, &finding.help_url) {
        (Some(code), Some(url)) => format!(" [{}]({})", cell(code), cell(url)),
        (Some(code), None) => format!(" {}", cell(code)),
        (None, _) => String::new(),
    };
    format!("| {place} | {severity} | {}{code} | {} |\n", cell(&finding.tool), cell(&finding.message))
}

fn cell(text: &str) -> String {
    one_line(text).replace('|', "\\|").replace('<', "&lt;")
}
