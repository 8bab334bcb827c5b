//! How a rule's output is read: the form, and what a finding is made of, checked to say something.
//!
//! Knows no particular checker.

use std::collections::BTreeMap;

use crate::analysis::diagnostics::{bad_parser, unsupported_parser};
use crate::analysis::lower::rules::incomplete;
use crate::analysis::lower::words::word;
use crate::analysis::names::{list, suggest};
use crate::analysis::pipeline::parser::{Elements, Form, Parser, Stream};
use crate::base::diagnostic::Diagnostic;
use crate::syntax::definition::{ParserDefinition, RuleDefinition, Text};

/// What a finding is made of.
const FIELDS: [&str; 10] =
    ["path", "line", "column", "end-line", "end-column", "code", "message", "severity", "help-url", "fixable"];

/// Fields that every form reads.
const BASES: [&str; 3] = ["line-base", "column-base", "column-unit"];

/// Forms, and what each reads besides.
const FORMS: [(&str, &[&str]); 8] = [
    ("json", &["each", "errors", "blank", "stream"]),
    ("json-lines", &["each", "errors", "blank", "stream"]),
    ("sarif", &["blank", "stream"]),
    ("junit", &["pattern", "blank", "stream"]),
    ("tap", &["blank", "stream"]),
    ("regex", &["pattern", "over", "ignore", "stream"]),
    ("lines", &["ignore", "stream"]),
    ("exit-code", &["stream"]),
];

/// One `parse` of a rule.
pub fn parser(rule: &RuleDefinition, definition: &ParserDefinition, diagnostics: &mut Vec<Diagnostic>) -> Parser {
    let kind = definition.kind.value.as_str();
    let streams = [("stdout", Stream::Stdout), ("stderr", Stream::Stderr), ("out", Stream::Out)];
    let mut parser = Parser {
        form: Form::ExitCode,
        stream: word(definition.fields.get("stream"), &streams, diagnostics).unwrap_or(Stream::Stdout),
        fields: BTreeMap::new(),
        line_base: base(definition.fields.get("line-base"), diagnostics),
        column_base: base(definition.fields.get("column-base"), diagnostics),
        column_bytes: word(
            definition.fields.get("column-unit"),
            &[("characters", false), ("bytes", true)],
            diagnostics,
        )
        .unwrap_or(false),
        blank_is_clean: word(definition.fields.get("blank"), &[("clean", true), ("fail", false)], diagnostics)
            .unwrap_or(false),
    };
    let Some((_, own)) = FORMS.iter().find(|(form, _)| *form == kind) else {
        let forms = FORMS.map(|(form, _)| form);
        let help = suggest(kind, &forms, &format!("use one of {}", list(&forms)));
        let message = format!("no parser `{kind}`");
        let diagnostic = Diagnostic::new(&unsupported_parser::CODE, definition.kind.span, message).help(help);
        diagnostics.push(diagnostic.about(&rule.name.value));
        return parser;
    };
    let makes_fields = matches!(kind, "json" | "json-lines" | "regex" | "lines");
    let fields: &[&str] = if makes_fields { &FIELDS } else { &[] };
    only(rule, definition, &[*own, &BASES, fields].concat(), diagnostics);
    let given = definition.fields.iter().filter(|(field, _)| fields.contains(&field.as_str()));
    parser.fields = given.map(|(field, text)| (field.clone(), text.value.to_string())).collect();
    parser.form = match kind {
        "json" => Form::Json(elements(rule, definition, diagnostics)),
        "json-lines" => Form::JsonLines(elements(rule, definition, diagnostics)),
        "sarif" => Form::Sarif,
        "junit" => Form::Junit { pattern: pattern(rule, definition, "pattern", diagnostics).map(|(text, _)| text) },
        "tap" => Form::Tap,
        "regex" => regex(rule, definition, &mut parser.fields, diagnostics),
        "lines" => Form::Lines { ignore: pattern(rule, definition, "ignore", diagnostics).map(|(text, _)| text) },
        _ => Form::ExitCode,
    };
    parser
}

/// Reports fields that this form does not read.
fn only(rule: &RuleDefinition, definition: &ParserDefinition, known: &[&str], diagnostics: &mut Vec<Diagnostic>) {
    let kind = &definition.kind.value;
    let reads_elements = kind.starts_with("json");
    let filters = definition.only.iter().filter(|_| !reads_elements).filter_map(|texts| texts.first());
    let fields = definition.fields.iter().filter(|(field, _)| !known.contains(&field.as_str()));
    for (field, text) in fields.map(|(field, text)| (field.as_str(), text)).chain(filters.map(|text| ("where", text))) {
        let message = format!("parse \"{kind}\" does not read `{field}`");
        let help = format!("remove it; it reads {}", list(known));
        diagnostics.push(incomplete(rule, text.span, message, help));
    }
}

fn base(text: Option<&Text>, diagnostics: &mut Vec<Diagnostic>) -> u32 {
    word(text, &[("0", 0), ("1", 1)], diagnostics).unwrap_or(1)
}

fn elements(rule: &RuleDefinition, definition: &ParserDefinition, diagnostics: &mut Vec<Diagnostic>) -> Elements {
    for field in FIELDS {
        let Some(text) = definition.fields.get(field) else { continue };
        let plain = !text.value.starts_with('=') && !text.value.contains('{');
        if plain && text.value.split(['.', '|']).any(str::is_empty) {
            diagnostics.push(bad(rule, text, "is not names joined by dots", "write it like `location.row`"));
        }
    }
    if !definition.fields.contains_key("path") && !definition.fields.contains_key("message") {
        let message = format!("parse \"{}\" finds neither path nor message", definition.kind.value);
        diagnostics.push(incomplete(rule, definition.span, message, "add `path \"…\"` or `message \"…\"`"));
    }
    for field in ["each", "errors"] {
        if let Some(text) = definition.fields.get(field).filter(|text| !is_json_path(&text.value)) {
            diagnostics.push(bad(rule, text, "is not a path", "write it like `$[*]` or `$.results[*]`"));
        }
    }
    let text = |field: &str| definition.fields.get(field).map(|text| text.value.to_string());
    let by_line = definition.kind.value == "json-lines";
    if !by_line && !definition.fields.contains_key("each") {
        let message = "parse \"json\" does not say where its findings are".to_owned();
        diagnostics.push(incomplete(rule, definition.span, message, "add `each \"$[*]\"`"));
    }
    let mut only = Vec::new();
    for texts in &definition.only {
        match texts.as_slice() {
            [path, first, more @ ..] => {
                let values = std::iter::once(first).chain(more).map(|text| text.value.to_string()).collect();
                only.push((path.value.to_string(), values));
            }
            _ => {
                let span = texts.first().map_or(definition.span, |text| text.span);
                let help = "write a path and what may stand there: `where \"type\" \"typo\"`";
                diagnostics.push(incomplete(rule, span, "`where` names no value".to_owned(), help));
            }
        }
    }
    Elements { each: text("each").unwrap_or_else(|| "$".to_owned()), only, errors: text("errors") }
}

fn regex(
    rule: &RuleDefinition,
    definition: &ParserDefinition,
    fields: &mut BTreeMap<String, String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Form {
    let whole_text =
        word(definition.fields.get("over"), &[("line", false), ("text", true)], diagnostics).unwrap_or(false);
    let ignore = pattern(rule, definition, "ignore", diagnostics).map(|(text, _)| text);
    let Some(text) = definition.fields.get("pattern") else {
        let message = "parse \"regex\" has no pattern".to_owned();
        let help = "add `pattern #\"(?P<path>[^:]+):(?P<line>\\d+): (?P<message>.*)\"#`";
        diagnostics.push(incomplete(rule, definition.span, message, help));
        return Form::ExitCode;
    };
    if let Some((_, compiled)) = pattern(rule, definition, "pattern", diagnostics) {
        let groups: Vec<&str> = compiled.capture_names().flatten().collect();
        let used = |group: &str| fields.values().any(|field| field.contains(&format!("{{{group}}}")));
        // Names of groups have no `-` in them.
        let field = |group: &str| group.replace('_', "-");
        for group in groups.iter().filter(|group| !FIELDS.contains(&field(group).as_str()) && !used(group)) {
            let message = format!("has a group `{group}` that says nothing");
            let help = format!("name it one of {} (with `_` for `-`), or not at all", list(&FIELDS));
            diagnostics.push(bad(rule, text, &message, &help));
        }
        let made = groups.iter().map(|group| (field(group), format!("{{{group}}}")));
        for (field, value) in made.filter(|(field, _)| FIELDS.contains(&field.as_str())) {
            fields.entry(field).or_insert(value);
        }
        if !fields.contains_key("path") && !fields.contains_key("message") {
            let help = "name a group: `(?P<path>…)` or `(?P<message>…)`";
            diagnostics.push(bad(rule, text, "finds neither path nor message", help));
        }
    }
    Form::Regex { pattern: text.value.to_string(), whole_text, ignore }
}

/// A field that is a regular expression.
fn pattern(
    rule: &RuleDefinition,
    definition: &ParserDefinition,
    field: &str,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<(String, regex::Regex)> {
    let text = definition.fields.get(field)?;
    match regex::Regex::new(&text.value) {
        Ok(compiled) => Some((text.value.to_string(), compiled)),
        Err(error) => {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or("it cannot be read").trim_start_matches("error: ");
            let says = format!("is not a regular expression: {reason}");
            diagnostics.push(bad(rule, text, &says, "mend the pattern; raw strings `#\"…\"#` need no escapes"));
            None
        }
    }
}

fn bad(rule: &RuleDefinition, text: &Text, says: &str, help: &str) -> Diagnostic {
    Diagnostic::new(&bad_parser::CODE, text.span, format!("`{}` {says}", text.value)).help(help).about(&rule.name.value)
}

/// `$`, then `.name`, `.name?`, `.*` and `[*]`.
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
        for good in ["$", "$[*]", "$.results[*]", "$.a.b[*].c[*]", "$.results.*[*]", "$.a?[*]"] {
            assert!(is_json_path(good), "{good}");
        }
        for bad in ["", "results", "$results", "$..a", "$[0]", "$.a[", "$."] {
            assert!(!is_json_path(bad), "{bad}");
        }
    }
}
