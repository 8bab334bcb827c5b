//! One run: jobs made of the steps that are wanted, scheduled, summed up.
//!
//! A job is a task, a setup for tasks, or a whole workstream, whose steps go round among themselves.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Instant;

use rayon::prelude::*;

use crate::analysis::pipeline::Task;
use crate::base::digest::Digest;
use crate::base::name::{TaskName, WorkstreamId};
use crate::event::Event;
use crate::exec::ExecError;
use crate::exec::admission::{Admission, Room};
use crate::exec::command::{self, Properties};
use crate::exec::schedule::{self, Ended, Jobs};
use crate::exec::session::{Ending, Parts, Session, Told};
use crate::exec::slots::Places;
use crate::exec::summing::sum_up;
use crate::exec::touch::Touch;
use crate::exec::{finishing, tasks, touch, workstream};
use crate::graph::{StepId, StepKind};
use crate::observe::body;
use crate::observe::record::{OutputFile, TaskBody, outputs_digest};
use crate::observe::world::World;
use crate::plan::{Reason, Verdict};
use crate::preview::{Asked, Preview};
use crate::process::cancel::Cancel;
use crate::process::jobserver::Jobserver;
use crate::store::Store;
use crate::store::run::RunId;
use crate::store::state::{RunState, WorkstreamState};
use crate::summary::{BuildSummary, PathPart, ScopeSummary, StepStatus, WorkstreamSummary};
use crate::system::capacity::free_bytes;
use crate::system::file_hash::{HashCache, file_system_now};
use crate::system::profile::Category;

/// Worker threads beyond the places for programs: those that look and record while programs run.
const SPARE_WORKERS: usize = 2;

/// The same where some wait for a pool or for git.
const SPARE_WAITING_WORKERS: usize = 6;

/// From so many tasks on, several threads look at what they made.
const TASKS_FOR_THREADS: usize = 32;

/// What a run is given.
pub struct Run<'a> {
    /// What is fixed.
    pub world: &'a World,
    /// What is remembered.
    pub store: &'a Store,
    /// `.pl`.
    pub folder: PathBuf,
    /// The steps to bring up to date, dependencies first.
    pub closure: &'a [StepId],
    /// What was planned for them.
    pub preview: &'a Preview,
    /// What was asked beyond staleness.
    pub asked: Asked,
    /// Somebody wants to be told of every step, of those that ended well, too.
    pub all_steps: bool,
    /// Digests of files.
    pub hashes: &'a HashCache,
    /// Programs at once.
    pub jobs: u32,
    /// What they may take together, in bytes; none: what the machine has.
    pub memory_bytes: Option<u64>,
    /// The first failure stops the run.
    pub fail_fast: bool,
    /// What was typed, for the records.
    pub command: String,
    /// Ctrl-C.
    pub cancel: Cancel,
    /// Who reads the events.
    pub events: Sender<Event>,
    /// Who says that files moved, where somebody watches.
    pub touch: Option<Arc<Touch>>,
}

/// One thing that a worker does.
enum Job {
    Task(StepId),
    /// Aside, because few among many jobs are one.
    Workstream(Box<Whole>),
}

/// A workstream and those of its steps that are wanted.
struct Whole {
    id: WorkstreamId,
    steps: BTreeSet<StepId>,
}

/// Builds.
pub fn build(run: Run<'_>) -> Result<BuildSummary, ExecError> {
    let begun = Instant::now();
    let run_id = run.store.begin_run(&run.command, &serde_json::json!({ "steps": run.closure.len() }))?;
    let (jobs, needs) = jobs(run.world, run.closure);
    for job in &jobs {
        if let Job::Workstream(whole) = job {
            run.store.add_workstream(&run_id, whole.id.as_str(), &serde_json::Value::Null)?;
        }
    }
    let _programs = run.world.memory.run();
    let session = session(&run, run_id.clone())?;
    announce(&session, &run, &jobs);
    let few = if run.asked.vouched.is_some() { jobs.len() } else { usize::MAX };
    let workers = (run.jobs as usize + spare_workers(&run, &jobs)).min(few);
    let work = Work { session: &session, jobs: &jobs };
    let costs = costs(&run, &jobs)?;
    if workers > 1 {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers);
        let pool = pool.thread_name(|place| format!("pl-worker-{place}")).build();
        let pool = pool.map_err(|error| ExecError::Threads(error.to_string()))?;
        touch::during(&session, || schedule::run(&work, &needs, &costs, &pool, run.fail_fast));
    } else {
        touch::during(&session, || schedule::run_here(&work, &needs, &costs, run.fail_fast));
    }
    finishing::keep_trees(&session)?;
    // Worktrees whose tables cannot be written are thrown away by the next run.
    drop(session.pool.persist());
    // What was made before this moment can be told from what is changed after it, so that no later look reads it again.
    session.hashes.mark(file_system_now(&run.folder).map_err(ExecError::writing(&run.folder))?);
    moved_after(&session);
    session.admission.told().into_iter().for_each(|told| session.note("info", told));
    run.store.set_peaks(&session.admission.learned())?;
    run.store.set_stats(session.hashes)?;
    let told = session.take_books();
    let critical_path = critical_path(&run, &jobs, &needs, &told);
    let summary = BuildSummary { critical_path, ..sum_up(&session, &run, &run_id, begun, told) };
    session.emit(Event::RunEnded { status: summary.status.clone() });
    session.flush()?;
    let state = RunState::from_word(&summary.status).unwrap_or(RunState::Failed);
    run.store.end_run(&run_id, state)?;
    Ok(summary)
}

fn session<'a>(run: &Run<'a>, run_id: RunId) -> Result<Session<'a>, ExecError> {
    let logs = run.folder.join("logs").join(run_id.as_str());
    run.hashes.mark(file_system_now(&run.folder).map_err(ExecError::writing(&run.folder))?);
    let fifo = may_share(run).then(|| run.folder.join("jobserver"));
    let (jobserver, wrong) = Jobserver::of(run.jobs, fifo.as_deref());
    let room = run.memory_bytes.map_or_else(|| Room::Measured(Box::new(free_bytes)), Room::Said);
    let session = Session::new(Parts {
        world: run.world,
        store: run.store,
        run_id,
        cancel: run.cancel.clone(),
        places: Places::new(run.jobs, &run.world.pipeline.pools, jobserver),
        admission: Admission::new(room, peaks(run)?),
        jobs: run.jobs,
        plan: (run.store.newest_record()? == run.preview.newest_record).then_some(run.preview),
        asked: run.asked.clone(),
        all_steps: run.all_steps,
        steps: run.closure.len(),
        hashes: run.hashes,
        logs,
        events: run.events.clone(),
        touch: run.touch.clone(),
    });
    if let Some(wrong) = wrong {
        session.note("warning", wrong);
    }
    Ok(session)
}

fn spare_workers(run: &Run<'_>, jobs: &[Job]) -> usize {
    let may_wait = |job: &Job| match job {
        Job::Workstream(..) => true,
        Job::Task(step) => match &run.world.graph.step(*step).kind {
            StepKind::Task(name) => run.world.task(name).pool().is_some(),
            _ => false,
        },
    };
    if jobs.iter().any(may_wait) { SPARE_WAITING_WORKERS } else { SPARE_WORKERS }
}

/// Whether a program may have to be told of a jobserver of ours; where few steps are judged, it is looked whether one could.
fn may_share(run: &Run<'_>) -> bool {
    let properties = Properties { arguments: run.world.arguments.to_vec(), ..Properties::default() };
    let takes_part = |task: &Task| {
        task.command.as_ref().is_some_and(|command| command::takes_part(&properties.argv(command), task.jobserver))
    };
    run.asked.vouched.is_none()
        || run.closure.iter().any(|step| match &run.world.graph.step(*step).kind {
            StepKind::Task(name) => takes_part(run.world.task(name)),
            _ => true,
        })
}

/// What steps are known to need; where few are judged, those alone are asked for.
fn peaks(run: &Run<'_>) -> Result<HashMap<String, u64>, ExecError> {
    if run.asked.vouched.is_none() {
        return Ok(run.store.peaks()?);
    }
    let names: Vec<String> = run.closure.iter().map(|step| run.world.graph.step(*step).kind.name()).collect();
    Ok(run.store.peaks_of(&names)?)
}

fn announce(session: &Session<'_>, run: &Run<'_>, jobs: &[Job]) {
    let name = |job: &Job| match job {
        Job::Task(step) => run.world.graph.step(*step).kind.name(),
        Job::Workstream(whole) => whole.id.to_string(),
    };
    let workstreams = jobs.iter().filter(|job| matches!(job, Job::Workstream(..))).count();
    session.emit(Event::RunStarted {
        run_id: session.run_id.0.clone(),
        steps: run.closure.len(),
        workstreams,
        tasks: jobs.len() - workstreams,
        longest_name: jobs.iter().map(|job| name(job).chars().count()).max().unwrap_or(0),
    });
}

/// Groups steps into jobs, and finds what each waits for.
fn jobs(world: &World, closure: &[StepId]) -> (Vec<Job>, Vec<Vec<usize>>) {
    let mut jobs: Vec<Job> = Vec::with_capacity(closure.len());
    let mut of_workstream: HashMap<WorkstreamId, usize> = HashMap::new();
    let mut of_step: Vec<Option<usize>> = vec![None; world.graph.len()];
    for &step in closure {
        let place = match world.graph.step(step).kind.workstream() {
            None => {
                jobs.push(Job::Task(step));
                jobs.len() - 1
            }
            Some(id) => *of_workstream.entry(id.clone()).or_insert_with(|| {
                jobs.push(Job::Workstream(Box::new(Whole { id: id.clone(), steps: BTreeSet::new() })));
                jobs.len() - 1
            }),
        };
        if let Job::Workstream(whole) = &mut jobs[place] {
            whole.steps.insert(step);
        }
        of_step[step.0 as usize] = Some(place);
    }
    let job_of = |step: &StepId| of_step[step.0 as usize];
    let mut needs: Vec<Vec<usize>> = vec![Vec::new(); jobs.len()];
    for step in closure {
        let Some(job) = job_of(step) else { continue };
        let above = world.graph.step(*step).depends_on.iter().filter_map(job_of);
        needs[job].extend(above.filter(|need| *need != job));
    }
    for list in &mut needs {
        list.sort_unstable();
        list.dedup();
    }
    (jobs, needs)
}

/// What each job took the last time, in milliseconds: the sum of its steps that may run; 0 where nothing is known.
fn costs(run: &Run<'_>, jobs: &[Job]) -> Result<Vec<u64>, ExecError> {
    let may_run = run.preview.steps.iter().filter(|plan| !matches!(plan.verdict, Verdict::Fresh(_)));
    let steps = may_run.map(|plan| (plan.step, run.world.graph.step(plan.step).kind.name()));
    let took: HashMap<StepId, u64> = run.store.durations(steps)?;
    let cost = |step: &StepId| took.get(step).copied().unwrap_or(0);
    Ok(jobs
        .iter()
        .map(|job| match job {
            Job::Task(step) => cost(step),
            Job::Workstream(whole) => whole.steps.iter().map(cost).sum(),
        })
        .collect())
}

/// Which jobs, each waiting for the one before, took longest together.
fn critical_path(run: &Run<'_>, jobs: &[Job], needs: &[Vec<usize>], told: &Told) -> Vec<PathPart> {
    let mut of_step = vec![0; run.world.graph.len()];
    told.plain.iter().for_each(|plain| of_step[plain.step.0 as usize] = plain.duration_ms);
    told.tasks.iter().for_each(|(step, task)| of_step[step.0 as usize] = task.duration_ms);
    let workstreams = told.workstreams.iter().map(|workstream| (workstream.id.as_str(), workstream.duration_ms));
    let of_workstream: HashMap<&str, u64> = workstreams.collect();
    let cost = |job: &Job| match job {
        Job::Task(step) => of_step[step.0 as usize],
        Job::Workstream(whole) => of_workstream.get(whole.id.as_str()).copied().unwrap_or(0),
    };
    let name = |job: &Job| match job {
        Job::Task(step) => run.world.graph.step(*step).kind.name(),
        Job::Workstream(whole) => whole.id.to_string(),
    };
    let costs: Vec<u64> = jobs.iter().map(cost).collect();
    let way = schedule::dearest_way(needs, &costs);
    way.into_iter().map(|job| PathPart { name: name(&jobs[job]), duration_ms: costs[job] }).collect()
}

struct Work<'a> {
    session: &'a Session<'a>,
    jobs: &'a [Job],
}

impl Work<'_> {
    fn skip(&self, job: usize, status: StepStatus, reason: &Reason, state: WorkstreamState) {
        let session = self.session;
        let verdict = Verdict::Unsettled(reason.clone());
        match &self.jobs[job] {
            Job::Task(step) => {
                let kind = &session.world.graph.step(*step).kind;
                session.end(kind, Ending::without_running(status, &verdict));
            }
            Job::Workstream(whole) => {
                let Whole { id, steps } = whole.as_ref();
                for step in steps {
                    session.end(session.world.graph.step(*step).kind, Ending::without_running(status, &verdict));
                }
                if let Err(error) = session.move_because(id, state, Some(&reason.to_string())) {
                    session.note("warning", format!("{id}: {error}"));
                }
                session.close(WorkstreamSummary {
                    id: id.to_string(),
                    status: if status == StepStatus::Blocked { "blocked" } else { "interrupted" }.to_owned(),
                    reason: Some(reason.to_string()),
                    class: None,
                    commit: None,
                    branch: None,
                    worktree: None,
                    steps: Vec::new(),
                    scope: ScopeSummary::default(),
                    duration_ms: 0,
                });
            }
        }
    }

    fn name(&self, job: usize) -> String {
        match &self.jobs[job] {
            Job::Task(step) => self.session.world.graph.step(*step).kind.name(),
            Job::Workstream(whole) => whole.id.to_string(),
        }
    }
}

impl Jobs for Work<'_> {
    fn run(&self, job: usize) -> Ended {
        let session = self.session;
        let _running = session.world.profile.count("jobs");
        match &self.jobs[job] {
            Job::Task(step) => match &session.world.graph.step(*step).kind {
                StepKind::Task(name) => tasks::run(session, *step, name),
                StepKind::ProjectSetup(name) => tasks::run_setup(session, *step, name),
                _ => Ended::Good,
            },
            Job::Workstream(whole) => {
                let Whole { id, steps } = whole.as_ref();
                let _span = session.world.profile.span(Category::Command, || format!("workstream {id}"));
                let wanted = |kind: &StepKind| session.world.graph.find(kind).is_some_and(|step| steps.contains(&step));
                workstream::run(session, id, &wanted)
            }
        }
    }

    fn blocked(&self, job: usize, blocker: usize) {
        self.skip(job, StepStatus::Blocked, &Reason::Blocked(self.name(blocker)), WorkstreamState::Blocked);
    }

    fn dropped(&self, job: usize) {
        let reason = Reason::Blocked("the end of the run".to_owned());
        self.skip(job, StepStatus::Interrupted, &reason, WorkstreamState::Interrupted);
    }

    fn stopped(&self) -> bool {
        self.session.cancel.is_cancelled()
    }
}

/// Names files that a later step changed after the one that made them.
fn moved_after(session: &Session<'_>) {
    let moved = |(step, made): &(StepId, Digest)| {
        let StepKind::Task(name) = &session.world.graph.step(*step).kind else { return None };
        let now = crate::observe::task::outputs(session.world, session.world.task(name), session.hashes);
        let sentence = match now {
            Err(sentence) => sentence,
            Ok(now) if outputs_digest(&now) == *made => return None,
            Ok(now) => {
                let file = made_by(session, name).into_iter().find(|file| !now.contains(file))?;
                format!("output {} changed", file.path)
            }
        };
        Some((name, sentence))
    };
    let made = session.take_made();
    let moved: Vec<_> = match made.len() < TASKS_FOR_THREADS {
        true => made.iter().filter_map(moved).collect(),
        false => made.par_iter().filter_map(moved).collect(),
    };
    for (task, sentence) in moved {
        session.note("warning", format!("{task}: {sentence} after it ran; another step writes there too"));
    }
}

/// What a task made, as it was recorded.
fn made_by(session: &Session<'_>, name: &TaskName) -> Vec<OutputFile> {
    let record = session.records().latest(name.as_str()).ok().flatten();
    record.and_then(|record| body::<TaskBody>(&record).ok()).map(|made| made.outputs).unwrap_or_default()
}
