//! What a rule's program printed, read as findings. Pure.
//!
//! Knows no processes: exit code and streams come in. What cannot be read is a failure of the tool, never "no findings".

pub mod check;
mod document;
mod junit;
pub mod likeness;
mod pattern;
mod said;
mod sarif;
mod source;
pub mod breaker;
pub mod policy;
pub mod signature;
mod surplus;
mod tap;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use crate::analysis::pipeline::Rule;
use crate::analysis::pipeline::parser::{Form, Parser, Stream};
use crate::base::finding::Finding;
use crate::verify::said::Said;

/// One end of a rule's program.
#[derive(Clone, Copy)]
pub struct Output<'a> {
    /// Exit code.
    pub exit: i32,
    /// Standard output.
    pub stdout: &'a [u8],
    /// Standard error.
    pub stderr: &'a [u8],
    /// The file that `{out}` names, where the program wrote it.
    pub out: Option<&'a [u8]>,
    /// Names of the folder that it ran in, to make absolute paths relative.
    pub roots: &'a [String],
    /// The text of a file below the root, to count its columns and to show its lines.
    pub text: &'a dyn Fn(&str) -> Option<Vec<u8>>,
}

/// Characters of a program's own words that a sentence quotes.
const QUOTED_CHARACTERS_MAX: usize = 300;

/// Reads the output of one process; the error is a sentence about the tool.
pub fn read(rule: &Rule, output: Output<'_>) -> Result<Vec<Finding>, String> {
    let clean = rule.exit_clean.contains(&output.exit);
    if !clean && !rule.exit_findings.contains(&output.exit) {
        return Err(format!("exit code {} means neither clean nor findings", output.exit));
    }
    broken(rule, output)?;
    let mut findings = Vec::new();
    for parser in &rule.parsers {
        let said = match parser.form {
            Form::ExitCode if clean => Vec::new(),
            Form::ExitCode => vec![whole(output)],
            _ => said(parser, output)?,
        };
        findings.extend(said.into_iter().map(|said| said.finding(rule, parser, output)));
    }
    if !clean && findings.is_empty() {
        return Err(format!("exit code {} means findings, but none could be read from its output", output.exit));
    }
    kept(rule, findings, output.text)
}

/// Whether the program says that it could not do its work.
fn broken(rule: &Rule, output: Output<'_>) -> Result<(), String> {
    for pattern in &rule.broken {
        let pattern = regex::Regex::new(pattern).map_err(|error| format!("a pattern does not compile: {error}"))?;
        for stream in [output.stderr, output.stdout] {
            let text = without_colours(stream);
            if let Some(line) = text.lines().find(|line| pattern.is_match(line)) {
                return Err(format!("it could not look at everything: {}", quoted(line)));
            }
        }
    }
    Ok(())
}

/// Signs findings, drops those that were said before and those beyond the limit, and gives the others the text of their line.
fn kept(rule: &Rule, findings: Vec<Finding>, text: &dyn Fn(&str) -> Option<Vec<u8>>) -> Result<Vec<Finding>, String> {
    let mut seen = std::collections::HashSet::new();
    let mut findings: Vec<Finding> = findings.into_iter().filter(|finding| seen.insert(finding.clone())).collect();
    surplus::cut(&mut findings)?;
    findings.iter_mut().for_each(signature::sign);
    if !rule.hide_source {
        source::attach(&mut findings, text);
    }
    Ok(findings)
}

fn said(parser: &Parser, output: Output<'_>) -> Result<Vec<Said>, String> {
    let bytes = match parser.stream {
        Stream::Stdout => output.stdout,
        Stream::Stderr => output.stderr,
        Stream::Out => output.out.ok_or("it wrote no report")?,
    };
    let text = without_colours(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let reads_lines = matches!(parser.form, Form::Regex { .. } | Form::Lines { .. } | Form::JsonLines(_));
    if text.trim().is_empty() {
        // Programs that print a line a finding print nothing when they are content; a document is never blank.
        return if parser.blank_is_clean || reads_lines { Ok(Vec::new()) } else { Err("it printed nothing".into()) };
    }
    match &parser.form {
        Form::ExitCode => Ok(Vec::new()),
        Form::Json(elements) => document::one(parser, elements, text),
        Form::JsonLines(elements) => document::lines(parser, elements, text),
        Form::Sarif => sarif::read(text),
        Form::Junit { pattern } => junit::read(text, pattern.as_deref()),
        Form::Tap => tap::read(text),
        Form::Regex { pattern, whole_text, ignore } => {
            pattern::regex(parser, pattern, *whole_text, ignore.as_deref(), text)
        }
        Form::Lines { ignore } => pattern::lines(parser, ignore.as_deref(), text),
    }
}

/// Text without the sequences that paint it.
fn without_colours(bytes: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(bytes);
    if !text.contains('\u{1b}') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some(at) = rest.find("\u{1b}[") {
        plain.push_str(&rest[..at]);
        let tail = &rest[at + 2..];
        let end = tail.find(|char: char| ('@'..='~').contains(&char)).map_or(tail.len(), |end| end + 1);
        rest = &tail[end..];
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

fn whole(output: Output<'_>) -> Said {
    let both = [output.stdout, output.stderr].concat();
    let message = without_colours(&both).trim().to_owned();
    let message = if message.is_empty() { format!("exit code {}", output.exit) } else { message };
    Said { message: Some(message), ..Said::default() }
}

/// The first characters of what a program said, on one line.
fn quoted(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    }
}
