//! The table of `pl show`: every target, how it stands, when it last ran.
//!
//! What happened comes from the store; whether it still holds is judged as `check` judges it.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::analysis::pipeline::{Task, Workstream};
use crate::base::name::{SetupName, TaskName};
use crate::cli::engine::building::look_ahead;
use crate::cli::engine::looking::rows;
use crate::cli::engine::open::{Opened, observe_failed, store_failed};
use crate::cli::exit::Failed;
use crate::graph::{StepId, StepKind};
use crate::observe::look::Records;
use crate::observe::workstream as observe;
use crate::plan::{Reason, Verdict};
use crate::preview::{Asked, StepPlan};
use crate::report::history::{Show, TargetRow};
use crate::store::attempt::AttemptRow;
use crate::store::run::WorkstreamRow;
use crate::store::state::WorkstreamState;
use crate::store::{Store, StoreError};

/// The room under whose name `reset` notes when it forgot a target.
pub const RESET_NOTES: &str = "reset";

/// How a target stands.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// `done stale failed waiting blocked interrupted landed never partial`, or what it is at right now.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// When it last ran.
    pub last_run: Option<String>,
}

impl Standing {
    /// What happened last, held against how it is now.
    fn hold_against(&mut self, plan: &StepPlan, is_stale: bool) {
        if self.state == "done" && is_stale {
            "stale".clone_into(&mut self.state);
        } else if is_done_again(&self.state, plan) {
            "done".clone_into(&mut self.state);
            self.reason = None;
        }
    }
}

/// Whether an older record answers for what did not end well: an edit that was taken back leads to one. Then a build says that
/// all is up to date, though the newest run failed.
fn is_done_again(state: &str, plan: &StepPlan) -> bool {
    matches!(state, "failed" | "blocked" | "waiting" | "interrupted") && plan.is_green()
}

/// The same for one step, judged now.
pub fn is_step_done_again(opened: &Opened, step: StepId, state: &str) -> Result<bool, Failed> {
    let judged = judged(opened, &[step])?;
    Ok(judged.get(opened.world.graph.step(step).kind).is_some_and(|plan| is_done_again(state, plan)))
}

/// What happened, loaded once for all targets.
pub struct Past {
    attempts: HashMap<String, AttemptRow>,
    workstreams: HashMap<String, WorkstreamRow>,
    forgotten: BTreeMap<String, Value>,
}

impl Past {
    /// Loads it.
    pub fn of(store: &Store) -> Result<Self, StoreError> {
        let by_step = |row: AttemptRow| (row.step.clone(), row);
        let by_id = |row: WorkstreamRow| (row.ws_id.clone(), row);
        Ok(Self {
            attempts: store.newest_attempts()?.into_iter().map(by_step).collect(),
            workstreams: store.newest_workstreams()?.into_iter().map(by_id).collect(),
            forgotten: store.notes(RESET_NOTES)?,
        })
    }

    /// Whether what happened at `moment` was forgotten since.
    fn is_forgotten(&self, step: &str, moment: &str) -> bool {
        let owner = step.split_once('/').map_or(step, |(owner, _)| owner);
        let since = |name: &str| self.forgotten.get(name).and_then(Value::as_str).is_some_and(|since| moment <= since);
        since(step) || since(owner)
    }

    /// The newest attempt of a step.
    pub fn attempt(&self, step: &str) -> Option<&AttemptRow> {
        self.attempts.get(step).filter(|row| !self.is_forgotten(step, &row.started_at))
    }

    /// How a step stands.
    pub fn step(&self, store: &Store, step: &str) -> Standing {
        let Some(row) = self.attempt(step) else { return never() };
        Standing {
            state: rows::word(row, rows::is_live(store, &row.run_id)).to_owned(),
            reason: rows::failure(row).map(|row| row.failure.message),
            last_run: Some(row.started_at.clone()),
        }
    }

    /// The newest row of a workstream.
    pub fn workstream(&self, id: &str) -> Option<&WorkstreamRow> {
        self.workstreams.get(id).filter(|row| !self.is_forgotten(id, &row.updated_at))
    }

    fn last_run(&self, id: &str, row: &WorkstreamRow) -> String {
        let below = |attempt: &&AttemptRow| attempt.ws_id.as_deref() == Some(id);
        let newest = self.attempts.values().filter(below).map(|attempt| attempt.started_at.clone()).max();
        newest.unwrap_or_else(|| row.updated_at.clone())
    }
}

fn never() -> Standing {
    Standing { state: "never".to_owned(), ..Standing::default() }
}

/// How a workstream stands, not judged whether that still holds.
pub fn workstream(opened: &Opened, store: &Store, past: &Past, workstream: &Workstream) -> Result<Standing, Failed> {
    let id = workstream.id.as_str();
    let landed = observe::landed(&opened.world, Records(Some(store)), workstream).map_err(observe_failed)?.is_some();
    let Some(row) = past.workstream(id) else {
        return Ok(if landed { Standing { state: "landed".to_owned(), ..Standing::default() } } else { never() });
    };
    let mut standing =
        Standing { state: row.status.to_string(), reason: row.reason.clone(), last_run: Some(past.last_run(id, row)) };
    if landed {
        (standing.state, standing.reason) = ("landed".to_owned(), None);
    } else if row.status.is_unfinished() && !rows::is_live(store, &row.run_id) {
        standing.state = WorkstreamState::Interrupted.to_string();
    } else if row.status == WorkstreamState::Done && !has_result(store, row).map_err(store_failed)? {
        standing.state = "partial".to_owned();
        standing.reason = Some("only some of its steps were asked for".to_owned());
    }
    Ok(standing)
}

/// Whether a done row has a commit: else only a part of the workstream was asked for.
fn has_result(store: &Store, row: &WorkstreamRow) -> Result<bool, StoreError> {
    let event = store.newest_event(&row.run_id, &row.ws_id, "workstream-ended")?;
    Ok(event.is_none_or(|event| !event.payload["commit"].is_null() || event.payload["status"] == "landed"))
}

/// Whether a step is what people call a target.
pub fn is_target(opened: &Opened, step: StepId) -> bool {
    matches!(opened.world.graph.step(step).kind, StepKind::Task(_) | StepKind::Result(_))
}

/// The table of these targets; setups are among them where all are asked for.
pub fn table(opened: &Opened, wanted: &[StepId]) -> Result<Show, Failed> {
    let store = opened.records()?;
    let mut rows: Vec<TargetRow> = Vec::new();
    let world = &opened.world;
    let past = store.as_ref().map(Past::of).transpose().map_err(store_failed)?;
    let known = store.as_ref().zip(past.as_ref());
    let judged = judged(opened, wanted)?;
    let asked = |kind: &StepKind| world.graph.find(kind).is_some_and(|step| wanted.contains(&step));
    let mut of_task: HashMap<&TaskName, Standing> = HashMap::new();
    let order = tasks_in_order(opened);
    for task in order {
        let mut standing = known.map_or_else(never, |(store, past)| past.step(store, task.name.as_str()));
        if task.command.is_none() {
            standing = group(task, &of_task);
        } else if let Some(plan) = judged.get(&StepKind::Task(task.name.clone())) {
            standing.hold_against(plan, must_run(&plan.verdict));
        }
        of_task.insert(&task.name, standing);
    }
    for task in world.pipeline.tasks.iter().filter(|task| asked(&StepKind::Task(task.name.clone()))) {
        let standing = of_task.remove(&task.name).unwrap_or_default();
        let kind = if task.command.is_none() { "group" } else { "task" };
        rows.push(row(task.name.as_str(), kind, standing, task.about().map(str::to_owned)));
    }
    if wanted.len() == super::everything(opened).len() {
        rows.extend(world.pipeline.setups.iter().map(|setup| {
            let standing = known.map_or_else(never, |(store, past)| self::setup(opened, store, past, &setup.name));
            row(&format!("setup:{}", setup.name), "setup", standing, Some(setup.command.text()))
        }));
    }
    for one in world.pipeline.workstreams.iter().filter(|one| asked(&StepKind::Result(one.id.clone()))) {
        let mut standing = match known {
            Some((store, past)) => workstream(opened, store, past, one)?,
            None => never(),
        };
        if let Some(plan) = judged.get(&StepKind::Result(one.id.clone())) {
            standing.hold_against(plan, !matches!(plan.verdict, Verdict::Fresh(_)));
        }
        let about = one.title.clone().or_else(|| one.instructions.first().cloned());
        rows.push(row(one.id.as_str(), "workstream", standing, about));
    }
    Ok(Show::Targets { targets: rows })
}

fn row(name: &str, kind: &str, standing: Standing, about: Option<String>) -> TargetRow {
    let Standing { state, reason, last_run } = standing;
    TargetRow { name: name.to_owned(), kind: kind.to_owned(), state, about: reason.or(about), last_run }
}

/// What `check` would say of these targets and all that they need.
pub fn judged(opened: &Opened, wanted: &[StepId]) -> Result<HashMap<StepKind, StepPlan>, Failed> {
    let closure = opened.closure(wanted);
    let seen = look_ahead(opened, &closure, &Asked::default())?;
    let kind = |step: StepId| opened.world.graph.step(step).kind.clone();
    Ok(seen.steps.into_iter().map(|plan| (kind(plan.step), plan)).collect())
}

fn must_run(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Stale(reason) if *reason != Reason::AlwaysRuns)
}

/// Tasks, those that a group waits for before it.
fn tasks_in_order(opened: &Opened) -> Vec<&Task> {
    let world = &opened.world;
    let tasks: Vec<StepId> =
        world.pipeline.tasks.iter().filter_map(|task| world.graph.find(&StepKind::Task(task.name.clone()))).collect();
    let named = |step: StepId| match &world.graph.step(step).kind {
        StepKind::Task(name) => Some(world.task(name)),
        _ => None,
    };
    opened.closure(&tasks).into_iter().filter_map(named).collect()
}

/// A group stands as the worst of what it waits for.
fn group(task: &Task, of_task: &HashMap<&TaskName, Standing>) -> Standing {
    const WORST_FIRST: [&str; 7] = ["failed", "waiting", "interrupted", "running", "stale", "never", "done"];
    let below = || task.depends_on.iter().filter_map(|name| of_task.get(name));
    let worst = WORST_FIRST.iter().find(|word| below().any(|standing| standing.state == **word));
    let last_run = below().filter_map(|standing| standing.last_run.clone()).max();
    Standing { state: worst.map_or("done", |word| *word).to_owned(), reason: None, last_run }
}

/// A setup stands as it did where it was last made.
pub fn setup(opened: &Opened, store: &Store, past: &Past, name: &SetupName) -> Standing {
    let graph = &opened.world.graph;
    let makes = |kind: &StepKind| matches!(kind, StepKind::ProjectSetup(own) | StepKind::Setup(_, own) if own == name);
    let steps = graph.kinds().iter().filter(|kind| makes(kind)).map(StepKind::name);
    let newest = steps.filter_map(|step| past.attempt(&step)).max_by_key(|attempt| attempt.id);
    newest.map_or_else(never, |attempt| past.step(store, &attempt.step))
}
