//! What is kept of a workstream that was not accepted: whether it failed, whether a person changed its worktree since.
//!
//! Looks at the folder by content; what it means for the workstream is `exec`'s to say.

use crate::analysis::pipeline::Workstream;
use crate::base::path::PatternSet;
use crate::git::object::TreeId;
use crate::git::snapshot::snapshot_folder;
use crate::git::stats::Stats;
use crate::observe::ObserveError;
use crate::observe::ignored::IgnoreRules;
use crate::observe::look::Records;
use crate::observe::world::World;

/// Whether a workstream's last candidate was kept because it failed.
pub fn failed_before(records: Records<'_>, workstream: &Workstream) -> Result<bool, ObserveError> {
    Ok(records.kept(workstream.id.as_str())?.is_some_and(|kept| kept.reason == "failed"))
}

/// Whether the worktree that a workstream left behind holds something else than it did.
pub fn edited(world: &World, records: Records<'_>, workstream: &Workstream) -> Result<bool, ObserveError> {
    let Some(kept) = records.kept(workstream.id.as_str())? else { return Ok(false) };
    let dir = world.worktree(&workstream.id);
    let trees = TreeId::from_hex(&kept.candidate_tree).zip(TreeId::from_hex(&kept.base_tree));
    let Some((candidate, base)) = trees.filter(|_| world.system.lstat(&dir.join(".git")).is_ok()) else {
        return Ok(false);
    };
    let repository = &world.located().repository;
    let stays = PatternSet::new(&workstream.keep);
    let snapshot = snapshot_folder(repository, &dir, candidate, &Stats::default(), &|path| stays.matches(path))?;
    let rules = IgnoreRules::of(repository, base)?;
    let counts = |path: &[u8], is_new: bool| !(is_new && rules.ignores(path));
    Ok(snapshot.delta.changes.iter().any(|change| counts(&change.path, change.old.is_none())))
}
