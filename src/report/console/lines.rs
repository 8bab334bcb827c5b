//! The lines that stay: what one event leaves behind.
//!
//! Text of an event, given what was told before; draws no frame and keeps no state.

use crate::event::Event;
use crate::report::console::progress::{Progress, Told};
use crate::report::console::{Verbosity, failure};
use crate::report::text::short::split_step;
use crate::report::text::time::duration;
use crate::report::text::width::{one_line, pad, visible_width, width};
use crate::report::{Style, Tone, count, tone_of};
use crate::summary::{StepStatus, StepSummary, WorkstreamSummary};

/// Columns of a status word.
const STATUS_COLUMNS: usize = 7;

/// What an event leaves behind; mostly nothing.
pub(super) fn of(event: &Event, progress: &Progress, style: &Style, verbosity: Verbosity, ci_groups: bool) -> String {
    match event {
        Event::StepEnded { step, failure: Some(failed), status: StepStatus::Failed, .. } => {
            failure::render(step, failed, style, ci_groups)
        }
        _ if verbosity == Verbosity::Quiet => String::new(),
        Event::Note { level, message } => note(level, message, style),
        Event::StepStarted { step, reason, tool } if verbosity == Verbosity::Verbose => {
            let by = tool.as_ref().map(|tool| format!("; asks {tool}")).unwrap_or_default();
            line(progress, style, step, "starts", Tone::Busy, &[format!("{}{by}", one_line(reason))])
        }
        Event::StepEnded { step, status, duration_ms, detail, .. } if is_told(step, *status, verbosity) => {
            let time = (*duration_ms > 0).then(|| duration(*duration_ms));
            let parts: Vec<String> = detail.iter().map(|detail| one_line(detail)).chain(time).collect();
            let word = status_word(*status);
            line(progress, style, &shown_name(step), word, tone_of(word), &parts)
        }
        Event::WorkstreamEnded(summary) if summary.status == "done" => workstream(summary, progress, style),
        _ => String::new(),
    }
}

/// `done`, `failed`, … as written in lines and in JSON.
pub fn status_word(status: StepStatus) -> &'static str {
    match status {
        StepStatus::Fresh => "fresh",
        StepStatus::Done => "done",
        StepStatus::Failed => "failed",
        StepStatus::Blocked => "blocked",
        StepStatus::Skipped => "skipped",
        StepStatus::Waiting => "waiting",
        StepStatus::Interrupted => "interrupted",
    }
}

/// Of a workstream's steps only setups that ran are told one by one; of tasks those that ran.
fn is_told(step: &str, status: StepStatus, verbosity: Verbosity) -> bool {
    let (workstream, part) = split_step(step);
    let quiet = matches!(status, StepStatus::Fresh | StepStatus::Skipped | StepStatus::Blocked);
    verbosity == Verbosity::Verbose
        || !quiet
            && (workstream.is_none()
                || status == StepStatus::Done && (part.starts_with("setup") || part.starts_with("fix.")))
}

/// A setup is shared by all workstreams that need it, so it goes without the one that came first.
fn shown_name(step: &str) -> std::borrow::Cow<'_, str> {
    match split_step(step) {
        (Some(_), part) if part.starts_with("setup.") => part.replacen('.', ":", 1).into(),
        _ => step.into(),
    }
}

fn note(level: &str, message: &str, style: &Style) -> String {
    let message = one_line(message);
    match level {
        "warning" => format!("{} {message}\n", style.paint(Tone::Warn, "warning:")),
        _ => format!("{}\n", style.paint(Tone::Dim, &message)),
    }
}

/// `name   status   part   part`; parts that a bounded line has no room for are left out, from the end.
fn line(progress: &Progress, style: &Style, name: &str, word: &str, tone: Tone, parts: &[String]) -> String {
    let columns = progress.name_columns.max(width(name)).max(12);
    let mut text = format!("{}  {}", pad(name, columns), style.paint(tone, &pad(word, STATUS_COLUMNS)));
    for part in parts.iter().filter(|part| !part.is_empty()) {
        if visible_width(&text) + width(part) + 2 <= style.width {
            text.push_str("  ");
            text.push_str(part);
        }
    }
    text.trim_end().to_owned() + "\n"
}

/// The line of a workstream that is done; what became of the others stands in the summary, right below.
fn workstream(summary: &WorkstreamSummary, progress: &Progress, style: &Style) -> String {
    let what = what_ran(&summary.steps, progress.told.get(&summary.id));
    let time = (summary.duration_ms > 0).then(|| duration(summary.duration_ms));
    let parts: Vec<String> = [Some(what), time].into_iter().flatten().collect();
    line(progress, style, &summary.id, &summary.status, tone_of(&summary.status), &parts)
}

/// `8× replay (recorded), 3 checks`: who was asked how often, and how many lints and tests ran.
fn what_ran(steps: &[StepSummary], told: Option<&Told>) -> String {
    let ran = |kinds: &[&str]| {
        let counts = |step: &&StepSummary| kinds.contains(&step.kind.as_str()) && ran_well(step);
        steps.iter().filter(counts).count()
    };
    let edits = ran(&["edit"]);
    let tool = told.and_then(|told| told.edit_tool.as_deref());
    let mut said: Vec<String> = match (edits, tool) {
        (0, _) => Vec::new(),
        (1, Some(tool)) => vec![tool.to_owned()],
        (_, Some(tool)) => vec![format!("{edits}× {tool}")],
        (_, None) => vec![count(edits, "edit")],
    };
    let checks = ran(&["lint", "test"]);
    if checks > 0 {
        said.push(count(checks, "check"));
    }
    said.extend(told.into_iter().flat_map(|told| told.skipped.iter().cloned()));
    said.join(", ")
}

fn ran_well(step: &StepSummary) -> bool {
    step.status == StepStatus::Done && step.verdict != "fresh"
}
