//! What is wrong with definitions, drawn with the text it is about.
//!
//! Graphical (miette) for people at a terminal, `file:line:column:` first elsewhere; both end with a count. Decides
//! nothing about severity or order.

mod graphical;
mod plain;

use crate::base::diagnostic::{Diagnostic, Severity};
use crate::base::span::Sources;
use crate::report::{Style, count};
use crate::summary::CheckError;

/// Diagnostics that are drawn; the rest is counted.
const DIAGNOSTICS_MAX: usize = 50;

/// Columns of a drawn diagnostic: wider than this, sentences are hard to read.
const COLUMNS_MAX: usize = 80;

/// How diagnostics are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Boxes and arrows, for a terminal.
    Graphical,
    /// One line a place, for pipes and editors.
    Plain,
}

/// All diagnostics and their count, each followed by an empty line; nothing where there are none.
pub fn render(diagnostics: &[Diagnostic], sources: &Sources, style: &Style, form: Form) -> String {
    let mut text = String::new();
    for diagnostic in diagnostics.iter().take(DIAGNOSTICS_MAX) {
        text.push_str(&match form {
            Form::Graphical => graphical::render(diagnostic, sources, style, style.width.min(COLUMNS_MAX)),
            Form::Plain => plain::render(diagnostic, sources, style),
        });
        text.push('\n');
    }
    if diagnostics.len() > DIAGNOSTICS_MAX {
        text.push_str(&format!("{} and {} more\n", style.ellipsis(), diagnostics.len() - DIAGNOSTICS_MAX));
    }
    if let Some(counts) = counts(diagnostics) {
        text.push_str(&counts);
        text.push('\n');
    }
    text
}

/// `2 errors, 1 warning`; `None` where there is nothing.
pub fn counts(diagnostics: &[Diagnostic]) -> Option<String> {
    let of = |severity| diagnostics.iter().filter(|diagnostic| diagnostic.code.severity == severity).count();
    let words = [(Severity::Error, "error"), (Severity::Warning, "warning"), (Severity::Note, "note")];
    let said: Vec<String> = words
        .into_iter()
        .map(|(severity, word)| (of(severity), word))
        .filter(|(number, _)| *number > 0)
        .map(|(number, word)| count(number, word))
        .collect();
    (!said.is_empty()).then(|| said.join(", "))
}

/// The rows that `check --json` reports.
pub fn rows(diagnostics: &[Diagnostic], sources: &Sources) -> Vec<CheckError> {
    diagnostics.iter().map(|diagnostic| row(diagnostic, sources)).collect()
}

fn row(diagnostic: &Diagnostic, sources: &Sources) -> CheckError {
    let primary = diagnostic.labels.first();
    let position = primary.and_then(|label| sources.position(label.span));
    let details = diagnostic.labels.iter().enumerate().filter(|(at, label)| *at > 0 || !label.text.is_empty());
    CheckError {
        class: diagnostic.code.class.word().to_owned(),
        code: diagnostic.code.id.to_owned(),
        severity: severity_word(diagnostic.code.severity).to_owned(),
        message: diagnostic.message.clone(),
        file: primary.and_then(|label| sources.get(label.span.file)).map(|source| source.path.to_string()),
        line: position.map(|(line, _)| line),
        column: position.map(|(_, column)| column),
        id: diagnostic.subject.clone(),
        details: details.map(|(_, label)| plain::place_and_text(label, sources)).collect(),
        help: diagnostic.help.clone(),
    }
}

/// `error warning note`.
pub fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    }
}

/// A small text with two diagnostics, for this folder's tests.
#[cfg(test)]
mod sample {
    use crate::base::diagnostic::{Class, Code, Diagnostic, Severity};
    use crate::base::span::{FileId, Source, Sources, Span};

    static UNKNOWN: Code = Code {
        id: "unknown-tool",
        severity: Severity::Error,
        class: Class::Dependency,
        summary: "a tool that is not defined",
        explanation: "",
    };
    static SHADOWED: Code = Code { id: "shadowed", severity: Severity::Warning, class: Class::Config, ..UNKNOWN_COPY };
    const UNKNOWN_COPY: Code =
        Code { id: "", severity: Severity::Note, class: Class::Config, summary: "", explanation: "" };

    pub(super) fn sample() -> (Vec<Diagnostic>, Sources) {
        let bundle = "{\n  \"id\": \"ws-1\",\n\t\"tool\": \"aidr\"\n}\n";
        let tools = "tool \"aider\" {\n    kind \"ai\"\n}\n";
        let sources = Sources(vec![
            Source { path: "workstreams/a.json".into(), text: bundle.into() },
            Source { path: "rules/tools.kdl".into(), text: tools.into() },
        ]);
        let at = Span::new(FileId(0), bundle.find("\"aidr\"").expect("a tool"), 6);
        let other = Span::new(FileId(1), tools.find("\"aider\"").expect("a tool"), 7);
        let unknown = Diagnostic::new(&UNKNOWN, at, "no tool is named aidr")
            .say("not defined")
            .label(other, "the nearest name")
            .help("write \"aider\", or define it in rules/*.kdl")
            .about("ws-1");
        let shadowed = Diagnostic::new(&SHADOWED, Span::new(FileId(1), 9_999, 5), "aider is shadowed");
        (vec![unknown, shadowed], sources)
    }
}

#[cfg(test)]
mod tests {
    use super::sample::sample;
    use super::{Form, render, rows};
    use crate::report::Style;

    #[test]
    fn plain_begins_with_the_place() {
        let (diagnostics, sources) = sample();
        let text = render(&diagnostics, &sources, &Style::PLAIN, Form::Plain);
        let expected = "\
workstreams/a.json:3:10: error[unknown-tool]: no tool is named aidr
    \"tool\": \"aidr\"
            ^^^^^^ not defined
  rules/tools.kdl:1:6: the nearest name
  help: write \"aider\", or define it in rules/*.kdl

rules/tools.kdl:4:1: warning[shadowed]: aider is shadowed

1 error, 1 warning
";
        assert_eq!(text, expected);
    }

    #[test]
    fn graphical_fits_its_columns_and_names_all_places() {
        let (diagnostics, sources) = sample();
        let style = Style { color: false, unicode: true, width: 60 };
        let text = render(&diagnostics, &sources, &style, Form::Graphical);
        for word in
            ["unknown-tool", "aidr", "workstreams/a.json:3:", "rules/tools.kdl", "nearest name", "help", "1 error"]
        {
            assert!(text.contains(word), "{word} is missing in\n{text}");
        }
        assert!(!text.contains('\u{1b}'));
        assert!(text.lines().all(|line| crate::report::text::width::width(line) <= 60), "{text}");
        let coloured = render(&diagnostics, &sources, &Style { color: true, ..style }, Form::Graphical);
        assert!(coloured.contains('\u{1b}'));
    }

    #[test]
    fn rows_carry_every_place() {
        let (diagnostics, sources) = sample();
        let rows = rows(&diagnostics, &sources);
        assert_eq!(rows[0].class, "dependency");
        assert_eq!((rows[0].line, rows[0].column), (Some(3), Some(10)));
        assert_eq!(rows[0].details, ["workstreams/a.json:3:10: not defined", "rules/tools.kdl:1:6: the nearest name"]);
    }
}
