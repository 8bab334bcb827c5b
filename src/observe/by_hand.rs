//! What persons did about a workstream: edits in its kept worktree, repairs that were red, repairs that were accepted.
//!
//! A repair costs a person's time: it outlives a base that moves, merged three-way, until a tool gave a newer answer.
//! Looks at the folder by content; what it means for the workstream is `exec`'s to say.

use crate::analysis::pipeline::Workstream;
use crate::base::path::PatternSet;
use crate::fingerprint::Key;
use crate::git::merge::Merge;
use crate::git::object::TreeId;
use crate::git::snapshot::snapshot_folder;
use crate::git::stats::Stats;
use crate::observe::ignored::IgnoreRules;
use crate::observe::look::Records;
use crate::observe::record::AcceptedBody;
use crate::observe::world::World;
use crate::observe::{ObserveError, body, edit};

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

/// Where the kept row of a repair says what was asked when it was judged.
pub const REQUESTS: &str = "by_hand";

/// A repair that was verified and found red, put onto today's base: what is still to be repaired further.
///
/// It holds as long as the edits are asked the same.
pub fn judged(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    base: TreeId,
) -> Result<Option<TreeId>, ObserveError> {
    let Some(kept) = records.kept(workstream.id.as_str())? else { return Ok(None) };
    if kept.metadata[REQUESTS].as_str() != Some(edit::requests(world, workstream).hex().as_str()) {
        return Ok(None);
    }
    let trees = TreeId::from_hex(&kept.base_tree).zip(TreeId::from_hex(&kept.candidate_tree));
    let Some((from, tree)) = trees else { return Ok(None) };
    onto(world, from, tree, base)
}

/// The accepted composition of these edits, if one was verified: edits plus what mended them.
///
/// `keys` are those of the edits that came about and of the first that did not; a record of them that is newer than
/// `newest` means that a tool was asked since.
pub fn accepted(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    keys: &[Key],
    newest: u64,
    base: TreeId,
) -> Result<Option<TreeId>, ObserveError> {
    let repository = &world.located().repository;
    let fingerprint = edit::accepted(world, workstream, keys, base)?;
    let Some(record) = records.find(fingerprint.key())?.filter(|record| record.seq > newest) else { return Ok(None) };
    let found: AcceptedBody = body(&record)?;
    let Some((from, tree)) = TreeId::from_hex(&found.base).zip(TreeId::from_hex(&found.tree)) else { return Ok(None) };
    if !repository.is_whole(tree, from)? {
        return Ok(None);
    }
    if from == base {
        return Ok(Some(tree));
    }
    Ok(Some(repository.apply(base, &repository.diff(from, tree)?)?))
}

/// A composition that was accepted on another base, merged onto this one: unless a tool was asked since.
pub fn carried(
    world: &World,
    records: Records<'_>,
    workstream: &Workstream,
    base: TreeId,
) -> Result<Option<TreeId>, ObserveError> {
    let all = records.by_request(edit::requests(world, workstream))?;
    let Some(record) = all.iter().find(|record| body::<AcceptedBody>(record).is_ok_and(|found| !found.carried)) else {
        return Ok(None);
    };
    for number in 1..=world.edits(workstream) {
        let request = edit::request(world, workstream, number, base)?.request;
        let answered = records.by_request(request)?.iter().any(|answer| answer.seq > record.seq);
        if answered {
            return Ok(None);
        }
    }
    let found: AcceptedBody = body(record)?;
    let Some((from, tree)) = TreeId::from_hex(&found.base).zip(TreeId::from_hex(&found.tree)) else { return Ok(None) };
    onto(world, from, tree, base)
}

/// What was done between two trees, merged onto a third; `None` where it conflicts, or is gone.
fn onto(world: &World, from: TreeId, tree: TreeId, base: TreeId) -> Result<Option<TreeId>, ObserveError> {
    let repository = &world.located().repository;
    if !repository.is_whole(tree, from)? {
        return Ok(None);
    }
    Ok(match repository.merge(from, base, tree)? {
        Merge::Clean(merged) => Some(merged),
        Merge::Conflicted(_) => None,
    })
}
