//! Rules: declared checkers with their exit codes and parsers, checked to be complete.
//!
//! Knows no particular checker.

use std::collections::BTreeMap;

use crate::analysis::diagnostics::{bad_parser, exit_code_twice, incomplete_rule, unsupported_parser};
use crate::analysis::gather::Gathered;
use crate::analysis::lower::template::{Globals, Lookup};
use crate::analysis::lower::tools::no_command;
use crate::analysis::lower::words::{Timeouts, word};
use crate::analysis::names::list;
use crate::analysis::pipeline::{Command, LooksIn, Parser, Property, Rule, Stream};
use crate::analysis::scope::entry::patterns;
use crate::base::diagnostic::Diagnostic;
use crate::base::finding::FindingSeverity;
use crate::base::name::RuleName;
use crate::syntax::definition::{ParserDefinition, RuleDefinition, Text};

/// Properties that a rule's commands may use.
const PROPERTIES: [Property; 3] = [Property::Files, Property::Worktree, Property::Workstream];

/// What a parser can tell of a finding.
const FIELDS: [&str; 6] = ["path", "line", "column", "code", "message", "severity"];

/// Categories of findings.
const CATEGORIES: [&str; 9] =
    ["syntax", "type", "style", "formatting", "security", "test_failure", "scope_violation", "path", "other"];

/// Makes rules of what is defined, by name.
pub fn lower_all(
    gathered: &Gathered<'_>,
    globals: &Globals<'_>,
    timeouts: Timeouts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Vec<Rule> {
    gathered.rules.iter().map(|rule| lower(rule, globals, timeouts, diagnostics)).collect()
}

fn lower(
    definition: &RuleDefinition,
    globals: &Globals<'_>,
    timeouts: Timeouts,
    diagnostics: &mut Vec<Diagnostic>,
) -> Rule {
    let name = &definition.name.value;
    let lookup = Lookup::new(globals, &[], name, diagnostics);
    if definition.files.is_empty() {
        let message = format!("rule `{name}` looks at no files");
        diagnostics.push(incomplete(definition, definition.span, message, "add `files \"**/*.py\"`"));
    }
    let command = match &definition.command {
        Some(command) => lookup.command(command, &PROPERTIES, diagnostics),
        None => {
            diagnostics.push(no_command("rule", &definition.name, "add `run \"program\" \"{files}\"`"));
            Command::Argv(Vec::new())
        }
    };
    let (exit_clean, exit_findings) = exit_codes(definition, diagnostics);
    let places = [("scope", LooksIn::Scope), ("changed", LooksIn::Changed), ("all", LooksIn::All)];
    let severities =
        [("error", FindingSeverity::Error), ("warning", FindingSeverity::Warning), ("info", FindingSeverity::Info)];
    let categories = CATEGORIES.map(|category| (category, category));
    Rule {
        name: RuleName(name.clone()),
        about: definition.about.as_ref().map(|about| about.value.clone()),
        files: patterns(&definition.files, None, diagnostics),
        looks_in: word(definition.looks_in.as_ref(), &places, diagnostics).unwrap_or(LooksIn::Scope),
        command,
        exit_clean,
        exit_findings,
        parser: parser(definition, diagnostics),
        category: word(definition.category.as_ref(), &categories, diagnostics).unwrap_or("other").to_owned(),
        severity: word(definition.severity.as_ref(), &severities, diagnostics).unwrap_or(FindingSeverity::Error),
        fix: definition.fix.as_ref().map(|fix| lookup.command(fix, &PROPERTIES, diagnostics)),
        inputs: patterns(&definition.inputs, None, diagnostics).iter().map(|pattern| pattern.text()).collect(),
        reads_files_only: word(definition.reads.as_ref(), &[("tree", false), ("files", true)], diagnostics)
            .unwrap_or(false),
        skip_if_missing: word(definition.missing.as_ref(), &[("fail", false), ("skip", true)], diagnostics)
            .unwrap_or(false),
        version: definition.version.as_ref().map(|version| lookup.command(version, &[], diagnostics)),
        install: definition.install.iter().map(|word| word.value.clone()).collect(),
        timeout_ms: timeouts.step_ms(definition.timeout.as_ref(), diagnostics),
    }
}

/// Clean and findings; 0 and 1 where nothing is said.
fn exit_codes(definition: &RuleDefinition, diagnostics: &mut Vec<Diagnostic>) -> (Vec<i32>, Vec<i32>) {
    for code in &definition.exit_findings {
        if let Some(clean) = definition.exit_clean.iter().find(|clean| clean.value == code.value) {
            let message = format!("exit code {} is both clean and findings", code.value);
            let diagnostic = Diagnostic::new(&exit_code_twice::CODE, code.span, message).say("findings here");
            diagnostics.push(
                diagnostic
                    .label(clean.span, "clean here")
                    .help("list each exit code once; the checker's manual says what it means")
                    .about(&definition.name.value),
            );
        }
    }
    let clean: Vec<i32> = definition.exit_clean.iter().map(|code| code.value).collect();
    let findings: Vec<i32> = definition.exit_findings.iter().map(|code| code.value).collect();
    match (clean.is_empty(), findings.is_empty()) {
        (true, true) => (vec![0], vec![1]),
        (true, false) if !findings.contains(&0) => (vec![0], findings),
        _ => (clean, findings),
    }
}

fn incomplete(
    definition: &RuleDefinition,
    span: crate::base::span::Span,
    message: String,
    help: impl Into<String>,
) -> Diagnostic {
    Diagnostic::new(&incomplete_rule::CODE, span, message).help(help).about(&definition.name.value)
}

fn parser(rule: &RuleDefinition, diagnostics: &mut Vec<Diagnostic>) -> Parser {
    let Some(definition) = &rule.parser else {
        let message = format!("rule `{}` does not say how its output is read", rule.name.value);
        diagnostics.push(incomplete(rule, rule.span, message, "add `parse \"json\"`, `\"regex\"` or `\"exit-code\"`"));
        return Parser::ExitCode;
    };
    match definition.kind.value.as_str() {
        "exit-code" => {
            only(rule, definition, &["stream"], diagnostics);
            Parser::ExitCode
        }
        "json" => json(rule, definition, diagnostics),
        "regex" => regex(rule, definition, diagnostics),
        other => {
            let later = ["sarif", "json-lines", "junit", "tap", "lines"].contains(&other);
            let message =
                if later { format!("parse \"{other}\" is not yet there") } else { format!("no parser `{other}`") };
            let help = "use `json`, `regex` or `exit-code`";
            let diagnostic = Diagnostic::new(&unsupported_parser::CODE, definition.kind.span, message).help(help);
            diagnostics.push(diagnostic.about(&rule.name.value));
            Parser::ExitCode
        }
    }
}

/// Reports fields that this kind of parser does not read.
fn only(rule: &RuleDefinition, definition: &ParserDefinition, known: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    for (field, text) in &definition.fields {
        if !known.contains(&field.as_str()) {
            let message = format!("parse \"{}\" does not read `{field}`", definition.kind.value);
            let help = format!("remove it; it reads {}", list(known));
            diagnostics.push(incomplete(rule, text.span, message, help));
        }
    }
}

fn stream(definition: &ParserDefinition, diagnostics: &mut Vec<Diagnostic>) -> Stream {
    let known = [("stdout", Stream::Stdout), ("stderr", Stream::Stderr)];
    word(definition.fields.get("stream"), &known, diagnostics).unwrap_or(Stream::Stdout)
}

fn json(rule: &RuleDefinition, definition: &ParserDefinition, diagnostics: &mut Vec<Diagnostic>) -> Parser {
    let known: Vec<&str> = ["each", "stream"].into_iter().chain(FIELDS).collect();
    only(rule, definition, &known, diagnostics);
    let mut fields = BTreeMap::new();
    for (field, text) in definition.fields.iter().filter(|(field, _)| FIELDS.contains(&field.as_str())) {
        if text.value.split('.').any(str::is_empty) {
            diagnostics.push(bad(rule, text, "is not names joined by dots", "write it like `location.row`"));
        }
        fields.insert(field.clone(), text.value.clone());
    }
    if !fields.contains_key("path") && !fields.contains_key("message") {
        let message = "parse \"json\" finds neither path nor message".to_owned();
        diagnostics.push(incomplete(rule, definition.span, message, "add `path \"…\"` or `message \"…\"`"));
    }
    let each = match definition.fields.get("each") {
        Some(each) => {
            if !is_json_path(&each.value) {
                diagnostics.push(bad(rule, each, "is not a path", "write it like `$[*]` or `$.results[*]`"));
            }
            each.value.clone()
        }
        None => {
            let message = "parse \"json\" does not say where its findings are".to_owned();
            diagnostics.push(incomplete(rule, definition.span, message, "add `each \"$[*]\"`"));
            "$[*]".to_owned()
        }
    };
    Parser::Json { each, fields, stream: stream(definition, diagnostics) }
}

fn regex(rule: &RuleDefinition, definition: &ParserDefinition, diagnostics: &mut Vec<Diagnostic>) -> Parser {
    only(rule, definition, &["pattern", "stream"], diagnostics);
    let stream = stream(definition, diagnostics);
    let Some(pattern) = definition.fields.get("pattern") else {
        let message = "parse \"regex\" has no pattern".to_owned();
        let help = "add `pattern #\"(?P<path>[^:]+):(?P<line>\\d+): (?P<message>.*)\"#`";
        diagnostics.push(incomplete(rule, definition.span, message, help));
        return Parser::ExitCode;
    };
    match regex::Regex::new(&pattern.value) {
        Err(error) => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or("it cannot be read").trim_start_matches("error: ");
            let message = format!("is not a regular expression: {reason}");
            diagnostics.push(bad(rule, pattern, &message, "mend the pattern; raw strings `#\"…\"#` need no escapes"));
        }
        Ok(compiled) => {
            let groups: Vec<&str> = compiled.capture_names().flatten().collect();
            for group in groups.iter().filter(|group| !FIELDS.contains(group)) {
                let message = format!("has a group `{group}` that says nothing");
                diagnostics.push(bad(
                    rule,
                    pattern,
                    &message,
                    &format!("name it one of {}, or not at all", list(&FIELDS)),
                ));
            }
            if !groups.contains(&"path") && !groups.contains(&"message") {
                let help = "name a group: `(?P<path>…)` or `(?P<message>…)`";
                diagnostics.push(bad(rule, pattern, "finds neither path nor message", help));
            }
        }
    }
    Parser::Regex { pattern: pattern.value.clone(), stream }
}

fn bad(rule: &RuleDefinition, text: &Text, says: &str, help: &str) -> Diagnostic {
    Diagnostic::new(&bad_parser::CODE, text.span, format!("`{}` {says}", text.value)).help(help).about(&rule.name.value)
}

/// `$`, then `.name` and `[*]`.
fn is_json_path(text: &str) -> bool {
    let Some(mut rest) = text.strip_prefix('$') else { return false };
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix("[*]") {
            rest = tail;
        } else if let Some(tail) = rest.strip_prefix('.') {
            let end = tail.find(['.', '[']).unwrap_or(tail.len());
            if end == 0 {
                return false;
            }
            rest = &tail[end..];
        } else {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::is_json_path;

    #[test]
    fn json_paths() {
        for good in ["$", "$[*]", "$.results[*]", "$.a.b[*].c[*]"] {
            assert!(is_json_path(good), "{good}");
        }
        for bad in ["", "results", "$results", "$..a", "$[0]", "$.a[", "$."] {
            assert!(!is_json_path(bad), "{bad}");
        }
    }
}
