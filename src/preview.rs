//! The preview: every step of a closure judged without running anything.
//!
//! Writes nothing: merges and commits are made in object memory. Below a stale step everything is unsettled, because
//! an early cutoff may still stop the wave.

pub mod task;
pub mod workstream;

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::name::WorkstreamId;
use crate::fingerprint::{Fingerprint, Key};
use crate::graph::{StepId, StepKind};
use crate::observe::ObserveError;
use crate::observe::base::{Closures, Settled};
use crate::observe::look::{Look, Records};
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
    /// The key of what it observes, where that can be known.
    pub key: Option<Key>,
    /// What the key was made of, now and the last time, where somebody asked for it.
    pub parts: Option<Box<Parts>>,
    /// Which tool or program.
    pub tool: Option<Box<str>>,
}

/// What a step observes, part by part: too much to be held for each of many steps.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Now.
    pub now: Fingerprint,
    /// When it was last recorded.
    pub last: Option<Fingerprint>,
}

impl StepPlan {
    /// What was judged of a step that observes the same now, where no record lay under its key: only a run of the step itself makes one.
    pub fn without_record(&self, key: Key) -> Option<&Verdict> {
        let is_new = matches!(self.verdict, Verdict::Stale(Reason::NeverRan | Reason::Changed(_)));
        (is_new && self.key == Some(key)).then_some(&self.verdict)
    }

    /// A step of which no more than a verdict is known.
    pub fn plain(step: StepId, verdict: Verdict) -> Self {
        Self { step, verdict, key: None, parts: None, tool: None }
    }

    /// A step that was looked up.
    pub fn looked(step: StepId, look: Look, asked: &Asked) -> Self {
        let Look { fingerprint: now, key, verdict, last, .. } = look;
        let parts = asked.parts.then(|| Box::new(Parts { now, last }));
        Self { key: Some(key), parts, ..Self::plain(step, verdict) }
    }

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
    /// Keys of fresh tasks that others observe.
    pub task_keys: HashMap<StepId, Key>,
    /// The number of the newest record that was there; 0: none was.
    pub newest_record: u64,
    /// Branches that no longer name their result.
    pub moved_branches: Vec<String>,
    /// From a step's number to its place, or [`NOT_JUDGED`].
    places: Vec<u32>,
    /// What was not judged is fresh.
    vouched: bool,
}

/// In the place of a step's place.
const NOT_JUDGED: u32 = u32::MAX;

impl Preview {
    /// How a step was judged; `None`: it was not.
    pub fn verdict(&self, step: StepId) -> Option<&Verdict> {
        const VOUCHED: Verdict = Verdict::Fresh(Freshness::Recorded);
        match self.place(step) {
            Some(place) => self.steps.get(place as usize).map(|plan| &plan.verdict),
            None => self.vouched.then_some(&VOUCHED),
        }
    }

    /// Where a step stands among those that were judged.
    pub fn place(&self, step: StepId) -> Option<u32> {
        self.places.get(step.0 as usize).copied().filter(|place| *place != NOT_JUDGED)
    }

    /// How many were judged.
    pub fn count(&self) -> u32 {
        u32::try_from(self.steps.len()).unwrap_or(NOT_JUDGED)
    }

    /// From here on the last `count` steps are known by name, too.
    fn judged(&mut self, count: usize) {
        let first = self.steps.len() - count;
        for (place, plan) in (first..).zip(&self.steps[first..]) {
            let number = plan.step.0 as usize;
            if self.places.len() <= number {
                self.places.resize(number + 1, NOT_JUDGED);
            }
            self.places[number] = u32::try_from(place).unwrap_or(NOT_JUDGED);
        }
    }

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
    /// What keys are made of is kept, for those who explain.
    pub parts: bool,
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
    let (task_keys, vouched) = (asked.vouched_keys(), asked.vouched.is_some());
    let newest_record = records.newest()?;
    let mut preview = Preview { task_keys, vouched, newest_record, ..Preview::default() };
    preview.steps.reserve_exact(closure.len());
    let mut place = 0;
    while let Some(&step) = closure.get(place) {
        let count = match &world.graph.step(step).kind {
            StepKind::Task(_) | StepKind::ProjectSetup(_) => {
                world.sights.whose(u32::try_from(place).ok());
                let plan = task::judge(world, records, hashes, step, &preview, asked)?;
                world.sights.whose(None);
                if let (Verdict::Fresh(_), Some(key), true) = (&plan.verdict, plan.key, world.is_observed_by_key(step))
                {
                    preview.task_keys.insert(step, key);
                }
                preview.steps.push(plan);
                1
            }
            kind => {
                let id = kind.workstream().cloned().unwrap_or_else(|| WorkstreamId::from(""));
                let rest = &closure[place..];
                let count =
                    rest.iter().take_while(|step| world.graph.step(**step).kind.workstream() == Some(&id)).count();
                workstream::judge(world, records, &closures, &rest[..count], &id, &mut preview, asked)?;
                count
            }
        };
        preview.judged(count);
        place += count;
    }
    Ok(preview)
}

/// The first step that a step waits for and that is not settled.
pub fn unsettled_above(world: &World, step: StepId, judged: &Preview) -> Option<Reason> {
    let needs = &world.graph.step(step).depends_on;
    let above = needs.iter().find(
        |need| !matches!(judged.verdict(**need), Some(Verdict::Fresh(freshness)) if *freshness != Freshness::RecordedRed),
    )?;
    let name = world.graph.step(*above).kind.name();
    Some(match judged.verdict(*above) {
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
        tool: plan.tool.as_deref().map(str::to_owned),
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
