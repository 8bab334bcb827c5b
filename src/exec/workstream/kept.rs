//! The worktree that a failed workstream leaves, and what a person did in it.
//!
//! What was done by hand is held to the scope like any edit; whether it is good is for verification to say.

use crate::exec::ExecError;
use crate::exec::editing::{self, Ground};
use crate::exec::workstream::Machine;
use crate::git::merge::Merge;
use crate::git::object::{CommitId, TreeId};
use crate::observe::base::Start;
use crate::observe::edit::display;
use crate::store::work::Kept;

impl Machine<'_, '_> {
    /// What a person changed in the kept worktree, held to the scope and put onto today's base.
    pub(super) fn mended_by_person(&mut self, start: &Start) -> Result<Option<TreeId>, ExecError> {
        let Some(kept) = self.session.store.kept(self.workstream.id.as_str())? else { return Ok(None) };
        let (Some(base), Some(known)) = (TreeId::from_hex(&kept.base_tree), TreeId::from_hex(&kept.candidate_tree))
        else {
            return Ok(None);
        };
        if !self.place.exists() {
            return Ok(None);
        }
        let snapshot = self.place.look(known, self.session.world.located().commit)?;
        if snapshot.tree == known {
            return Ok(None);
        }
        self.session.keep(snapshot.tree);
        let ground = Ground {
            workstream: self.workstream,
            base,
            tree: known,
            parent: self.session.world.located().commit,
            number: 1,
        };
        let held = editing::hold(self.session, &self.place, ground)?;
        if held.tree == known {
            return Ok(None);
        }
        for finding in &held.violations {
            let path = finding.path.as_deref().unwrap_or("?");
            self.session.note(
                "warning",
                format!("{}: what was done by hand in {path} is left out: {}", self.workstream.id, finding.message),
            );
        }
        let repository = &self.session.world.located().repository;
        match repository.merge(base, start.tree, held.tree)? {
            Merge::Clean(tree) => Ok(Some(tree)),
            Merge::Conflicted(paths) => {
                let paths: Vec<String> = paths.iter().map(|path| display(path)).collect();
                self.session.note(
                    "warning",
                    format!(
                        "{}: what was done by hand conflicts with the new base in {}; it is kept under {}",
                        self.workstream.id,
                        paths.join(", "),
                        self.session.world.kept_ref()
                    ),
                );
                Ok(None)
            }
        }
    }

    /// Keeps the worktree with this content for a person to look at.
    pub(super) fn keep_tree(&mut self, ground: Ground<'_>, tree: TreeId, reason: &str) -> Result<(), ExecError> {
        self.place.make_exact(tree, ground.parent)?;
        self.write_kept(ground.base, tree, reason)
    }

    pub(super) fn keep(
        &mut self,
        start: &Start,
        parent: CommitId,
        tree: TreeId,
        reason: &str,
    ) -> Result<(), ExecError> {
        self.place.make_exact(tree, parent)?;
        self.write_kept(start.tree, tree, reason)
    }

    fn write_kept(&self, base: TreeId, tree: TreeId, reason: &str) -> Result<(), ExecError> {
        self.session.keep(tree);
        self.session.store.keep(&Kept {
            ws_id: self.workstream.id.0.clone(),
            worktree: Some(self.place.dir.display().to_string()),
            candidate_tree: tree.hex(),
            base_tree: base.hex(),
            reason: reason.to_owned(),
            run_id: Some(self.session.run_id.0.clone()),
            metadata: serde_json::Value::Null,
        })?;
        Ok(())
    }
}
