//! `pl reset`: forgets what is recorded of targets, so that they are asked again.
//!
//! What was made hangs on refs of its own before a record or a worktree goes.

use crate::base::name::WorkstreamId;
use crate::base::path::PatternSet;
use crate::cli::engine::leftovers::{self, Content};
use crate::cli::engine::looking::RESET_NOTES;
use crate::cli::engine::open::{Opened, Purpose, git_failed, open, store_failed};
use crate::cli::engine::{Project, Removed};
use crate::cli::exit::Failed;
use crate::exec::workstream::quarantine::LOOP_NOTES;
use crate::exec::workstream::reports::REPORT_NOTES;
use crate::git::object::{CommitId, TreeId};
use crate::git::reference::Expected;
use crate::git::repository::CommitParts;
use crate::graph::StepKind;
use crate::graph::target::fixes;
use crate::observe::look::FLAKY_NOTES;
use crate::store::Store;
use crate::store::lock::{Lock, LockError, try_build_lock};
use crate::store::work::Kept;

/// Forgets what is recorded of targets; their work stays reachable.
pub fn reset(project: &Project, targets: &[String], dry_run: bool) -> Result<Removed, Failed> {
    let planned = open(project, &[], Purpose::Planning)?;
    let pipeline = &planned.world.pipeline;
    let (loops, targets): (Vec<&String>, Vec<&String>) =
        targets.iter().partition(|target| fixes(pipeline, target).is_some());
    let loops: Vec<_> = loops.into_iter().filter_map(|target| fixes(pipeline, target)).collect();
    let targets: Vec<String> = targets.into_iter().cloned().collect();
    let wanted = if targets.is_empty() { Vec::new() } else { planned.wanted(&targets)? };
    let kinds: Vec<StepKind> = wanted.iter().map(|step| planned.world.graph.step(*step).kind.clone()).collect();
    let (opened, store, _lock) = match prepare(project, planned, dry_run, "pl reset")? {
        Some(prepared) => prepared,
        None => {
            let fixes = loops.iter().map(|(id, _)| nothing(&format!("{id}/fix")));
            let kept = kinds.iter().map(|kind| nothing(&subject(kind))).chain(fixes).collect();
            return Ok(Removed { removed: Vec::new(), kept, dry_run });
        }
    };
    let mut forgetting = Forgetting { opened: &opened, store: &store, said: Removed { dry_run, ..Removed::default() } };
    for kind in &kinds {
        match kind {
            StepKind::Result(id) => forgetting.workstream(id)?,
            kind => forgetting.step(kind)?,
        }
    }
    for (id, number) in &loops {
        forgetting.fixes(id, *number)?;
    }
    let mut said = forgetting.said;
    if said.removed.is_empty() && said.kept.is_empty() {
        said.kept.push(nothing(&targets.join(" ")));
    }
    if !dry_run {
        store.close().map_err(store_failed)?;
    }
    Ok(said)
}

/// What forgetting and cleaning work on.
pub type Prepared = (Opened, Store, Option<Lock>);

/// The project opened for changing under the build lock, or for looking alone. `None`: nothing was ever built.
pub fn prepare(project: &Project, planned: Opened, dry_run: bool, command: &str) -> Result<Option<Prepared>, Failed> {
    if !planned.database.exists() {
        return Ok(None);
    }
    if dry_run {
        return Ok(planned.records()?.map(|store| (planned, store, None)));
    }
    let lock = try_build_lock(&planned.folder, command).map_err(|error| match error {
        LockError::Held(_) => Failed::missing(format!("a build is running: {error}")).hint("wait until it has ended"),
        other => Failed::missing(other.to_string()),
    })?;
    // A repository that is not made yet has nothing to be forgotten, and is not made for that.
    let unmade = planned.world.located.as_ref().is_none_or(|located| located.unmade);
    let opened = if unmade { planned } else { open(project, &[], Purpose::Building)? };
    let (store, _) = Store::open_at(&opened.folder, &opened.database).map_err(store_failed)?;
    Ok(Some((opened, store, Some(lock))))
}

/// What is forgotten, as people call it.
fn subject(kind: &StepKind) -> String {
    match kind {
        StepKind::Result(id) => id.to_string(),
        kind => kind.name(),
    }
}

fn nothing(subject: &str) -> String {
    format!("{subject}: nothing is recorded of it")
}

struct Forgetting<'a> {
    opened: &'a Opened,
    store: &'a Store,
    said: Removed,
}

impl Forgetting<'_> {
    fn step(&mut self, kind: &StepKind) -> Result<(), Failed> {
        let name = kind.name();
        let mut count = self.store.recorded(&name).map_err(store_failed)?;
        let accepted = match kind {
            // A composition that holds this edit, or this fix, would answer in its place.
            StepKind::Edit(id, _) | StepKind::Fix(id, _) => Some(format!("{id}/accepted")),
            _ => None,
        };
        for step in std::iter::once(&name).chain(&accepted) {
            count = count.max(self.store.recorded(step).map_err(store_failed)?);
            if !self.said.dry_run {
                self.store.forget(step).map_err(store_failed)?;
                self.forget_flake(step)?;
            }
        }
        // A setup is recorded under the name of whoever made it first.
        if count == 0 && matches!(kind, StepKind::Setup(..) | StepKind::ProjectSetup(_)) {
            return Ok(());
        }
        self.note(&name, count)
    }

    /// One fix of a loop, or all of them.
    fn fixes(&mut self, id: &WorkstreamId, number: Option<u32>) -> Result<(), Failed> {
        if let Some(number) = number {
            return self.step(&StepKind::Fix(id.clone(), number));
        }
        for number in 1.. {
            let kind = StepKind::Fix(id.clone(), number);
            if self.store.recorded(&kind.name()).map_err(store_failed)? == 0 {
                return if number == 1 { self.note(&format!("{id}/fix"), 0) } else { Ok(()) };
            }
            self.step(&kind)?;
        }
        Ok(())
    }

    fn forget_flake(&self, test: &str) -> Result<(), Failed> {
        self.store.set_note(FLAKY_NOTES, test, &serde_json::Value::Null).map_err(store_failed)
    }

    /// Says that it is forgotten, and since when.
    fn note(&mut self, name: &str, count: u64) -> Result<(), Failed> {
        if count == 0 {
            self.said.kept.push(nothing(name));
            return Ok(());
        }
        let records = if count == 1 { "1 record".to_owned() } else { format!("{count} records") };
        self.said.removed.push(format!("{name}: {records}"));
        if self.said.dry_run {
            return Ok(());
        }
        let now = format!("{:.3}", jiff::Timestamp::now());
        self.store.set_note(RESET_NOTES, name, &now.into()).map_err(store_failed)
    }

    fn workstream(&mut self, id: &WorkstreamId) -> Result<(), Failed> {
        let dir = self.opened.world.worktree(id);
        if let Some(who) = leftovers::in_use(&dir) {
            self.said.kept.push(format!("{id}: its worktree is in use, {who}"));
            return Ok(());
        }
        let kept = self.store.kept(id.as_str()).map_err(store_failed)?;
        let count = self.store.recorded(id.as_str()).map_err(store_failed)? + u64::from(kept.is_some());
        if self.opened.world.located.as_ref().is_some_and(|located| !located.unmade) && !self.put_aside(id, kept)? {
            return Ok(());
        }
        if !self.said.dry_run {
            self.store.forget(id.as_str()).map_err(store_failed)?;
            self.store.forget_kept(id.as_str()).map_err(store_failed)?;
            self.store.forget_landed(id.as_str()).map_err(store_failed)?;
            for notes in [LOOP_NOTES, REPORT_NOTES] {
                self.store.set_note(notes, id.as_str(), &serde_json::Value::Null).map_err(store_failed)?;
            }
            for number in 1..=self.opened.world.workstream(id).tests.len() {
                self.forget_flake(&format!("{id}/test.{number}"))?;
            }
        }
        self.note(id.as_str(), count)
    }

    /// Hangs result and kept work on refs, then takes the worktree away; `false`: something cannot be held by git.
    fn put_aside(&mut self, id: &WorkstreamId, kept: Option<Kept>) -> Result<bool, Failed> {
        let world = &self.opened.world;
        let located = world.located();
        let dir = world.worktree(id);
        let candidate = kept.and_then(|kept| TreeId::from_hex(&kept.candidate_tree));
        let held = if dir.join(".git").exists() {
            let keep = PatternSet::new(&world.workstream(id).keep);
            let Content { tree, beyond } = leftovers::content(world, &dir, &keep, candidate.unwrap_or(located.tree))?;
            if let Some(beyond) = beyond {
                self.said.kept.push(format!("{id}: its worktree {} holds what git cannot: {beyond}", dir.display()));
                return Ok(false);
            }
            Some(tree)
        } else {
            candidate
        };
        if let Some(tree) = held.filter(|tree| *tree != located.tree) {
            let commit = self.commit(id, tree)?;
            let reference = self.hang(id, commit)?;
            self.said.kept.push(format!("{id}: its kept work, as {reference}"));
        }
        let result = world.result_ref(id);
        if let Some(commit) = located.repository.reference(&result).map_err(git_failed)? {
            let reference = self.hang(id, commit)?;
            if !self.said.dry_run {
                located.repository.delete_reference(&result, Expected::Is(commit)).map_err(git_failed)?;
            }
            self.said.kept.push(format!("{id}: its result, as {reference}"));
        }
        if dir.exists() {
            self.said.removed.push(format!("{id}: its worktree {}", dir.display()));
            if !self.said.dry_run {
                leftovers::remove_worktree(world, id)?;
            }
        }
        Ok(true)
    }

    /// A commit of what lay in a worktree, on the base.
    fn commit(&self, id: &WorkstreamId, tree: TreeId) -> Result<CommitId, Failed> {
        let located = self.opened.world.located();
        let time = located.repository.commit_time(located.commit).map_err(git_failed)?;
        let message = format!("{id} (kept by pl reset)\n");
        let parts = CommitParts { tree, parents: vec![located.commit], message, time };
        located.repository.commit(&parts).map_err(git_failed)
    }

    /// Gives a commit a ref that nothing of ours takes away.
    fn hang(&self, id: &WorkstreamId, commit: CommitId) -> Result<String, Failed> {
        let name = format!("refs/pl/{}/reset/{id}/{}", self.opened.world.project, &commit.hex()[..10]);
        if !self.said.dry_run {
            self.opened.world.located().repository.set_reference(&name, commit, Expected::Any).map_err(git_failed)?;
        }
        Ok(name)
    }
}
