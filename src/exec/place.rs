//! The worktree of one workstream during a run: made when something must run in it, exact when something is verified.
//!
//! Knows trees and folders; what runs there is others' business. Content is snapshotted before anything is removed.

use std::path::PathBuf;

use crate::analysis::pipeline::Workstream;
use crate::base::name::WorkstreamId;
use crate::base::path::PatternSet;
use crate::exec::ExecError;
use crate::exec::session::{Session, lock};
use crate::git::object::{CommitId, TreeId};
use crate::git::repository::{CommitParts, Repository};
use crate::git::snapshot::{Snapshot, snapshot, snapshot_folder};
use crate::git::stats::Stats;
use crate::git::worktree::reset::reset;
use crate::git::worktree::{self, Worktree};
use crate::system::profile::{Category, Span};

/// A workstream's worktree.
pub struct Place<'a> {
    session: &'a Session<'a>,
    workstream: &'a Workstream,
    keep: PatternSet,
    /// Its name in git's books, and of its scratch folder.
    name: WorkstreamId,
    /// Where it is, or will be.
    pub dir: PathBuf,
    stats: Stats,
    at: Option<CommitId>,
    /// It was made in this run: no person can have begun to work in it.
    made_now: bool,
}

impl<'a> Place<'a> {
    /// The place of a workstream; nothing is made yet.
    pub fn of(session: &'a Session<'a>, workstream: &'a Workstream) -> Self {
        let dir = session.world.worktree(&workstream.id);
        let keep = PatternSet::new(&workstream.keep);
        let name = workstream.id.clone();
        Self { session, workstream, keep, name, dir, stats: Stats::default(), at: None, made_now: false }
    }

    /// A place beside it for a look at the base: what lies in a workstream's own worktree may be a person's, and a build
    /// that is killed meanwhile must find it as it was.
    pub fn for_base(session: &'a Session<'a>, workstream: &'a Workstream) -> Self {
        let name = WorkstreamId::from(format!("{}.base", workstream.id).as_str());
        let dir = session.world.worktree(&name);
        lock(&session.taken_up).insert(dir.clone());
        Self { name, dir, ..Self::of(session, workstream) }
    }

    /// It is made for a short look and goes again: the worktrees that wait are for workstreams.
    fn is_for_base(&self) -> bool {
        self.name != self.workstream.id
    }

    fn repository(&self) -> &'a Repository {
        &self.session.world.located().repository
    }

    /// A commit with this tree on top of `parent`; the parent itself where it has that tree.
    pub fn commit_of(&self, tree: TreeId, parent: CommitId) -> Result<CommitId, ExecError> {
        let repository = self.repository();
        if repository.tree_of(parent)? == tree {
            return Ok(parent);
        }
        let message = format!("{} (in work)\n", self.workstream.id);
        let time = repository.commit_time(parent)?;
        Ok(repository.commit(&CommitParts { tree, parents: vec![parent], message, time })?)
    }

    /// Makes the worktree exactly this tree: untracked and ignored files are removed, flags are gone.
    pub fn make_exact(&mut self, tree: TreeId, parent: CommitId) -> Result<(), ExecError> {
        let _span = self.span("worktree");
        let commit = self.commit_of(tree, parent)?;
        let repository = self.repository();
        if self.at.is_none() {
            self.rescue(tree)?;
        }
        let name = self.name.as_str();
        let lock = format!("pl is building {name}");
        self.stats = if worktree::is_made(repository, name) {
            let keep = |path: &[u8]| self.keep.matches(path);
            reset(repository, &self.worktree(), commit, &self.stats, &keep)?.stats
        } else if self.at.is_some() {
            // Its content was looked at since; only what git keeps of it is gone.
            worktree::create_anew(repository, &self.dir, name, commit, &lock)?.stats
        } else {
            self.made_now = true;
            let taken = match self.is_for_base() {
                true => None,
                false => self.session.pool.take(repository, &self.dir, name, commit, &lock)?,
            };
            match taken {
                Some(taken) => taken.stats,
                None => worktree::create(repository, &self.dir, name, commit, &lock)?.stats,
            }
        };
        self.at = Some(commit);
        self.link();
        Ok(())
    }

    /// What lies in a worktree that an earlier run left (it was killed, or its tool was) hangs on a ref before it goes.
    pub fn rescue(&self, expected: TreeId) -> Result<(), ExecError> {
        if !self.is_folder() {
            return Ok(());
        }
        let _span = self.span("rescue");
        let keep = |path: &[u8]| self.keep.matches(path);
        let found = snapshot_folder(self.repository(), &self.dir, expected, &self.stats, &keep)?;
        if found.tree != expected {
            self.session.keep(found.tree);
        }
        Ok(())
    }

    fn span(&self, what: &str) -> Span<'a> {
        self.session.world.profile.span(Category::Git, || format!("{what} {}", self.workstream.id))
    }

    fn worktree(&self) -> Worktree {
        Worktree { dir: self.dir.clone(), name: self.name.to_string() }
    }

    /// What lies in the worktree now, ignored files included.
    pub fn look(&self, since: TreeId, head: CommitId) -> Result<Snapshot, ExecError> {
        let _span = self.span("snapshot");
        let keep = |path: &[u8]| self.keep.matches(path);
        Ok(snapshot(self.repository(), &self.worktree(), since, self.at.unwrap_or(head), &self.stats, &keep)?)
    }

    /// What a person left in it; commits and branches are theirs to make.
    pub fn look_by_hand(&self, since: TreeId) -> Result<Snapshot, ExecError> {
        let _span = self.span("snapshot");
        let keep = |path: &[u8]| self.keep.matches(path);
        Ok(snapshot_folder(self.repository(), &self.dir, since, &self.stats, &keep)?)
    }

    /// Whether it exists, by git's books: a tool may have removed its `.git`.
    pub fn exists(&self) -> bool {
        self.is_folder() && worktree::is_known(self.repository(), self.name.as_str())
    }

    /// Its index, as it was written when it was made exact.
    pub fn index(&self) -> PathBuf {
        worktree::index_path(self.repository(), self.name.as_str())
    }

    /// A link in its place is none.
    fn is_folder(&self) -> bool {
        self.dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir())
    }

    /// Gives the worktree up, and its link; its content is in git by now. It becomes another workstream's where it was made
    /// in this run, nobody works in it, and it was never kept for a person.
    pub fn give_up(&mut self, tree: TreeId, was_kept: bool) -> Result<(), ExecError> {
        let _span = self.span("give up");
        let worktree = self.worktree();
        let reusable = self.made_now && !was_kept && self.at.is_some() && !self.is_for_base();
        if reusable && self.exists() && crate::process::working_in(&self.dir).is_none() {
            self.session.pool.give(self.repository(), &worktree, tree, &self.stats)?;
        } else {
            worktree::remove(self.repository(), &worktree)?;
        }
        let _ = std::fs::remove_file(self.link_path());
        let scratch = self.session.world.scratch(&self.name);
        if scratch.exists() {
            let _ = std::fs::remove_dir_all(scratch);
        }
        (self.stats, self.at) = (Stats::default(), None);
        Ok(())
    }

    fn link_path(&self) -> PathBuf {
        self.session.world.root.join(".worktrees").join(self.name.as_str())
    }

    /// `.worktrees/<ws-id>`, for people; that it cannot be made is no failure.
    fn link(&self) {
        if self.is_for_base() {
            return;
        }
        let link = self.link_path();
        if std::fs::read_link(&link).is_ok_and(|target| target == self.dir) {
            return;
        }
        let Some(folder) = link.parent() else { return };
        let _ = std::fs::create_dir_all(folder);
        let _ = std::fs::remove_file(&link);
        let _ = std::os::unix::fs::symlink(&self.dir, &link);
    }

    /// A fresh folder of its own outside the worktree: homes, temporary files, prompts.
    pub fn scratch(&self, name: &str) -> Result<PathBuf, ExecError> {
        let folder = self.session.world.scratch(&self.name).join(name);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(ExecError::writing(&folder))?;
        }
        std::fs::create_dir_all(&folder).map_err(ExecError::writing(&folder))?;
        Ok(folder)
    }
}
