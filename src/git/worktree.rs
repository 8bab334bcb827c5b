//! Linked worktrees that `pl` makes: detached, complete, and without any filter between blob and file.
//!
//! Does not know what they are for. Two processes must not work on one worktree at the same time; that is the
//! caller's lock. Creating and removing may be killed at any moment: what is left is swept by the next creation.

pub mod admin;
pub mod files;
pub mod index;
pub mod pool;
pub mod reset;

use std::path::{Path, PathBuf};

use crate::git::error::GitError;
use crate::git::folder;
use crate::git::object::CommitId;
use crate::git::repository::Repository;
use crate::git::stats::Stats;
use crate::git::worktree::admin::State;

/// A worktree made by `pl`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Worktree {
    /// The checkout.
    pub dir: PathBuf,
    /// The name of its folder below `worktrees` in the common folder.
    pub name: String,
}

/// A worktree that was just made.
#[derive(Debug)]
pub struct Created {
    /// Where it is.
    pub worktree: Worktree,
    /// What its files look like, for the first snapshot.
    pub stats: Stats,
    /// Where something unknown that stood in the way was moved to; nothing is ever deleted unseen.
    pub moved_aside: Option<PathBuf>,
}

/// Makes a worktree of a commit; `lock` is the sentence that git shows to who wants to remove it.
pub fn create(
    repository: &Repository,
    dir: &Path,
    name: &str,
    commit: CommitId,
    lock: &str,
) -> Result<Created, GitError> {
    let tree = repository.tree_of(commit)?;
    let entries = repository.entries(tree)?;
    let (worktree, moved_aside) = {
        let _held = repository.lock_metadata()?;
        admin::prepare(repository, dir, name, commit, lock, None)?
    };
    let all: Vec<_> = entries.iter().collect();
    let made = files::fill(repository, &worktree.dir, &all)
        .and_then(|written| index::settle_and_write(repository, &worktree, &written))
        .and_then(|stats| admin::set_state(repository, &worktree.name, State::Made).map(|()| stats));
    match made {
        Ok(stats) => Ok(Created { worktree, stats, moved_aside }),
        Err(error) => {
            // What cannot be removed now is swept by the next creation.
            drop(remove(repository, &worktree));
            Err(error)
        }
    }
}

/// Makes a worktree again of which a tool removed what git keeps of it; whatever stands in its place goes.
pub fn create_anew(
    repository: &Repository,
    dir: &Path,
    name: &str,
    commit: CommitId,
    lock: &str,
) -> Result<Created, GitError> {
    {
        let _held = repository.lock_metadata()?;
        admin::remove(repository, name)?;
        folder::remove(dir)?;
    }
    create(repository, dir, name, commit, lock)
}

/// Where the index of a worktree is.
pub fn index_path(repository: &Repository, name: &str) -> PathBuf {
    admin::admin_dir(repository, name).join("index")
}

/// Whether this repository has a worktree of ours with that name, whatever became of its folder.
pub fn is_made(repository: &Repository, name: &str) -> bool {
    admin::state(repository, name) == Some(State::Made)
}

/// Removes a worktree with everything in it; one that is gone already is right.
pub fn remove(repository: &Repository, worktree: &Worktree) -> Result<(), GitError> {
    if admin::state(repository, &worktree.name).is_some() {
        admin::set_state(repository, &worktree.name, State::Unfinished)?;
        folder::remove(&worktree.dir)?;
        let _held = repository.lock_metadata()?;
        admin::remove(repository, &worktree.name)?;
    }
    Ok(())
}

/// Whether git's books have a worktree of `pl` under this name, finished or not.
pub fn is_known(repository: &Repository, name: &str) -> bool {
    admin::state(repository, name).is_some()
}

/// The worktrees that `pl` made and finished, by name; their folders may have been removed by someone.
pub fn list(repository: &Repository) -> Result<Vec<Worktree>, GitError> {
    admin::all(repository, State::Made)
}

/// Removes what killed creations and removals left; no other process may be creating meanwhile.
pub fn sweep(repository: &Repository) -> Result<Vec<Worktree>, GitError> {
    let unfinished = admin::all(repository, State::Unfinished)?;
    for worktree in &unfinished {
        let _held = repository.lock_metadata()?;
        admin::sweep_one(repository, &worktree.name)?;
    }
    let _held = repository.lock_metadata()?;
    admin::sweep_half_made(repository)?;
    Ok(unfinished)
}

#[cfg(test)]
mod tests;
