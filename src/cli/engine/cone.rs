//! A build of what hangs on files that moved, and of nothing else: the rest is as the kept plan says.
//!
//! Two ways lead to the steps that are judged. Where no definition moved, their definitions come out of the plan, and no file of
//! definitions is opened. Else all is read, and steps whose definition is another one are judged, too. What is judged then, and
//! what runs, is the business of those who judge and run any build.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};

use crate::analysis::pipeline::{Pipeline, Task};
use crate::base::digest::{Digest, Running};
use crate::cli::engine::building::Ahead;
use crate::cli::engine::kept::{Moved, Summary};
use crate::cli::engine::open::{self, Opened, Purpose, bare_world};
use crate::cli::engine::steps_told::{Detail, fresh_step};
use crate::cli::engine::{BuildRequest, Project};
use crate::fingerprint::Key;
use crate::graph::{StepId, StepKind, build};
use crate::kept::Kept;
use crate::kept::looking::Mended;
use crate::kept::merging::{Again, merge};
use crate::kept::steps::{Cold, NOBODY, StepSeen};
use crate::kept::writing::say_again;
use crate::observe::world::World;
use crate::plan::{Reason, Verdict};
use crate::preview::{Asked, Preview, StepPlan};
use crate::summary::{BuildSummary, StepSummary};
use crate::system::sight::Notes;

/// The plan that vouches for what is not judged.
pub(super) struct Cone {
    summary: Summary,
    kept: Kept,
    cold: Cold,
    mended: Mended,
    path: PathBuf,
    /// Places in the plan of the steps that are judged, in the order in which they are.
    places: Vec<u32>,
    /// Definitions were read again.
    has_read: bool,
}

/// What the steps' names and order come to; `None` where there are steps other than tasks, or some of which too little is known.
pub(super) fn shape_of(world: &World, preview: &Preview) -> Option<String> {
    let is_known = |plan: &StepPlan| plan.key.is_some() || !plan.is_green();
    let steps = preview.steps.iter();
    steps.clone().all(is_known).then(|| shape(world, steps.map(|plan| plan.step), |step| preview.place(step)))?
}

/// What a plan says of the step at a place.
pub(super) fn seen_at(world: &World, preview: &Preview, place: u32) -> Option<StepSeen> {
    let plan = preview.steps.get(place as usize)?;
    let needs = world.graph.step(plan.step).depends_on.iter();
    step_seen(world, plan, needs.map(|need| preview.place(*need)).collect::<Option<_>>()?)
}

fn step_seen(world: &World, plan: &StepPlan, needs: Vec<u32>) -> Option<StepSeen> {
    let task = task(world, plan.step)?;
    let key = match plan.key {
        Some(key) => key.0,
        // It is judged again in any case.
        None if !plan.is_green() => Digest([0; 32]),
        None => return None,
    };
    Some(StepSeen { definition: definition(task)?, key, has_outputs: !task.outputs.is_empty(), needs })
}

/// Places of the steps that are not as they should be.
pub(super) fn unfinished(preview: &Preview) -> Vec<u32> {
    (0..).zip(&preview.steps).filter_map(|(place, plan)| (!plan.is_green()).then_some(place)).collect()
}

/// Nothing is left to do but what runs in any case.
pub(super) fn is_as_it_can_be(preview: &Preview) -> bool {
    let always = |plan: &StepPlan| matches!(plan.verdict, Verdict::Stale(Reason::AlwaysRuns));
    preview.steps.iter().all(|plan| always(plan) || plan.is_green())
}

/// A digest of names, order and needs.
fn shape(
    world: &World,
    closure: impl Iterator<Item = StepId>,
    place: impl Fn(StepId) -> Option<u32>,
) -> Option<String> {
    let mut running = Running::default();
    for step in closure {
        let name = task(world, step)?.name.as_str();
        let needs = world.graph.step(step).depends_on;
        running.field(name.as_bytes()).add(&(needs.len() as u64).to_le_bytes());
        for need in needs {
            running.add(&place(*need)?.to_le_bytes());
        }
    }
    Some(running.end().hex())
}

fn task(world: &World, step: StepId) -> Option<&Task> {
    match &world.graph.step(step).kind {
        StepKind::Task(name) => Some(world.task(name)),
        _ => None,
    }
}

/// What a task means, as bytes; equal for equal meanings.
fn definition(task: &Task) -> Option<Vec<u8>> {
    postcard::to_allocvec(task).ok()
}

/// The build of what hangs on what moved; `None` where only a look at everything can tell.
pub(super) fn ahead(project: &Project, request: &BuildRequest, moved: Moved) -> Option<Ahead> {
    let cold = &moved.cold;
    let mut from = Vec::new();
    let mut others = Vec::new();
    for &file in &moved.files {
        let before = (from.len(), others.len());
        for reader in cold.readers(file) {
            if reader == NOBODY { others.push(file) } else { from.push(reader) }
        }
        if (from.len(), others.len()) == before {
            return None;
        }
    }
    if others.is_empty()
        && let Some((opened, closure, places)) = from_plan(project, &moved, &from)
    {
        return Some(joined(moved, opened, closure, places, false));
    }
    let read = Ahead::open(project, request, Purpose::Planning).ok()?;
    let world = &read.opened.world;
    let closure = &read.closure;
    let shape_now = || {
        let places: HashMap<StepId, u32> = closure.iter().copied().zip(0..).collect();
        shape(world, closure.iter().copied(), |step| places.get(&step).copied())
    };
    let (shape, differing) = rayon::join(shape_now, || differing(world, closure, cold));
    let (shape, differing) = (shape?, differing?);
    let is_read = |file: &u32| read.opened.read.knows(&moved.kept.file_path(*file));
    if read.opened.world.located.is_some() || shape != moved.summary.shape || !others.iter().all(is_read) {
        return None;
    }
    from.extend(differing);
    let places = cold.cone(from);
    let vouched = cold.needs_of(&places);
    let vouched = vouched.into_iter().filter(|need| !cold.has_outputs(*need));
    let keys = vouched.map(|need| (read.closure[need as usize], Key(cold.key(need)))).collect();
    let closure = places.iter().map(|place| read.closure[*place as usize]).collect();
    let mut moved = moved;
    moved.summary.pools.clone_from(&read.opened.world.pipeline.pools);
    moved.summary.memory_bytes = read.opened.world.pipeline.memory_bytes;
    Some(joined(moved, read.opened, (closure, keys), places, true))
}

/// Places of the steps whose definition is another one; `None` where some are no tasks, or there are more or fewer of them.
fn differing(world: &World, closure: &[StepId], cold: &Cold) -> Option<Vec<u32>> {
    if closure.len() != cold.step_count() as usize {
        return None;
    }
    let differs = |(place, step): (usize, &StepId)| {
        let place = u32::try_from(place).ok()?;
        let definition = definition(task(world, *step)?)?;
        Some((definition != cold.definition(place)).then_some(place))
    };
    let places: Option<Vec<Option<u32>>> = closure.par_iter().enumerate().map(differs).collect();
    Some(places?.into_iter().flatten().collect())
}

type Judged = (Vec<StepId>, HashMap<StepId, Key>);

fn joined(moved: Moved, opened: Opened, (closure, keys): Judged, places: Vec<u32>, has_read: bool) -> Ahead {
    let Moved { summary, kept, cold, mended, path, .. } = moved;
    Ahead {
        opened,
        wanted: Vec::new(),
        closure,
        asked: Asked { vouched: Some(Arc::new(keys)), ..Asked::default() },
        cone: Some(Cone { summary, kept, cold, mended, path, places, has_read }),
    }
}

/// A project of nothing but the steps that are judged, and of those whose keys they observe; `None` where a step may find
/// inputs that any other makes.
fn from_plan(project: &Project, moved: &Moved, from: &[u32]) -> Option<(Opened, Judged, Vec<u32>)> {
    let cold = &moved.cold;
    let judged = cold.cone(from.iter().copied());
    let observed: Vec<u32> = cold.needs_of(&judged).into_iter().filter(|need| !cold.has_outputs(*need)).collect();
    let mut all: Vec<u32> = judged.iter().chain(&observed).copied().collect();
    all.sort_unstable();
    let tasks: Vec<Task> =
        all.iter().map(|place| postcard::from_bytes(cold.definition(*place)).ok()).collect::<Option<_>>()?;
    if tasks.iter().any(|task| task.depfile().is_some() || !task.setups().is_empty()) {
        return None;
    }
    let kinds: Vec<StepKind> = tasks.iter().map(|task| StepKind::Task(task.name.clone())).collect();
    let Summary { pools, memory_bytes, .. } = &moved.summary;
    let pipeline = Pipeline { pools: pools.clone(), memory_bytes: *memory_bytes, tasks, ..Pipeline::default() };
    let graph = build::build(&pipeline, &BTreeSet::new()).ok()?;
    let steps: HashMap<u32, StepId> =
        all.iter().zip(&kinds).map(|(place, kind)| Some((*place, graph.find(kind)?))).collect::<Option<_>>()?;
    let mut closure: Vec<(StepId, u32)> = judged.iter().map(|place| (steps[place], *place)).collect();
    closure.sort_unstable();
    let keys = observed.iter().map(|place| (steps[place], Key(cold.key(*place)))).collect();
    let world = bare_world(project, moved.root.clone(), moved.state.clone(), Arc::new(pipeline), graph);
    let opened = Opened {
        world,
        folder: moved.root.join(open::FOLDER),
        database: moved.summary.database.clone(),
        diagnostics: Vec::new(),
        sources: crate::base::span::Sources::default(),
        made: None,
        read: Arc::default(),
    };
    let (closure, places) = closure.into_iter().unzip();
    Some((opened, (closure, keys), places))
}

impl Cone {
    /// Nobody has built since the plan was read; asked under the build lock.
    pub(super) fn holds(&self) -> bool {
        self.kept.is_at(&self.path)
    }

    /// Whether nobody wrote to the database since the plan was written.
    pub(super) fn has_database(&self) -> bool {
        self.summary.has_database()
    }

    /// Writes the plan as it was, after a build that did not bring up all that moved: it leads the next one to the same steps. The
    /// build lock is held, and the database was closed before that time.
    pub(super) fn keep(&self, mark_ns: i64) -> Option<()> {
        let summary = serde_json::to_vec(&self.summary.with_database_before(mark_ns)?).ok()?;
        say_again(&self.path, &self.kept, &self.cold, &Mended::default(), &summary)
    }

    /// Writes the plan with what was judged again. `ran`: the build lock was held, and the database closed before that time; else
    /// what the plan says of the database must still hold.
    pub(super) fn publish(&self, opened: &Opened, preview: &Preview, judged: Notes, ran: Option<i64>) -> Option<()> {
        let unfinished: Vec<u32> = unfinished(preview).into_iter().map(|place| self.places[place as usize]).collect();
        if !is_as_it_can_be(preview) {
            return None;
        }
        let summary = match ran {
            Some(mark_ns) => self.summary.with_database_before(mark_ns)?,
            None => Some(&self.summary).filter(|summary| summary.has_database())?.clone(),
        };
        let mut notes = judged;
        if self.has_read {
            notes.absorb(opened.read.end()?);
        }
        let mut steps: Vec<(u32, StepSeen)> = Vec::with_capacity(preview.steps.len());
        for (plan, place) in preview.steps.iter().zip(&self.places) {
            steps.push((*place, step_seen(&opened.world, plan, Vec::new())?));
        }
        steps.sort_unstable_by_key(|(place, _)| *place);
        let summary = serde_json::to_vec(&summary).ok()?;
        let again = Again { mended: &self.mended, notes, places: &self.places, steps, unfinished, summary };
        merge(&self.path, &self.kept, &self.cold, again).ok()
    }

    /// The summary of the whole: what was not judged is fresh.
    pub(super) fn whole(&self, summary: BuildSummary, all_steps: bool) -> BuildSummary {
        let steps_fresh = summary.steps_fresh + self.summary.steps - self.places.len();
        let tasks = match all_steps.then(|| self.kept.detail()).flatten() {
            Some(detail) => all(&detail, summary.tasks),
            None => summary.tasks,
        };
        BuildSummary { tasks, steps_fresh, ..summary }
    }

    /// The targets, as far as they are told of: how many, and the name of the first.
    pub(super) fn targets(&self) -> Vec<String> {
        self.summary.target_names()
    }
}

/// Every step of the plan: as it ended, where it was judged.
fn all(detail: &[u8], judged: Vec<StepSummary>) -> Vec<StepSummary> {
    let Ok(Detail { steps, .. }) = serde_json::from_slice(detail) else { return judged };
    let mut judged: HashMap<String, StepSummary> = judged.into_iter().map(|step| (step.name.clone(), step)).collect();
    steps.into_iter().map(|row| judged.remove(&row.name).unwrap_or_else(|| fresh_step(row))).collect()
}
