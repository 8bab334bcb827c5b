//! What goes on in a run, as far as its events have told.
//!
//! Counts and remembers; knows nothing of terminals.

use std::collections::BTreeMap;

use crate::event::Event;
use crate::report::text::short::split_step;
use crate::report::text::width::width;
use crate::summary::StepStatus;

/// Columns of names that lines are aligned to; longer names stick out.
const NAME_COLUMNS_MAX: usize = 40;

/// The run so far.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// When the run began.
    pub began_ms: u64,
    /// Steps of the run.
    pub steps: usize,
    /// Steps that have ended.
    pub ended: usize,
    /// Steps that have failed.
    pub failed: usize,
    /// Steps of workstreams that have ended, and whether they failed.
    endings: BTreeMap<String, bool>,
    /// Widest name seen, for alignment.
    pub name_columns: usize,
    /// Workstreams by id, tasks and setups by name: those with something running, or between two steps.
    pub active: BTreeMap<String, Active>,
    /// What is remembered of each workstream until it ends.
    pub told: BTreeMap<String, Told>,
}

/// A workstream or task at work.
#[derive(Debug, Default)]
pub(super) struct Active {
    /// A workstream's state; empty for tasks.
    pub state: String,
    /// Running steps with their beginnings, oldest first.
    pub running: Vec<Running>,
    /// When it became active.
    pub since_ms: u64,
}

/// A step that runs.
#[derive(Debug)]
pub(super) struct Running {
    /// Its name without the workstream.
    pub part: String,
    /// The tool asked.
    pub tool: Option<String>,
    /// When it began.
    pub since_ms: u64,
}

/// What a workstream's last line needs.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Who made its edits.
    pub edit_tool: Option<String>,
    /// Why steps were passed over, each once.
    pub skipped: Vec<String>,
}

impl Progress {
    /// Steps that run.
    pub fn running(&self) -> usize {
        self.active.values().map(|active| active.running.len()).sum()
    }

    /// Takes one event that arrived at `now`.
    pub fn take(&mut self, event: &Event, now: u64) {
        match event {
            Event::RunStarted { steps, longest_name, .. } => {
                (self.steps, self.began_ms) = (*steps, now);
                self.name_columns = (*longest_name).min(NAME_COLUMNS_MAX);
            }
            Event::Note { .. } => {}
            Event::StepStarted { step, tool, .. } => self.start(step, tool.as_ref(), now),
            Event::StepEnded { step, status, detail, .. } => self.end(step, *status, detail.as_ref()),
            Event::WorkstreamMoved { workstream, to, .. } => self.moved(workstream, to, now),
            Event::WorkstreamEnded(summary) => {
                self.widen(&summary.id);
                self.active.remove(&summary.id);
                self.told.remove(&summary.id);
            }
            Event::RunEnded { .. } => self.active.clear(),
        }
    }

    fn start(&mut self, step: &str, tool: Option<&String>, now: u64) {
        let (workstream, part) = split_step(step);
        let name = workstream.unwrap_or(step);
        self.widen(name);
        if let (Some(id), true, Some(tool)) = (workstream, part.starts_with("edit"), tool) {
            self.told.entry(id.to_owned()).or_default().edit_tool = Some(tool.clone());
        }
        let active =
            self.active.entry(name.to_owned()).or_insert_with(|| Active { since_ms: now, ..Active::default() });
        active.running.push(Running { part: part.to_owned(), tool: tool.cloned(), since_ms: now });
    }

    fn end(&mut self, step: &str, status: StepStatus, detail: Option<&String>) {
        let (workstream, part) = split_step(step);
        // In a fix loop a step ends once a candidate; fixes are not among the planned steps. A task ends once, and there may be
        // very many of them.
        if workstream.is_none() || !part.starts_with("fix.") {
            let is_bad = status == StepStatus::Failed;
            let before = workstream.and_then(|_| self.endings.insert(step.to_owned(), is_bad));
            self.ended += usize::from(before.is_none());
            self.failed += usize::from(is_bad);
            self.failed -= usize::from(before == Some(true));
        }
        if let (Some(id), StepStatus::Skipped, Some(detail)) = (workstream, status, detail) {
            let skipped = &mut self.told.entry(id.to_owned()).or_default().skipped;
            if !skipped.contains(detail) {
                skipped.push(detail.clone());
            }
        }
        let name = workstream.unwrap_or(step);
        if let Some(active) = self.active.get_mut(name) {
            active.running.retain(|running| running.part != part);
            if workstream.is_none() {
                self.active.remove(name);
            }
        }
    }

    fn moved(&mut self, workstream: &str, to: &str, now: u64) {
        if matches!(to, "pending" | "ready" | "waiting" | "done" | "failed" | "blocked" | "abandoned" | "interrupted") {
            self.active.remove(workstream);
            return;
        }
        self.widen(workstream);
        let entry = self.active.entry(workstream.to_owned());
        entry.or_insert_with(|| Active { since_ms: now, ..Active::default() }).state = to.to_owned();
    }

    fn widen(&mut self, name: &str) {
        self.name_columns = self.name_columns.max(width(name)).min(NAME_COLUMNS_MAX);
    }
}
