//! What a build came to: what was made, what was not and why, and what to type next.
//!
//! Eight lines at most where all went well; one line where nothing was to be done.

use crate::report::text::short::{short_commit, short_id, split_step};
use crate::report::text::table::{Cell, Table};
use crate::report::text::time::duration;
use crate::report::text::width::truncate;
use crate::report::{Style, Tone, count, tone_of};
use crate::summary::{BuildSummary, PathPart, StepStatus, StepSummary, WorkstreamSummary};

/// Good workstreams that are listed; the rest is counted.
const DONE_ROWS_MAX: usize = 4;

/// A build that takes longer says what it waited for.
const SLOW_MS: u64 = 10_000;

/// Parts of the critical path that are named.
const PATH_PARTS_MAX: usize = 4;

/// Workstreams and tasks of one bad status that are listed; the rest is counted.
const BAD_ROWS_MAX: usize = 20;

/// What a summary does not carry itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct Context<'a> {
    /// Resolved names of the targets asked for; empty: the default.
    pub targets: &'a [String],
    /// All workstreams of the project, for short names.
    pub workstreams: &'a [&'a str],
    /// The branch that workstreams start from.
    pub base: Option<&'a str>,
    /// Where the repository is, if it is not the one around.
    pub repository: Option<&'a str>,
}

/// The summary as lines.
pub fn render(summary: &BuildSummary, context: &Context<'_>, style: &Style) -> String {
    if summary.status == "completed" && summary.steps_run == 0 {
        return up_to_date(summary, context, style);
    }
    let mut text = rows(summary, context.targets, style);
    text.push_str(&totals(summary, style));
    text.push_str(&critical_path(summary, context, style));
    if !summary.plan_matched && summary.run_id.is_some() {
        let warning = style.paint(Tone::Warn, "warning:");
        text.push_str(&format!("{warning} what ran is not what pl check had planned\n"));
    }
    for (command, about) in next_commands(summary, context) {
        text.push_str(&format!("  {}", style.paint(Tone::Command, &command)));
        text.push_str(&if about.is_empty() {
            "\n".to_owned()
        } else {
            format!("   {}\n", style.paint(Tone::Dim, about))
        });
    }
    text
}

/// `ws-15-… is up to date (37 steps fresh, 12ms)`.
fn up_to_date(summary: &BuildSummary, context: &Context<'_>, style: &Style) -> String {
    let first = context.targets.first().map(String::as_str).unwrap_or_default();
    up_to_date_line(context.targets.len(), first, summary.steps_fresh, summary.duration_ms, style)
}

/// The one line of a build with nothing to do: how many targets, the name of the first, how many fresh steps.
pub fn up_to_date_line(targets: usize, first: &str, steps: usize, duration_ms: u64, style: &Style) -> String {
    let who = match targets {
        0 => "everything is".to_owned(),
        1 => format!("{first} is"),
        more => format!("{more} targets are"),
    };
    let fresh = style.paint(Tone::Dim, &format!("({} fresh, {})", count(steps, "step"), duration(duration_ms)));
    format!("{who} up to date {fresh}\n")
}

/// What was asked for comes first; what that needs may be cut.
fn rows(summary: &BuildSummary, targets: &[String], style: &Style) -> String {
    let mut table = Table::new(&["", "", "", ""]).shrinks(2);
    for status in ["done", "waiting", "interrupted", "blocked", "failed"] {
        let limit = if status == "done" { DONE_ROWS_MAX } else { BAD_ROWS_MAX };
        let mut workstreams: Vec<&WorkstreamSummary> =
            summary.workstreams.iter().filter(|workstream| workstream.status == status).collect();
        workstreams.sort_by_key(|workstream| !targets.contains(&workstream.id));
        let tasks = summary.tasks.iter().filter(|task| status != "done" && word(task.status) == status);
        let all: Vec<Vec<Cell>> = workstreams.into_iter().map(workstream_row).chain(tasks.map(task_row)).collect();
        let more = all.len().saturating_sub(limit);
        all.into_iter().take(limit).for_each(|row| table.row(row));
        if more > 0 {
            let rest = format!("{} and {more} more", style.ellipsis());
            table.row(vec![Cell::toned(tone_of(status), status), Cell::toned(Tone::Dim, rest)]);
        }
    }
    table.render(style)
}

fn workstream_row(workstream: &WorkstreamSummary) -> Vec<Cell> {
    let status = Cell::toned(tone_of(&workstream.status), &workstream.status);
    let id = Cell::toned(Tone::Strong, &workstream.id);
    if workstream.status == "done" {
        let commit = workstream.commit.as_deref().map(short_commit).unwrap_or_default();
        let branch = workstream.branch.as_deref().unwrap_or("nothing to commit");
        let branch = if workstream.commit.is_some() && workstream.branch.is_none() { "" } else { branch };
        return vec![status, id, Cell::new(format!("{commit}  {branch}").trim().to_owned())];
    }
    vec![status, id, Cell::new(workstream.reason.clone().unwrap_or_default())]
}

fn task_row(task: &StepSummary) -> Vec<Cell> {
    let status = word(task.status);
    let said = task.failure.as_ref().map(|failure| failure.message.clone()).or_else(|| task.reason.clone());
    vec![
        Cell::toned(tone_of(status), status),
        Cell::toned(Tone::Strong, &task.name),
        Cell::new(said.unwrap_or_default()),
    ]
}

fn word(status: StepStatus) -> &'static str {
    crate::report::console::lines::status_word(status)
}

/// `12 steps ran, 25 fresh in 1.9s`.
fn totals(summary: &BuildSummary, style: &Style) -> String {
    let ran = match summary.steps_run {
        0 => "no step ran".to_owned(),
        number => format!("{} ran", count(number, "step")),
    };
    let fresh = if summary.steps_fresh > 0 { format!(", {} fresh", summary.steps_fresh) } else { String::new() };
    let status = match summary.status.as_str() {
        "completed" => String::new(),
        other => format!("{}: ", style.paint(tone_of(other), other)),
    };
    format!("{status}{ran}{fresh} in {}\n", duration(summary.duration_ms))
}

/// In a slow build, one line with what it could not have been shorter than.
fn critical_path(summary: &BuildSummary, context: &Context<'_>, style: &Style) -> String {
    let path = &summary.critical_path;
    let all_ms: u64 = path.iter().map(|part| part.duration_ms).sum();
    if summary.duration_ms < SLOW_MS || path.len() < 2 {
        return String::new();
    }
    // What hardly counts is left out, in the order of the path.
    let counts = |part: &&PathPart| part.duration_ms * 20 >= all_ms;
    let part =
        |part: &PathPart| format!("{} {}", short_id(&part.name, context.workstreams), duration(part.duration_ms));
    let parts: Vec<String> = path.iter().filter(counts).take(PATH_PARTS_MAX).map(part).collect();
    let more = if parts.len() < path.len() { format!(" (of {})", path.len()) } else { String::new() };
    let arrow = if style.unicode { " → " } else { " -> " };
    let line = format!("critical path {}: {}{more}", duration(all_ms), parts.join(arrow));
    format!("{}\n", style.paint(Tone::Dim, &truncate(&line, style.width, style.ellipsis())))
}

/// At most two commands worth typing now.
fn next_commands(summary: &BuildSummary, context: &Context<'_>) -> Vec<(String, &'static str)> {
    let quoted = |path: &str| shlex::try_quote(path).map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned);
    let short = |id: &str| short_id(id, context.workstreams).to_owned();
    let with = |status: &str| summary.workstreams.iter().find(|workstream| workstream.status == status);
    let failed_task = summary.tasks.iter().find(|task| task.status == StepStatus::Failed);
    if let Some(waiting) = with("waiting") {
        let place = waiting.worktree.as_ref().map(|place| (format!("cd {}", quoted(place)), "make the change there"));
        let build = (format!("pl build {}", short(&waiting.id)), "then go on");
        return place.into_iter().chain([build]).collect();
    }
    if let Some(failed) = with("failed") {
        let id = short(&failed.id);
        let step = failed.steps.iter().find(|step| step.status == StepStatus::Failed);
        let log = step.map(|step| (format!("pl log {id}/{}", split_step(&step.name).1), "all that the step said"));
        return [(format!("pl show {id}"), "attempts and findings")].into_iter().chain(log).collect();
    }
    if let Some(task) = failed_task {
        return vec![(format!("pl log {}", task.name), "all that the task said")];
    }
    let asked = |workstream: &&WorkstreamSummary| context.targets.contains(&workstream.id);
    let done = summary
        .workstreams
        .iter()
        .filter(asked)
        .find(|workstream| workstream.status == "done")
        .or_else(|| with("done"));
    let Some(done) = done else { return Vec::new() };
    let elsewhere = context.repository.map(|path| format!("-C {} ", quoted(path))).unwrap_or_default();
    let diff = done
        .branch
        .as_ref()
        .zip(context.base)
        .map(|(branch, base)| (format!("git {elsewhere}diff {base}...{branch}"), ""));
    [(format!("pl show {}", short(&done.id)), "")].into_iter().chain(diff).collect()
}

#[cfg(test)]
mod tests {
    use super::{Context, critical_path, render};
    use crate::report::Style;
    use crate::summary::{BuildSummary, PathPart, ScopeSummary, WorkstreamSummary};

    fn workstream(id: &str, status: &str) -> WorkstreamSummary {
        let done = status == "done";
        WorkstreamSummary {
            id: id.into(),
            status: status.into(),
            class: None,
            reason: (!done).then(|| match status {
                "failed" => "test.2: exit code 1".to_owned(),
                "waiting" => "waits for a person".to_owned(),
                _ => "blocked by ws-20-move".to_owned(),
            }),
            commit: done.then(|| "0123456789abcdef".into()),
            branch: done.then(|| format!("ws/A/{id}")),
            worktree: (status == "waiting").then(|| ".worktrees/ws-30-hand".into()),
            steps: Vec::new(),
            scope: ScopeSummary::default(),
            duration_ms: 1900,
        }
    }

    fn check(status: &str, ran: usize, workstreams: Vec<WorkstreamSummary>, expected: &str) {
        let ids: Vec<String> = workstreams.iter().map(|workstream| workstream.id.clone()).collect();
        let all: Vec<&str> = ids.iter().map(String::as_str).collect();
        let summary = BuildSummary {
            run_id: (ran > 0).then(|| "r1".into()),
            status: status.into(),
            workstreams,
            tasks: Vec::new(),
            steps_run: ran,
            steps_fresh: 25,
            duration_ms: 1900,
            plan_matched: true,
            critical_path: Vec::new(),
        };
        let context = Context { targets: &ids[..1], workstreams: &all, base: Some("main"), repository: None };
        assert_eq!(render(&summary, &context, &Style::PLAIN), expected);
    }

    #[test]
    fn a_slow_build_names_what_it_waited_for() {
        let part = |name: &str, duration_ms| PathPart { name: name.to_owned(), duration_ms };
        let mut summary = BuildSummary {
            run_id: Some("r1".into()),
            status: "completed".into(),
            workstreams: Vec::new(),
            tasks: Vec::new(),
            steps_run: 3,
            steps_fresh: 0,
            duration_ms: 21_000,
            plan_matched: true,
            critical_path: vec![part("gen", 2000), part("ws-1-a", 14_000), part("link", 30)],
        };
        let context = Context { workstreams: &["ws-1-a"], ..Context::default() };
        let line = |summary: &BuildSummary| critical_path(summary, &context, &Style::PLAIN);
        assert_eq!(line(&summary), "critical path 16s: gen 2.0s → ws-1 14s (of 3)\n");
        summary.duration_ms = 9_000;
        assert_eq!(line(&summary), "");
    }

    #[test]
    fn a_null_build_is_one_line() {
        let expected = "ws-1-a is up to date (25 steps fresh, 1.9s)\n";
        check("completed", 0, vec![workstream("ws-1-a", "fresh")], expected);
    }

    #[test]
    fn what_was_made_and_where_to_look() {
        let all = (1..=6).map(|number| workstream(&format!("ws-{number}-a"), "done")).collect();
        let expected = "\
done  ws-1-a        0123456  ws/A/ws-1-a
done  ws-2-a        0123456  ws/A/ws-2-a
done  ws-3-a        0123456  ws/A/ws-3-a
done  ws-4-a        0123456  ws/A/ws-4-a
done  … and 2 more
12 steps ran, 25 fresh in 1.9s
  pl show ws-1
  git diff main...ws/A/ws-1-a
";
        check("completed", 12, all, expected);
    }

    #[test]
    fn what_failed_and_what_it_blocked() {
        let all =
            vec![workstream("ws-1-a", "done"), workstream("ws-20-move", "failed"), workstream("ws-22-x", "blocked")];
        let expected = "\
done     ws-1-a      0123456  ws/A/ws-1-a
blocked  ws-22-x     blocked by ws-20-move
failed   ws-20-move  test.2: exit code 1
partial: 3 steps ran, 25 fresh in 1.9s
  pl show ws-20   attempts and findings
";
        check("partial", 3, all, expected);
    }

    #[test]
    fn where_a_person_is_waited_for() {
        let expected = "\
waiting  ws-30-hand  waits for a person
partial: 1 step ran, 25 fresh in 1.9s
  cd .worktrees/ws-30-hand   make the change there
  pl build ws-30   then go on
";
        check("partial", 1, vec![workstream("ws-30-hand", "waiting")], expected);
    }
}
