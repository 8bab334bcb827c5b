//! The preview: every step of a closure judged without running anything.
//!
//! Writes nothing: merges and commits are made in object memory. Below a stale step everything is unsettled, because
//! an early cutoff may still stop the wave.

pub mod task;
pub mod workstream;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::name::WorkstreamId;
use crate::fingerprint::{Fingerprint, Key};
use crate::graph::{StepId, StepKind};
use crate::observe::ObserveError;
use crate::observe::base::{Closures, Settled};
use crate::observe::look::Records;
use crate::observe::world::World;
use crate::plan::{Freshness, Reason, Verdict};
use crate::summary::PlannedStep;
use crate::system::file_hash::HashCache;
use crate::system::profile::Category;

/// One step as it is judged now.
#[derive(Debug, Clone)]
pub struct StepPlan {
    /// The step.
    pub step: StepId,
    /// Whether it must run.
    pub verdict: Verdict,
    /// What it observes, where that can be known.
    pub fingerprint: Option<Fingerprint>,
    /// What it observed when it was last recorded.
    pub last: Option<Fingerprint>,
    /// Which tool or program.
    pub tool: Option<String>,
}

impl StepPlan {
    /// It would not run, and is not red.
    pub fn is_green(&self) -> bool {
        matches!(self.verdict, Verdict::Fresh(freshness) if freshness != Freshness::RecordedRed)
    }
}

/// All steps of a closure, dependencies first.
#[derive(Debug, Default)]
pub struct Preview {
    /// The steps.
    pub steps: Vec<StepPlan>,
    /// Workstreams that are settled: all of their steps are fresh and green.
    pub settled: HashMap<WorkstreamId, Arc<Settled>>,
    /// Keys of fresh tasks.
    pub task_keys: HashMap<StepId, Key>,
    /// Branches that no longer name their result.
    pub moved_branches: Vec<String>,
}

impl Preview {
    /// Nothing would run, and nothing is red.
    pub fn is_green(&self) -> bool {
        self.steps.iter().all(StepPlan::is_green)
    }

    /// Nothing would run.
    pub fn is_settled(&self) -> bool {
        self.steps.iter().all(|plan| matches!(plan.verdict, Verdict::Fresh(_)))
    }

    /// How many steps would, or might, run.
    pub fn would_run(&self) -> usize {
        self.steps.iter().filter(|plan| !matches!(plan.verdict, Verdict::Fresh(_))).count()
    }
}

/// What the user asks for beyond staleness.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Steps that run even if fresh.
    pub force: Vec<StepId>,
    /// Failed workstreams are asked again.
    pub again: bool,
    /// Where only some steps are judged: all others are fresh, and these are the keys of those that others observe.
    pub vouched: Option<Arc<HashMap<StepId, Key>>>,
}

impl Asked {
    /// The keys of steps that are fresh without being judged.
    pub fn vouched_keys(&self) -> HashMap<StepId, Key> {
        self.vouched.as_deref().cloned().unwrap_or_default()
    }
}

/// Judges the steps of a closure, dependencies first.
pub fn preview(
    world: &World,
    records: Records<'_>,
    hashes: &HashCache,
    closure: &[StepId],
    asked: &Asked,
) -> Result<Preview, ObserveError> {
    let _span = world.profile.span(Category::Command, || "judge all");
    let closures = Closures::of(world);
    let _still = world.memory.still();
    let mut preview = Preview { task_keys: asked.vouched_keys(), ..Preview::default() };
    let mut open: HashMap<StepId, Verdict> = HashMap::new();
    if asked.vouched.is_some() {
        let inside: HashSet<&StepId> = closure.iter().collect();
        let needs = closure.iter().flat_map(|step| world.graph.step(*step).depends_on);
        let outside = needs.filter(|need| !inside.contains(need));
        open.extend(outside.map(|need| (*need, Verdict::Fresh(Freshness::Recorded))));
    }
    let mut place = 0;
    while let Some(&step) = closure.get(place) {
        let count = match &world.graph.step(step).kind {
            StepKind::Task(_) | StepKind::ProjectSetup(_) => {
                world.sights.whose(u32::try_from(place).ok());
                let plan = task::judge(world, records, hashes, step, &preview, &open, asked)?;
                world.sights.whose(None);
                if let (Verdict::Fresh(_), Some(fingerprint)) = (&plan.verdict, &plan.fingerprint) {
                    preview.task_keys.insert(step, fingerprint.key());
                }
                preview.steps.push(plan);
                1
            }
            kind => {
                let id = kind.workstream().cloned().unwrap_or_else(|| WorkstreamId::from(""));
                let rest = &closure[place..];
                let count =
                    rest.iter().take_while(|step| world.graph.step(**step).kind.workstream() == Some(&id)).count();
                workstream::judge(world, records, &closures, &rest[..count], &id, &mut preview, &open, asked)?;
                count
            }
        };
        for plan in &preview.steps[preview.steps.len() - count..] {
            open.insert(plan.step, plan.verdict.clone());
        }
        place += count;
    }
    Ok(preview)
}

/// The first step that a step waits for and that is not settled.
pub fn unsettled_above(world: &World, step: StepId, judged: &HashMap<StepId, Verdict>) -> Option<Reason> {
    let needs = &world.graph.step(step).depends_on;
    let above = needs.iter().find(
        |need| !matches!(judged.get(need), Some(Verdict::Fresh(freshness)) if *freshness != Freshness::RecordedRed),
    )?;
    let name = world.graph.step(*above).kind.name();
    Some(match judged.get(above) {
        Some(Verdict::Fresh(Freshness::RecordedRed)) => Reason::Blocked(name),
        Some(Verdict::Unsettled(Reason::Blocked(root))) => Reason::Blocked(root.clone()),
        _ => Reason::Upstream(name),
    })
}

/// The plan as a program reads it.
pub fn planned(world: &World, preview: &Preview) -> Vec<PlannedStep> {
    preview.steps.iter().map(|plan| planned_step(world, plan)).collect()
}

fn planned_step(world: &World, plan: &StepPlan) -> PlannedStep {
    let step = world.graph.step(plan.step);
    let (verdict, reason) = words(&plan.verdict);
    PlannedStep {
        name: step.kind.name(),
        kind: step.kind.word().to_owned(),
        workstream: step.kind.workstream().map(ToString::to_string),
        verdict: verdict.to_owned(),
        reason,
        tool: plan.tool.clone(),
        red: plan.verdict == Verdict::Fresh(Freshness::RecordedRed),
        depends_on: step.depends_on.iter().map(|need| world.graph.step(*need).kind.name()).collect(),
    }
}

/// `fresh stale unsettled` and the reason's sentence.
pub fn words(verdict: &Verdict) -> (&'static str, Option<String>) {
    match verdict {
        Verdict::Fresh(Freshness::Landed) => ("fresh", Some("landed".to_owned())),
        Verdict::Fresh(Freshness::NotDue) => ("fresh", Some("nothing that it looks at was touched".to_owned())),
        Verdict::Fresh(Freshness::RecordedRed) => ("fresh", Some("failed, and nothing changed since".to_owned())),
        Verdict::Fresh(_) => ("fresh", None),
        Verdict::Stale(reason) => ("stale", Some(reason.to_string())),
        Verdict::Unsettled(reason) => ("unsettled", Some(reason.to_string())),
    }
}
