//! The main checkout, the repository's metadata and idle worktrees, looked at before and after a tool ran.
//!
//! A difference is reported with the tool that ran: as a warning, because a person may have worked there meanwhile; with
//! `strict #true` it fails the edit.

use std::path::{Path, PathBuf};

use crate::base::finding::{Finding, FindingSeverity};
use crate::exec::ExecError;
use crate::exec::editing::{Edited, out_of_scope, outside};
use crate::exec::session::{Session, lock};
use crate::git::fence::{Difference, Fence, FenceBreach};

/// A look that waits for its second.
pub struct Watch {
    before: Fence,
    dirs: Vec<PathBuf>,
}

impl Watch {
    /// Looks before a tool starts.
    pub fn begin(session: &Session<'_>) -> Result<Self, ExecError> {
        let dirs = idle(session);
        Ok(Self { before: look(session, &dirs)?, dirs })
    }

    /// Looks again; what differs comes back as findings. A worktree that was taken up meanwhile is left out.
    pub fn end(self, session: &Session<'_>) -> Result<Vec<Finding>, ExecError> {
        let taken = lock(&session.taken_up).clone();
        let dirs: Vec<PathBuf> = self.dirs.into_iter().filter(|dir| !taken.contains(dir)).collect();
        let breaches = self.before.differences(&look(session, &dirs)?);
        Ok(breaches.iter().filter(|breach| !breach.what.starts_with("ref refs/heads/ws/")).map(finding).collect())
    }
}

fn finding(breach: &FenceBreach) -> Finding {
    let how = match breach.how {
        Difference::Added => "added",
        Difference::Removed => "removed",
        Difference::Changed => "changed",
    };
    let message = format!("{how} in {} while the tool ran", breach.place.display());
    Finding { severity: FindingSeverity::Warning, ..outside(&breach.what, &message) }
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

/// Adds breaches to what an edit came to.
pub fn add(edited: Edited, breaches: Vec<Finding>, strict: bool) -> Edited {
    match edited {
        Edited::Good(good) if strict && !breaches.is_empty() => Edited::Red(out_of_scope(&breaches, None), good.after),
        Edited::Good(mut good) => {
            good.findings.extend(breaches);
            Edited::Good(good)
        }
        Edited::Red(mut failure, tree) => {
            failure.findings.extend(breaches);
            Edited::Red(failure, tree)
        }
        other => other,
    }
}
