//! One workstream from its base to its result: edits, scope, verification, and the way back to the tool.
//!
//! A carried edit that turns out red is asked for anew; a person's change in a kept worktree is an edit like any other.

mod edits;
mod fixes;
mod kept;
pub mod quarantine;
mod repairs;
pub mod reports;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::analysis::pipeline::Workstream;
use crate::base::failure::Failure;
use crate::base::name::WorkstreamId;
use crate::exec::ExecError;
use crate::exec::finishing::{self, Finished};
use crate::exec::place::Place;
use crate::exec::schedule::Ended;
use crate::exec::session::{Ending, Session, lock};
use crate::exec::verifying::{Verification, Verified};
use crate::exec::workstream::edits::{Candidate, Edits};
use crate::exec::workstream::fixes::{Loop, Mended};
use crate::exec::workstream::repairs::Repair;
use crate::git::delta::Delta;
use crate::git::object::{CommitId, TreeId};
use crate::graph::StepKind;
use crate::observe::base::{Start, StartError};
use crate::observe::by_hand;
use crate::observe::edit::display;
use crate::observe::fixing::Red;
use crate::observe::workstream as observe;
use crate::plan::{Freshness, Reason, Verdict};
use crate::store::state::WorkstreamState;
use crate::summary::{ScopeSummary, StepStatus, WorkstreamSummary};

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
pub fn run(session: &Session<'_>, id: &WorkstreamId, wanted: &(dyn Fn(&StepKind) -> bool + Sync)) -> Ended {
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
        class: None,
    };
    let end = machine.go();
    machine.close(end)
}

struct Machine<'a, 'b> {
    session: &'a Session<'a>,
    workstream: &'a Workstream,
    place: Place<'a>,
    wanted: &'b (dyn Fn(&StepKind) -> bool + Sync),
    delta: Arc<Delta>,
    stray: Vec<String>,
    /// `--again`, and it failed before: the tool is asked anew.
    again: bool,
    /// Whose fault it is that it fails.
    class: Option<String>,
}

impl<'a> Machine<'a, '_> {
    fn go(&mut self) -> Result<End, ExecError> {
        let (session, id) = (self.session, &self.workstream.id);
        session.move_to(id, WorkstreamState::Ready)?;
        // What a build that was killed left of its look at the base.
        let mut left = Place::for_base(session, self.workstream);
        if left.exists() {
            left.give_up(session.world.located().tree, true)?;
        }
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
        let mut candidate = match self.edits(start, parent, mended, may_carry)? {
            Edits::End(end) => return Ok(end),
            Edits::Candidate(candidate) => candidate,
        };
        let mut ours = self.walk(start, &mut candidate)?;
        loop {
            let tree = candidate.tree;
            self.delta = Arc::new(self.session.world.located().repository.diff(start.tree, tree)?);
            let mut verification = Verification {
                session: self.session,
                workstream: self.workstream,
                base: start.tree,
                tree,
                delta: self.delta.clone(),
                parent,
                place: &mut self.place,
                wanted: self.wanted,
                dirtied: false,
                again: self.again,
                broke_on_base: BTreeMap::new(),
            };
            match verification.run()? {
                Verified::Green => return self.green(start, parent, &mut candidate, &ours),
                Verified::Red(reds) if candidate.carried && may_carry && mended.is_none() => {
                    self.session.note(
                        "warning",
                        format!(
                            "{}: the carried edit is red on the new base ({}); asking again",
                            self.workstream.id,
                            first_message(&reds)
                        ),
                    );
                    return self.build(start, parent, None, false);
                }
                Verified::Red(reds) if candidate.repair.is_none() && self.is_result_wanted() => {
                    match self.mend(start, parent, &candidate, &reds, &mut ours)? {
                        Mended::Tree(tree) => candidate.tree = tree,
                        Mended::End(end) => return Ok(end),
                    }
                }
                Verified::Red(reds) => {
                    self.keep(start, parent, &candidate, "failed")?;
                    self.class = reds.first().map(|red| red.failure.class.clone());
                    return Ok(End::Failed(first_message(&reds), self.scope()));
                }
                Verified::NoOutcome(failure) => {
                    self.keep(start, parent, &candidate, "failed")?;
                    self.class = Some(failure.class);
                    return Ok(End::Failed(failure.message, self.scope()));
                }
                Verified::Interrupted => {
                    self.keep(start, parent, &candidate, "interrupted")?;
                    return Ok(End::Interrupted);
                }
            }
        }
    }

    fn green(
        &mut self,
        start: &Start,
        parent: CommitId,
        candidate: &mut Candidate,
        ours: &Loop,
    ) -> Result<End, ExecError> {
        let tree = candidate.tree;
        if !ours.progress.fixes.is_empty() {
            self.tell_attempts(start, candidate, &ours.progress, true)?;
            candidate.repair = candidate.repair.or(Some(Repair::Fixed));
        }
        if let Some(repair) = candidate.repair {
            self.accept(start, tree, &candidate.keys, repair)?;
        }
        let result = StepKind::Result(self.workstream.id.clone());
        if !(self.wanted)(&result) {
            return Ok(End::Partly);
        }
        let finished = finishing::finish(self.session, self.workstream, start, parent, tree, self.delta.clone())?;
        let was_kept = self.session.store.kept(self.workstream.id.as_str())?.is_some();
        self.session.store.forget_kept(self.workstream.id.as_str())?;
        self.place.give_up(tree, was_kept)?;
        Ok(End::Done(finished))
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
            self.session.world.graph.find(kind).is_some_and(|step| self.session.asked.force.contains(&step))
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
            class: None,
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
                summary.class = self.class.take();
                summary.scope = scope;
                ("failed", WorkstreamState::Failed, Ended::Bad)
            }
            End::Waiting => {
                summary.reason = Some(waits_for(&self.session.world.workstream(id).instructions));
                ("waiting", WorkstreamState::Waiting, Ended::Bad)
            }
            End::Interrupted => ("interrupted", WorkstreamState::Interrupted, Ended::Bad),
        };
        summary.status = status.to_owned();
        if let Err(error) = self.session.move_because(id, state, summary.reason.as_deref()) {
            self.session.note("warning", format!("{id}: {error}"));
        }
        self.session.end_rest(&self.kinds(), status);
        self.session.close(summary);
        ended
    }
}

fn first_message(reds: &[Red]) -> String {
    reds.first().map(|red| red.failure.message.clone()).unwrap_or_default()
}

/// What a person is waited for: `waits for a person: Move Config into src/settings.py (and 2 more instructions)`.
fn waits_for(instructions: &[String]) -> String {
    let first = instructions.first().map(|text| format!(": {}", text.lines().next().unwrap_or_default()));
    let more = match instructions.len() {
        0 | 1 => String::new(),
        2 => " (and 1 more instruction)".to_owned(),
        number => format!(" (and {} more instructions)", number - 1),
    };
    format!("waits for a person{}{more}", first.unwrap_or_default())
}
