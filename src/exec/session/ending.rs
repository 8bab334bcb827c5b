//! How a step ended, and what is remembered of it.
//!
//! Plain data.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::base::failure::Failure;
use crate::fingerprint::Key;
use crate::graph::StepId;
use crate::plan::Verdict;
use crate::store::record::Outcome;
use crate::summary::{StepStatus, StepSummary, WorkstreamSummary};

/// What is remembered of a step besides its key.
pub struct Made {
    /// Green or red.
    pub outcome: Outcome,
    /// The body.
    pub body: serde_json::Value,
    /// The same question on another base, for edits.
    pub request: Option<crate::base::digest::Digest>,
    /// Wall time.
    pub duration_ms: u64,
}

impl Made {
    /// What a step made; a body that does not serialise would be a bug of its type.
    pub fn new(outcome: Outcome, body: &impl serde::Serialize, duration_ms: u64) -> Self {
        let body = serde_json::to_value(body).unwrap_or(serde_json::Value::Null);
        Self { outcome, body, request: None, duration_ms }
    }
}

/// All that is kept of a task or setup that ended well, where nobody wants to be told of every step.
#[derive(Debug, Clone, Copy)]
pub struct Plain {
    /// The step.
    pub step: StepId,
    /// A record held.
    pub is_fresh: bool,
    /// A program ran.
    pub ran: bool,
    /// Wall time.
    pub duration_ms: u64,
}

/// What a run's steps came to.
#[derive(Debug, Default)]
pub struct Told {
    /// Tasks and their setups that nothing more is told of.
    pub plain: Vec<Plain>,
    /// The others, in graph order.
    pub tasks: BTreeMap<StepId, StepSummary>,
    /// By id.
    pub workstreams: Vec<WorkstreamSummary>,
}

/// How a step ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// How.
    pub status: StepStatus,
    /// `fresh stale unsettled`.
    pub verdict: &'static str,
    /// Why it ran.
    pub reason: Option<String>,
    /// Programs started for it.
    pub attempts: u32,
    /// Wall time.
    pub duration_ms: u64,
    /// A short addition.
    pub detail: Option<String>,
    /// What went wrong.
    pub failure: Option<Failure>,
    /// The record that says so.
    pub record: Option<Key>,
}

impl Ending {
    /// Nothing ran, for a verdict.
    pub fn without_running(status: StepStatus, verdict: &Verdict) -> Self {
        let (verdict, reason) = crate::preview::words(verdict);
        Self { status, verdict, reason, attempts: 0, duration_ms: 0, detail: None, failure: None, record: None }
    }

    /// A record held.
    pub fn fresh(verdict: &Verdict) -> Self {
        Self::without_running(StepStatus::Fresh, verdict)
    }

    /// It ran since `begun`.
    pub fn ran(status: StepStatus, verdict: &Verdict, begun: Instant) -> Self {
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Self { attempts: 1, duration_ms, ..Self::without_running(status, verdict) }
    }

    /// It is good, and there is nothing more to say of it.
    pub fn is_plain(&self) -> bool {
        matches!(self.status, StepStatus::Done | StepStatus::Fresh) && self.failure.is_none()
    }

    /// Adds a few words.
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Names the record that says so.
    pub fn record(mut self, key: Key) -> Self {
        self.record = Some(key);
        self
    }

    /// Says what went wrong.
    pub fn failure(mut self, failure: Failure) -> Self {
        self.failure = Some(failure);
        self
    }
}
