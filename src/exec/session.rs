//! What all jobs of one run share: the world, the store, the places, the events, and what is settled so far.
//!
//! Changes nothing itself but the books: events, step summaries, the state table.

mod ending;
mod moving;
mod rounds;
mod way;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::base::digest::Digest;
use crate::base::name::WorkstreamId;
use crate::event::Event;
use crate::exec::ExecError;
use crate::exec::admission::Admission;
use crate::exec::fence::{LastLook, Programs, Watched};
use crate::exec::slots::Places;
use crate::exec::touch::{RunningTask, Touch};
use crate::fingerprint::Key;
use crate::git::fence::Memory;
use crate::git::object::TreeId;
use crate::git::worktree::pool::Pool;
use crate::graph::{StepId, StepKind};
use crate::observe::base::{Closures, Settled, Start, StartError, start};
use crate::observe::look::Records;
use crate::observe::record::{OutputFile, outputs_digest};
use crate::observe::world::World;
use crate::plan::{Reason, Verdict};
use crate::preview::{Asked, Preview, StepPlan};
use crate::process::cancel::Cancel;
use crate::store::Store;
use crate::store::attempt::{AttemptId, AttemptStatus, Level, NewAttempt, NewEvent};
use crate::store::run::RunId;
use crate::store::state::WorkstreamState;
use crate::summary::{StepStatus, StepSummary, WorkstreamSummary};
use crate::system::file_hash::HashCache;
use crate::system::profile::Category;

pub use self::ending::{Ending, Made, Plain, Told};

/// All that jobs share.
pub struct Session<'a> {
    /// What is fixed.
    pub world: &'a World,
    /// What is remembered.
    pub store: &'a Store,
    /// This run.
    pub run_id: RunId,
    /// Ctrl-C.
    pub cancel: Cancel,
    /// Places for programs.
    pub places: Places,
    /// Memory for programs.
    pub admission: Admission,
    /// What was planned, where nobody recorded anything since.
    pub plan: Option<&'a Preview>,
    /// What was asked beyond staleness.
    pub asked: Asked,
    /// Somebody wants to be told of every step, of those that ended well, too.
    pub all_steps: bool,
    /// Who depends on whom.
    pub closures: Closures,
    /// Digests of files.
    pub hashes: &'a HashCache,
    /// Where output is kept in full; made with the first log.
    pub logs: PathBuf,
    /// Worktrees that wait for another workstream.
    pub pool: Pool,
    /// Worktrees of workstreams that this run has taken up.
    pub taken_up: Mutex<BTreeSet<PathBuf>>,
    /// Tools that run now.
    pub watched: Mutex<Watched>,
    /// What the fence saw last.
    pub last_look: Mutex<Option<LastLook>>,
    /// What the fence read of the repository's own files.
    pub memory: Memory,
    /// Programs that run.
    pub programs: Programs,
    /// Who says that files moved, where somebody watches.
    pub touch: Option<Arc<Touch>>,
    /// Tasks that run now, for who is told of it.
    pub running: Mutex<Vec<RunningTask>>,
    events: Mutex<Sender<Event>>,
    books: Mutex<Books>,
    claims: Mutex<HashMap<Key, Arc<Mutex<()>>>>,
}

/// What has happened so far.
#[derive(Debug, Default)]
struct Books {
    kept: Vec<TreeId>,
    /// Tasks that ran, and a digest of what they made.
    made: Vec<(StepId, Digest)>,
    plain: Vec<Plain>,
    states: HashMap<WorkstreamId, WorkstreamState>,
    attempts: HashMap<StepKind, AttemptId>,
    /// When steps began, where a profile is made.
    begun: HashMap<StepKind, Instant>,
    unwritten: Vec<Event>,
    /// What was said once, and is not said again in this run.
    said: BTreeSet<String>,
    settled: HashMap<WorkstreamId, Arc<Settled>>,
    task_keys: HashMap<StepId, Key>,
    steps: HashMap<Option<WorkstreamId>, BTreeMap<StepId, StepSummary>>,
    fixes: HashMap<WorkstreamId, Vec<StepSummary>>,
    rounds: HashMap<WorkstreamId, u32>,
    workstreams: BTreeMap<WorkstreamId, WorkstreamSummary>,
}

/// What is given to [`Session::new`].
pub struct Parts<'a> {
    /// See [`Session`].
    pub world: &'a World,
    /// See [`Session`].
    pub store: &'a Store,
    /// See [`Session`].
    pub run_id: RunId,
    /// See [`Session`].
    pub cancel: Cancel,
    /// See [`Session`].
    pub places: Places,
    /// See [`Session`].
    pub admission: Admission,
    /// Programs at once.
    pub jobs: u32,
    /// See [`Session`].
    pub plan: Option<&'a Preview>,
    /// See [`Session`].
    pub asked: Asked,
    /// See [`Session`].
    pub all_steps: bool,
    /// How many steps are looked at.
    pub steps: usize,
    /// See [`Session`].
    pub hashes: &'a HashCache,
    /// See [`Session`].
    pub logs: PathBuf,
    /// Who reads the events.
    pub events: Sender<Event>,
    /// See [`Session`].
    pub touch: Option<Arc<Touch>>,
}

impl<'a> Session<'a> {
    /// Begins the books.
    pub fn new(parts: Parts<'a>) -> Self {
        // They are as many as there are steps, where nothing was built before.
        let (made, plain) = (Vec::with_capacity(parts.steps), Vec::with_capacity(parts.steps));
        let books = Books { task_keys: parts.asked.vouched_keys(), made, plain, ..Books::default() };
        Self {
            world: parts.world,
            store: parts.store,
            run_id: parts.run_id,
            cancel: parts.cancel,
            places: parts.places,
            admission: parts.admission,
            plan: parts.plan,
            asked: parts.asked,
            all_steps: parts.all_steps,
            closures: Closures::of(parts.world),
            hashes: parts.hashes,
            logs: parts.logs,
            pool: Pool::new(&parts.world.pool(), parts.jobs as usize),
            taken_up: Mutex::default(),
            watched: Mutex::default(),
            last_look: Mutex::default(),
            memory: Memory::default(),
            programs: Programs::default(),
            touch: parts.touch,
            running: Mutex::default(),
            events: Mutex::new(parts.events),
            books: Mutex::new(books),
            claims: Mutex::default(),
        }
    }

    /// `.pl`.
    pub fn folder(&self) -> &Path {
        self.logs.ancestors().nth(2).unwrap_or(&self.logs)
    }

    /// What was planned for a task with outputs. Another one may have the key of a task without them, and may have been recorded
    /// since.
    pub fn planned(&self, step: StepId) -> Option<&'a StepPlan> {
        let plan = self.plan.filter(|_| !self.world.is_observed_by_key(step));
        plan.and_then(|plan| plan.steps.get(plan.place(step)? as usize))
    }

    /// The records, for looking.
    pub fn records(&self) -> Records<'a> {
        Records(Some(self.store))
    }

    /// Sends an event and notes it for the store; nobody listening is no error.
    pub fn emit(&self, event: Event) {
        let _ = lock(&self.events).send(event.clone());
        let waiting = {
            let mut books = lock(&self.books);
            books.unwritten.push(event);
            books.unwritten.len()
        };
        if waiting >= EVENTS_AT_ONCE {
            let _ = self.flush();
        }
    }

    /// Writes the events that wait.
    pub fn flush(&self) -> Result<(), ExecError> {
        let events = std::mem::take(&mut lock(&self.books).unwritten);
        let rows: Vec<NewEvent<'_>> = events.iter().map(|event| self.row(event)).collect();
        self.store.events_at_once(&rows)?;
        Ok(())
    }

    fn row<'e>(&'e self, event: &'e Event) -> NewEvent<'e> {
        let level = match event {
            Event::Note { level, .. } if level == "warning" => Level::Warning,
            Event::StepEnded { status: StepStatus::Failed, .. } => Level::Error,
            _ => Level::Info,
        };
        let (ws, step) = match event {
            Event::StepStarted { step, .. } | Event::StepEnded { step, .. } => {
                (step.split_once('/').map(|(ws, _)| ws), Some(step.as_str()))
            }
            Event::WorkstreamMoved { workstream, .. } => (Some(workstream.as_str()), None),
            Event::WorkstreamEnded(summary) => (Some(summary.id.as_str()), None),
            _ => (None, None),
        };
        NewEvent { run: Some(&self.run_id), ws, step, level, ..NewEvent::new(event.name(), event) }
    }

    /// Says something that is no step.
    pub fn note(&self, level: &str, message: impl Into<String>) {
        self.emit(Event::Note { level: level.to_owned(), message: message.into() });
    }

    /// Whether something that is said once was not said yet.
    pub fn is_news(&self, what: &str) -> bool {
        lock(&self.books).said.insert(what.to_owned())
    }

    /// A program begins for a step.
    pub fn begin(&self, kind: &StepKind, reason: &str, tool: Option<String>) -> Instant {
        let begun = Instant::now();
        if self.world.profile.is_on() {
            lock(&self.books).begun.insert(kind.clone(), begun);
        }
        let log = self.log(kind, 1).display().to_string();
        let step = kind.name();
        let attempt = self.store.begin_attempt(&NewAttempt {
            run: &self.run_id,
            ws: kind.workstream().map(WorkstreamId::as_str),
            step: &step,
            reason: Some(reason),
            tool: tool.as_deref(),
            log: Some(&log),
        });
        if let Ok(attempt) = attempt {
            lock(&self.books).attempts.insert(kind.clone(), attempt);
        }
        self.emit(Event::StepStarted { step, reason: reason.to_owned(), tool });
        begun
    }

    /// A step is over: the event and the summary's line.
    pub fn end(&self, kind: &StepKind, ending: Ending) {
        let step = self.world.graph.find(kind);
        if step.is_none() && !matches!(kind, StepKind::Fix(..)) {
            return;
        }
        self.profile_step(kind, &ending);
        self.end_attempt(kind, &ending);
        self.count_errors(kind, &ending);
        let is_plain = !self.all_steps && kind.workstream().is_none() && ending.is_plain();
        if let Some(step) = step.filter(|_| is_plain) {
            let (is_fresh, ran) = (ending.status == StepStatus::Fresh, ending.attempts > 0);
            lock(&self.books).plain.push(Plain { step, is_fresh, ran, duration_ms: ending.duration_ms });
        } else {
            self.enter(kind, step, step_summary(kind, &ending));
        }
        self.emit(Event::StepEnded {
            step: kind.name(),
            status: ending.status,
            duration_ms: ending.duration_ms,
            detail: ending.detail,
            failure: ending.failure,
            record: ending.record.map(|key| key.0.hex()),
        });
    }

    /// A step that ran, from [`Session::begin`] until now.
    fn profile_step(&self, kind: &StepKind, ending: &Ending) {
        if !self.world.profile.is_on() {
            return;
        }
        let Some(begun) = lock(&self.books).begun.remove(kind) else { return };
        self.world.profile.since(
            begun,
            Category::Step,
            kind.name(),
            || serde_json::json!({ "verdict": ending.verdict, "reason": ending.reason, "status": ending.status }),
        );
    }

    fn end_attempt(&self, kind: &StepKind, ending: &Ending) {
        let Some(attempt) = lock(&self.books).attempts.remove(kind) else { return };
        let status = match ending.status {
            StepStatus::Done | StepStatus::Fresh => AttemptStatus::Success,
            StepStatus::Failed | StepStatus::Waiting => AttemptStatus::Failed,
            StepStatus::Skipped | StepStatus::Blocked => AttemptStatus::Skipped,
            StepStatus::Interrupted => AttemptStatus::Interrupted,
        };
        let result = serde_json::json!({ "detail": ending.detail, "failure": ending.failure });
        if let Err(error) = self.store.end_attempt(attempt, status, &result, ending.duration_ms) {
            self.note("warning", format!("{}: its attempt could not be noted: {error}", kind.name()));
        }
    }

    /// Every wanted step of a workstream that was not reached ends in one state too.
    pub fn end_rest(&self, kinds: &[StepKind], status: &str) {
        let status = match status {
            "interrupted" => StepStatus::Interrupted,
            "failed" | "waiting" => StepStatus::Blocked,
            _ => StepStatus::Skipped,
        };
        for kind in kinds {
            let step = self.world.graph.find(kind);
            let known = {
                let books = lock(&self.books);
                let steps = books.steps.get(&kind.workstream().cloned());
                steps.zip(step).is_some_and(|(steps, step)| steps.contains_key(&step))
            };
            if !known {
                let reason = Reason::Blocked("an earlier step".to_owned());
                self.end(kind, Ending::without_running(status, &Verdict::Unsettled(reason)));
            }
        }
    }

    /// What a task made, to be looked at again when the run ends.
    pub fn made(&self, task: StepId, outputs: &[OutputFile]) {
        lock(&self.books).made.push((task, outputs_digest(outputs)));
    }

    /// See [`Session::made`].
    pub fn take_made(&self) -> Vec<(StepId, Digest)> {
        std::mem::take(&mut lock(&self.books).made)
    }

    /// A workstream's result is known.
    pub fn settle(&self, id: &WorkstreamId, settled: Arc<Settled>) {
        lock(&self.books).settled.insert(id.clone(), settled);
    }

    /// The tree that a workstream starts from; everything that it depends on is settled.
    pub fn start_of(&self, id: &WorkstreamId) -> Result<Start, StartError> {
        let _span = self.world.profile.span(Category::Git, || format!("base of {id}"));
        start(self.world, &self.closures, &lock(&self.books).settled, id)
    }

    /// A tree that a record names: it is to hang on a ref before the run ends.
    pub fn keep(&self, tree: TreeId) {
        lock(&self.books).kept.push(tree);
    }

    /// The trees to be kept.
    pub fn take_kept(&self) -> Vec<TreeId> {
        std::mem::take(&mut lock(&self.books).kept)
    }

    /// A task's key is known; it is kept where others observe it.
    pub fn settle_task(&self, step: StepId, key: Key) {
        if self.world.is_observed_by_key(step) {
            lock(&self.books).task_keys.insert(step, key);
        }
    }

    /// The keys of the tasks above one.
    pub fn task_keys(&self, step: StepId) -> HashMap<StepId, Key> {
        let books = lock(&self.books);
        let needs = self.world.graph.step(step).depends_on.iter();
        needs.filter_map(|need| books.task_keys.get(need).map(|key| (*need, *key))).collect()
    }

    /// A workstream is over for this run.
    pub fn close(&self, mut summary: WorkstreamSummary) {
        let id = WorkstreamId::from(summary.id.as_str());
        let steps = lock(&self.books).steps.remove(&Some(id.clone())).unwrap_or_default();
        let mut steps: Vec<StepSummary> = steps.into_values().collect();
        let fixes = lock(&self.books).fixes.remove(&id).unwrap_or_default();
        // After what they mended, before the result.
        let place = steps.iter().position(|step| step.kind == "result").unwrap_or(steps.len());
        steps.splice(place..place, fixes);
        summary.duration_ms = steps.iter().map(|step| step.duration_ms).sum();
        summary.steps = steps;
        lock(&self.books).workstreams.insert(id, summary.clone());
        self.emit(Event::WorkstreamEnded(summary));
    }

    /// Everything for the summary.
    pub fn take_books(&self) -> Told {
        let mut books = lock(&self.books);
        let workstreams = std::mem::take(&mut books.workstreams).into_values().collect();
        let tasks = books.steps.remove(&None).unwrap_or_default();
        Told { plain: std::mem::take(&mut books.plain), tasks, workstreams }
    }

    /// Does what others may be about to do under the same key: one at a time, so that who comes second finds the record. It looks
    /// again first.
    ///
    /// On a thread of its own: a worker that waits for a part of a checkout takes up another workstream meanwhile, which could
    /// wait for the same key, on the same thread, for ever.
    pub fn alone<T: Send>(&self, key: Key, act: impl FnOnce() -> T + Send) -> T {
        let claim = lock(&self.claims).entry(key).or_default().clone();
        let _claim = lock(&claim);
        let ended = std::thread::scope(|scope| scope.spawn(act).join());
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The file that keeps a step's whole output.
    pub fn log(&self, kind: &StepKind, attempt: u32) -> PathBuf {
        let name = kind.name().replace('/', "__");
        let round = kind.workstream().and_then(|id| lock(&self.books).rounds.get(id).copied());
        let round = round.map(|round| format!("-{round}")).unwrap_or_default();
        self.logs.join(format!("{name}.{attempt}{round}.log"))
    }
}

fn step_summary(kind: &StepKind, ending: &Ending) -> StepSummary {
    StepSummary {
        name: kind.name(),
        kind: kind.word().to_owned(),
        status: ending.status,
        verdict: ending.verdict.to_owned(),
        reason: ending.reason.clone(),
        attempts: ending.attempts,
        duration_ms: ending.duration_ms,
        findings: ending.failure.as_ref().map(|failure| failure.findings.clone()).unwrap_or_default(),
        failure: ending.failure.clone(),
    }
}

/// Locks what no holder leaves half-done: a panic elsewhere does not spoil it.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Events written to the store at once.
const EVENTS_AT_ONCE: usize = 64;
