//! The preview of one workstream.
//!
//! Asks the same questions in the same order as the run, and stops at the first answer that only running could give.

use std::sync::Arc;

use crate::analysis::pipeline::Workstream;
use crate::base::name::WorkstreamId;
use crate::fingerprint::Key;
use crate::git::object::TreeId;
use crate::graph::{StepId, StepKind};
use crate::observe::ObserveError;
use crate::observe::base::{Closures, Settled, Start, StartError, start};
use crate::observe::look::{Look, Records};
use crate::observe::workstream::{self as observe, Candidate, LintLook, Prepared};
use crate::observe::world::World;
use crate::observe::{by_hand, fixing};
use crate::plan::{Freshness, Reason, Verdict};
use crate::preview::{Asked, Preview, StepPlan, unsettled_above};

/// Judges the steps of one workstream; `steps` are those of the closure, in graph order.
pub fn judge(
    world: &World,
    records: Records<'_>,
    closures: &Closures,
    steps: &[StepId],
    id: &WorkstreamId,
    preview: &mut Preview,
    asked: &Asked,
) -> Result<(), ObserveError> {
    let workstream = world.workstream(id);
    let forced = steps.iter().any(|step| asked.force.contains(step));
    if !forced && let Some(settled) = observe::landed(world, records, workstream)? {
        for &step in steps {
            preview.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::Landed)));
        }
        preview.settled.insert(id.clone(), settled);
        return Ok(());
    }
    let forced = forced || (asked.again && by_hand::failed_before(records, workstream)?);
    let mut walk = Walk {
        world,
        records,
        workstream,
        asked,
        steps: Vec::new(),
        stop: None,
        settled: None,
        forced,
        repaired: None,
        by_hand: false,
    };
    let base = steps.first().copied().filter(|step| matches!(world.graph.step(*step).kind, StepKind::Base(_)));
    let above = base.and_then(|step| unsettled_above(world, step, preview));
    match above {
        Some(reason) => walk.stop = Some(reason),
        None => match start(world, closures, &preview.settled, id) {
            Ok(start) => walk.from(&start, steps)?,
            Err(StartError::Git(error)) => return Err(error.into()),
            Err(conflict) => walk.stop = Some(Reason::Blocked(conflict.to_string())),
        },
    }
    walk.rest(steps);
    walk.notice_hand_work()?;
    if let Some(settled) = walk.settled {
        preview.settled.insert(id.clone(), settled);
    }
    preview.steps.extend(walk.steps);
    Ok(())
}

/// The edits so far.
#[derive(Default)]
struct Edits {
    keys: Vec<Key>,
    /// The newest of their records.
    newest: u64,
}

/// What is known while the steps are gone through.
struct Walk<'a> {
    world: &'a World,
    records: Records<'a>,
    workstream: &'a Workstream,
    asked: &'a Asked,
    steps: Vec<StepPlan>,
    stop: Option<Reason>,
    settled: Option<Arc<Settled>>,
    forced: bool,
    /// A person's repair stands in place of the edits.
    repaired: Option<TreeId>,
    /// It is red, and a person is to repair it further.
    by_hand: bool,
}

impl Walk<'_> {
    fn from(&mut self, start: &Start, steps: &[StepId]) -> Result<(), ObserveError> {
        let world = self.world;
        let repository = &world.located().repository;
        let mut tree = start.tree;
        let mut asked = Edits::default();
        let mut candidate: Option<(TreeId, Arc<crate::git::delta::Delta>)> = None;
        let mut prepared = Prepared::default();
        for &step in steps {
            if self.stop.is_some() {
                return Ok(());
            }
            let kind = &world.graph.step(step).kind;
            if candidate.is_none() && !matches!(kind, StepKind::Base(_) | StepKind::Edit(..)) {
                if self.repaired.is_none() {
                    self.repaired = self.repair(start, &asked)?;
                }
                let last = self.repaired.unwrap_or(tree);
                let final_tree = self.fixed(start, steps, last)?;
                candidate = Some((final_tree, Arc::new(repository.diff(start.tree, final_tree)?)));
            }
            let known = candidate.clone();
            match (kind, known) {
                (StepKind::Base(_), _) => self.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::Nothing))),
                (StepKind::Edit(_, number), _) => {
                    tree = self.edit(step, *number, start, tree, &mut asked)?.unwrap_or(tree);
                }
                (StepKind::Setup(_, name), Some((tree, _))) => {
                    let setup = world.setup(name);
                    let look = observe::setup(world, self.records, setup, tree, &kind.name())?;
                    if self.push(step, &look.look, Some(name.to_string())) {
                        prepared.add(setup, &look);
                    }
                }
                (StepKind::Lint(_, rule), Some((tree, delta))) => {
                    let candidate = Candidate {
                        workstream: self.workstream,
                        base: start.tree,
                        tree,
                        delta: &delta,
                        prepared: &prepared,
                    };
                    let look = observe::lint(world, self.records, candidate, rule)?;
                    self.lint(step, look);
                }
                (StepKind::Test(_, number), Some((tree, delta))) => {
                    let candidate = Candidate {
                        workstream: self.workstream,
                        base: start.tree,
                        tree,
                        delta: &delta,
                        prepared: &prepared,
                    };
                    let look = observe::test(world, self.records, candidate, *number)?;
                    self.push(step, &look.look, None);
                }
                (StepKind::Result(_), Some((tree, delta))) => self.result(step, start, tree, delta)?,
                _ => self.stop = Some(Reason::NeverRan),
            }
        }
        Ok(())
    }

    fn edit(
        &mut self,
        step: StepId,
        number: u32,
        start: &Start,
        tree: TreeId,
        asked: &mut Edits,
    ) -> Result<Option<TreeId>, ObserveError> {
        if self.repaired.is_some() {
            self.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::Recorded)));
            return Ok(None);
        }
        let mut look = observe::edit(self.world, self.records, self.workstream, number, tree)?;
        if self.forced && number == 1 {
            look.look.verdict = Verdict::Stale(Reason::Forced);
        }
        asked.keys.push(look.look.key);
        asked.newest = asked.newest.max(look.look.record.as_ref().map_or(0, |record| record.seq));
        if look.after.is_none() {
            self.repaired = self.repair(start, asked)?;
            if self.repaired.is_some() {
                self.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::Recorded)));
                return Ok(None);
            }
            let repair = by_hand::carried(self.world, self.records, self.workstream, start.tree)?;
            let carried = repair.filter(|_| !self.forced).map(|_| "repair");
            let carried = carried.or(look.carry_from.as_ref().map(|_| "edit"));
            if let (Verdict::Stale(reason), Some(what)) = (&look.look.verdict, carried) {
                look.look.verdict = Verdict::Stale(Reason::Changed(format!("{reason}; its {what} is carried onto it")));
            }
        }
        let tool = self.workstream.tools.first().map(|tool| tool_name(self.world, tool));
        self.push(step, &look.look, tool);
        Ok(look.after)
    }

    /// A repair that was judged or accepted and that no tool's answer came after.
    fn repair(&mut self, start: &Start, asked: &Edits) -> Result<Option<TreeId>, ObserveError> {
        if self.forced {
            return Ok(None);
        }
        let (world, records) = (self.world, self.records);
        match by_hand::judged(world, records, self.workstream, start.tree)? {
            Some(tree) => {
                self.by_hand = true;
                Ok(Some(tree))
            }
            None => by_hand::accepted(world, records, self.workstream, &asked.keys, asked.newest, start.tree),
        }
    }

    /// Where the recorded fixes of a candidate lead; what a person did is not mended by anybody else.
    fn fixed(&self, start: &Start, steps: &[StepId], tree: TreeId) -> Result<TreeId, ObserveError> {
        let is_result = |step: &StepId| matches!(self.world.graph.step(*step).kind, StepKind::Result(_));
        if self.forced || self.by_hand || !steps.iter().any(is_result) {
            return Ok(tree);
        }
        Ok(fixing::walk(self.world, self.records, self.workstream, start.tree, tree)?.tree)
    }

    fn lint(&mut self, step: StepId, look: LintLook) {
        match look {
            LintLook::NotDue => self.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::NotDue))),
            LintLook::NoProgram(_) => self.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::Nothing))),
            LintLook::AskVersion(asked) => {
                self.stop = Some(Reason::Upstream(self.world.graph.step(step).kind.name()));
                self.steps.push(StepPlan::plain(step, Verdict::Unsettled(Reason::Program(asked.program))));
            }
            LintLook::Install(program) => {
                self.stop = Some(Reason::Upstream(self.world.graph.step(step).kind.name()));
                self.steps.push(StepPlan::plain(step, Verdict::Unsettled(Reason::Program(program))));
            }
            LintLook::Looked(looked) => drop(self.push(step, &looked.look, None)),
        }
    }

    fn result(
        &mut self,
        step: StepId,
        start: &Start,
        tree: TreeId,
        delta: Arc<crate::git::delta::Delta>,
    ) -> Result<(), ObserveError> {
        if tree == start.tree && start.parents.len() == 1 {
            self.steps.push(StepPlan::plain(step, Verdict::Fresh(Freshness::Nothing)));
            self.settled =
                Some(Arc::new(Settled { base: start.tree, tree, commit: start.parents[0], landed: false, delta }));
            return Ok(());
        }
        let look = observe::result(self.world, self.records, self.workstream, start, tree)?;
        if self.push(step, &look.look, None)
            && let Some(commit) = look.commit
        {
            self.settled = Some(Arc::new(Settled { base: start.tree, tree, commit, landed: false, delta }));
        }
        Ok(())
    }

    /// Notes a step; true if what comes after it can be judged.
    fn push(&mut self, step: StepId, look: &Look, tool: Option<String>) -> bool {
        let good = matches!(look.verdict, Verdict::Fresh(freshness) if freshness != Freshness::RecordedRed);
        if !good {
            let name = self.world.graph.step(step).kind.name();
            let red = look.verdict == Verdict::Fresh(Freshness::RecordedRed);
            self.stop = Some(if red { Reason::Blocked(name) } else { Reason::Upstream(name) });
        }
        let looked = StepPlan::looked(step, look.clone(), self.asked);
        self.steps.push(StepPlan { tool: tool.map(String::into_boxed_str), ..looked });
        good
    }

    /// Where a person edited the kept worktree, the first step that is not good is up again.
    fn notice_hand_work(&mut self) -> Result<(), ObserveError> {
        let good =
            |plan: &StepPlan| matches!(plan.verdict, Verdict::Fresh(freshness) if freshness != Freshness::RecordedRed);
        let Some(first) = self.steps.iter().position(|plan| !good(plan)) else { return Ok(()) };
        if matches!(self.steps[first].verdict, Verdict::Unsettled(_)) {
            return Ok(());
        }
        if by_hand::edited(self.world, self.records, self.workstream)? {
            self.steps[first].verdict = Verdict::Stale(Reason::Changed("its worktree was edited by hand".to_owned()));
        }
        Ok(())
    }

    /// What could not be judged is unsettled.
    fn rest(&mut self, steps: &[StepId]) {
        let reason = self.stop.clone().unwrap_or(Reason::NeverRan);
        for &step in steps.iter().skip(self.steps.len()) {
            self.steps.push(StepPlan::plain(step, Verdict::Unsettled(reason.clone())));
        }
    }
}

/// `replay (recorded)`, `manual (a person)`, else the tool's name.
pub fn tool_name(world: &World, tool: &crate::base::name::ToolName) -> String {
    use crate::analysis::pipeline::ToolKind;
    match world.tool(tool).map(|tool| tool.kind) {
        Some(ToolKind::Replay) => format!("{tool} (recorded)"),
        Some(ToolKind::Manual) => format!("{tool} (a person)"),
        _ => tool.to_string(),
    }
}
