//! What workstreams may touch: reading entries, asking the base tree, and finding overlaps.
//!
//! Knows no deltas; holding an edit to its scope is done where edits are run.

pub mod entry;
pub mod existence;
pub mod intersect;
pub mod overlap;
