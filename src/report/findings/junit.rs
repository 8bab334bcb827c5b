//! A test report in the form of JUnit's: a suite for each rule, a failed case for each finding.
//!
//! For pipelines that show test reports and nothing else.

use crate::report::history::FindingRow;
use crate::report::text::width::one_line;

pub(super) fn render(findings: &[&FindingRow]) -> String {
    let count = findings.len();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"pl\" tests=\"{count}\" failures=\"{count}\">\n"
    );
    for (tool, rows) in super::by_tool(findings) {
        let count = rows.len();
        let tool = escaped(tool);
        text.push_str(&format!("  <testsuite name=\"{tool}\" tests=\"{count}\" failures=\"{count}\">\n"));
        rows.iter().for_each(|row| text.push_str(&case(row, &tool)));
        text.push_str("  </testsuite>\n");
    }
    text.push_str("</testsuites>\n");
    text
}

fn case(row: &FindingRow, tool: &str) -> String {
    let finding = &row.finding;
    let path = finding.path.as_deref().unwrap_or_default();
    let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
    let name = [finding.code.as_deref().unwrap_or_default(), &format!("{path}{line}")].join(" ");
    let file = match (finding.path.is_some(), finding.line) {
        (true, Some(line)) => format!(" file=\"{}\" line=\"{line}\"", escaped(path)),
        (true, None) => format!(" file=\"{}\"", escaped(path)),
        (false, _) => String::new(),
    };
    format!(
        "    <testcase classname=\"{tool}\" name=\"{}\"{file}>\n      <failure message=\"{}\" type=\"{}\">{}</failure>\n    \
         </testcase>\n",
        escaped(name.trim()),
        escaped(&one_line(&finding.message)),
        escaped(&finding.category),
        escaped(&finding.message),
    )
}

/// What XML 1.0 takes: five characters are escaped, those that it forbids are left out.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\t' | '\n' | '\r' => safe.push(char),
            other if other < ' ' || matches!(other, '\u{fffe}' | '\u{ffff}') => {}
            other => safe.push(other),
        }
    }
    safe
}
