//! What is told of a fix loop: the attempts as a table, and the bundle of one that was given up.
//!
//! Written for people and programs that look on; nothing here decides.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::exec::ExecError;
use crate::exec::workstream::Machine;
use crate::exec::workstream::edits::Candidate;
use crate::git::object::TreeId;
use crate::git::patch::write::write_patch;
use crate::graph::StepKind;
use crate::observe::base::Start;
use crate::observe::fixing::{Progress, Red};
use crate::summary::{LoopAttempt, LoopEnd, LoopHistory};
use crate::verify::breaker::Stop;

/// The room under whose name `attempts` notes what a fix loop did, by workstream.
pub const LOOP_NOTES: &str = "fix loop";

/// Findings that count, of one red candidate; a test without findings is one.
fn count(reds: &[Red]) -> usize {
    reds.iter().map(|red| red.failure.findings.len().max(1)).sum()
}

fn names(reds: &[Red]) -> Vec<String> {
    reds.iter()
        .map(|red| red.kind.name().split_once('/').map_or_else(String::new, |(_, part)| part.to_owned()))
        .collect()
}

impl Machine<'_, '_> {
    /// Notes the attempts so far: number 1 are the edits, every fix is one more.
    pub(super) fn tell_attempts(
        &self,
        start: &Start,
        candidate: &Candidate,
        progress: &Progress,
        green: bool,
    ) -> Result<(), ExecError> {
        let mut history = self.history(start, candidate, progress, green)?;
        if let Some(known) = self.known(&history)? {
            (history.end, history.run_id) = (known.end, known.run_id);
        }
        self.write_reports(&self.reports(start, &history, &progress.reds)?)?;
        self.write_history(&history)
    }

    /// An edit is asked anew: what was done about the last one's result is over.
    pub(super) fn forget_attempts(&self) -> Result<(), ExecError> {
        self.write_reports(&[])?;
        Ok(self.session.store.set_note(LOOP_NOTES, self.workstream.id.as_str(), &Value::Null)?)
    }

    /// What is noted of the same attempts.
    fn known(&self, history: &LoopHistory) -> Result<Option<LoopHistory>, ExecError> {
        let note = self.session.store.note(LOOP_NOTES, self.workstream.id.as_str())?;
        let known = note.and_then(|note| serde_json::from_value::<LoopHistory>(note).ok());
        let trees = |history: &LoopHistory| -> Vec<(String, String)> {
            history.attempts.iter().map(|attempt| (attempt.tool.clone(), attempt.tree.clone())).collect()
        };
        Ok(known.filter(|known| trees(known) == trees(history)))
    }

    fn write_history(&self, history: &LoopHistory) -> Result<(), ExecError> {
        let value = serde_json::to_value(history).unwrap_or(Value::Null);
        Ok(self.session.store.set_note(LOOP_NOTES, self.workstream.id.as_str(), &value)?)
    }

    fn history(
        &self,
        start: &Start,
        candidate: &Candidate,
        progress: &Progress,
        green: bool,
    ) -> Result<LoopHistory, ExecError> {
        let world = self.session.world;
        let first = progress.turns.first().map_or_else(|| candidate.tree.hex(), |turn| turn.tree.clone());
        let mut edits_ms = 0;
        for number in 1..=world.edits(self.workstream) {
            let step = StepKind::Edit(self.workstream.id.clone(), number).name();
            edits_ms += self.session.store.latest(&step)?.map_or(0, |record| record.duration_ms);
        }
        let after = |turn: usize| match progress.reds.get(turn) {
            Some(reds) => (Some(count(reds)), names(reds)),
            None => (green.then_some(0), Vec::new()),
        };
        let attempt = |number: usize, step: String, tool: String, before: String, tree: String| {
            let (after, red) = after(number - 1);
            let files = self.outputs(&before, &tree)?.into_iter().map(|output| output.path).collect();
            Ok::<_, ExecError>(LoopAttempt {
                number: u32::try_from(number).unwrap_or(u32::MAX),
                step,
                tool,
                outcome: "taken".to_owned(),
                duration_ms: 0,
                cost_micros: 0,
                cost_unknown: false,
                files,
                findings_before: None,
                findings_after: after,
                red,
                tree,
            })
        };
        let edits = format!("{}/edit", self.workstream.id);
        let mut first = attempt(1, edits, self.workstream.asked_tool.clone(), start.tree.hex(), first)?;
        first.duration_ms = edits_ms;
        let mut attempts = vec![first];
        for (place, fix) in progress.fixes.iter().enumerate() {
            let step = format!("{}/fix.{}", self.workstream.id, place + 1);
            let mut one = attempt(place + 2, step, fix.by.to_string(), fix.before.clone(), fix.after.clone())?;
            one.outcome = match &fix.failure {
                Some(failure) => failure.message.clone(),
                None if fix.before == fix.after => "changed nothing".to_owned(),
                None => "taken".to_owned(),
            };
            (one.duration_ms, one.cost_micros, one.cost_unknown) = (fix.duration_ms, fix.cost_micros, fix.cost_unknown);
            one.findings_before = progress.reds.get(place).map(|reds| count(reds));
            attempts.push(one);
        }
        Ok(LoopHistory { run_id: self.session.run_id.0.clone(), attempts, end: None })
    }

    /// Writes all that a person needs to go on from a loop that was given up; gives the folder. One that lies there of the
    /// same attempts is enough.
    pub(super) fn quarantine(
        &self,
        start: &Start,
        candidate: &Candidate,
        progress: &Progress,
        stop: &Stop,
    ) -> Result<PathBuf, ExecError> {
        let (session, id) = (self.session, &self.workstream.id);
        let mut history = self.history(start, candidate, progress, false)?;
        let earlier = self.known(&history)?.and_then(|known| known.end).map(|end| PathBuf::from(end.quarantine));
        if let Some(earlier) = earlier.filter(|folder| folder.is_dir()) {
            return Ok(earlier);
        }
        let state = session.logs.parent().and_then(Path::parent).unwrap_or(&session.logs);
        let folder = state.join("quarantine").join(session.run_id.as_str()).join(id.as_str());
        let attempts = folder.join("attempts");
        std::fs::create_dir_all(&attempts).map_err(ExecError::writing(&attempts))?;
        history.end = Some(LoopEnd {
            cause: serde_json::to_value(stop.cause)
                .ok()
                .and_then(|cause| cause.as_str().map(str::to_owned))
                .unwrap_or_default(),
            message: stop.message.clone(),
            evidence: stop.evidence.clone(),
            help: stop.help.clone(),
            quarantine: folder.display().to_string(),
        });
        self.write_history(&history)?;
        let write = |path: PathBuf, bytes: &[u8]| std::fs::write(&path, bytes).map_err(ExecError::writing(&path));
        let repository = &session.world.located().repository;
        let mut before = start.tree;
        for report in self.reports(start, &history, &progress.reds)? {
            let attempt = &report.attempt;
            let json = serde_json::to_value(&report).unwrap_or(Value::Null);
            write(attempts.join(format!("{}.json", attempt.number)), &pretty(&json))?;
            let after = TreeId::from_hex(&attempt.tree).unwrap_or(before);
            write(attempts.join(format!("{}.patch", attempt.number)), &write_patch(repository, before, after)?)?;
            before = after;
        }
        for red in progress.reds.last().into_iter().flatten() {
            let name = red.kind.name().replace('/', "__");
            if let Some(text) = red.failure.log.as_ref().and_then(|log| std::fs::read(log).ok()) {
                write(folder.join(format!("{name}.log")), &text)?;
            }
        }
        write(folder.join("candidate.patch"), &write_patch(repository, start.tree, candidate.tree)?)?;
        write(folder.join("prompt.md"), progress.prompt(self.workstream).as_bytes())?;
        write(folder.join("quarantine.json"), &pretty(&serde_json::to_value(&history).unwrap_or(Value::Null)))?;
        Ok(folder)
    }
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text.into_bytes()
}
