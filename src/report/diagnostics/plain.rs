//! A diagnostic as lines that editors and `grep` understand.
//!
//! The line of the text stands below its place, with carets.

use super::severity_word;
use crate::base::diagnostic::{Diagnostic, Label, Severity};
use crate::base::span::{Sources, Span};
use crate::report::text::width::width;
use crate::report::{Style, Tone};

/// Characters of a source line that are shown; generated files have very long ones.
const LINE_CHARACTERS_MAX: usize = 160;

/// One diagnostic.
pub(super) fn render(diagnostic: &Diagnostic, sources: &Sources, style: &Style) -> String {
    let severity = diagnostic.code.severity;
    let tone = if severity == Severity::Error { Tone::Bad } else { Tone::Warn };
    let kind = style.paint(tone, &format!("{}[{}]", severity_word(severity), diagnostic.code.id));
    let mut labels = diagnostic.labels.iter();
    let mut text = String::new();
    match labels.next() {
        None => text.push_str(&format!("{kind}: {}\n", diagnostic.message)),
        Some(primary) => {
            let place = place(primary.span, sources);
            text.push_str(&format!("{place}: {kind}: {}\n", diagnostic.message));
            text.push_str(&snippet(primary, sources).unwrap_or_default());
        }
    }
    for label in labels {
        text.push_str(&format!("  {}\n", place_and_text(label, sources)));
    }
    if let Some(help) = &diagnostic.help {
        text.push_str(&format!("  {}: {help}\n", style.paint(Tone::Good, "help")));
    }
    text
}

/// `file:line:column: text`.
pub(super) fn place_and_text(label: &Label, sources: &Sources) -> String {
    let place = place(label.span, sources);
    if label.text.is_empty() { place } else { format!("{place}: {}", label.text) }
}

fn place(span: Span, sources: &Sources) -> String {
    let path = sources.get(span.file).map_or("?", |source| source.path.as_ref());
    match sources.position(span) {
        Some((line, column)) => format!("{path}:{line}:{column}"),
        None => path.to_owned(),
    }
}

/// The line with carets below what is meant; `None` where the line is too long or empty.
fn snippet(label: &Label, sources: &Sources) -> Option<String> {
    let text = &sources.get(label.span.file)?.text;
    let start = label.span.start as usize;
    let before = text.get(..start)?.rsplit('\n').next()?;
    let line = text.get(start - before.len()..)?.lines().next()?;
    if line.trim().is_empty() || line.chars().count() > LINE_CHARACTERS_MAX {
        return None;
    }
    let end = (label.span.end as usize).min(start - before.len() + line.len());
    let meant = text.get(start..end)?;
    let carets = "^".repeat(width(meant).max(1));
    let blanks = " ".repeat(width(before.trim_start()));
    Some(format!("    {}\n    {blanks}{carets} {}", line.trim(), label.text).trim_end().to_owned() + "\n")
}
