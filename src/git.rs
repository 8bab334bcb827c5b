//! Trees, deltas, merges, worktrees and refs of the repository that workstreams change.
//!
//! The only user of `gix`. Knows nothing of workstreams, keys or scopes: paths are raw bytes, results are ids.
//! Nothing here starts a process, runs a hook or a filter, or lets configuration change a result.

#![expect(clippy::disallowed_methods, reason = "repositories, worktrees and their metadata lie behind this door")]

pub mod anomaly;
pub mod delta;
pub mod error;
pub mod fence;
pub mod folder;
pub mod lock;
pub mod merge;
pub mod object;
pub mod patch;
pub mod reference;
pub mod repository;
pub mod seed;
pub mod snapshot;
pub mod stats;
pub mod tracked;
pub mod tree;
pub mod worktree;

#[cfg(test)]
mod scratch;
