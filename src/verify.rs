//! What a rule's program printed, read as findings. Pure.
//!
//! Knows no processes: exit code and streams come in. What cannot be read is a failure of the tool, never "no findings".

pub mod signature;

use std::collections::BTreeMap;

use crate::analysis::pipeline::{Parser, Rule, Stream};
use crate::base::finding::{Finding, FindingSeverity};

/// One end of a rule's program.
#[derive(Debug, Clone, Copy)]
pub struct Output<'a> {
    /// Exit code.
    pub exit: i32,
    /// Standard output.
    pub stdout: &'a [u8],
    /// Standard error.
    pub stderr: &'a [u8],
    /// The folder that it ran in, to make absolute paths relative.
    pub root: &'a str,
}

/// Findings beyond this many are dropped, and that is said in a last one.
pub const FINDINGS_MAX: usize = 5_000;

/// Reads the output of one process; the error is a sentence about the tool.
pub fn read(rule: &Rule, output: Output<'_>) -> Result<Vec<Finding>, String> {
    let clean = rule.exit_clean.contains(&output.exit);
    if !clean && !rule.exit_findings.contains(&output.exit) {
        return Err(format!("exit code {} means neither clean nor findings", output.exit));
    }
    let mut findings = match &rule.parser {
        Parser::ExitCode if clean => Vec::new(),
        Parser::ExitCode => vec![whole(rule, output)],
        Parser::Json { each, fields, stream } => json(rule, text(output, *stream), each, fields)?,
        Parser::Regex { pattern, stream } => lines(rule, text(output, *stream), pattern)?,
    };
    if !clean && findings.is_empty() {
        return Err(format!("exit code {} means findings, but none could be read from its output", output.exit));
    }
    if findings.len() > FINDINGS_MAX {
        let more = findings.len() - FINDINGS_MAX;
        findings.truncate(FINDINGS_MAX);
        findings.push(Finding { message: format!("{more} more findings are not kept"), ..empty(rule) });
    }
    for finding in &mut findings {
        finding.path = finding.path.take().map(|path| relative(&path, output.root));
        signature::sign(finding);
    }
    Ok(findings)
}

fn text(output: Output<'_>, stream: Stream) -> &[u8] {
    match stream {
        Stream::Stdout => output.stdout,
        Stream::Stderr => output.stderr,
    }
}

fn relative(path: &str, root: &str) -> String {
    let inner = path.strip_prefix(root).map_or(path, |rest| rest.trim_start_matches('/'));
    inner.strip_prefix("./").unwrap_or(inner).to_owned()
}

fn empty(rule: &Rule) -> Finding {
    Finding {
        tool: rule.name.0.clone(),
        category: rule.category.clone(),
        severity: rule.severity,
        ..Finding::default()
    }
}

fn whole(rule: &Rule, output: Output<'_>) -> Finding {
    let both = [output.stdout, output.stderr].concat();
    let message = String::from_utf8_lossy(&both).trim().to_owned();
    let message = if message.is_empty() { format!("exit code {}", output.exit) } else { message };
    Finding { message, ..empty(rule) }
}

fn severity(word: &str, otherwise: FindingSeverity) -> FindingSeverity {
    match word.to_ascii_lowercase().as_str() {
        "error" | "fatal" | "2" | "high" | "critical" => FindingSeverity::Error,
        "warning" | "warn" | "1" | "medium" => FindingSeverity::Warning,
        "info" | "information" | "note" | "style" | "hint" | "low" => FindingSeverity::Info,
        _ => otherwise,
    }
}

fn set(finding: &mut Finding, field: &str, value: &str) {
    match field {
        "path" => finding.path = Some(value.to_owned()),
        "line" => finding.line = value.parse().ok(),
        "column" => finding.column = value.parse().ok(),
        "code" => finding.code = Some(value.to_owned()),
        "message" => value.clone_into(&mut finding.message),
        "severity" => finding.severity = severity(value, finding.severity),
        _ => {}
    }
}

fn lines(rule: &Rule, text: &[u8], pattern: &str) -> Result<Vec<Finding>, String> {
    let pattern = regex::Regex::new(pattern).map_err(|error| format!("its pattern does not compile: {error}"))?;
    let text = String::from_utf8_lossy(text);
    let mut findings = Vec::new();
    for captures in text.lines().filter_map(|line| pattern.captures(line)) {
        let mut finding = empty(rule);
        for name in pattern.capture_names().flatten() {
            if let Some(value) = captures.name(name) {
                set(&mut finding, name, value.as_str());
            }
        }
        findings.push(finding);
    }
    Ok(findings)
}

fn json(rule: &Rule, text: &[u8], each: &str, fields: &BTreeMap<String, String>) -> Result<Vec<Finding>, String> {
    let blank = text.iter().all(u8::is_ascii_whitespace);
    if blank {
        return Ok(Vec::new());
    }
    let document: serde_json::Value =
        serde_json::from_slice(text).map_err(|error| format!("its output is no JSON: {error}"))?;
    let elements = select(&document, each).ok_or_else(|| format!("its output has nothing at `{each}`"))?;
    let read = |element: &serde_json::Value| {
        let mut finding = empty(rule);
        for (field, path) in fields {
            if let Some(value) = walk(element, path).and_then(scalar) {
                set(&mut finding, field, &value);
            }
        }
        finding
    };
    Ok(elements.into_iter().map(read).collect())
}

/// `$[*]`, `$.results[*]`, `$[*].messages[*]`: the elements that a path names.
fn select<'a>(document: &'a serde_json::Value, each: &str) -> Option<Vec<&'a serde_json::Value>> {
    let mut current = vec![document];
    for piece in each.trim_start_matches('$').split('.') {
        let (name, starred) = piece.strip_suffix("[*]").map_or((piece, false), |name| (name, true));
        let mut next = Vec::new();
        for value in current {
            let value = if name.is_empty() { value } else { value.get(name)? };
            match value {
                serde_json::Value::Array(elements) if starred => next.extend(elements),
                _ if starred => return None,
                one => next.push(one),
            }
        }
        current = next;
    }
    Some(current)
}

fn walk<'a>(element: &'a serde_json::Value, path: &str) -> Option<&'a serde_json::Value> {
    path.split('.').try_fold(element, |value, name| match name.parse::<usize>() {
        Ok(place) if value.is_array() => value.get(place),
        _ => value.get(name),
    })
}

fn scalar(value: &serde_json::Value) -> Option<String> {
    match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Output, read};
    use crate::analysis::pipeline::{Command, LooksIn, Parser, Rule, Stream};
    use crate::base::finding::FindingSeverity;

    fn rule(parser: Parser) -> Rule {
        Rule {
            name: "r".into(),
            about: None,
            files: Vec::new(),
            looks_in: LooksIn::All,
            command: Command::Argv(Vec::new()),
            exit_clean: vec![0],
            exit_findings: vec![1],
            parser,
            category: "style".to_owned(),
            severity: FindingSeverity::Warning,
            fix: None,
            inputs: Vec::new(),
            reads_files_only: false,
            skip_if_missing: false,
            version: None,
            install: Vec::new(),
            timeout_ms: None,
        }
    }

    fn output(exit: i32, stdout: &str) -> Output<'_> {
        Output { exit, stdout: stdout.as_bytes(), stderr: b"", root: "/w" }
    }

    fn json() -> Rule {
        let fields = [("path", "filename"), ("line", "location.row"), ("message", "message"), ("severity", "level")];
        let fields = fields.into_iter().map(|(field, path)| (field.to_owned(), path.to_owned())).collect();
        rule(Parser::Json { each: "$[*].messages[*]".to_owned(), fields, stream: Stream::Stdout })
    }

    #[test]
    fn json_paths_are_followed() {
        let text = r#"[{"messages":[{"filename":"/w/a.py","location":{"row":3},"message":"m","level":"error"}]}]"#;
        let findings = read(&json(), output(1, text)).unwrap();
        assert_eq!(findings.len(), 1);
        assert_eq!((findings[0].path.as_deref(), findings[0].line), (Some("a.py"), Some(3)));
        assert_eq!(findings[0].severity, FindingSeverity::Error);
    }

    #[test]
    fn what_cannot_be_read_is_never_clean() {
        for (exit, text) in [(1, "no json"), (1, "[]"), (1, ""), (2, "[]"), (0, "{}")] {
            assert!(read(&json(), output(exit, text)).is_err(), "{exit} {text}");
        }
        assert_eq!(read(&json(), output(0, "[]")).unwrap(), []);
    }

    #[test]
    fn a_pattern_reads_lines() {
        let pattern = r"^(?P<path>[^:]+):(?P<line>\d+): (?P<code>\w+) (?P<message>.*)$".to_owned();
        let rule = rule(Parser::Regex { pattern, stream: Stream::Stdout });
        let findings = read(&rule, output(1, "noise\n./a.py:7: E1 bad thing\n")).unwrap();
        assert_eq!((findings[0].path.as_deref(), findings[0].code.as_deref()), (Some("a.py"), Some("E1")));
        assert_eq!(findings[0].message, "bad thing");
    }
}
