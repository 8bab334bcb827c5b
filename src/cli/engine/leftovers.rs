//! What builds leave behind: worktrees, scratch folders, links; looked at and removed.
//!
//! Nothing goes whose content is not in git, nor anything that a process works in.

use std::path::{Path, PathBuf};

use crate::base::name::WorkstreamId;
use crate::base::path::PatternSet;
use crate::cli::engine::open::git_failed;
use crate::cli::exit::Failed;
use crate::git::anomaly::Anomaly;
use crate::git::object::TreeId;
use crate::git::snapshot::snapshot_folder;
use crate::git::stats::Stats;
use crate::git::worktree::{self, Worktree};
use crate::observe::edit::display;
use crate::observe::world::World;

/// What lies in a worktree.
#[derive(Debug)]
pub struct Content {
    /// All of it as a tree, but for what git cannot hold.
    pub tree: TreeId,
    /// What git cannot hold: a sentence.
    pub beyond: Option<String>,
}

/// Takes what lies in a worktree; folders that may persist are left out.
pub fn content(world: &World, dir: &Path, keep: &PatternSet, since: TreeId) -> Result<Content, Failed> {
    let repository = &world.located().repository;
    let snapshot =
        snapshot_folder(repository, dir, since, &Stats::default(), &|path| keep.matches(path)).map_err(git_failed)?;
    let beyond = snapshot.anomalies.iter().find_map(|anomaly| match anomaly {
        Anomaly::NestedRepository { path } | Anomaly::GitlinkContent { path } if path.is_empty() => None,
        Anomaly::NestedRepository { path } | Anomaly::GitlinkContent { path } => {
            Some(format!("there is a repository of its own in {}", display(path)))
        }
        Anomaly::SpecialFile { path } => Some(format!("{} is neither a file nor a link", display(path))),
        Anomaly::TooDeep { path } => Some(format!("{} is too deep to be looked into", display(path))),
        _ => None,
    });
    Ok(Content { tree: snapshot.tree, beyond })
}

/// A process that works in a folder, as people are told of it.
pub fn in_use(dir: &Path) -> Option<String> {
    crate::process::working_in(dir).map(|(name, pid)| format!("{name} (process {pid}) works in it"))
}

/// Removes a workstream's worktree with its link and its scratch folder.
pub fn remove_worktree(world: &World, id: &WorkstreamId) -> Result<(), Failed> {
    let dir = world.worktree(id);
    if dir.exists() {
        let worktree = Worktree { dir, name: id.to_string() };
        worktree::remove(&world.located().repository, &worktree).map_err(git_failed)?;
    }
    let _ = std::fs::remove_file(link(world, id));
    remove_folder(&world.scratch(id))
}

/// `.worktrees/<ws-id>`.
fn link(world: &World, id: &WorkstreamId) -> PathBuf {
    world.root.join(".worktrees").join(id.as_str())
}

/// Removes a folder of ours, read-only ones too.
pub fn remove_folder(folder: &Path) -> Result<(), Failed> {
    crate::exec::setup::remove_folder(folder)
        .map_err(|error| Failed::missing(format!("cannot remove {}: {error}", folder.display())))
}

/// The entries of a folder, by name; none where it is not there.
pub fn entries(folder: &Path) -> Vec<(String, PathBuf)> {
    let listing = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(String, PathBuf)> =
        listing.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path()))).collect();
    found.sort();
    found
}
