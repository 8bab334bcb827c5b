//! The worktree that a failed workstream leaves, and what a person did in it.
//!
//! What was done by hand is held to the scope like any edit; whether it is good is for verification to say.

use crate::exec::ExecError;
use crate::exec::editing::Ground;
use crate::exec::holding::hold_snapshot;
use crate::exec::workstream::Machine;
use crate::exec::workstream::edits::Candidate;
use crate::exec::workstream::repairs::Repair;
use crate::git::merge::Merge;
use crate::git::object::{CommitId, TreeId};
use crate::git::snapshot::Snapshot;
use crate::observe::base::Start;
use crate::observe::by_hand;
use crate::observe::edit::display;
use crate::store::work::Kept;

impl Machine<'_, '_> {
    /// What a person made of the kept worktree, held to the scope and put onto today's base.
    pub(super) fn mended_by_person(&mut self, start: &Start) -> Result<Option<TreeId>, ExecError> {
        let Some(kept) = self.session.store.kept(self.workstream.id.as_str())? else { return Ok(None) };
        let (Some(base), Some(known)) = (TreeId::from_hex(&kept.base_tree), TreeId::from_hex(&kept.candidate_tree))
        else {
            return Ok(None);
        };
        let snapshot = if self.place.exists() { Some(self.place.look_by_hand(known)?) } else { None };
        if let Some(odd) = snapshot.as_ref().and_then(Snapshot::not_taken) {
            return Err(ExecError::NotKept { what: odd.to_string(), dir: self.place.dir.display().to_string() });
        }
        let Some(snapshot) = snapshot.filter(|snapshot| snapshot.tree != known) else { return self.judged(start) };
        self.session.keep(snapshot.tree);
        let ground = Ground {
            workstream: self.workstream,
            base,
            tree: known,
            parent: self.session.world.located().commit,
            number: 1,
        };
        let held = hold_snapshot(self.session, &snapshot, ground)?;
        for finding in &held.violations {
            let path = finding.path.as_deref().unwrap_or("?");
            self.session.note(
                "warning",
                format!(
                    "{}: what was done by hand in {path} is left out: {}; it is kept under {}",
                    self.workstream.id,
                    finding.message,
                    self.session.world.kept_ref()
                ),
            );
        }
        if held.tree == known {
            return self.judged(start);
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

    /// A repair that was red; with `--again` a tool is asked instead.
    fn judged(&self, start: &Start) -> Result<Option<TreeId>, ExecError> {
        if self.again {
            return Ok(None);
        }
        Ok(by_hand::judged(self.session.world, self.session.records(), self.workstream, start.tree)?)
    }

    /// Keeps the worktree with this content for a person to look at.
    pub(super) fn keep_tree(&mut self, ground: Ground<'_>, tree: TreeId, reason: &str) -> Result<(), ExecError> {
        self.place.make_exact(tree, ground.parent)?;
        self.write_kept(ground.base, tree, reason, serde_json::Value::Null)
    }

    pub(super) fn keep(
        &mut self,
        start: &Start,
        parent: CommitId,
        candidate: &Candidate,
        reason: &str,
    ) -> Result<(), ExecError> {
        self.place.make_exact(candidate.tree, parent)?;
        let metadata = match candidate.repair {
            Some(Repair::New) => self.judged_metadata(),
            Some(Repair::Carried | Repair::Fixed) | None => serde_json::Value::Null,
        };
        self.write_kept(start.tree, candidate.tree, reason, metadata)
    }

    fn write_kept(
        &self,
        base: TreeId,
        tree: TreeId,
        reason: &str,
        metadata: serde_json::Value,
    ) -> Result<(), ExecError> {
        self.session.keep(tree);
        self.session.store.keep(&Kept {
            ws_id: self.workstream.id.to_string(),
            worktree: Some(self.place.dir.display().to_string()),
            candidate_tree: tree.hex(),
            base_tree: base.hex(),
            reason: reason.to_owned(),
            run_id: Some(self.session.run_id.0.clone()),
            metadata,
        })?;
        Ok(())
    }
}
