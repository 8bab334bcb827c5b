//! What would run, and why: the text of `pl check`.
//!
//! Steps by workstream and task; fresh ones are counted, long lists are cut, and the last line says that nothing ran.

use crate::report::text::short::split_step;
use crate::report::text::table::{Cell, Table};
use crate::report::{Style, Tone, count, tone_of};
use crate::summary::{CheckReport, PlannedStep};

/// Rows that are shown of all groups together.
const ROWS_MAX: usize = 40;

/// How a plan is told.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The command that would run it: `pl build ws-15`.
    pub command: &'a str,
    /// Every step, fresh ones too.
    pub verbose: bool,
}

/// The plan as text. Definitions with errors have no plan: then nothing is said here.
pub fn render(report: &CheckReport, context: &Context<'_>, style: &Style) -> String {
    if !report.ok {
        return String::new();
    }
    let mut text = String::new();
    let mut rows_left = if context.verbose { usize::MAX } else { ROWS_MAX };
    let mut hidden = 0;
    for group in groups(&report.steps) {
        hidden += render_group(&group, context, style, &mut rows_left, &mut text);
    }
    if hidden > 0 {
        let more = format!("{} and {hidden} more (-v shows all)", style.ellipsis());
        text.push_str(&format!("{}\n", style.paint(Tone::Dim, &more)));
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&last_line(report, context, style));
    text
}

/// A workstream's steps, or the tasks and setups of the project.
struct Group<'a> {
    name: Option<&'a str>,
    steps: Vec<&'a PlannedStep>,
}

fn groups(steps: &[PlannedStep]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: std::collections::HashMap<Option<&str>, usize> = std::collections::HashMap::new();
    for step in steps {
        let name = step.workstream.as_deref();
        let place = *places.entry(name).or_insert_with(|| {
            groups.push(Group { name, steps: Vec::new() });
            groups.len() - 1
        });
        groups[place].steps.push(step);
    }
    groups
}

/// A heading, the steps that would run, and how many are fresh; returns how many rows had no room.
fn render_group(
    group: &Group<'_>,
    context: &Context<'_>,
    style: &Style,
    rows_left: &mut usize,
    text: &mut String,
) -> usize {
    let fresh = group.steps.iter().filter(|step| is_fresh(step)).count();
    let heading = group.name.unwrap_or("tasks");
    let all_fresh = fresh == group.steps.len();
    let rows = rows(group, context.verbose);
    if all_fresh && !context.verbose && rows.is_empty() {
        return 0;
    }
    if *rows_left == 0 {
        return rows.len();
    }
    let said = if fresh > 0 { format!("  {fresh} fresh") } else { String::new() };
    text.push_str(&format!("{}{}\n", style.paint(Tone::Strong, heading), style.paint(Tone::Dim, &said)));
    let mut table = Table::new(&["", "", "", ""]).indent(2).shrinks(2);
    let shown = rows.len().min(*rows_left);
    let hidden = rows.len() - shown;
    *rows_left -= shown;
    rows.into_iter().take(shown).for_each(|row| table.row(row));
    text.push_str(&table.render(style));
    hidden
}

/// One row a step; unsettled ones of a kind that only wait for each other share one.
fn rows(group: &Group<'_>, verbose: bool) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    let told: Vec<&PlannedStep> =
        group.steps.iter().copied().filter(|step| verbose || !is_fresh(step) || step.red).collect();
    let mut rest = told.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let alike = if verbose { 0 } else { after.iter().take_while(|step| is_alike(first, step)).count() };
        let name = match alike {
            0 => split_step(&first.name).1.to_owned(),
            _ => format!("{} … {}", split_step(&first.name).1, split_step(&after[alike - 1].name).1),
        };
        let verdict = if first.red && is_fresh(first) { "red" } else { first.verdict.as_str() };
        let reason = short_reason(first, group.name);
        let reason = if verdict == "red" { "failed before with the same parts".to_owned() } else { reason };
        rows.push(vec![
            Cell::new(name),
            Cell::toned(tone_of(verdict), verdict),
            Cell::new(reason),
            Cell::toned(Tone::Dim, first.tool.clone().unwrap_or_default()),
        ]);
        rest = &after[alike..];
    }
    rows
}

fn is_fresh(step: &PlannedStep) -> bool {
    step.verdict == "fresh"
}

/// Whether two neighbours say the same: kind, tool, and that something above them must run first.
fn is_alike(left: &PlannedStep, right: &PlannedStep) -> bool {
    let waits = |step: &PlannedStep| step.reason.as_deref().is_some_and(|reason| reason.starts_with("upstream "));
    let same_reason = left.reason == right.reason || waits(left) && waits(right);
    let same = left.kind == right.kind && left.verdict == right.verdict && left.tool == right.tool;
    same && same_reason && left.kind != "task" && left.kind != "lint" && left.red == right.red
}

/// A reason in which steps of the same workstream go without its name.
fn short_reason(step: &PlannedStep, workstream: Option<&str>) -> String {
    let reason = step.reason.clone().unwrap_or_default();
    workstream.map_or(reason.clone(), |id| reason.replace(&format!("{id}/"), ""))
}

/// The line where all is fresh.
pub fn all_fresh(steps: usize, command: &str, style: &Style) -> String {
    format!("{}\n", nothing_to_run(steps, &style.paint(Tone::Command, command)))
}

fn nothing_to_run(steps: usize, command: &str) -> String {
    format!("Nothing was run: {command} would run nothing ({} fresh)", count(steps, "step"))
}

/// `Nothing was run: pl build ws-15 runs these 12 steps`.
fn last_line(report: &CheckReport, context: &Context<'_>, style: &Style) -> String {
    let command = style.paint(Tone::Command, context.command);
    let unsettled = report.steps.iter().filter(|step| step.verdict == "unsettled").count();
    let red = report.steps.iter().filter(|step| step.red).count();
    let mut line = match report.would_run {
        0 => nothing_to_run(report.steps.len(), &command),
        1 => format!("Nothing was run: {command} runs this 1 step"),
        number => format!("Nothing was run: {command} runs these {number} steps"),
    };
    if unsettled > 0 {
        line.push_str(&format!(" ({unsettled} unsettled: only if what is above them changes)"));
    }
    if red > 0 && report.would_run == 0 {
        line.push_str(&format!("; {red} of them failed and stay failed"));
    }
    line + "\n"
}

#[cfg(test)]
mod tests {
    use super::{Context, render};
    use crate::report::Style;
    use crate::summary::{CheckReport, PlannedStep};

    fn step(name: &str, kind: &str, verdict: &str, reason: &str) -> PlannedStep {
        PlannedStep {
            name: name.into(),
            kind: kind.into(),
            workstream: name.split_once('/').map(|(id, _)| id.to_owned()),
            verdict: verdict.into(),
            reason: (!reason.is_empty()).then(|| reason.into()),
            tool: (kind == "edit").then(|| "replay".into()),
            red: false,
            depends_on: Vec::new(),
        }
    }

    fn report(steps: Vec<PlannedStep>) -> CheckReport {
        let would_run = steps.iter().filter(|step| step.verdict != "fresh").count();
        CheckReport { ok: true, bundles_checked: 1, errors: Vec::new(), steps, would_run }
    }

    const CONTEXT: Context<'static> = Context { command: "pl build ws-1", verbose: false };

    #[test]
    fn steps_that_only_wait_share_a_row() {
        let steps = vec![
            step("fmt", "task", "stale", "input src/a.rs changed"),
            step("ws-1-a/base", "base", "fresh", ""),
            step("ws-1-a/edit.1", "edit", "stale", "prompt changed at line 14"),
            step("ws-1-a/edit.2", "edit", "unsettled", "upstream ws-1-a/edit.1"),
            step("ws-1-a/edit.3", "edit", "unsettled", "upstream ws-1-a/edit.2"),
            step("ws-1-a/ruff", "lint", "unsettled", "upstream ws-1-a/edit.3"),
        ];
        let expected = "\
tasks
  fmt  stale  input src/a.rs changed
ws-1-a  1 fresh
  edit.1           stale      prompt changed at line 14  replay
  edit.2 … edit.3  unsettled  upstream edit.1            replay
  ruff             unsettled  upstream edit.3

Nothing was run: pl build ws-1 runs these 5 steps (3 unsettled: only if what is above them changes)
";
        assert_eq!(render(&report(steps), &CONTEXT, &Style::PLAIN), expected);
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let steps = vec![step("ws-1-a/base", "base", "fresh", ""), step("ws-1-a/result", "result", "fresh", "")];
        let expected = "Nothing was run: pl build ws-1 would run nothing (2 steps fresh)\n";
        assert_eq!(render(&report(steps), &CONTEXT, &Style::PLAIN), expected);
    }

    #[test]
    fn long_lists_are_cut() {
        let steps = (0..70).map(|number| step(&format!("task-{number}"), "task", "stale", "never ran")).collect();
        let report = report(steps);
        let text = render(&report, &CONTEXT, &Style::PLAIN);
        assert!(text.contains("… and 30 more (-v shows all)"), "{text}");
        let all = render(&report, &Context { verbose: true, ..CONTEXT }, &Style::PLAIN);
        assert!(!all.contains("more (-v") && all.contains("task-69"), "{all}");
    }
}
