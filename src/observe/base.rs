//! The tree that a workstream starts from: the base commit's tree overlaid with what it depends on.
//!
//! A function of trees alone. Computed from the result of the dependency with the largest closure plus what that
//! lacks, so that a chain of 3,000 costs 3,000 overlays.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::name::WorkstreamId;
use crate::git::delta::Delta;
use crate::git::error::GitError;
use crate::git::merge::Merge;
use crate::git::object::{CommitId, TreeId};
use crate::git::repository::Repository;
use crate::observe::world::World;

/// A workstream whose result is known.
#[derive(Debug, Clone)]
pub struct Settled {
    /// The tree that it started from.
    pub base: TreeId,
    /// Its result.
    pub tree: TreeId,
    /// The commit that holds it: its own, or its parent where it changed nothing.
    pub commit: CommitId,
    /// It is part of the base commit and adds nothing.
    pub landed: bool,
    /// What it changed.
    pub delta: Arc<Delta>,
}

/// Who depends on whom, transitively, as bit sets over places in the pipeline.
#[derive(Debug, Default)]
pub struct Closures {
    depth: Vec<u32>,
    sets: Vec<Vec<u64>>,
}

impl Closures {
    /// All closures; workstreams in an order in which dependencies come first.
    pub fn of(world: &World) -> Self {
        let count = world.pipeline.workstreams.len();
        let mut closures = Self { depth: vec![0; count], sets: vec![Vec::new(); count] };
        let needs: Vec<Vec<usize>> = world
            .pipeline
            .workstreams
            .iter()
            .map(|workstream| workstream.depends_on.iter().map(|id| world.workstream_place(id)).collect())
            .collect();
        let Ok(order) = crate::graph::order::ordered(&needs) else { return closures };
        for place in order {
            let mut set = vec![0_u64; count.div_ceil(64)];
            for &need in &needs[place] {
                set[need / 64] |= 1 << (need % 64);
                for (word, theirs) in set.iter_mut().zip(&closures.sets[need]) {
                    *word |= theirs;
                }
                closures.depth[place] = closures.depth[place].max(closures.depth[need] + 1);
            }
            closures.sets[place] = set;
        }
        closures
    }

    fn contains(&self, place: usize, other: usize) -> bool {
        self.sets[place].get(other / 64).is_some_and(|word| word & (1 << (other % 64)) != 0)
    }

    fn size(&self, place: usize) -> u32 {
        self.sets[place].iter().map(|word| word.count_ones()).sum()
    }

    fn members(&self, place: usize) -> impl Iterator<Item = usize> + '_ {
        (0..self.depth.len()).filter(move |&other| self.contains(place, other))
    }
}

/// The tree a workstream starts from, and the commits that its result's parent is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// base(W).
    pub tree: TreeId,
    /// One: the parent itself, its tree is `tree`. Several: a merge commit "base of W" is to be made of them.
    pub parents: Vec<CommitId>,
}

/// Why a start cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Two dependencies changed one path differently.
    #[error("{left} and {right} change the same lines of {}", paths.join(", "))]
    Conflict {
        /// What was overlaid before.
        left: String,
        /// What did not fit.
        right: String,
        /// Where.
        paths: Vec<String>,
    },
    /// The repository failed.
    #[error(transparent)]
    Git(#[from] GitError),
}

/// Computes base(W); every dependency is settled.
pub fn start(
    world: &World,
    closures: &Closures,
    settled: &HashMap<WorkstreamId, Arc<Settled>>,
    id: &WorkstreamId,
) -> Result<Start, StartError> {
    let located = world.located();
    let place = world.workstream_place(id);
    let open = |id: &WorkstreamId| settled.get(id).filter(|settled| !settled.landed);
    let needs: Vec<(usize, &Arc<Settled>)> = world.pipeline.workstreams[place]
        .depends_on
        .iter()
        .filter_map(|need| open(need).map(|settled| (world.workstream_place(need), settled)))
        .collect();
    let Some(&(largest, from)) = needs.iter().max_by_key(|(need, _)| (closures.size(*need), std::cmp::Reverse(*need)))
    else {
        return Ok(Start { tree: located.tree, parents: vec![located.commit] });
    };
    let mut lacking: Vec<usize> = closures
        .members(place)
        .filter(|&other| other != largest && !closures.contains(largest, other))
        .filter(|&other| open(&world.pipeline.workstreams[other].id).is_some())
        .collect();
    lacking.sort_by_key(|&other| (closures.depth[other], other));
    let mut tree = from.tree;
    for other in lacking {
        let other = &world.pipeline.workstreams[other].id;
        tree = overlay(&located.repository, tree, &settled[other], id, other)?;
    }
    let maximal = needs.iter().filter(|(need, _)| !needs.iter().any(|(other, _)| closures.contains(*other, *need)));
    let mut parents: Vec<CommitId> = maximal.map(|(_, settled)| settled.commit).collect();
    parents.dedup();
    Ok(Start { tree, parents })
}

/// Puts a workstream's delta onto a tree, path by path; three-way where both changed a path.
fn overlay(
    repository: &Repository,
    tree: TreeId,
    settled: &Settled,
    onto: &WorkstreamId,
    from: &WorkstreamId,
) -> Result<TreeId, StartError> {
    let fits = |change: &crate::git::delta::Change| -> Result<bool, GitError> {
        let current = repository.entry(tree, &change.path)?;
        Ok(current == change.old || current == change.new)
    };
    let mut clean = true;
    for change in &settled.delta.changes {
        clean &= fits(change)?;
    }
    if clean {
        return Ok(repository.apply(tree, &settled.delta)?);
    }
    match repository.merge(settled.base, tree, settled.tree)? {
        Merge::Clean(merged) => Ok(merged),
        Merge::Conflicted(paths) => Err(StartError::Conflict {
            left: format!("the dependencies of {onto}"),
            right: from.to_string(),
            paths: paths.iter().map(|path| String::from_utf8_lossy(path).into_owned()).collect(),
        }),
    }
}
