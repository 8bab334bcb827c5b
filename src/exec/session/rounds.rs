//! The books of a fix loop: a step that ends once a candidate, fixes that no graph knows, output of one candidate beside the next's.
//!
//! Adds up; decides nothing.

use crate::base::name::WorkstreamId;
use crate::exec::session::{Session, lock};
use crate::graph::{StepId, StepKind};
use crate::summary::{StepStatus, StepSummary};

impl Session<'_> {
    /// The summary's line of a step. In a fix loop a step ends once a candidate: what ran for it adds up.
    pub(super) fn enter(&self, kind: &StepKind, step: Option<StepId>, mut summary: StepSummary) {
        let mut books = lock(&self.books);
        let Some(step) = step else {
            let fixes = kind.workstream().map(|id| books.fixes.entry(id.clone()).or_default());
            fixes.into_iter().for_each(|fixes| fixes.push(summary.clone()));
            return;
        };
        let steps = books.steps.entry(kind.workstream().cloned()).or_default();
        if let Some(before) = steps.get(&step).filter(|before| before.attempts > 0) {
            summary.attempts += before.attempts;
            summary.duration_ms += before.duration_ms;
            if summary.status == StepStatus::Fresh {
                summary.status = StepStatus::Done;
                (summary.verdict, summary.reason) = (before.verdict.clone(), before.reason.clone());
            }
        }
        steps.insert(step, summary);
    }

    /// What runs from now on for a workstream runs for its next candidate: its output is kept beside that of the last.
    pub fn next_round(&self, id: &WorkstreamId) {
        *lock(&self.books).rounds.entry(id.clone()).or_default() += 1;
    }
}
