//! What a build says while it runs: a closed set of events.
//!
//! Emitted by the loop alone; the console, JSON lines and the database read them.

use serde::{Deserialize, Serialize};

use crate::base::failure::Failure;
use crate::summary::{StepStatus, WorkstreamSummary};

/// One event. `step` is the step's name (`ws-15-…/test.2`); workstreams are named by their id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A run has begun.
    RunStarted {
        /// Its id.
        run_id: String,
        /// Steps in the graph that was asked for.
        steps: usize,
        /// Workstreams among them.
        workstreams: usize,
        /// Tasks among them.
        tasks: usize,
        /// Characters of the longest name among workstreams and tasks, for those who align.
        #[serde(default)]
        longest_name: usize,
    },
    /// Something worth a line that is no step: `made .pl/example from tests/fixtures/legacy`.
    Note {
        /// `info` or `warning`.
        level: String,
        /// One sentence.
        message: String,
    },
    /// A program starts for a step.
    StepStarted {
        /// The step.
        step: String,
        /// Why it runs.
        reason: String,
        /// Which tool, where one is asked: `replay (recorded)`.
        tool: Option<String>,
    },
    /// A step has ended (also those that never started).
    StepEnded {
        /// The step.
        step: String,
        /// How.
        status: StepStatus,
        /// Wall time in milliseconds; 0 where nothing ran.
        duration_ms: u64,
        /// Short addition: `3 files`, `carried`, `landed`, `ruff is not installed`.
        detail: Option<String>,
        /// What went wrong.
        failure: Option<Failure>,
        /// The key of the record that holds all that a rule found, also what fails nothing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        record: Option<String>,
    },
    /// A workstream has moved in its state table.
    WorkstreamMoved {
        /// Its id.
        workstream: String,
        /// From.
        from: String,
        /// To.
        to: String,
    },
    /// A workstream is over for this run.
    WorkstreamEnded(WorkstreamSummary),
    /// The run is over.
    RunEnded {
        /// `completed partial failed interrupted`.
        status: String,
    },
}

impl Event {
    /// The event's name as events are listed: `step-started`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::RunStarted { .. } => "run-started",
            Self::Note { .. } => "note",
            Self::StepStarted { .. } => "step-started",
            Self::StepEnded { .. } => "step-ended",
            Self::WorkstreamMoved { .. } => "workstream-moved",
            Self::WorkstreamEnded(_) => "workstream-ended",
            Self::RunEnded { .. } => "run-ended",
        }
    }
}
