//! One workstream from its base to its result: edits, scope, verification, and the way back to the tool.
//!
//! A carried edit that turns out red is asked for anew; a person's change in a kept worktree is an edit like any other.

use std::sync::Arc;

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::base::name::WorkstreamId;
use crate::event::StepStatus;
use crate::exec::ExecError;
use crate::exec::editing::{self, Edited, Good, Ground};
use crate::exec::finishing::{self, Finished};
use crate::exec::place::Place;
use crate::exec::schedule::Ended;
use crate::exec::session::{Ending, Made, Session, lock};
use crate::exec::verifying::{Verification, Verified};
use crate::fingerprint::Key;
use crate::git::delta::Delta;
use crate::git::merge::Merge;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::base::{Start, StartError};
use crate::observe::by_hand;
use crate::observe::edit::display;
use crate::observe::record::{AcceptedBody, EditBody};
use crate::observe::workstream::{self as observe, EditLook};
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::record::Outcome;
use crate::store::state::WorkstreamState;
use crate::store::work::Kept;
use crate::summary::{ScopeSummary, WorkstreamSummary};

/// How a workstream ended in this run.
#[derive(Debug)]
enum End {
    Done(Finished),
    Landed,
    /// The wanted part is up to date; the result was not asked for.
    Partly,
    Failed(String, ScopeSummary),
    Waiting,
    Interrupted,
}

/// Builds one workstream as far as it is wanted.
pub fn run(session: &Session<'_>, id: &WorkstreamId, wanted: &dyn Fn(&StepKind) -> bool) -> Ended {
    let workstream = session.world.workstream(id);
    lock(&session.taken_up).insert(session.world.worktree(id));
    let mut machine = Machine {
        session,
        workstream,
        place: Place::of(session, workstream),
        wanted,
        delta: Arc::new(Delta::default()),
        stray: Vec::new(),
        again: false,
    };
    let end = machine.go();
    machine.close(end)
}

struct Machine<'a, 'b> {
    session: &'a Session<'a>,
    workstream: &'a Workstream,
    place: Place<'a>,
    wanted: &'b dyn Fn(&StepKind) -> bool,
    delta: Arc<Delta>,
    stray: Vec<String>,
    /// `--again`, and it failed before: the tool is asked anew.
    again: bool,
}

/// What the edits came to.
enum Edits {
    /// A candidate; `carried`: some edit was merged onto a moved base in this run.
    Candidate { tree: TreeId, keys: Vec<Key>, carried: bool },
    /// It ends here.
    End(End),
}

impl<'a> Machine<'a, '_> {
    fn go(&mut self) -> Result<End, ExecError> {
        let (session, id) = (self.session, &self.workstream.id);
        session.move_to(id, WorkstreamState::Ready)?;
        self.again = session.asked.again && by_hand::failed_before(session.records(), self.workstream)?;
        let forced = self.kinds().iter().any(|kind| self.is_forced(kind));
        if !forced && let Some(settled) = observe::landed(session.world, session.records(), self.workstream)? {
            for kind in self.kinds() {
                session.end(&kind, Ending::fresh(&Verdict::Fresh(Freshness::Landed)));
            }
            session.settle(id, settled);
            return Ok(End::Landed);
        }
        let base = StepKind::Base(id.clone());
        let start = match session.start_of(id) {
            Ok(start) => start,
            Err(StartError::Git(error)) => return Err(error.into()),
            Err(conflict) => return Ok(self.no_start(&base, &conflict)),
        };
        session.end(&base, Ending::fresh(&Verdict::Fresh(Freshness::Nothing)));
        let parent = finishing::parent(session, self.workstream, &start)?;
        let mended = self.mended_by_person(&start)?;
        let end = self.build(&start, parent, mended, true)?;
        Ok(end)
    }

    /// Edits and verifies; a carried candidate that is red is asked for anew, once.
    fn build(
        &mut self,
        start: &Start,
        parent: CommitId,
        mended: Option<TreeId>,
        may_carry: bool,
    ) -> Result<End, ExecError> {
        let (tree, keys, carried) = match self.edits(start, parent, mended, may_carry)? {
            Edits::End(end) => return Ok(end),
            Edits::Candidate { tree, keys, carried } => (tree, keys, carried),
        };
        self.delta = Arc::new(self.session.world.located().repository.diff(start.tree, tree)?);
        let mut verification = Verification {
            session: self.session,
            workstream: self.workstream,
            tree,
            delta: self.delta.clone(),
            parent,
            place: &mut self.place,
            wanted: self.wanted,
            dirtied: false,
        };
        match verification.run()? {
            Verified::Green => self.green(start, parent, tree, &keys, mended),
            Verified::Red(reason) if carried && may_carry && mended.is_none() => {
                self.session.note(
                    "warning",
                    format!("{}: the carried edit is red on the new base ({reason}); asking again", self.workstream.id),
                );
                self.build(start, parent, None, false)
            }
            Verified::Red(reason) | Verified::NoOutcome(reason) => {
                self.keep(start, parent, tree, "failed")?;
                Ok(End::Failed(reason, self.scope()))
            }
            Verified::Interrupted => {
                self.keep(start, parent, tree, "interrupted")?;
                Ok(End::Interrupted)
            }
        }
    }

    fn green(
        &mut self,
        start: &Start,
        parent: CommitId,
        tree: TreeId,
        keys: &[Key],
        mended: Option<TreeId>,
    ) -> Result<End, ExecError> {
        if mended.is_some() {
            self.accept(start, tree, keys)?;
        }
        let result = StepKind::Result(self.workstream.id.clone());
        if !(self.wanted)(&result) {
            return Ok(End::Partly);
        }
        let finished = finishing::finish(self.session, self.workstream, start, parent, tree, self.delta.clone())?;
        self.session.store.forget_kept(self.workstream.id.as_str())?;
        self.place.remove()?;
        Ok(End::Done(finished))
    }

    /// Remembers that a person's change makes these edits good.
    fn accept(&self, start: &Start, tree: TreeId, keys: &[Key]) -> Result<(), ExecError> {
        let fingerprint = crate::observe::edit::accepted(self.session.world, self.workstream, keys, start.tree)
            .map_err(crate::observe::ObserveError::from)?;
        let body = AcceptedBody { base: start.tree.hex(), tree: tree.hex(), by: "manual".to_owned() };
        self.session.keep(tree);
        let made = Made::new(Outcome::Green, &body, 0);
        self.session.record_as(&format!("{}/accepted", self.workstream.id), "accepted", &fingerprint, made)
    }

    /// All edits in order.
    fn edits(
        &mut self,
        start: &Start,
        parent: CommitId,
        mended: Option<TreeId>,
        may_carry: bool,
    ) -> Result<Edits, ExecError> {
        let mut tree = start.tree;
        let mut keys = Vec::new();
        let mut carried = false;
        let count = self.session.world.edits(self.workstream);
        for number in 1..=count {
            let kind = StepKind::Edit(self.workstream.id.clone(), number);
            if !(self.wanted)(&kind) {
                return Ok(Edits::End(End::Partly));
            }
            let ground = Ground { workstream: self.workstream, base: start.tree, tree, parent, number };
            let mut look = observe::edit(self.session.world, self.session.records(), self.workstream, number, tree)?;
            keys.push(look.look.key);
            let again = self.is_forced(&kind) || (!may_carry && look.body.as_ref().is_some_and(|body| body.carried));
            let red = look.look.verdict == Verdict::Fresh(Freshness::RecordedRed);
            if again || (red && self.session.asked.again) {
                look.look.verdict = Verdict::Stale(Reason::Forced);
                look.after = None;
            }
            let mending = mended.filter(
                |_| !matches!(look.look.verdict, Verdict::Fresh(freshness) if freshness != Freshness::RecordedRed),
            );
            if let Some(by_hand) = mending.filter(|_| self.is_manual()) {
                self.remember_by_hand(&kind, ground, &look, by_hand)?;
                tree = by_hand;
                continue;
            }
            if let Some(mended) = mending.or(self.accepted_in_spite(&look, &keys, start)?) {
                self.rest_is_mended(number, count);
                return Ok(Edits::Candidate { tree: mended, keys, carried: false });
            }
            match look.after {
                Some(after) => {
                    carried |= look.body.as_ref().is_some_and(|body| body.carried);
                    self.session.end(&kind, Ending::fresh(&look.look.verdict));
                    tree = after;
                }
                None => match self.edit(&kind, ground, &look, may_carry)? {
                    Ok(good) => {
                        carried |= good.carried;
                        tree = good.after;
                    }
                    Err(end) => return Ok(Edits::End(end)),
                },
            }
        }
        let accepted = match mended {
            Some(mended) => Some(mended),
            None => observe::accepted(self.session.world, self.session.records(), self.workstream, &keys, start.tree)?,
        };
        Ok(Edits::Candidate { tree: accepted.unwrap_or(tree), keys, carried })
    }

    /// A red edit that a person mended, and that was verified so.
    fn accepted_in_spite(&self, look: &EditLook, keys: &[Key], start: &Start) -> Result<Option<TreeId>, ExecError> {
        if look.look.verdict != Verdict::Fresh(Freshness::RecordedRed) {
            return Ok(None);
        }
        Ok(observe::accepted(self.session.world, self.session.records(), self.workstream, keys, start.tree)?)
    }

    fn rest_is_mended(&self, from: u32, count: u32) {
        for number in from..=count {
            let kind = StepKind::Edit(self.workstream.id.clone(), number);
            self.session.end(&kind, Ending::fresh(&Verdict::Fresh(Freshness::Recorded)).detail("mended by hand"));
        }
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
        let tool =
            self.workstream.tools.first().map(|tool| crate::preview::workstream::tool_name(self.session.world, tool));
        let begun = self.session.begin(kind, &look.look.reason().to_string(), tool);
        let carried = if may_carry { editing::carry(self.session, ground, look)? } else { None };
        let edited = match carried {
            Some(good) => Edited::Good(good),
            None => editing::ask(self.session, &mut self.place, ground, look)?,
        };
        let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        if !matches!(&edited, Edited::Good(good) if good.carried) {
            let tool = self.workstream.tools.first().map_or("", |tool| tool.as_str());
            self.session.tool_was_asked(kind, tool, edited.word(), duration_ms)?;
        }
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
                let body = self.edit_body(ground, held, &failure, look);
                self.session.keep(held);
                let mut made = Made::new(Outcome::Red, &body, duration_ms);
                made.request = Some(look.request.request);
                self.session.record(kind, &look.look, made)?;
                self.delta = Arc::new(self.session.world.located().repository.diff(ground.base, held)?);
                let message = failure.message.clone();
                self.session.end(kind, Ending::ran(StepStatus::Failed, &verdict, begun).failure(failure));
                self.keep_tree(ground, held, "failed")?;
                Ok(Err(End::Failed(message, self.scope())))
            }
            Edited::NoOutcome(failure) => {
                self.place.rescue(ground.tree)?;
                let message = failure.message.clone();
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

    fn edit_body(&self, ground: Ground<'_>, after: TreeId, failure: &Failure, look: &EditLook) -> EditBody {
        let _ = look;
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
            self.session.note(
                "warning",
                format!(
                    "{}: while its tool ran, {path} changed outside of its worktree: {}",
                    self.workstream.id, finding.message
                ),
            );
        }
    }

    fn remember(
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

    fn is_manual(&self) -> bool {
        use crate::analysis::pipeline::ToolKind;
        self.session.world.first_tool(self.workstream).is_some_and(|tool| tool.kind == ToolKind::Manual)
    }

    /// What a person did in the worktree is the edit that was waited for.
    fn remember_by_hand(
        &self,
        kind: &StepKind,
        ground: Ground<'_>,
        look: &EditLook,
        after: TreeId,
    ) -> Result<(), ExecError> {
        let good = Good { after, carried: false, tool: "manual".to_owned(), notes: Vec::new(), findings: Vec::new() };
        let begun = self.session.begin(kind, &look.look.reason().to_string(), Some("manual (a person)".to_owned()));
        self.remember(kind, ground, look, &good, 0)?;
        self.session.end(kind, Ending::ran(StepStatus::Done, &look.look.verdict, begun).detail("by hand"));
        Ok(())
    }

    /// A red edit whose key did not move: nobody is asked.
    fn stays_red(&mut self, kind: &StepKind, look: &EditLook, ground: Ground<'_>) -> Result<End, ExecError> {
        let failure = look.body.as_ref().and_then(|body| body.failure.clone()).unwrap_or_default();
        if let Some(held) = look.body.as_ref().and_then(|body| TreeId::from_hex(&body.after)) {
            self.delta = Arc::new(self.session.world.located().repository.diff(ground.base, held)?);
        }
        self.stray = failure.findings.iter().filter_map(|finding| finding.path.clone()).collect();
        let message = failure.message.clone();
        let help =
            "nothing changed since it failed; mend it in the worktree, change the workstream, or build with --again";
        let failure = Failure { help: Some(help.to_owned()), ..failure };
        self.session.end(kind, Ending::without_running(StepStatus::Failed, &look.look.verdict).failure(failure));
        Ok(End::Failed(message, self.scope()))
    }

    /// What a person changed in the kept worktree, held to the scope and put onto today's base.
    fn mended_by_person(&mut self, start: &Start) -> Result<Option<TreeId>, ExecError> {
        let Some(kept) = self.session.store.kept(self.workstream.id.as_str())? else { return Ok(None) };
        let (Some(base), Some(known)) = (TreeId::from_hex(&kept.base_tree), TreeId::from_hex(&kept.candidate_tree))
        else {
            return Ok(None);
        };
        if !self.place.exists() {
            return Ok(None);
        }
        let snapshot = self.place.look(known, self.session.world.located().commit)?;
        if snapshot.tree == known {
            return Ok(None);
        }
        self.session.keep(snapshot.tree);
        let ground = Ground {
            workstream: self.workstream,
            base,
            tree: known,
            parent: self.session.world.located().commit,
            number: 1,
        };
        let held = editing::hold(self.session, &self.place, ground)?;
        if held.tree == known {
            return Ok(None);
        }
        for finding in &held.violations {
            let path = finding.path.as_deref().unwrap_or("?");
            self.session.note(
                "warning",
                format!("{}: what was done by hand in {path} is left out: {}", self.workstream.id, finding.message),
            );
        }
        let repository = &self.session.world.located().repository;
        match repository.merge(base, start.tree, held.tree)? {
            Merge::Clean(tree) => Ok(Some(tree)),
            Merge::Conflicted(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| display(path)).collect();
                self.session.note(
                    "warning",
                    format!(
                        "{}: what was done by hand conflicts with the new base in {}; it is kept under {}",
                        self.workstream.id,
                        paths.join(", "),
                        self.session.world.kept_ref()
                    ),
                );
                Ok(None)
            }
        }
    }

    /// Keeps the worktree with this content for a person to look at.
    fn keep_tree(&mut self, ground: Ground<'_>, tree: TreeId, reason: &str) -> Result<(), ExecError> {
        self.place.make_exact(tree, ground.parent)?;
        self.write_kept(ground.base, tree, reason)
    }

    fn keep(&mut self, start: &Start, parent: CommitId, tree: TreeId, reason: &str) -> Result<(), ExecError> {
        self.place.make_exact(tree, parent)?;
        self.write_kept(start.tree, tree, reason)
    }

    fn write_kept(&self, base: TreeId, tree: TreeId, reason: &str) -> Result<(), ExecError> {
        self.session.keep(tree);
        self.session.store.keep(&Kept {
            ws_id: self.workstream.id.0.clone(),
            worktree: Some(self.place.dir.display().to_string()),
            candidate_tree: tree.hex(),
            base_tree: base.hex(),
            reason: reason.to_owned(),
            run_id: Some(self.session.run_id.0.clone()),
            metadata: serde_json::Value::Null,
        })?;
        Ok(())
    }

    fn no_start(&self, base: &StepKind, conflict: &StartError) -> End {
        let failure = Failure {
            class: "red-base".to_owned(),
            message: conflict.to_string(),
            help: Some("let one of them depend on the other".to_owned()),
            ..Failure::default()
        };
        self.session
            .end(base, Ending::without_running(StepStatus::Failed, &Verdict::Stale(Reason::NeverRan)).failure(failure));
        End::Failed(conflict.to_string(), ScopeSummary::default())
    }

    fn kinds(&self) -> Vec<StepKind> {
        let id = &self.workstream.id;
        let edits = (1..=self.session.world.edits(self.workstream)).map(|number| StepKind::Edit(id.clone(), number));
        let setups = self.workstream.setups.iter().map(|name| StepKind::Setup(id.clone(), name.clone()));
        let lints = self.workstream.rules.iter().map(|rule| StepKind::Lint(id.clone(), rule.clone()));
        let tests = (1..=u32::try_from(self.workstream.tests.len()).unwrap_or(u32::MAX))
            .map(|number| StepKind::Test(id.clone(), number));
        let ends = [StepKind::Base(id.clone()), StepKind::Result(id.clone())];
        ends.into_iter()
            .chain(edits)
            .chain(setups)
            .chain(lints)
            .chain(tests)
            .filter(|kind| (self.wanted)(kind))
            .collect()
    }

    fn is_forced(&self, kind: &StepKind) -> bool {
        let forced = |kind: &StepKind| {
            self.session.world.graph.index.get(kind).is_some_and(|step| self.session.asked.force.contains(step))
        };
        let is_edit = matches!(kind, StepKind::Edit(..));
        forced(kind) || (is_edit && (self.again || forced(&StepKind::Result(self.workstream.id.clone()))))
    }

    fn scope(&self) -> ScopeSummary {
        let mut summary = ScopeSummary { out_of_scope: self.stray.clone(), ..ScopeSummary::default() };
        for change in &self.delta.changes {
            let list = if change.old.is_none() { &mut summary.created } else { &mut summary.changed };
            list.push(display(&change.path));
        }
        summary
    }

    /// Ends the row of the state table and tells the summary.
    fn close(&mut self, end: Result<End, ExecError>) -> Ended {
        let id = &self.workstream.id;
        let end = end.unwrap_or_else(|error| End::Failed(error.to_string(), self.scope()));
        let worktree = self.place.exists().then(|| self.place.dir.display().to_string());
        let mut summary = WorkstreamSummary {
            id: id.to_string(),
            status: String::new(),
            reason: None,
            commit: None,
            branch: None,
            worktree,
            steps: Vec::new(),
            scope: self.scope(),
            duration_ms: 0,
        };
        let (status, state, ended) = match end {
            End::Done(finished) => {
                summary.commit = Some(finished.commit.hex());
                summary.branch = finished.branch;
                (if finished.made { "done" } else { "fresh" }, WorkstreamState::Done, Ended::Good)
            }
            End::Landed => ("landed", WorkstreamState::Done, Ended::Good),
            End::Partly => ("done", WorkstreamState::Done, Ended::Good),
            End::Failed(reason, scope) => {
                summary.reason = Some(reason);
                summary.scope = scope;
                ("failed", WorkstreamState::Failed, Ended::Bad)
            }
            End::Waiting => {
                summary.reason = Some("waits for a person to edit its worktree".to_owned());
                ("waiting", WorkstreamState::Waiting, Ended::Bad)
            }
            End::Interrupted => ("interrupted", WorkstreamState::Interrupted, Ended::Bad),
        };
        summary.status = status.to_owned();
        if let Err(error) = self.session.move_to(id, state) {
            self.session.note("warning", format!("{id}: {error}"));
        }
        self.session.end_rest(&self.kinds(), status);
        self.session.close(summary);
        ended
    }
}
