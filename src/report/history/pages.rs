//! The pages of `pl show`: a run, a workstream, a task or step, prompts.
//!
//! Whole values where people copy them; nothing is looked up.

use jiff::Timestamp;

use crate::report::console::failure;
use crate::report::explain::short_command;
use crate::report::findings::text::{Length, list};
use crate::report::history::fixes;
use crate::report::history::found::told;
use crate::report::history::{
    AttemptRow, FailureRow, FindingRow, PromptRow, RunShow, TaskShow, WorkstreamShow, attempts_table,
};
use crate::report::text::short::short_commit;
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::{ago, duration};
use crate::report::text::width::width;
use crate::report::{Style, Tone, count, tone_of};

/// Columns that a list takes where the output has no width.
const LIST_COLUMNS: usize = 100;

/// Blanks and the word before a list.
const LIST_INDENT: usize = 12;

/// A run.
pub(super) fn run(show: &RunShow, now: Timestamp, style: &Style) -> String {
    let run = &show.run;
    let heading = style.paint(Tone::Strong, &run.run_id);
    let status = style.paint(tone_of(&run.status), &run.status);
    let (when, took) = (ago(&run.started, now), duration(run.duration_ms));
    let mut text = format!("{heading}  {status}  {when}, took {took}\n");
    let asked = if run.targets.is_empty() { "the default".to_owned() } else { run.targets.join(" ") };
    let ran = count(run.steps_run, "step");
    text.push_str(&format!("  asked for {asked}: {ran} ran, {} fresh, {} failed\n", run.steps_fresh, run.steps_failed));
    text.push_str(&section("steps", &attempts_table(&show.attempts, now, style), style));
    let command = format!("pl show -v --findings --run {}", run.run_id);
    text + &findings_section(&show.findings, &command, style)
}

/// A workstream.
pub(super) fn workstream(show: &WorkstreamShow, now: Timestamp, style: &Style) -> String {
    let title = show.title.as_ref().map(|title| format!("  {title}")).unwrap_or_default();
    let state = style.paint(tone_of(&show.state), &show.state);
    let mut text = format!("{}  {state}{title}\n", style.paint(Tone::Strong, &show.id));
    let one = |value: &Option<String>| value.iter().cloned().collect::<Vec<_>>();
    // Where the block of the failure says why, it says more.
    let is_told = show.failure.as_ref().is_some_and(|row| show.reason.as_ref() == Some(&row.failure.message));
    let fields = [
        ("why", if is_told { Vec::new() } else { one(&show.reason) }),
        ("class", one(&show.class)),
        ("after", packed(&show.depends_on, style)),
        ("scope", packed(&show.scope, style)),
        ("may add", packed(&show.create, style)),
        ("tool", one(&Some(show.tool.clone()).filter(|tool| !tool.is_empty()))),
        ("commit", one(&show.commit.as_deref().map(|commit| short_commit(commit).to_owned()))),
        ("branch", one(&show.branch)),
        ("worktree", one(&show.worktree)),
    ];
    let mut table = Table::new(&["", ""]).indent(2);
    for (name, lines) in fields {
        for (place, line) in lines.into_iter().enumerate() {
            table.row(vec![Cell::toned(Tone::Dim, if place == 0 { name } else { "" }), Cell::new(line)]);
        }
    }
    // Whole values: people copy them.
    text.push_str(&table.render(&Style { width: Style::UNBOUNDED, ..*style }));
    text.push_str(&failure_section(show.failure.as_ref(), style));
    let changes: String = show.changes.iter().map(|change| format!("  {change}\n")).collect();
    text.push_str(&section("changes", &changes, style));
    let prefix = format!("{}/", show.id);
    let short = |row: &AttemptRow| AttemptRow { step: row.step.replace(&prefix, ""), ..row.clone() };
    let attempts: Vec<AttemptRow> = show.attempts.iter().map(short).collect();
    if let Some(history) = &show.fix_loop {
        text.push_str(&section("fix loop", &fixes::render(&show.id, history, style), style));
    }
    if !attempts.is_empty() {
        text.push_str(&section("attempts", &attempts_table(&attempts, now, style), style));
    }
    let command = format!("pl show -v --findings {}", show.id);
    text + &findings_section(&beyond(&show.findings, show.failure.as_ref()), &command, style)
}

/// A task or a step.
pub(super) fn task(show: &TaskShow, now: Timestamp, style: &Style) -> String {
    let state = style.paint(tone_of(&show.state), &show.state);
    let about = show.about.as_ref().map(|about| format!("  {about}")).unwrap_or_default();
    let mut text = format!("{}  {state}{about}\n", style.paint(Tone::Strong, &show.name));
    let command = show.command.as_ref().map(|command| {
        let command = short_command(command, style);
        format!("  {} {command}\n", style.paint(Tone::Dim, "runs"))
    });
    text.push_str(&command.unwrap_or_default());
    text.push_str(&failure_section(show.failure.as_ref(), style));
    if !show.attempts.is_empty() {
        // The step is the page's own, but for a setup that many make.
        let blank = |row: &AttemptRow| match row.step == show.name {
            true => AttemptRow { step: String::new(), ..row.clone() },
            false => row.clone(),
        };
        let attempts: Vec<AttemptRow> = show.attempts.iter().map(blank).collect();
        text.push_str(&section("attempts", &attempts_table(&attempts, now, style), style));
    }
    text
}

/// What tools are told.
pub(super) fn prompts(prompts: &[PromptRow], style: &Style) -> String {
    let page = |row: &PromptRow| {
        let heading = style.paint(Tone::Strong, &row.step);
        let tool = style.paint(Tone::Dim, &format!("asked of {}", row.tool));
        format!("{heading}  {tool}\n\n{}\n", row.prompt.trim_end())
    };
    prompts.iter().map(page).collect::<Vec<_>>().join("\n")
}

/// Entries side by side, as many as fit a line.
fn packed(entries: &[String], style: &Style) -> Vec<String> {
    let columns = style.width.min(LIST_COLUMNS).saturating_sub(LIST_INDENT);
    let mut lines: Vec<String> = Vec::new();
    for entry in entries {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(entry) <= columns => {
                line.push(' ');
                line.push_str(entry);
            }
            _ => lines.push(entry.clone()),
        }
    }
    lines
}

fn failure_section(row: Option<&FailureRow>, style: &Style) -> String {
    let text = row.map(|row| failure::render(&row.step, &row.failure, style, false)).unwrap_or_default();
    // The block ends in an empty line, and so do sections begin.
    text.strip_suffix('\n').map(str::to_owned).unwrap_or(text)
}

/// Findings that the failure does not list already.
fn beyond(findings: &[FindingRow], failure: Option<&FailureRow>) -> Vec<FindingRow> {
    let told = failure.map(|row| row.failure.findings.as_slice()).unwrap_or_default();
    findings.iter().filter(|row| !told.contains(&row.finding)).cloned().collect()
}

fn section(heading: &str, body: &str, style: &Style) -> String {
    if body.is_empty() { String::new() } else { format!("\n{}\n{body}", style.paint(Tone::Strong, heading)) }
}

fn findings_section(findings: &[FindingRow], command: &str, style: &Style) -> String {
    section("findings", &list(&told(findings), Length::Short(command), style), style)
}
