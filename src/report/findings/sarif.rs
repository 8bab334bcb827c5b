//! SARIF 2.1.0 (OASIS): a run for each rule, so that a page can tell them apart.
//!
//! Paths are relative, as URIs; the signature goes along, by which a page knows a finding that moved.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::base::finding::{Finding, FindingSeverity};
use crate::report::history::FindingRow;

pub(super) fn render(findings: &[&FindingRow]) -> String {
    let runs: Vec<Value> = super::by_tool(findings).into_iter().map(|(tool, rows)| run(tool, &rows)).collect();
    super::document(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": runs,
    }))
}

fn run(tool: &str, rows: &[&FindingRow]) -> Value {
    let mut rules: BTreeMap<&str, Value> = BTreeMap::new();
    for finding in rows.iter().map(|row| &row.finding) {
        let rule = rules.entry(id(finding)).or_insert_with(|| json!({ "id": id(finding) }));
        if let Some(url) = &finding.help_url {
            rule["helpUri"] = url.as_str().into();
        }
    }
    let results: Vec<Value> = rows.iter().map(|row| result(&row.finding)).collect();
    let rules: Vec<Value> = rules.into_values().collect();
    json!({
        "tool": { "driver": { "name": tool, "rules": rules } },
        "columnKind": "unicodeCodePoints",
        "results": results,
    })
}

/// Its code; where there is none, what all of its rule share.
fn id(finding: &Finding) -> &str {
    finding.code.as_deref().unwrap_or(&finding.tool)
}

fn result(finding: &Finding) -> Value {
    let level = match finding.severity {
        FindingSeverity::Error => "error",
        FindingSeverity::Warning => "warning",
        FindingSeverity::Info => "note",
    };
    let mut result = json!({
        "ruleId": id(finding),
        "level": level,
        "message": { "text": finding.message },
        "partialFingerprints": { "pl/v1": finding.signature },
    });
    if let Some(path) = &finding.path {
        let mut physical = json!({ "artifactLocation": { "uri": uri(path) } });
        let numbers = [
            ("startLine", finding.line),
            ("startColumn", finding.column),
            ("endLine", finding.end_line),
            ("endColumn", finding.end_column),
        ];
        let region: Map<String, Value> =
            numbers.into_iter().filter_map(|(name, number)| Some((name.to_owned(), number?.into()))).collect();
        if !region.is_empty() {
            // The line goes along where it is whole and holds all of the place.
            let is_whole =
                finding.source_column.is_none() && finding.end_line.is_none_or(|end| Some(end) == finding.line);
            if let Some(source) = finding.source.as_ref().filter(|_| is_whole) {
                physical["contextRegion"] = json!({ "startLine": finding.line, "snippet": { "text": source } });
            }
            physical["region"] = Value::Object(region);
        }
        result["locations"] = json!([{ "physicalLocation": physical }]);
    }
    result
}

/// A relative path as a URI: all but unreserved characters and `/` are escaped (RFC 3986, section 2).
fn uri(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => text.push(char::from(byte)),
            other => text.push_str(&format!("%{other:02X}")),
        }
    }
    text
}
