//! The main checkout, the repository's metadata and idle worktrees, looked at before and after a tool ran.
//!
//! A difference is reported with the tools that ran: as a warning, because a person may have worked there meanwhile.
//! With `strict #true` it fails the edit; so does, always, what nobody does by the way: a hook or a setting that makes git
//! run a program or look elsewhere, and a change of the refs that are `pl`'s own (docs/scope.md).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::base::finding::{Finding, FindingSeverity};
use crate::exec::ExecError;
use crate::exec::editing::Edited;
use crate::exec::holding::{outside, tampered};
use crate::exec::session::{Session, lock};
use crate::git::fence::{Difference, Fence, FenceBreach};

/// What runs now by its name, each with those that ran beside it.
pub type Watched = Vec<(String, Names)>;

/// A look that waits for its second.
pub struct Watch {
    before: Fence,
    dirs: Vec<PathBuf>,
    ran: Names,
}

impl Watch {
    /// Looks before the tool of a workstream starts.
    pub fn begin(session: &Session<'_>, name: &str) -> Result<Self, ExecError> {
        let dirs = idle(session);
        let before = look(session, &dirs)?;
        Ok(Self { before, dirs, ran: enter(session, name) })
    }

    /// Looks again; what differs comes back as findings. A worktree that was taken up meanwhile is left out.
    pub fn end(self, session: &Session<'_>) -> Result<Vec<Finding>, ExecError> {
        lock(&session.watched).retain(|(_, other)| !Arc::ptr_eq(other, &self.ran));
        let taken = lock(&session.taken_up).clone();
        let dirs: Vec<PathBuf> = self.dirs.into_iter().filter(|dir| !taken.contains(dir)).collect();
        let mut breaches = self.before.differences(&look(session, &dirs)?);
        breaches.retain(|breach| !is_of_others(session, breach));
        let ran = lock(&self.ran).clone();
        // A task's business is in the main checkout; only what it has no business with is told.
        let task_ran = ran.iter().any(|name| name.starts_with(TASK));
        let main = session.world.located().repository.work_dir();
        breaches.retain(|breach| !(task_ran && Some(breach.place.as_path()) == main));
        let ran = ran.into_iter().collect::<Vec<_>>().join(", ");
        Ok(breaches.iter().map(|breach| finding(session, breach, &ran)).collect())
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
    Ok(Fence::look(&session.world.located().repository, dirs, &skip)?)
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
            for breach in &breaches {
                let path = breach.path.as_deref().unwrap_or("?");
                session.note("warning", format!("{path} was {}", breach.message));
            }
            other
        }
    }
}
