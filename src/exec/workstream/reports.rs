//! A report an attempt: what it changed and what was wrong after it, for `pl show --attempt` and for the bundle in quarantine.
//!
//! Written beside the attempts; nothing here decides.

use serde_json::Value;

use crate::exec::ExecError;
use crate::exec::workstream::Machine;
use crate::git::object::TreeId;
use crate::observe::base::Start;
use crate::observe::edit::display;
use crate::observe::fixing::Red;
use crate::summary::LoopHistory;
use crate::summary::attempt::{AttemptOutput, AttemptReport, RedStep};

/// The room under whose name reports are noted, by workstream.
pub const REPORT_NOTES: &str = "attempt reports";

impl Machine<'_, '_> {
    /// The reports of a loop's attempts, in their order.
    pub(super) fn reports(
        &self,
        start: &Start,
        history: &LoopHistory,
        reds: &[Vec<Red>],
    ) -> Result<Vec<AttemptReport>, ExecError> {
        let mut before = start.tree.hex();
        let mut reports = Vec::new();
        for (place, attempt) in history.attempts.iter().enumerate() {
            let outputs = self.outputs(&before, &attempt.tree)?;
            before.clone_from(&attempt.tree);
            let red = reds.get(place).map(Vec::as_slice).unwrap_or_default();
            let red = red.iter().map(|red| RedStep { step: red.kind.name(), failure: red.failure.clone() });
            let id = self.workstream.id.as_str();
            reports.push(AttemptReport::of(&history.run_id, id, attempt.clone(), outputs, red.collect()));
        }
        Ok(reports)
    }

    /// Notes reports; none are forgotten ones.
    pub(super) fn write_reports(&self, reports: &[AttemptReport]) -> Result<(), ExecError> {
        let value = match reports {
            [] => Value::Null,
            reports => serde_json::to_value(reports).unwrap_or(Value::Null),
        };
        Ok(self.session.store.set_note(REPORT_NOTES, self.workstream.id.as_str(), &value)?)
    }

    /// What came between two trees.
    pub(super) fn outputs(&self, before: &str, after: &str) -> Result<Vec<AttemptOutput>, ExecError> {
        let Some((before, after)) = TreeId::from_hex(before).zip(TreeId::from_hex(after)) else {
            return Ok(Vec::new());
        };
        let delta = self.session.world.located().repository.diff(before, after)?;
        Ok(outputs(&delta))
    }
}

/// The files of a change.
pub fn outputs(delta: &crate::git::delta::Delta) -> Vec<AttemptOutput> {
    let output = |change: &crate::git::delta::Change| AttemptOutput {
        path: display(&change.path),
        input: change.old.map(|blob| blob.id.hex()),
        output: change.new.map(|blob| blob.id.hex()),
    };
    delta.changes.iter().map(output).collect()
}
