//! The part of a terminal that is drawn over: what is active now.
//!
//! One frame is one write: up to the frame's first row, "clear to the end of the line" and the text line by line, then
//! "clear what is below". Cleared before the text, because some terminals wrap cells cleared after it when they are
//! made narrower. Nothing is hidden, no mode is set: whatever kills `pl`, the terminal is fine.

use crate::report::console::progress::{Active, Progress};
use crate::report::text::time::duration;
use crate::report::text::width::{pad, truncate, visible_width, width};
use crate::report::{Style, Tone};

/// Active lines that are drawn even where the terminal says it has no rows.
const LINES_MIN: usize = 1;

/// Active lines that are drawn at most; more move too much to be read.
const LINES_MAX: usize = 24;

/// What is on the screen now.
#[derive(Debug, Default)]
pub(super) struct Live {
    /// Widths of the lines last drawn.
    drawn: Vec<usize>,
}

impl Live {
    /// Bytes that print `finished` where the old frame was and draw `frame` below.
    pub fn draw(&mut self, finished: &str, frame: &[String], columns: usize) -> String {
        if finished.is_empty() && frame.is_empty() && self.drawn.is_empty() {
            return String::new();
        }
        let mut bytes = self.up(columns);
        for line in finished.lines().chain(frame.iter().map(String::as_str)) {
            bytes.push_str("\u{1b}[K");
            bytes.push_str(line);
            bytes.push('\n');
        }
        bytes.push_str("\u{1b}[J");
        self.drawn = frame.iter().map(|line| visible_width(line)).collect();
        bytes
    }

    /// Bytes that take the frame away and print `finished`.
    pub fn clear(&mut self, finished: &str, columns: usize) -> String {
        if self.drawn.is_empty() {
            return finished.to_owned();
        }
        self.draw(finished, &[], columns)
    }

    /// To the first row of the old frame; a terminal made narrower since has wrapped its lines.
    fn up(&self, columns: usize) -> String {
        let rows: usize = self.drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum();
        if rows == 0 { String::new() } else { format!("\r\u{1b}[{rows}A") }
    }
}

/// The lines of a frame: one for each that is active, then the counts.
pub(super) fn frame(progress: &Progress, style: &Style, now: u64, columns: usize, rows: usize) -> Vec<String> {
    if progress.steps == 0 {
        return Vec::new();
    }
    let room = rows.saturating_sub(2).clamp(LINES_MIN, LINES_MAX);
    let drawn = if progress.active.len() > room { room.saturating_sub(1).max(1) } else { room };
    // The last column stays free: some terminals wrap as soon as it is written.
    let columns = columns.saturating_sub(1);
    let name_columns = progress.active.keys().map(|name| width(name)).max().unwrap_or(0).min(columns / 2);
    let mut lines: Vec<String> = progress
        .active
        .iter()
        .take(drawn)
        .map(|(name, active)| active_line(name, name_columns, active, style, now, columns))
        .collect();
    if progress.active.len() > drawn {
        let more = format!("  {} and {} more", style.ellipsis(), progress.active.len() - drawn);
        lines.push(style.paint(Tone::Dim, &truncate(&more, columns, style.ellipsis())));
    }
    lines.push(counts_line(progress, style, now, columns));
    lines
}

fn active_line(name: &str, name_columns: usize, active: &Active, style: &Style, now: u64, columns: usize) -> String {
    let name = pad(&truncate(name, name_columns, style.ellipsis()), name_columns);
    let state = pad(if sets_up(active) { "setup" } else { state_word(&active.state) }, 8);
    let since = active.running.first().map_or(active.since_ms, |running| running.since_ms);
    let time = duration_calm(now.saturating_sub(since));
    let fixed = width(&name) + width(&state) + width(&time) + 8;
    let what = what_runs(name.trim_end(), active);
    let what_columns = columns.saturating_sub(fixed);
    if what_columns == 0 {
        return truncate(&format!("  {name}  {time}"), columns, style.ellipsis());
    }
    let what = pad(&truncate(&what, what_columns, style.ellipsis()), what_columns.min(36));
    let name = style.paint(Tone::Strong, &name);
    format!("  {name}  {}  {what}  {}", style.paint(Tone::Busy, &state), style.paint(Tone::Dim, &time))
}

/// `edit.3 replay (recorded)`, `ruff, mypy, bandit`.
fn what_runs(name: &str, active: &Active) -> String {
    let parts: Vec<String> = active
        .running
        .iter()
        .map(|running| match &running.tool {
            Some(tool) if running.part == name || running.part == *tool => tool.clone(),
            Some(tool) => format!("{} {tool}", running.part),
            None if sets_up(active) => running.part.trim_start_matches("setup.").to_owned(),
            None if running.part == name => String::new(),
            None => running.part.clone(),
        })
        .filter(|part| !part.is_empty())
        .collect();
    parts.join(", ")
}

/// Whether a setup is all that runs: whichever state it was asked in, that is what is waited for.
fn sets_up(active: &Active) -> bool {
    !active.running.is_empty() && active.running.iter().all(|running| running.part.starts_with("setup."))
}

/// A state's word for people, at most eight columns.
fn state_word(state: &str) -> &str {
    match state {
        "" => "running",
        "started" => "starting",
        "editing" => "editing",
        "ready_for_static" | "static_check" => "checking",
        "fixing" => "fixing",
        "runtime_tests" => "testing",
        other => other,
    }
}

/// Tenths below ten seconds, then whole ones: never a flicker of milliseconds.
fn duration_calm(milliseconds: u64) -> String {
    if milliseconds < 1000 { format!("0.{}s", milliseconds / 100) } else { duration(milliseconds) }
}

/// `5/37 steps · 2 running · 1 failed · 12s`.
fn counts_line(progress: &Progress, style: &Style, now: u64, columns: usize) -> String {
    let dot = format!(" {} ", style.dot());
    let mut parts = vec![format!("{}/{} steps", progress.ended, progress.steps)];
    parts.push(format!("{} running", progress.running()));
    if progress.failed > 0 {
        parts.push(format!("{} failed", progress.failed));
    }
    parts.push(duration_calm(now.saturating_sub(progress.began_ms)));
    let text = truncate(&parts.join(&dot), columns, style.ellipsis());
    if progress.failed > 0 { style.paint(Tone::Warn, &text) } else { style.paint(Tone::Dim, &text) }
}
