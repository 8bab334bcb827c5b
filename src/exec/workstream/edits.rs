//! The edits of a workstream, in order: those that hold, those carried onto a moved base, those asked for.
//!
//! Knows nothing of verification: what comes out is a candidate, or the end of the workstream.

use std::sync::Arc;

use serde_json::Value;

use crate::analysis::pipeline::{Tool, ToolKind};
use crate::base::failure::Failure;
use crate::exec::ExecError;
use crate::exec::editing::{self, Edited, Good, Ground};
use crate::exec::session::{Ending, Made};
use crate::exec::workstream::repairs::Repair;
use crate::exec::workstream::{End, Machine};
use crate::fingerprint::Key;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::base::Start;
use crate::observe::record::EditBody;
use crate::observe::workstream::{self as observe, EditLook};
use crate::plan::{Freshness, Reason, Verdict};
use crate::preview::workstream::tool_name;
use crate::store::record::Outcome;
use crate::store::state::WorkstreamState;
use crate::summary::StepStatus;

/// What is to be verified.
pub(super) struct Candidate {
    /// The tree.
    pub(super) tree: TreeId,
    /// Of the edits that came about, and of the first that did not where a repair takes its place.
    pub(super) keys: Vec<Key>,
    /// Some part was merged onto a moved base.
    pub(super) carried: bool,
    /// A person's repair that is to be remembered where it is green.
    pub(super) repair: Option<Repair>,
}

/// What the edits came to.
pub(super) enum Edits {
    /// A candidate.
    Candidate(Candidate),
    /// It ends here.
    End(End),
}

impl Machine<'_, '_> {
    /// All edits in order.
    pub(super) fn edits(
        &mut self,
        start: &Start,
        parent: CommitId,
        mended: Option<TreeId>,
        may_carry: bool,
    ) -> Result<Edits, ExecError> {
        let mut candidate = Candidate { tree: start.tree, keys: Vec::new(), carried: false, repair: None };
        // The newest answer of a tool: what a person accepted before it no longer counts.
        let mut newest = 0;
        let count = self.session.world.edits(self.workstream);
        for number in 1..=count {
            let kind = StepKind::Edit(self.workstream.id.clone(), number);
            if !(self.wanted)(&kind) {
                return Ok(Edits::End(End::Partly));
            }
            let tree = candidate.tree;
            let ground = Ground { workstream: self.workstream, base: start.tree, tree, parent, number };
            let look = self.look_at_edit(&kind, ground, may_carry)?;
            candidate.keys.push(look.look.key);
            newest = newest.max(look.look.record.as_ref().map_or(0, |record| record.seq));
            if let Some(after) = look.after {
                candidate.carried |= look.body.as_ref().is_some_and(|body| body.carried);
                self.session.end(&kind, Ending::fresh(&look.look.verdict));
                candidate.tree = after;
                continue;
            }
            if let Some(by_hand) = mended.filter(|_| self.is_manual()) {
                self.remember_by_hand(&kind, ground, &look, by_hand)?;
                candidate.tree = by_hand;
                continue;
            }
            if self.repair(&mut candidate, start, mended, newest, may_carry)? {
                self.rest_is_mended(number, count);
                return Ok(Edits::Candidate(candidate));
            }
            match self.edit(&kind, ground, &look, may_carry)? {
                Ok(good) => {
                    candidate.carried |= good.carried;
                    candidate.tree = good.after;
                    newest = u64::MAX;
                }
                Err(end) => return Ok(Edits::End(end)),
            }
        }
        self.repair(&mut candidate, start, mended, newest, false)?;
        Ok(Edits::Candidate(candidate))
    }

    /// An edit held against the records; one that is asked for anew has no record that counts.
    fn look_at_edit(&self, kind: &StepKind, ground: Ground<'_>, may_carry: bool) -> Result<EditLook, ExecError> {
        let (world, records) = (self.session.world, self.session.records());
        let mut look = observe::edit(world, records, ground.workstream, ground.number, ground.tree)?;
        let was_carried = look.body.as_ref().is_some_and(|body| body.carried);
        if self.is_forced(kind) || (!may_carry && was_carried) {
            look.look.verdict = Verdict::Stale(Reason::Forced);
            look.after = None;
        }
        Ok(look)
    }

    /// One edit that must be asked for, or carried.
    fn edit(
        &mut self,
        kind: &StepKind,
        ground: Ground<'_>,
        look: &EditLook,
        may_carry: bool,
    ) -> Result<Result<Good, End>, ExecError> {
        if look.look.verdict == Verdict::Fresh(Freshness::RecordedRed) {
            return Ok(Err(self.stays_red(kind, look, ground)?));
        }
        self.session.move_to(&self.workstream.id, WorkstreamState::Editing)?;
        let verdict = look.look.verdict.clone();
        let tool = self.workstream.tools.first().map(|tool| tool_name(self.session.world, tool));
        let begun = self.session.begin(kind, &look.look.reason().to_string(), tool);
        let carried = if may_carry { editing::carry(self.session, ground, look)? } else { None };
        let edited = match carried {
            Some(good) => Edited::Good(good),
            None => {
                self.forget_attempts()?;
                editing::ask(self.session, &mut self.place, ground, look)?
            }
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.tool_was_asked(kind, &edited, duration_ms)?;
        match edited {
            Edited::Good(good) => {
                self.remember(kind, ground, look, &good, duration_ms)?;
                let mut ending = Ending::ran(StepStatus::Done, &verdict, begun);
                ending.detail = Some(if good.carried { "carried".to_owned() } else { good.tool.clone() });
                self.say(&good);
                self.session.end(kind, ending);
                Ok(Ok(good))
            }
            Edited::Red(failure, held) => {
                self.stray = failure.findings.iter().filter_map(|finding| finding.path.clone()).collect();
                let body = self.edit_body(ground, held, &failure);
                self.session.keep(held);
                let mut made = Made::new(Outcome::Red, &body, duration_ms);
                made.request = Some(look.request.request);
                self.session.record(kind, &look.look, made)?;
                self.delta = Arc::new(self.session.world.located().repository.diff(ground.base, held)?);
                let message = failure.message.clone();
                self.class = Some(failure.class.clone());
                self.session.end(kind, Ending::ran(StepStatus::Failed, &verdict, begun).failure(failure));
                self.keep_tree(ground, held, "failed")?;
                Ok(Err(End::Failed(message, self.scope())))
            }
            Edited::NoOutcome(failure) => {
                self.place.rescue(ground.tree)?;
                let message = failure.message.clone();
                self.class = Some(failure.class.clone());
                self.session.end(kind, Ending::ran(StepStatus::Failed, &verdict, begun).failure(failure));
                Ok(Err(End::Failed(message, self.scope())))
            }
            Edited::Waiting => {
                self.session.end(
                    kind,
                    Ending::ran(StepStatus::Waiting, &verdict, begun).detail(self.place.dir.display().to_string()),
                );
                self.keep_tree(ground, ground.tree, "waiting")?;
                Ok(Err(End::Waiting))
            }
            Edited::Interrupted => {
                self.place.rescue(ground.tree)?;
                self.session.end(kind, Ending::ran(StepStatus::Interrupted, &verdict, begun));
                Ok(Err(End::Interrupted))
            }
        }
    }

    /// Writes that the tool was asked, with what it says that it used.
    fn tool_was_asked(&self, kind: &StepKind, edited: &Edited, duration_ms: u64) -> Result<(), ExecError> {
        if matches!(edited, Edited::Good(good) if good.carried) {
            return Ok(());
        }
        let name = self.workstream.tools.first().map_or("", |tool| tool.as_str());
        let is_program = |tool: &&Tool| matches!(tool.kind, ToolKind::Ai | ToolKind::Exec);
        let program = self.session.world.first_tool(self.workstream).filter(is_program);
        let usage = program.map_or(Value::Null, |_| editing::usage(self.session, self.workstream));
        self.session.tool_was_asked(kind, name, edited.word(), duration_ms, usage)
    }

    fn edit_body(&self, ground: Ground<'_>, after: TreeId, failure: &Failure) -> EditBody {
        EditBody {
            before: ground.tree.hex(),
            after: after.hex(),
            tool: self.workstream.asked_tool.clone(),
            carried: false,
            failure: Some(failure.clone()),
        }
    }

    fn say(&self, good: &Good) {
        for note in &good.notes {
            self.session.note("info", format!("{}: {note}", self.workstream.id));
        }
        for finding in &good.findings {
            let path = finding.path.as_deref().unwrap_or("?");
            self.session.note("warning", format!("{}: {path} was {}", self.workstream.id, finding.message));
        }
    }

    pub(super) fn remember(
        &self,
        kind: &StepKind,
        ground: Ground<'_>,
        look: &EditLook,
        good: &Good,
        duration_ms: u64,
    ) -> Result<(), ExecError> {
        let body = EditBody {
            before: ground.tree.hex(),
            after: good.after.hex(),
            tool: good.tool.clone(),
            carried: good.carried,
            failure: None,
        };
        self.session.keep(good.after);
        let mut made = Made::new(Outcome::Green, &body, duration_ms);
        made.request = Some(look.request.request);
        self.session.record(kind, &look.look, made)
    }

    /// A red edit whose key did not move: nobody is asked.
    fn stays_red(&mut self, kind: &StepKind, look: &EditLook, ground: Ground<'_>) -> Result<End, ExecError> {
        let failure = look.body.as_ref().and_then(|body| body.failure.clone()).unwrap_or_default();
        if let Some(held) = look.body.as_ref().and_then(|body| TreeId::from_hex(&body.after)) {
            self.delta = Arc::new(self.session.world.located().repository.diff(ground.base, held)?);
        }
        self.stray = failure.findings.iter().filter_map(|finding| finding.path.clone()).collect();
        let message = failure.message.clone();
        self.class = Some(failure.class.clone());
        let help =
            "nothing changed since it failed; mend it in the worktree, change the workstream, or build with --again";
        let failure = Failure { help: Some(help.to_owned()), ..failure };
        self.session.end(kind, Ending::without_running(StepStatus::Failed, &look.look.verdict).failure(failure));
        Ok(End::Failed(message, self.scope()))
    }
}
