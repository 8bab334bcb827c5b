//! The kept plan behind the command line: when it answers in place of everything else, and when it is written.
//!
//! What a plan is about is one digest: program, project, options. What it says of steps is written and read here alone.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::base::digest::Digest;
use crate::cli::engine::cone;
use crate::cli::engine::open::{self, Opened, refuse_own_worktree};
use crate::cli::engine::steps_told::{self, Detail, Row, fresh_step};
use crate::cli::engine::vouching;
use crate::cli::engine::{BuildRequest, Project};
use crate::git::repository::Repository;
use crate::graph::{StepId, StepKind};
use crate::kept::Kept;
use crate::kept::looking::{self, Mended};
use crate::kept::steps::Cold;
use crate::kept::writing::{self, Plan, Steps};
use crate::observe::world::{Located, World, project_id, state_dir};
use crate::preview::Preview;
use crate::project::find_root;
use crate::store::PLAN_NAME;
use crate::summary::{BuildSummary, CheckReport, PlannedStep};
use crate::system::file_hash::file_system_now;
use crate::system::paths::PathMap;
use crate::system::profile::Category;
use crate::system::sight::{Noted, Notes};
use crate::system::{Kind, OsSystem, Stat, System};

/// What is said of the whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Summary {
    /// As typed.
    targets: Vec<String>,
    /// How many steps the targets name; the name of the first.
    named: usize,
    first: String,
    pub(super) steps: usize,
    workstreams: usize,
    /// There is nothing to say about definitions.
    silent: bool,
    pub(super) database: PathBuf,
    /// The stat of the database and of the log beside it; both are older than the last look at them.
    database_stat: String,
    repository: Option<RepositorySeen>,
    /// Names and order of the steps, where the plan says what each looked at.
    pub(super) shape: String,
    /// Places that pools have.
    pub(super) pools: BTreeMap<String, u32>,
    /// What programs may take together, where definitions say so.
    pub(super) memory_bytes: Option<u64>,
}

impl Summary {
    /// Whether nobody wrote to the database since.
    pub(super) fn has_database(&self) -> bool {
        DatabaseSeen::look(&self.database).is_some_and(|seen| seen.stat == self.database_stat)
    }

    /// The same with the database as it is now; `None` where it is not older than `mark_ns`. Nobody else writes to it: the build
    /// lock is held.
    pub(super) fn with_database_before(&self, mark_ns: i64) -> Option<Self> {
        let seen = DatabaseSeen::look(&self.database)?;
        (seen.changed_ns < mark_ns).then(|| Self { database_stat: seen.stat, ..self.clone() })
    }

    /// As many names as the targets name steps; all are the first one's.
    pub(super) fn target_names(&self) -> Vec<String> {
        vec![self.first.clone(); self.named]
    }
}

/// The repository as it was; its refs and objects are among what was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RepositorySeen {
    /// Where it was looked for.
    dir: PathBuf,
    /// Where refs and objects are.
    common_dir: PathBuf,
    /// The base, where definitions name one; else it is the branch of HEAD.
    named: Option<String>,
    base: String,
    commit: String,
}

impl RepositorySeen {
    /// Asks as opening a project does.
    fn look(dir: &Path, named: Option<&str>) -> Option<Self> {
        let repository = Repository::open_in_memory(dir).ok()?;
        let base = match named {
            Some(base) => base.to_owned(),
            None => repository.head_name().ok()?.unwrap_or_else(|| "HEAD".to_owned()),
        };
        let commit = repository.resolve(&base).ok()?.hex();
        let (common_dir, named) = (repository.common_dir().to_owned(), named.map(str::to_owned));
        Some(Self { dir: dir.to_owned(), common_dir, named, base, commit })
    }

    /// The repository of a project; `None` where it moved since the project was opened.
    fn of(world: &World, located: &Located) -> Option<Self> {
        let config = &world.pipeline.repository;
        let dir = config.path.as_ref().map_or_else(|| world.root.clone(), |path| world.root.join(path));
        let seen = Self::look(&dir, config.base.as_deref())?;
        (seen.commit == located.commit.hex() && seen.base == located.base && !located.unmade).then_some(seen)
    }
}

/// Everything is as a plan says: nothing would run.
#[derive(Debug)]
pub struct Fresh {
    summary: Summary,
    kept: Kept,
    begun: Instant,
    /// Where only a part of the plan was asked for.
    part: Option<Vec<u8>>,
}

impl Fresh {
    /// How many steps the targets name.
    pub fn named(&self) -> usize {
        self.summary.named
    }

    /// The name of the first.
    pub fn first(&self) -> &str {
        &self.summary.first
    }

    /// How many steps are fresh.
    pub fn steps(&self) -> usize {
        self.summary.steps
    }

    /// Since the look began.
    pub fn duration_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The object of `build --json`; `None` where the plan is damaged there.
    pub fn build_summary(&self) -> Option<BuildSummary> {
        let Detail { steps, mut workstreams, .. } = self.detail()?;
        let places: HashMap<String, usize> =
            workstreams.iter().enumerate().map(|(place, workstream)| (workstream.id.clone(), place)).collect();
        let mut tasks = Vec::new();
        for row in steps {
            let place = row.workstream.as_ref().map(|id| places.get(id).copied());
            let step = fresh_step(row);
            match place {
                None => tasks.push(step),
                Some(place) => workstreams[place?].steps.push(step),
            }
        }
        Some(BuildSummary {
            run_id: None,
            status: "completed".to_owned(),
            workstreams,
            tasks,
            steps_run: 0,
            steps_fresh: self.summary.steps,
            duration_ms: self.duration_ms(),
            plan_matched: true,
            critical_path: Vec::new(),
        })
    }

    /// The object of `check --json`; `None` where the plan is damaged there.
    pub fn check_report(&self) -> Option<CheckReport> {
        let Detail { steps, .. } = self.detail()?;
        let names: Vec<String> = steps.iter().map(|row| row.name.clone()).collect();
        let step = |row: Row| {
            let depends_on = row.needs.iter().map(|place| names.get(*place).cloned()).collect::<Option<_>>()?;
            let Row { name, kind, workstream, reason, tool, .. } = row;
            let verdict = "fresh".to_owned();
            Some(PlannedStep { name, kind, workstream, verdict, reason, tool, red: false, depends_on })
        };
        let steps = steps.into_iter().map(step).collect::<Option<Vec<_>>>()?;
        let bundles_checked = self.summary.workstreams;
        Some(CheckReport { ok: true, bundles_checked, errors: Vec::new(), steps, would_run: 0 })
    }

    fn detail(&self) -> Option<Detail> {
        match &self.part {
            Some(part) => serde_json::from_slice(part).ok(),
            None => serde_json::from_slice(&self.kept.detail()?).ok(),
        }
    }
}

/// What a plan says of a build.
#[derive(Debug)]
pub enum Told {
    /// There is nothing to do.
    Fresh(Box<Fresh>),
    /// Some files are not as they were; all that does not hang on them is.
    Moved(Box<Moved>),
}

/// A plan with files that are not as they were.
#[derive(Debug)]
pub struct Moved {
    pub(super) summary: Summary,
    pub(super) kept: Kept,
    pub(super) cold: Cold,
    pub(super) mended: Mended,
    /// Their places in the plan.
    pub(super) files: Vec<u32>,
    pub(super) path: PathBuf,
    pub(super) root: PathBuf,
    pub(super) state: PathBuf,
}

/// What a build would find that asks for nothing beyond staleness, where a plan can tell.
pub fn look(project: &Project, request: &BuildRequest) -> Option<Told> {
    look_first_at(project, request, &[])
}

/// The same, where these paths are said to have moved: if they have, nothing else is looked at.
pub fn look_first_at(project: &Project, request: &BuildRequest, paths: &[PathBuf]) -> Option<Told> {
    if is_plain(request) { told(project, &request.targets, true, paths) } else { None }
}

/// Whether nothing is asked for beyond staleness.
fn is_plain(request: &BuildRequest) -> bool {
    request.args.is_empty() && !request.force && !request.again
}

/// What `pl check` would find, where a plan can tell; nothing is written.
pub fn fresh_check(project: &Project, targets: &[String]) -> Option<Fresh> {
    match told(project, targets, false, &[])? {
        Told::Fresh(fresh) if fresh.summary.silent => Some(*fresh),
        _ => None,
    }
}

fn told(project: &Project, targets: &[String], mend: bool, hints: &[PathBuf]) -> Option<Told> {
    let begun = Instant::now();
    let _span = project.profile.span(Category::Command, || "look at the kept plan");
    let directory = project.directory.canonicalize().ok()?;
    let root = find_root(&OsSystem, &directory);
    let state = state_dir(&project_id(&root), |name| OsSystem.variable(name))?;
    refuse_own_worktree(&directory, &state).ok()?;
    let path = root.join(open::FOLDER).join(PLAN_NAME);
    let kept = Kept::open(&path, &root, about(&root, project)?)?;
    let summary: Summary = serde_json::from_slice(kept.summary()).ok()?;
    if !summary.has_database() {
        return None;
    }
    let (summary, part) = asked(summary, &kept, targets)?;
    let holds = |seen: &RepositorySeen| RepositorySeen::look(&seen.dir, seen.named.as_deref()).as_ref() == Some(seen);
    if !summary.repository.as_ref().is_none_or(holds) {
        return None;
    }
    // Without a mark of today nothing is written and nothing looked at twice is trusted.
    let now_ns = || if mend { file_system_now(path.parent()?).ok() } else { Some(i64::MIN) };
    let mut cold = None;
    let mut again = |moved: &looking::Moved| {
        let read = kept.cold()?;
        let told = kept.look_twice(&read, moved, now_ns()?);
        cold = Some(read);
        told
    };
    let can_lead = mend && part.is_none() && summary.silent;
    let hinted = if hints.is_empty() || !can_lead { None } else { kept.look_only(hints) };
    let mut moved = hinted.filter(|moved| !moved.is_empty()).and_then(|moved| again(&moved));
    if moved.as_ref().is_none_or(|(_, files)| files.is_empty()) {
        let vouched = if hints.is_empty() { vouching::ask(&kept, &state) } else { None };
        let all = match vouched {
            Some(own) => {
                let _span = project.profile.span(Category::Command, || "look at what pl watch does not see");
                kept.look_beside(&own)?
            }
            None => kept.look()?,
        };
        moved = if all.is_empty() { None } else { Some(again(&all)?) };
    }
    if let Some((mended, files)) = moved {
        let cold = cold?;
        if !files.is_empty() {
            let moved = Moved { summary, kept, cold, mended, files, path, root, state };
            return (can_lead && moved.cold.step_count() > 0).then(|| Told::Moved(Box::new(moved)));
        }
        if mend && mended.is_worth_it() {
            writing::refresh(&path, &kept, &mended);
        }
    }
    Some(Told::Fresh(Box::new(Fresh { summary, kept, begun, part })))
}

/// The plan of a project as it lies there.
pub fn open_plan(project: &Project) -> Option<Kept> {
    let root = find_root(&OsSystem, &project.directory.canonicalize().ok()?);
    Kept::open(&root.join(open::FOLDER).join(PLAN_NAME), &root, about(&root, project)?)
}

/// What the plan says of these targets: all of it, or the part that they need.
fn asked(summary: Summary, kept: &Kept, targets: &[String]) -> Option<(Summary, Option<Vec<u8>>)> {
    if summary.targets == targets {
        return Some((summary, None));
    }
    if targets.is_empty() {
        return None;
    }
    let detail: Detail = serde_json::from_slice(&kept.detail()?).ok()?;
    let (part, names) = detail.part(targets)?;
    let first = names.first().cloned().unwrap_or_default();
    let summary = Summary { named: names.len(), first, steps: part.steps.len(), ..summary };
    Some((summary, Some(serde_json::to_vec(&part).ok()?)))
}

/// The program itself, the project's place, and the options that shape the graph.
fn about(root: &Path, project: &Project) -> Option<Digest> {
    let program = std::env::current_exe().ok()?;
    let stat = OsSystem.stat(&program).ok()?;
    let options = format!("{:?} {:?} {stat:?} {}", project.set, project.tool, env!("CARGO_PKG_VERSION"));
    Some(Digest::of_fields([options.as_bytes(), root.as_os_str().as_encoded_bytes()]))
}

/// Whether no log lies beside the database, or the plan that lies there knows both: then nobody has written since the last build,
/// which left the log on purpose.
pub(super) fn is_at_rest(project: &Project, database: &Path) -> bool {
    if !DatabaseSeen::look(database).is_some_and(|seen| seen.has_log) {
        return true;
    }
    let summary = open_plan(project).and_then(|kept| serde_json::from_slice::<Summary>(kept.summary()).ok());
    summary.is_some_and(|summary| summary.database == database && summary.has_database())
}

/// A database and the log beside it.
struct DatabaseSeen {
    stat: String,
    /// When one of them was changed last.
    changed_ns: i64,
    has_log: bool,
}

impl DatabaseSeen {
    /// `None`: no database is there.
    fn look(database: &Path) -> Option<Self> {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        // Under root SQLite gives each log that it opens to the database's owner, who has it already: that moves its ctime.
        let log =
            OsSystem.stat(Path::new(&log)).ok().filter(|stat| stat.size > 0).map(|log| Stat { ctime_ns: 0, ..log });
        let stat: Stat = OsSystem.stat(database).ok()?;
        let changed_ns = log.map_or(stat.ctime_ns, |log| log.mtime_ns.max(stat.ctime_ns));
        Some(Self {
            stat: Digest::of(format!("{stat:?} {log:?}").as_bytes()).hex(),
            changed_ns,
            has_log: log.is_some(),
        })
    }
}

/// A build that came to its end, and what was looked at to know how all is.
pub struct Ended<'a> {
    /// The project.
    pub opened: &'a Opened,
    /// What was asked.
    pub project: &'a Project,
    /// What was asked.
    pub request: &'a BuildRequest,
    /// The steps that the targets name.
    pub wanted: &'a [StepId],
    /// How they stand.
    pub preview: &'a Preview,
    /// What judging them looked at.
    pub judged: Notes,
    /// The file system's "now" before the first look at the database.
    pub mark_ns: i64,
}

/// Writes the plan of a build, a failed one as well where it can lead to what is left to do. Where something cannot be vouched for
/// there is none, and the next build looks anew.
pub fn publish(ended: Ended<'_>) -> Option<()> {
    let Ended { opened, project, request, wanted, preview, judged, mark_ns } = ended;
    let mut notes = judged;
    notes.absorb(opened.read.end()?);
    let unfinished = cone::unfinished(preview);
    if !is_plain(request) || !unfinished.is_empty() && unfinished.len() == preview.steps.len() {
        return None;
    }
    let repository = match &opened.world.located {
        Some(located) => Some(RepositorySeen::of(&opened.world, located)?),
        None => None,
    };
    let database = DatabaseSeen::look(&opened.database)?;
    // A log that no plan knows is one that somebody writes to, or did until he was killed.
    if database.changed_ns >= mark_ns || !is_at_rest(project, &opened.database) {
        return None;
    }
    let world = &opened.world;
    let shape = cone::shape_of(world, preview);
    if shape.is_none() && !unfinished.is_empty() {
        return None;
    }
    let seen = |place: u32| cone::seen_at(world, preview, place);
    let steps = shape.as_ref().map(|_| Steps { count: preview.count(), seen: &seen });
    let summary = Summary {
        targets: request.targets.clone(),
        named: wanted.len(),
        first: wanted.first().map(|step| target_name(world, *step)).unwrap_or_default(),
        steps: preview.steps.len(),
        workstreams: world.pipeline.workstreams.len(),
        silent: opened.diagnostics.is_empty(),
        database: opened.database.clone(),
        database_stat: database.stat,
        repository,
        shape: shape.unwrap_or_default(),
        pools: world.pipeline.pools.clone(),
        memory_bytes: world.pipeline.memory_bytes,
    };
    let plan = Plan {
        about: about(&world.root, project)?,
        root: &world.root,
        notes,
        summary: serde_json::to_vec(&summary).ok()?,
        detail: &|out| Ok(serde_json::to_writer(out, &steps_told::Told::of(opened, preview))?),
        steps,
        unfinished,
    };
    writing::write(&opened.folder.join(PLAN_NAME), plan).ok()
}

/// A workstream is called by its id, any other step by its name.
pub fn target_name(world: &World, step: StepId) -> String {
    match &world.graph.step(step).kind {
        StepKind::Result(id) => id.to_string(),
        kind => kind.name(),
    }
}

/// Notes of what judging looks at, begun at a time with what is known of files.
pub fn noting<T>(
    opened: &Opened,
    closure: &[StepId],
    mark_ns: Option<i64>,
    known: PathMap<Noted>,
    judge: impl FnOnce() -> T,
) -> (T, Option<Notes>) {
    let sights = Arc::clone(&opened.world.sights);
    if mark_ns.is_some() {
        sights.begin_over(mark_ns, known);
    }
    let judged = judge();
    if let Some(located) = opened.world.located.as_ref().filter(|_| sights.is_on()) {
        note_repository(&opened.world, located, closure);
    }
    (judged, sights.end())
}

/// Looks at all of a repository that judging asked for by way of a library: the refs of results, and that no object went.
/// The base is asked for anew each time.
fn note_repository(world: &World, located: &Located, closure: &[StepId]) {
    let (system, common_dir) = (&world.system, located.repository.common_dir());
    for name in ["config", "packed-refs", "shallow", "objects/info/alternates"] {
        let _ = system.lstat(&common_dir.join(name));
    }
    for step in closure {
        if let StepKind::Result(id) = &world.graph.step(*step).kind {
            let _ = system.lstat(&common_dir.join(world.result_ref(id)));
        }
    }
    let objects = common_dir.join("objects");
    for (name, kind) in system.list(&objects).unwrap_or_default() {
        if kind == Kind::Folder {
            let _ = system.list(&objects.join(name));
        }
    }
}
