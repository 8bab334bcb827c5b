//! `pl build` behind the command line: preview, lock, run.
//!
//! A build with nothing to do makes no run, takes no lock and starts no process.

pub mod folder;

use std::path::Path;
use std::sync::mpsc::Sender;
use std::time::Instant;

use crate::analysis::pipeline::template::Property;
use crate::base::size::parse_bytes;
use crate::cli::engine::cone::{self, Cone};
use crate::cli::engine::kept::{self, Ended, Moved};
use crate::cli::engine::open::{Opened, Purpose, observe_failed, open_noting, store_failed};
use crate::cli::engine::watching::Seen;
use crate::cli::engine::{BuildRequest, Built, Project};
use crate::cli::exit::{Failed, Kind};
use crate::event::Event;
use crate::exec::ExecError;
use crate::exec::run::{Run, build as run_build};
use crate::exec::summing::nothing_to_do;
use crate::graph::StepId;
use crate::observe::look::Records;
use crate::observe::world::World;
use crate::preview::{Asked, Preview, preview};
use crate::process::cancel::Cancel;
use crate::store::lock::{Lock, LockError, build_lock, try_build_lock};
use crate::store::{PLAN_NAME, Store, records_will_change};
use crate::summary::BuildSummary;
use crate::system::file_hash::{HashCache, file_system_now, file_system_tick};
use crate::system::paths::PathMap;
use crate::system::profile::Category;
use crate::system::sight::Notes;

/// A build of so many steps at most waits for the disk only at its end.
const FEW_STEPS: usize = 1_000;

/// A project with what is asked of it.
pub(super) struct Ahead {
    pub(super) opened: Opened,
    pub(super) wanted: Vec<StepId>,
    pub(super) closure: Vec<StepId>,
    pub(super) asked: Asked,
    /// Vouches for all that is not in the closure.
    pub(super) cone: Option<Cone>,
}

impl Ahead {
    pub(super) fn open(project: &Project, request: &BuildRequest, purpose: Purpose) -> Result<Self, Failed> {
        let opened = open_noting(project, &request.args, purpose, true)?;
        let wanted = opened.wanted(&request.targets)?;
        check_arguments(&opened, &wanted, request)?;
        let closure = opened.closure(&wanted);
        let force = if request.force { wanted.clone() } else { Vec::new() };
        let asked = Asked { force, again: request.again, ..Asked::default() };
        Ok(Self { opened, wanted, closure, asked, cone: None })
    }

    fn look(&self) -> Result<Preview, Failed> {
        look_ahead(&self.opened, &self.closure, &self.asked)
    }

    /// Judges everything without touching anything; `mark_ns` is the file system's "now", if that is known.
    fn look_noting(&self, hashes: &HashCache, mark_ns: Option<i64>) -> Result<Preview, Failed> {
        mark_ns.into_iter().for_each(|mark_ns| hashes.mark(mark_ns));
        look_with(&self.opened, &self.closure, &self.asked, hashes)
    }

    /// Writes the plan that answers the next build; `ran`: after a run, under its lock.
    fn publish(
        &self,
        project: &Project,
        request: &BuildRequest,
        preview: &Preview,
        (judged, mark_ns): (Notes, i64),
        ran: bool,
    ) {
        let (opened, wanted) = (&self.opened, self.wanted.as_slice());
        let _span = project.profile.span(Category::Command, || "write the plan");
        if let Some(cone) = &self.cone {
            cone.publish(opened, preview, judged, ran.then_some(mark_ns));
            return;
        }
        kept::publish(Ended { opened, project, request, wanted, preview, judged, mark_ns });
    }

    /// The same after a run that came to this; what a failed one left to do, its plan leads to. `records`: as they are open still.
    fn publish_after(
        &self,
        project: &Project,
        request: &BuildRequest,
        status: &str,
        (records, hashes): (Option<&Store>, &HashCache),
        mark_ns: i64,
    ) {
        match &self.cone {
            Some(cone) if status != "completed" => drop(cone.keep(mark_ns)),
            _ if status == "interrupted" => {}
            _ => {
                let judged = judge_again(self, records, hashes, mark_ns)
                    .filter(|(seen, _)| self.cone.is_none() || cone::is_as_it_can_be(seen));
                if let Some((seen, judged)) = judged {
                    self.publish(project, request, &seen, (judged, mark_ns), true);
                }
            }
        }
    }

    fn built(self, project: &Project, request: &BuildRequest, summary: BuildSummary) -> Built {
        if let Some(cone) = self.cone {
            let summary = cone.whole(summary, request.all_steps);
            return built(project, self.opened, cone.targets(), summary);
        }
        let names = self.wanted.iter().map(|step| kept::target_name(&self.opened.world, *step)).collect();
        built(project, self.opened, names, summary)
    }
}

/// Builds.
pub fn build(
    project: &Project,
    request: &BuildRequest,
    moved: Option<Box<Moved>>,
    events: Sender<Event>,
) -> Result<Built, Failed> {
    let begun = Instant::now();
    let planned = match moved.and_then(|moved| cone::ahead(project, request, *moved)) {
        Some(ahead) => ahead,
        None => Ahead::open(project, request, Purpose::Planning)?,
    };
    if let Some((lock, store)) = at_once(project, request, &planned, &events) {
        return build_at_once(project, request, planned, (lock, store), events, begun);
    }
    let mark_ns = file_system_now(&planned.opened.folder).ok();
    let hashes = known_files(&planned.opened, &planned.asked)?;
    let (seen, judged) = kept::noting(&planned.opened, &planned.closure, mark_ns, PathMap::default(), || {
        planned.look_noting(&hashes, mark_ns)
    });
    let seen = seen?;
    let observed = request.watch.is_some().then(|| Seen::of(&planned.opened, &seen));
    if seen.is_green() && !planned.opened.world.located.as_ref().is_some_and(|located| located.unmade) {
        let summary = nothing_to_do(&planned.opened.world, &seen, begun, request.all_steps);
        if let Some(judged) = judged.zip(mark_ns) {
            planned.publish(project, request, &seen, judged, false);
        }
        return Ok(Built { seen: observed, ..planned.built(project, request, summary) });
    }
    // These notes say nothing of the end of a run.
    drop(judged);
    let (ahead, summary) = really(project, request, planned, seen, &hashes, events)?;
    Ok(Built { seen: observed, ..ahead.built(project, request, summary) })
}

/// The lock and the records opened for writing, where few steps hang on what moved: most likely they run, so the records are opened
/// once for all that asks them. `None`: somebody else builds, or the plan does not hold any more.
fn at_once(
    project: &Project,
    request: &BuildRequest,
    planned: &Ahead,
    events: &Sender<Event>,
) -> Option<(Lock, Store)> {
    let _span = project.profile.span(Category::Database, || "lock and open");
    let cone = planned.cone.as_ref().filter(|_| planned.closure.len() <= FEW_STEPS)?;
    let lock = try_build_lock(&planned.opened.folder, &command_line(request)).ok()?;
    if !cone.holds() {
        return None;
    }
    let store = open_store(project, planned, events, Moment::ToJudge).ok()?;
    store.expect_few_changes().ok()?;
    Some((lock, store))
}

/// Judges, runs and judges again with what [`at_once`] opened.
fn build_at_once(
    project: &Project,
    request: &BuildRequest,
    ahead: Ahead,
    (lock, store): (Lock, Store),
    events: Sender<Event>,
    begun: Instant,
) -> Result<Built, Failed> {
    let mark_ns = file_system_now(&ahead.opened.folder).ok();
    let hashes = known_files(&ahead.opened, &ahead.asked)?;
    mark_ns.into_iter().for_each(|mark_ns| hashes.mark(mark_ns));
    let (seen, judged) = kept::noting(&ahead.opened, &ahead.closure, mark_ns, PathMap::default(), || {
        judge(&ahead.opened, Some(&store), &ahead.closure, &ahead.asked, &hashes)
    });
    let seen = seen?;
    let observed = request.watch.is_some().then(|| Seen::of(&ahead.opened, &seen));
    let summary = if seen.is_green() {
        if let Some(judged) = judged.zip(mark_ns) {
            ahead.publish(project, request, &seen, judged, false);
        }
        nothing_to_do(&ahead.opened.world, &seen, begun, request.all_steps)
    } else {
        records_will_change(&ahead.opened.folder);
        let summary = run(project, request, &ahead, (&store, &hashes), &seen, (cancel(request)?, events))?;
        {
            let _span = project.profile.span(Category::Database, || "settle");
            store.settle().map_err(store_failed)?;
        }
        if let Ok(mark_ns) = file_system_tick(&ahead.opened.folder) {
            ahead.publish_after(project, request, &summary.status, (Some(&store), &hashes), mark_ns);
        }
        summary
    };
    // A log that no plan knows would be taken for one that a killed build left.
    if ahead.opened.folder.join(PLAN_NAME).exists() {
        drop(store);
    } else {
        store.close().map_err(store_failed)?;
    }
    drop(lock);
    Ok(Built { seen: observed, ..ahead.built(project, request, summary) })
}

fn built(project: &Project, opened: Opened, targets: Vec<String>, summary: BuildSummary) -> Built {
    let workstreams = opened.world.pipeline.workstreams.iter().map(|workstream| workstream.id.to_string()).collect();
    let base = opened.world.located.as_ref().map(|located| located.base.clone());
    let repository = opened.world.pipeline.repository.path.as_ref().map(|path| {
        let place = opened.world.root.join(path);
        place.strip_prefix(&project.directory).unwrap_or(&place).display().to_string()
    });
    let (diagnostics, sources) = (opened.diagnostics, opened.sources);
    Built { summary, targets, workstreams, base, repository, diagnostics, sources, seen: None }
}

fn check_arguments(opened: &Opened, wanted: &[StepId], request: &BuildRequest) -> Result<(), Failed> {
    if request.args.is_empty() {
        return Ok(());
    }
    let takes = |step: &&StepId| match &opened.world.graph.step(**step).kind {
        crate::graph::StepKind::Task(name) => {
            opened.world.task(name).command.as_ref().is_some_and(|command| command.uses(Property::Args))
        }
        _ => false,
    };
    if wanted.len() == 1 && wanted.iter().all(|step| takes(&step)) {
        return Ok(());
    }
    Err(Failed::usage("what stands after -- fills {args} of one task, and none was named that has it")
        .hint("name one task whose `run` holds \"{args}\""))
}

/// Judges everything without touching anything.
pub fn look_ahead(opened: &Opened, closure: &[StepId], asked: &Asked) -> Result<Preview, Failed> {
    look_with(opened, closure, asked, &known_files(opened, asked)?)
}

fn look_with(opened: &Opened, closure: &[StepId], asked: &Asked, hashes: &HashCache) -> Result<Preview, Failed> {
    judge(opened, opened.records()?.as_ref(), closure, asked, hashes)
}

/// The same by records that are open.
fn judge(
    opened: &Opened,
    records: Option<&Store>,
    closure: &[StepId],
    asked: &Asked,
    hashes: &HashCache,
) -> Result<Preview, Failed> {
    preview(&opened.world, Records(records), hashes, closure, asked).map_err(observe_failed)
}

/// What the database knows of files. Where few steps are judged, reading their files again costs less than all of that.
fn known_files(opened: &Opened, asked: &Asked) -> Result<HashCache, Failed> {
    let store = if asked.vouched.is_some() { None } else { opened.records()? };
    let stats = store.as_ref().map(Store::stats).transpose().ok().flatten().unwrap_or_default();
    Ok(HashCache::new(stats).profiled(&opened.world.profile))
}

/// The wish to end, from signals. Asked for once a process.
pub fn heard() -> Result<Cancel, Failed> {
    let cancel = Cancel::new();
    cancel.on_signals().map_err(|error| Failed::missing(format!("signals cannot be caught: {error}")))?;
    Ok(cancel)
}

/// The run itself: under the lock, with everything opened for writing, definitions that moved meanwhile included.
fn really(
    project: &Project,
    request: &BuildRequest,
    planned: Ahead,
    seen: Preview,
    hashes: &HashCache,
    events: Sender<Event>,
) -> Result<(Ahead, BuildSummary), Failed> {
    let cancel = cancel(request)?;
    if planned.cone.is_none() {
        folder::prepare(&planned.opened)?;
    }
    let (_lock, waited) = wait_for_lock(&planned.opened.folder, &command_line(request), &cancel, &events)?;
    let (planned, seen) = still(project, request, planned, seen, waited)?;
    // Who waited may find other definitions; a repository is opened anew for writing.
    let same = !waited && planned.opened.world.located.is_none() && planned.opened.read.has_mark();
    let as_planned = same || planned.cone.is_some();
    let (planned, ahead) = match as_planned {
        true => (None, planned),
        false => (Some(planned), Ahead::open(project, request, Purpose::Building)?),
    };
    let opened = &ahead.opened;
    if let Some(made) = &opened.made {
        let _ = events.send(Event::Note { level: "info".to_owned(), message: made.clone() });
    }
    let store = open_store(project, &ahead, &events, Moment::ToRun)?;
    let moved = planned.is_some_and(|planned| {
        waited || ahead.closure != planned.closure || opened.world.graph != planned.opened.world.graph
    });
    let seen = if moved { ahead.look()? } else { seen };
    let summary = run(project, request, &ahead, (&store, hashes), &seen, (cancel, events))?;
    drop(seen);
    {
        let _span = project.profile.span(Category::Database, || "close");
        store.close().map_err(store_failed)?;
    }
    if let Ok(mark_ns) = file_system_tick(&ahead.opened.folder) {
        ahead.publish_after(project, request, &summary.status, (None, hashes), mark_ns);
    }
    Ok((ahead, summary))
}

fn run(
    project: &Project,
    request: &BuildRequest,
    ahead: &Ahead,
    (store, hashes): (&Store, &HashCache),
    seen: &Preview,
    (cancel, events): (Cancel, Sender<Event>),
) -> Result<BuildSummary, Failed> {
    let opened = &ahead.opened;
    let run = Run {
        world: &opened.world,
        store,
        folder: opened.folder.clone(),
        closure: &ahead.closure,
        preview: seen,
        asked: ahead.asked.clone(),
        all_steps: request.all_steps,
        hashes,
        jobs: jobs(request),
        memory_bytes: memory_bytes(&opened.world)?,
        fail_fast: request.fail_fast,
        command: command_line(request),
        cancel,
        events,
        touch: request.watch.as_ref().map(|watch| watch.touch.clone()),
    };
    let _span = project.profile.span(Category::Command, || "run");
    run_build(run).map_err(exec_failed)
}

/// The wish to end: who watches has it already.
fn cancel(request: &BuildRequest) -> Result<Cancel, Failed> {
    request.watch.as_ref().map_or_else(heard, |watch| Ok(watch.cancel.clone()))
}

/// What the store is opened for.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Perhaps nothing will run.
    ToJudge,
    ToRun,
}

/// The store, with what a dead build left behind put in order.
fn open_store(project: &Project, ahead: &Ahead, events: &Sender<Event>, moment: Moment) -> Result<Store, Failed> {
    let opened = &ahead.opened;
    let is_at_rest = match &ahead.cone {
        Some(cone) => cone.has_database(),
        None => kept::is_at_rest(project, &opened.database),
    };
    let (store, warnings) = match moment {
        Moment::ToJudge => Store::open_beside_plan(&opened.folder, &opened.database, is_at_rest),
        Moment::ToRun => Store::open_known(&opened.folder, &opened.database, is_at_rest),
    }
    .map_err(store_failed)?;
    store.profile(&project.profile);
    for warning in warnings {
        let _ = events.send(Event::Note { level: "warning".to_owned(), message: warning.to_string() });
    }
    if ahead.cone.is_none() {
        // Opening the store takes a plan away; so where one lies, the last build came to its end and left nothing running.
        crate::process::sweep_all(&opened.world.project);
    }
    sweep_worktrees(opened);
    Ok(store)
}

/// What was planned, under the lock: where somebody built meanwhile, a plan says nothing of what lies there now.
fn still(
    project: &Project,
    request: &BuildRequest,
    planned: Ahead,
    seen: Preview,
    waited: bool,
) -> Result<(Ahead, Preview), Failed> {
    match &planned.cone {
        Some(cone) if waited || !cone.holds() => {
            let whole = Ahead::open(project, request, Purpose::Planning)?;
            let seen = whole.look()?;
            Ok((whole, seen))
        }
        _ => Ok((planned, seen)),
    }
}

fn jobs(request: &BuildRequest) -> u32 {
    let processors = std::thread::available_parallelism();
    request.jobs.unwrap_or_else(|| processors.map_or(2, |count| u32::try_from(count.get()).unwrap_or(2)))
}

/// What programs may take together: `PL_MEMORY`, else what the definitions say.
fn memory_bytes(world: &World) -> Result<Option<u64>, Failed> {
    match world.system.variable("PL_MEMORY").filter(|text| !text.is_empty()) {
        None => Ok(world.pipeline.memory_bytes),
        Some(text) => {
            let read = parse_bytes(&text).map(Some);
            read.map_err(|reason| Failed::usage(format!("PL_MEMORY: {reason}")).hint("write PL_MEMORY=4GiB"))
        }
    }
}

/// Judges what a build left behind, with notes for the plan: what a step looked at while others ran says nothing of the end.
/// Nothing is written to the database any more; `mark_ns` is later than all that was written.
fn judge_again(ahead: &Ahead, records: Option<&Store>, hashes: &HashCache, mark_ns: i64) -> Option<(Preview, Notes)> {
    let opened = &ahead.opened;
    let _span = opened.world.profile.span(Category::Command, || "judge what was built");
    let asked = Asked { vouched: ahead.asked.vouched.clone(), ..Asked::default() };
    let known = hashes.hand_over(&opened.world.sights);
    let (seen, judged) = kept::noting(opened, &ahead.closure, Some(mark_ns), known, || {
        hashes.mark(mark_ns);
        match records {
            Some(records) => judge(opened, Some(records), &ahead.closure, &asked, hashes),
            None => look_with(opened, &ahead.closure, &asked, hashes),
        }
    });
    seen.ok().zip(judged)
}

/// The build lock, and whether somebody else had it.
fn wait_for_lock(
    folder: &Path,
    command: &str,
    cancel: &Cancel,
    events: &Sender<Event>,
) -> Result<(Lock, bool), Failed> {
    let mut waited = false;
    let lock = build_lock(folder, command, |holder| {
        if !std::mem::replace(&mut waited, true) {
            let holder = holder.map_or_else(
                || "another build".to_owned(),
                |owner| format!("`{}` (process {})", owner.command, owner.pid),
            );
            let message = format!("waiting for {holder} to end");
            let _ = events.send(Event::Note { level: "info".to_owned(), message });
        }
        !cancel.is_cancelled()
    });
    Ok((lock.map_err(lock_failed)?, waited))
}

fn command_line(request: &BuildRequest) -> String {
    let targets = request.targets.iter().map(|target| crate::analysis::pipeline::quote(target));
    ["pl build".to_owned()].into_iter().chain(targets).collect::<Vec<_>>().join(" ")
}

fn lock_failed(error: LockError) -> Failed {
    match error {
        LockError::GivenUp => Failed::new(Kind::Interrupted, ""),
        other => Failed::missing(other.to_string()).hint("PL_STATE_DIR and the project's folder must be writable"),
    }
}

fn exec_failed(error: ExecError) -> Failed {
    match error {
        ExecError::Store(error) => store_failed(error),
        ExecError::Observe(error) => observe_failed(error),
        other => Failed::missing(other.to_string()),
    }
}

/// What a killed build left behind in git's metadata.
fn sweep_worktrees(opened: &Opened) {
    if let Some(located) = &opened.world.located {
        let _ = crate::git::worktree::sweep(&located.repository);
    }
}
