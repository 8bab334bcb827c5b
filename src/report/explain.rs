//! Why one step is fresh, stale or unsettled: the verdict, the way to its root cause, the parts that differ.
//!
//! Also what a diagnostic's code means. Knows no keys and looks nothing up.

use crate::base::diagnostic::Code;
use crate::report::diagnostics::severity_word;
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::clock;
use crate::report::text::width::{one_line, truncate, wrap};
use crate::report::{Style, Tone, tone_of};

/// Parts and hops that are listed; the rest is counted.
const ROWS_MAX: usize = 30;

/// Columns of a command.
const COMMAND_COLUMNS_MAX: usize = 120;

/// Columns of running text.
const COLUMNS_MAX: usize = 80;

/// A step explained.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Explanation {
    /// The step.
    pub step: String,
    /// `fresh stale unsettled`.
    pub verdict: String,
    /// Why, in one sentence.
    pub reason: Option<String>,
    /// From the step up to the root cause, each with its own reason; the step itself comes first.
    pub hops: Vec<Hop>,
    /// The step that is the root cause; the step itself where nothing above it is.
    pub root: String,
    /// Parts of the root's key that differ from its last record.
    pub differences: Vec<PartDifference>,
    /// Parts that are equal.
    pub parts_equal: usize,
    /// When its last record was made, ISO-8601.
    pub last_record: Option<String>,
    /// What the step runs, for people.
    pub command: Option<String>,
    /// Who asked for the part that changed, or what to do: one imperative.
    pub help: Option<String>,
}

/// One step on the way to a root cause.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Hop {
    /// The step.
    pub step: String,
    /// Why it must run.
    pub reason: String,
}

/// One part of a key that differs.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct PartDifference {
    /// The part: `input src/a.py`.
    pub part: String,
    /// `changed added removed`.
    pub change: String,
    /// First line that differs, from 1.
    pub line: Option<usize>,
    /// What it was: a short text, or the beginning of a digest.
    pub before: Option<String>,
    /// What it is now.
    pub after: Option<String>,
}

/// An explanation as text.
pub fn render(explanation: &Explanation, style: &Style) -> String {
    let verdict = style.paint(tone_of(&explanation.verdict), &explanation.verdict);
    let mut text = format!("{} is {verdict}", style.paint(Tone::Strong, &explanation.step));
    text.push_str(&explanation.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default());
    text.push('\n');
    if let Some(command) = &explanation.command {
        text.push_str(&format!("  {} {}\n", style.paint(Tone::Dim, "runs"), short_command(command, style)));
    }
    if let Some(moment) = &explanation.last_record {
        text.push_str(&format!("  {} {}\n", style.paint(Tone::Dim, "last recorded"), clock(moment)));
    }
    text.push_str(&hops(&explanation.hops, style));
    text.push_str(&differences(explanation, style));
    if let Some(help) = &explanation.help {
        text.push_str(&format!("{} {help}\n", style.paint(Tone::Good, "help:")));
    }
    text
}

/// A command on one line; a script is cut.
pub fn short_command(command: &str, style: &Style) -> String {
    truncate(&one_line(command), style.width.min(COMMAND_COLUMNS_MAX), style.ellipsis())
}

/// From the root cause down to the step; the root's reason stands in the sentence above.
fn hops(hops: &[Hop], style: &Style) -> String {
    let [_, .., root] = hops else { return String::new() };
    let mut text = String::new();
    text.push_str(&format!("\nbecause {}: {}\n", style.paint(Tone::Strong, &root.step), root.reason));
    if hops.len() < 3 {
        return text;
    }
    let arrow = if style.unicode { "→" } else { "->" };
    for hop in hops.iter().rev().skip(1).take(ROWS_MAX) {
        text.push_str(&format!("  {} {}\n", style.paint(Tone::Dim, arrow), hop.step));
    }
    text.push_str(&more(hops.len(), style));
    text
}

fn differences(explanation: &Explanation, style: &Style) -> String {
    if explanation.differences.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["", "", ""]).indent(2).shrinks(2);
    for difference in explanation.differences.iter().take(ROWS_MAX) {
        table.row(vec![
            Cell::toned(Tone::Warn, &difference.change),
            Cell::toned(Tone::Strong, &difference.part),
            Cell::new(values(difference, style)),
        ]);
    }
    let equal = style.paint(Tone::Dim, &format!("({} are as they were)", explanation.parts_equal));
    let rows = table.render(style);
    let whose = if explanation.root == explanation.step { String::new() } else { format!(" in {}", explanation.root) };
    format!("\nparts that differ{whose} {equal}\n{rows}{}", more(explanation.differences.len(), style))
}

fn values(difference: &PartDifference, style: &Style) -> String {
    let arrow = if style.unicode { "→" } else { "->" };
    match (&difference.before, &difference.after, difference.line) {
        (_, _, Some(line)) => format!("from line {line}"),
        (Some(before), Some(after), None) => format!("{before} {arrow} {after}"),
        (Some(one), None, None) | (None, Some(one), None) => one.clone(),
        (None, None, None) => String::new(),
    }
}

fn more(rows: usize, style: &Style) -> String {
    match rows.checked_sub(ROWS_MAX) {
        Some(more) if more > 0 => format!("  {} and {more} more\n", style.ellipsis()),
        _ => String::new(),
    }
}

/// What a diagnostic's code means.
pub fn render_code(code: &Code, style: &Style) -> String {
    let heading = style.paint(Tone::Strong, code.id);
    let mut text = format!("{heading} ({}, {})\n{}\n", severity_word(code.severity), code.class.word(), code.summary);
    let mut is_code = false;
    for paragraph in code.explanation.trim().lines() {
        is_code ^= paragraph.starts_with("```");
        if paragraph.starts_with("```") {
            continue;
        }
        if is_code || paragraph.starts_with("    ") || paragraph.trim().is_empty() {
            text.push_str(&format!("{}{paragraph}\n", if is_code { "    " } else { "" }));
        } else {
            wrap(paragraph, style.width.min(COLUMNS_MAX)).iter().for_each(|line| text.push_str(&format!("{line}\n")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Explanation, Hop, PartDifference, render};
    use crate::report::Style;

    #[test]
    fn the_root_cause_comes_first() {
        let hop = |step: &str, reason: &str| Hop { step: step.into(), reason: reason.into() };
        let explanation = Explanation {
            step: "ws-2-b/test.1".into(),
            verdict: "unsettled".into(),
            reason: Some("upstream ws-2-b/base".into()),
            hops: vec![
                hop("ws-2-b/test.1", "upstream ws-2-b/base"),
                hop("ws-2-b/base", "upstream ws-1-a/edit.1"),
                hop("ws-1-a/edit.1", "prompt changed at line 14"),
            ],
            differences: vec![PartDifference {
                part: "env CI".into(),
                change: "changed".into(),
                line: None,
                before: Some("0".into()),
                after: Some("1".into()),
            }],
            root: "ws-1-a/edit.1".into(),
            parts_equal: 7,
            last_record: None,
            command: Some("pytest -q".into()),
            help: None,
        };
        let expected = "\
ws-2-b/test.1 is unsettled: upstream ws-2-b/base
  runs pytest -q

because ws-1-a/edit.1: prompt changed at line 14
  → ws-2-b/base
  → ws-2-b/test.1

parts that differ in ws-1-a/edit.1 (7 are as they were)
  changed  env CI  0 → 1
";
        assert_eq!(render(&explanation, &Style::PLAIN), expected);
    }
}
