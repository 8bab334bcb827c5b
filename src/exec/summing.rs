//! The summary of a build: of what a run came to, and of one that had nothing to do.
//!
//! Looks only at what is known already.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Instant;

use crate::base::name::WorkstreamId;
use crate::exec::run::Run;
use crate::exec::session::{Plain, Session, Told};
use crate::graph::{StepId, StepKind};
use crate::observe::world::World;
use crate::plan::Verdict;
use crate::preview::Preview;
use crate::store::run::RunId;
use crate::summary::{BuildSummary, ScopeSummary, StepStatus, StepSummary, WorkstreamSummary};

/// What a run came to.
pub fn sum_up(session: &Session<'_>, run: &Run<'_>, run_id: &RunId, begun: Instant, told: Told) -> BuildSummary {
    let Told { plain, tasks, workstreams } = told;
    let all = || tasks.values().chain(workstreams.iter().flat_map(|workstream| &workstream.steps));
    let bad = |status: &str| matches!(status, "failed" | "blocked" | "waiting" | "interrupted");
    let bad_steps = tasks.values().filter(|step| !is_good(step)).count();
    let bad_workstreams = workstreams.iter().filter(|workstream| bad(&workstream.status)).count();
    let good = plain.len() + tasks.len() + workstreams.len() - bad_steps - bad_workstreams;
    let has_failed = tasks.values().any(|step| step.status == StepStatus::Failed)
        || workstreams.iter().any(|workstream| workstream.status == "failed");
    let status = match (session.cancel.is_cancelled(), bad_steps + bad_workstreams, good) {
        (true, ..) => "interrupted",
        (_, 0, _) => "completed",
        (_, _, 0) if has_failed => "failed",
        _ => "partial",
    };
    let surprising = surprising(run, &plain, &tasks, &workstreams);
    let count = |is_one: fn(&Plain) -> bool| plain.iter().filter(|plain| is_one(plain)).count();
    BuildSummary {
        run_id: Some(run_id.0.clone()),
        status: status.to_owned(),
        steps_run: count(|plain| plain.ran) + all().filter(|step| step.attempts > 0).count(),
        steps_fresh: count(|plain| plain.is_fresh) + all().filter(|step| step.status == StepStatus::Fresh).count(),
        plan_matched: !surprising,
        critical_path: Vec::new(),
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        tasks: tasks.into_values().collect(),
        workstreams,
    }
}

/// Whether something ran that was planned to be fresh.
fn surprising(
    run: &Run<'_>,
    plain: &[Plain],
    tasks: &BTreeMap<StepId, StepSummary>,
    workstreams: &[WorkstreamSummary],
) -> bool {
    let was_fresh = |step: StepId| {
        let judged = run.preview.place(step).and_then(|_| run.preview.verdict(step));
        matches!(judged, Some(Verdict::Fresh(_)))
    };
    let of_tasks = plain.iter().any(|plain| plain.ran && was_fresh(plain.step))
        || tasks.iter().any(|(step, task)| task.attempts > 0 && was_fresh(*step));
    let graph = &run.world.graph;
    let planned = run.preview.steps.iter().filter(|plan| matches!(plan.verdict, Verdict::Fresh(_)));
    let kinds = planned.map(|plan| graph.step(plan.step).kind).filter(|kind| kind.workstream().is_some());
    let names: HashSet<String> = kinds.map(StepKind::name).collect();
    // What runs for a candidate that a fix made was not planned, and could not be.
    let has_fix = |workstream: &&WorkstreamSummary| workstream.steps.iter().any(|step| step.kind == "fix");
    let unfixed = workstreams.iter().filter(|workstream| !has_fix(workstream));
    of_tasks
        || unfixed.flat_map(|workstream| &workstream.steps).any(|step| step.attempts > 0 && names.contains(&step.name))
}

fn is_good(step: &StepSummary) -> bool {
    matches!(step.status, StepStatus::Fresh | StepStatus::Done | StepStatus::Skipped)
}

/// The summary of a build that had nothing to do: no run is made for it. Tasks are told of only where all steps are wanted.
pub fn nothing_to_do(world: &World, preview: &Preview, begun: Instant, all_steps: bool) -> BuildSummary {
    let mut tasks = Vec::new();
    let mut workstreams = fresh_workstreams(world, preview);
    let places: HashMap<String, usize> =
        workstreams.iter().enumerate().map(|(place, workstream)| (workstream.id.clone(), place)).collect();
    for plan in &preview.steps {
        let kind = &world.graph.step(plan.step).kind;
        if kind.workstream().is_none() && !all_steps {
            continue;
        }
        let (verdict, reason) = crate::preview::words(&plan.verdict);
        let step = StepSummary {
            name: kind.name(),
            kind: kind.word().to_owned(),
            status: StepStatus::Fresh,
            verdict: verdict.to_owned(),
            reason,
            attempts: 0,
            duration_ms: 0,
            findings: Vec::new(),
            failure: None,
        };
        match kind.workstream().and_then(|id| places.get(id.as_str())) {
            None => tasks.push(step),
            Some(place) => workstreams[*place].steps.push(step),
        }
    }
    BuildSummary {
        run_id: None,
        status: "completed".to_owned(),
        workstreams,
        tasks,
        steps_run: 0,
        steps_fresh: preview.steps.len(),
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        plan_matched: true,
        critical_path: Vec::new(),
    }
}

/// The workstreams that were judged, each as one with nothing to do, without its steps.
pub fn fresh_workstreams(world: &World, preview: &Preview) -> Vec<WorkstreamSummary> {
    let mut seen: HashSet<&WorkstreamId> = HashSet::new();
    let ids = preview.steps.iter().filter_map(|plan| world.graph.step(plan.step).kind.workstream());
    ids.filter(|id| seen.insert(id)).map(|id| fresh(world, preview, id)).collect()
}

fn fresh(world: &World, preview: &Preview, id: &WorkstreamId) -> WorkstreamSummary {
    let settled = preview.settled.get(id);
    let landed = settled.is_some_and(|settled| settled.landed);
    WorkstreamSummary {
        id: id.to_string(),
        status: if landed { "landed" } else { "fresh" }.to_owned(),
        reason: None,
        class: None,
        commit: settled.map(|settled| settled.commit.hex()),
        branch: (!landed).then(|| world.branch(world.workstream(id))),
        worktree: None,
        steps: Vec::new(),
        scope: ScopeSummary::default(),
        duration_ms: 0,
    }
}
