//! What `scan` and the `kdl` crate find wrong, as diagnostics that say what to type instead.
//!
//! Knows the text around a place, not what nodes mean.

use kdl::KdlError;

use super::problem::{Kind, NESTING_MAX, Problem};
use crate::base::diagnostic::Diagnostic;
use crate::base::span::{FileId, Span};
use crate::syntax::diagnostics as codes;

/// Longest piece of a file that a message or help repeats, in characters.
const QUOTE_LETTERS_MAX: usize = 60;

/// Text as it has to be written in KDL to mean itself: quoted, or raw where quotes or `\` would need escapes.
pub(super) fn quote(text: &str) -> String {
    if !text.contains(['"', '\\']) {
        return format!("\"{text}\"");
    }
    let mut marks = "#".to_owned();
    while text.contains(&format!("\"{marks}")) {
        marks.push('#');
    }
    format!("{marks}\"{text}\"{marks}")
}

/// The start of a text, where it is long.
pub(super) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or("");
    match line.char_indices().nth(QUOTE_LETTERS_MAX) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// A problem of the scan.
pub(super) fn of_problem(problem: Problem, text: &str, file: FileId) -> Diagnostic {
    let span = Span::new(file, problem.start, problem.end.saturating_sub(problem.start));
    let written = text.get(problem.start..problem.end).unwrap_or("");
    let shown = short(written);
    match problem.kind {
        Kind::BareWord(why) => {
            Diagnostic::new(&codes::bare_word::CODE, span, format!("`{shown}` has to be in quotes: {why}"))
                .say("not a word of KDL")
                .help(format!("Write {}", quote(&shown)))
        }
        Kind::BareKeyword => {
            Diagnostic::new(&codes::bare_word::CODE, span, format!("`{shown}` is neither a word nor a value"))
                .say("ambiguous")
                .help(format!("Write `#{shown}` for the value, `\"{shown}\"` for the text"))
        }
        Kind::BareBraces => braces(&shown, span),
        Kind::BadEscape => Diagnostic::new(&codes::bad_escape::CODE, span, format!("`{shown}` is no escape"))
            .say("unknown escape")
            .help(format!(
                r##"Write the text raw, #"…{shown}…"#, or double the backslash; escapes are \n \t \r \b \f \s \" \\ \u{{…}}"##
            )),
        Kind::CommentSwallows => Diagnostic::new(
            &codes::comment_swallows::CODE,
            span,
            format!("a comment begins inside `{shown}` and swallows part of it"),
        )
        .say("`//` and `/*` begin comments")
        .help(format!("Write {}, or a space before a comment that is meant", quote(&shown))),
        Kind::CommentInArgv => {
            let word = shown.split_whitespace().next().unwrap_or("//").to_owned();
            Diagnostic::new(&codes::comment_in_argv::CODE, span, format!("`{word}` is a comment, not an argument"))
                .say("everything from here on is left out")
                .help(format!("Write {} if it is an argument, `// …` with a space if it is a comment", quote(&word)))
        }
        Kind::PropertyWithoutValue => property_without_value(&shown, span),
        Kind::Annotation => {
            Diagnostic::new(&codes::unexpected_value::CODE, span, "parentheses mean nothing here".to_owned())
                .say("a type annotation of KDL")
                .help("Remove them, or put the text in quotes")
        }
        Kind::TooDeep => {
            Diagnostic::new(&codes::limit_reached::CODE, span, format!("blocks are nested more than {NESTING_MAX} deep"))
                .say("one too many")
                .help("Remove a level of `{ … }`")
        }
        Kind::Syntax(what, help) => Diagnostic::new(&codes::syntax_error::CODE, span, what).help(help),
    }
}

/// `{out}` where text was meant.
pub(super) fn braces(shown: &str, span: Span) -> Diagnostic {
    Diagnostic::new(&codes::bare_braces::CODE, span, format!("`{shown}` is read as a block of children"))
        .say("children, not text")
        .help(format!("Put the whole argument in quotes: {}", quote(shown)))
}

fn property_without_value(shown: &str, span: Span) -> Diagnostic {
    Diagnostic::new(&codes::property_in_argv::CODE, span, format!("`{shown}` is a property, and it lacks a value"))
        .say("a property of KDL")
        .help(format!("Put the whole argument in quotes: \"{shown}…\"; or give the property a value"))
}

/// What the parser found wrong in a piece of the text that begins at `start`; one diagnostic a place.
pub(super) fn of_error(error: &KdlError, text: &str, start: usize, end: usize, file: FileId) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = Vec::new();
    for problem in &error.diagnostics {
        let from = floor(text, (start + problem.span.offset()).min(end));
        let to = floor(text, (from + problem.span.len()).min(end)).max(from);
        let span = Span::new(file, from, to - from);
        if found.iter().any(|earlier| overlap(earlier, span)) {
            continue;
        }
        let message = problem.message.as_deref().unwrap_or("this is not KDL").trim_end_matches('.').to_owned();
        let help = problem.help.clone().unwrap_or_else(|| {
            "Put texts in quotes and end each node with a new line or `;`; see docs/language.md".to_owned()
        });
        let diagnostic = Diagnostic::new(&codes::syntax_error::CODE, span, lower_first(&message))
            .say(problem.label.clone().unwrap_or_default())
            .help(help);
        found.push(diagnostic);
    }
    if found.is_empty() {
        let span = Span::new(file, start, end.saturating_sub(start));
        found.push(Diagnostic::new(&codes::syntax_error::CODE, span, "this is not KDL").help("Put texts in quotes"));
    }
    found
}

fn overlap(earlier: &Diagnostic, span: Span) -> bool {
    earlier
        .labels
        .first()
        .is_some_and(|label| label.span.start < span.end.max(span.start + 1) && span.start <= label.span.end)
}

fn floor(text: &str, mut at: usize) -> usize {
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => String::new(),
    }
}
