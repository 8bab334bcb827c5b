//! A delta: the paths that differ between two trees.
//!
//! Plain data; computed and applied by `git::repository`.

use crate::git::object::Blob;

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Change {
    /// Raw bytes, `/`-separated.
    pub path: Vec<u8>,
    /// What stood there; `None`: nothing.
    pub old: Option<Blob>,
    /// What stands there now; `None`: nothing.
    pub new: Option<Blob>,
}

/// The paths that differ, sorted by path; a rename is a deletion and an addition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Delta {
    /// The changes.
    pub changes: Vec<Change>,
}

impl Delta {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The same delta with only the paths that a predicate names.
    pub fn restricted(&self, keep: impl Fn(&Change) -> bool) -> Self {
        Self { changes: self.changes.iter().filter(|change| keep(change)).cloned().collect() }
    }
}
