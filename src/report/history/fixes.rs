//! The attempts of a fix loop as a table, and why it ended.
//!
//! Draws what was noted; knows neither records nor trees.

use std::collections::BTreeMap;

use crate::report::findings::entries::Told;
use crate::report::findings::text::{Length, list};
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::duration;
use crate::report::{Style, Tone, count};
use crate::summary::attempt::AttemptReport;
use crate::summary::{LoopAttempt, LoopHistory};

/// Files that a row names before it counts.
const FILES_SHOWN_MAX: usize = 2;

/// The section of a workstream's page.
pub(super) fn render(id: &str, history: &LoopHistory, style: &Style) -> String {
    let mut table =
        Table::new(&["attempt", "tool", "took", "cost", "files", "findings", "outcome"]).shrinks(6).indent(2);
    for attempt in &history.attempts {
        table.row(vec![
            Cell::new(attempt.number.to_string()),
            Cell::toned(Tone::Strong, &attempt.tool),
            Cell::new(duration(attempt.duration_ms)),
            Cell::new(cost(attempt)),
            Cell::toned(Tone::Dim, files(attempt)),
            Cell::new(findings(attempt)),
            Cell::toned(Tone::Dim, outcome(attempt)),
        ]);
    }
    let mut text = table.render(style);
    if let Some(end) = &history.end {
        text.push_str(&format!("  {} {}\n", style.paint(Tone::Bad, "stopped:"), end.message));
        for line in end.evidence.iter().chain([&end.help, &end.quarantine]).filter(|line| !line.is_empty()) {
            text.push_str(&format!("           {line}\n"));
        }
    }
    if let (Some(last), true) = (history.attempts.last(), history.attempts.len() > 1) {
        let command = format!("pl diff {id} {} {}", last.number - 1, last.number);
        text.push_str(&format!("  {command}   {}\n", style.paint(Tone::Dim, "what came between two attempts")));
    }
    text
}

fn cost(attempt: &LoopAttempt) -> String {
    match attempt.cost_micros {
        0 if attempt.cost_unknown => "not told".to_owned(),
        0 => String::new(),
        micros => format!("{}.{:02}", micros / 1_000_000, micros % 1_000_000 / 10_000),
    }
}

fn files(attempt: &LoopAttempt) -> String {
    match attempt.files.len() {
        0 => "none".to_owned(),
        1..=FILES_SHOWN_MAX => attempt.files.join(", "),
        many => count(many, "file"),
    }
}

/// `3 → 1`.
fn findings(attempt: &LoopAttempt) -> String {
    let number = |number: Option<usize>| number.map_or_else(|| "?".to_owned(), |number| number.to_string());
    match attempt.findings_before {
        None => number(attempt.findings_after),
        before => format!("{} → {}", number(before), number(attempt.findings_after)),
    }
}

fn outcome(attempt: &LoopAttempt) -> String {
    match (attempt.red.is_empty(), attempt.findings_after) {
        (false, _) => format!("{}; red: {}", attempt.outcome, attempt.red.join(", ")),
        (true, Some(0)) => format!("{}; green", attempt.outcome),
        (true, _) => attempt.outcome.clone(),
    }
}

/// One attempt: what it changed, and what was wrong after it.
pub(super) fn attempt(report: &AttemptReport, every: bool, style: &Style) -> String {
    let AttemptReport { attempt, summary, .. } = report;
    let heading = style.paint(Tone::Strong, &format!("{} attempt {}", report.workstream_id, attempt.number));
    let (tool, took) = (&attempt.tool, duration(attempt.duration_ms));
    let dim = style.paint(Tone::Dim, &format!("{took}  {}", report.run_id));
    let mut text = format!("{heading}  {tool}  {}  {dim}\n", attempt.outcome);
    for output in &report.outputs {
        let word = match (&output.input, &output.output) {
            (None, _) => "A",
            (_, None) => "D",
            _ => "M",
        };
        text.push_str(&format!("  {word} {}\n", output.path));
    }
    let told: Vec<Told<'_>> = report.issues.iter().map(Told::alone).collect();
    let command = format!("pl show -v {} --attempt {}", report.workstream_id, attempt.number);
    let drawn = list(&told, Length::asked(every, &command, style), style);
    if !drawn.is_empty() {
        text.push_str(&format!("\n{drawn}\n"));
    }
    let of = |counts: &BTreeMap<String, usize>| {
        counts.iter().map(|(word, number)| format!("{number} {word}")).collect::<Vec<_>>().join(", ")
    };
    let number = count(summary.total_issues, "issue");
    let by = match summary.total_issues {
        0 => String::new(),
        _ => format!(": {} ({})", of(&summary.issues_by_category), of(&summary.issues_by_tool)),
    };
    // What was green at once has no attempts but this; numbers would be those of its instructions.
    let which = match (attempt.number, attempt.findings_after) {
        (1, Some(0)) => String::new(),
        (number, _) => format!(" {number}"),
    };
    let diff = format!("pl diff {}{which}", report.workstream_id);
    text + &format!("{number}{by}\n  {diff}   {}\n", style.paint(Tone::Dim, "what it changed"))
}
