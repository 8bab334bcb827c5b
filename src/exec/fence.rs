//! The main checkout, the repository's metadata and idle worktrees, looked at before and after a tool ran.
//!
//! A difference is reported with the tools that ran: as a warning, because a person may have worked there meanwhile.
//! With `strict #true` it fails the edit; so does, always, what nobody does by the way: a hook or a setting that makes git
//! run a program or look elsewhere, and a change of the refs that are `pl`'s own (docs/scope.md).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::base::failure::Failure;
use crate::base::finding::{Finding, FindingSeverity};
use crate::exec::ExecError;
use crate::exec::editing::Edited;
use crate::exec::holding::{outside, tampered};
use crate::exec::session::{Session, lock};
use crate::git::fence::{Difference, Fence, FenceBreach};
use crate::system::profile::Category;

/// What runs now by its name, each with those that ran beside it.
pub type Watched = Vec<(String, Names)>;

/// What a watch is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// A tool that edits: every file of the main checkout, too.
    Everything,
    /// Setups, lints and tests: what the repository would run or follow, and its refs.
    Books,
}

/// A look that waits for its second.
pub struct Watch {
    before: Arc<Fence>,
    dirs: Vec<PathBuf>,
    ran: Names,
    reach: Reach,
}

/// A look after a tool, which is the one before the next tool where nothing ran in between.
pub struct LastLook {
    fence: Arc<Fence>,
    dirs: Vec<PathBuf>,
    /// How many programs had been started and ended by then.
    programs: u64,
    at: Instant,
}

impl Watch {
    /// Looks before a program starts; `name` is a workstream's or a step's.
    pub fn begin(session: &Session<'_>, name: &str, reach: Reach) -> Result<Self, ExecError> {
        let _span = session.world.profile.span(Category::Git, || format!("fence before {name}"));
        let dirs = if reach == Reach::Everything { idle(session) } else { Vec::new() };
        let before = match reach {
            Reach::Everything => match last_look(session, &dirs) {
                Some(last) => last,
                None => Arc::new(look(session, &dirs)?),
            },
            Reach::Books => Arc::new(look_at_books(session)?),
        };
        Ok(Self { before, dirs, ran: enter(session, name), reach })
    }

    /// Looks again; what differs comes back as findings. A worktree that was taken up meanwhile is left out.
    pub fn end(self, session: &Session<'_>) -> Result<Vec<Finding>, ExecError> {
        let _span = session.world.profile.span(Category::Git, || "fence after");
        let alone = {
            let mut watched = lock(&session.watched);
            watched.retain(|(_, other)| !Arc::ptr_eq(other, &self.ran));
            watched.is_empty()
        };
        let programs = session.programs.count();
        let after = match self.reach {
            Reach::Books => Arc::new(look_at_books(session)?),
            Reach::Everything => {
                let taken = lock(&session.taken_up).clone();
                let dirs: Vec<PathBuf> = self.dirs.into_iter().filter(|dir| !taken.contains(dir)).collect();
                let after = Arc::new(look(session, &dirs)?);
                let last = LastLook { fence: after.clone(), dirs, programs, at: Instant::now() };
                *lock(&session.last_look) = (alone && session.programs.none_runs()).then_some(last);
                after
            }
        };
        let mut breaches = self.before.differences(&after);
        breaches.retain(|breach| !is_of_others(session, breach));
        let ran = lock(&self.ran).clone();
        // A task's business is in the main checkout; only what it has no business with is told.
        let task_ran = ran.iter().any(|name| name.starts_with(TASK));
        let main = session.world.located().repository.work_dir();
        breaches.retain(|breach| !(task_ran && Some(breach.place.as_path()) == main));
        let ran = ran.into_iter().collect::<Vec<_>>().join(", ");
        Ok(breaches.iter().map(|breach| finding(session, breach, &ran)).collect())
    }

    /// The same for what is no edit: a failure where something grave was done, else the differences are said.
    pub fn end_of_step(self, session: &Session<'_>) -> Result<Option<Failure>, ExecError> {
        let breaches = self.end(session)?;
        if breaches.iter().any(|breach| breach.severity == FindingSeverity::Error) {
            return Ok(Some(tampered(&breaches)));
        }
        tell(session, &breaches);
        Ok(None)
    }
}

/// A look that was taken just now, after which no program of ours started or ended.
fn last_look(session: &Session<'_>, dirs: &[PathBuf]) -> Option<Arc<Fence>> {
    let last = lock(&session.last_look).take()?;
    let young = last.at.elapsed() < LOOK_AGE_MAX;
    (young && last.dirs == dirs && last.programs == session.programs.count()).then_some(last.fence)
}

/// What a person does in the main checkout before a tool starts is not to be laid at the tool's door.
const LOOK_AGE_MAX: Duration = Duration::from_millis(500);

/// Programs of this run: how often one started or ended, and how many run.
#[derive(Debug, Default)]
pub struct Programs {
    changes: AtomicU64,
    running: AtomicU64,
}

impl Programs {
    /// One starts; it has ended when what comes back is dropped.
    pub fn enter(&self) -> Running<'_> {
        self.running.fetch_add(1, Ordering::SeqCst);
        self.changes.fetch_add(1, Ordering::SeqCst);
        Running(self)
    }

    fn count(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    fn none_runs(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0
    }
}

/// A program that runs.
pub struct Running<'a>(&'a Programs);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.changes.fetch_add(1, Ordering::SeqCst);
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Shared by what runs and those that run beside it.
type Names = Arc<Mutex<BTreeSet<String>>>;

/// Enters a name among those that run, and tells all of them of each other; who has ended before is nobody's company.
fn enter(session: &Session<'_>, name: &str) -> Names {
    let mut watched = lock(&session.watched);
    let beside = watched.iter().map(|(other, _)| other.clone()).chain([name.to_owned()]);
    let ran = Arc::new(Mutex::new(beside.collect()));
    for (_, other) in watched.iter() {
        lock(other).insert(name.to_owned());
    }
    watched.push((name.to_owned(), Arc::clone(&ran)));
    ran
}

/// A task that runs in the main checkout, where it may write.
pub struct Beside<'a> {
    session: &'a Session<'a>,
    ran: Names,
}

impl<'a> Beside<'a> {
    /// Until this is dropped.
    pub fn begin(session: &'a Session<'a>, task: &str) -> Self {
        Self { session, ran: enter(session, &format!("{TASK}{task}")) }
    }
}

impl Drop for Beside<'_> {
    fn drop(&mut self) {
        lock(&self.session.watched).retain(|(_, other)| !Arc::ptr_eq(other, &self.ran));
    }
}

/// How tasks are called among those that ran.
const TASK: &str = "task ";

/// Refs that the `pl` of another project keeps.
fn is_of_others(session: &Session<'_>, breach: &FenceBreach) -> bool {
    breach.what.starts_with("ref refs/pl/") && !is_ours(session, breach)
}

fn is_ours(session: &Session<'_>, breach: &FenceBreach) -> bool {
    let project = &session.world.project;
    let ours = [format!("ref refs/pl/ws/{project}/"), format!("ref refs/pl/{project}/")];
    ours.iter().any(|prefix| breach.what.starts_with(prefix))
}

fn finding(session: &Session<'_>, breach: &FenceBreach, ran: &str) -> Finding {
    let how = match breach.how {
        Difference::Added => "added",
        Difference::Removed => "removed",
        Difference::Changed => "changed",
    };
    let grave = breach.armed || is_ours(session, breach) || session.world.pipeline.strict;
    let severity = if grave { FindingSeverity::Error } else { FindingSeverity::Warning };
    let message = format!("{how} in {} while {ran} ran", breach.place.display());
    Finding { severity, ..outside(&breach.what, &message) }
}

/// The main checkout, and the worktrees of workstreams that this run has not taken up.
fn idle(session: &Session<'_>) -> Vec<PathBuf> {
    let main = session.world.located().repository.work_dir().map(Path::to_path_buf);
    let there = std::fs::read_dir(session.world.state.join("worktrees")).into_iter().flatten().flatten();
    let taken = lock(&session.taken_up);
    main.into_iter().chain(there.map(|entry| entry.path()).filter(|path| !taken.contains(path))).collect()
}

fn look(session: &Session<'_>, dirs: &[PathBuf]) -> Result<Fence, ExecError> {
    let skip = [session.world.root.join(".pl"), session.world.root.join(".worktrees")];
    Ok(Fence::look(&session.world.located().repository, &session.memory, dirs, &skip)?)
}

fn look_at_books(session: &Session<'_>) -> Result<Fence, ExecError> {
    Ok(Fence::look_at_books(&session.world.located().repository, &session.memory)?)
}

fn tell(session: &Session<'_>, breaches: &[Finding]) {
    for breach in breaches {
        let path = breach.path.as_deref().unwrap_or("?");
        session.note("warning", format!("{path} was {}", breach.message));
    }
}

/// Adds breaches to what an edit came to; one without a tree to report them with has them said at once.
pub fn add(session: &Session<'_>, edited: Edited, breaches: Vec<Finding>) -> Edited {
    let grave = breaches.iter().any(|breach| breach.severity == FindingSeverity::Error);
    match edited {
        Edited::Good(good) if grave => Edited::Red(tampered(&breaches), good.after),
        Edited::Good(mut good) => {
            good.findings.extend(breaches);
            Edited::Good(good)
        }
        Edited::Red(mut failure, tree) => {
            failure.findings.extend(breaches);
            Edited::Red(failure, tree)
        }
        Edited::NoOutcome(mut failure) => {
            failure.findings.extend(breaches);
            Edited::NoOutcome(failure)
        }
        other => {
            tell(session, &breaches);
            other
        }
    }
}
