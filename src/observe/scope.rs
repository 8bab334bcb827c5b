//! Scope as a constraint on what a step may write, and as what an edit's tool observes.
//!
//! Bytes decide. Knows which paths a workstream may touch; not how the change came about.

use crate::analysis::pipeline::Workstream;
use crate::base::path::PatternSet;
use crate::git::delta::{Change, Delta};
use crate::git::error::GitError;
use crate::git::object::{Blob, Mode, TreeId};
use crate::git::repository::Repository;

/// The compiled scope of one workstream.
#[derive(Debug)]
pub struct Scope {
    scope: PatternSet,
    create: PatternSet,
    context: PatternSet,
}

/// Whether a change is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowed {
    /// In `files_scope`, or added below `files_create`.
    Yes,
    /// The path is in no scope.
    OutOfScope,
    /// The path may only be added, and was there before.
    OnlyCreate,
    /// Gitlinks are opaque.
    Gitlink,
}

impl Scope {
    /// Compiles a workstream's patterns.
    pub fn of(workstream: &Workstream) -> Self {
        Self {
            scope: PatternSet::new(&workstream.files_scope),
            create: PatternSet::new(&workstream.files_create),
            context: PatternSet::new(&workstream.context),
        }
    }

    /// Judges a change against base(W): `old` is what stood there before the workstream began.
    pub fn allows(&self, change: &Change) -> Allowed {
        let gitlink = |blob: Option<Blob>| blob.is_some_and(|blob| blob.mode == Mode::Gitlink);
        if gitlink(change.old) || gitlink(change.new) {
            return Allowed::Gitlink;
        }
        if self.scope.matches(&change.path) {
            return Allowed::Yes;
        }
        match (self.create.matches(&change.path), change.old) {
            (true, None) => Allowed::Yes,
            (true, Some(_)) => Allowed::OnlyCreate,
            (false, _) => Allowed::OutOfScope,
        }
    }

    /// Whether a path belongs to the workstream at all.
    pub fn names(&self, path: &[u8]) -> bool {
        self.scope.matches(path) || self.create.matches(path)
    }

    /// The part of a delta (against base(W)) that is allowed.
    pub fn restrict(&self, delta: &Delta) -> Delta {
        delta.restricted(|change| self.allows(change) == Allowed::Yes)
    }

    /// What a tool that looks at its scope sees: scope, creatable paths and context, with blobs.
    pub fn observed(&self, repository: &Repository, tree: TreeId) -> Result<Vec<crate::git::object::Entry>, GitError> {
        let places: Vec<&[u8]> = self.scope.places().chain(self.create.places()).chain(self.context.places()).collect();
        let mut entries = repository.entries_at(tree, &places)?;
        entries.retain(|entry| self.names(&entry.path) || self.context.matches(&entry.path));
        Ok(entries)
    }

    /// The files of a tree that belong to the workstream.
    pub fn files(&self, repository: &Repository, tree: TreeId) -> Result<Vec<crate::git::object::Entry>, GitError> {
        let places: Vec<&[u8]> = self.scope.places().chain(self.create.places()).collect();
        let mut entries = repository.entries_at(tree, &places)?;
        entries.retain(|entry| self.names(&entry.path));
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::{Allowed, Scope};
    use crate::base::path::{Pattern, PatternSet, RepoPath};
    use crate::git::delta::Change;
    use crate::git::object::{Blob, BlobId, Mode};

    #[test]
    fn created_files_may_be_added_and_never_changed() {
        let scope = Scope {
            scope: PatternSet::new(&[Pattern::Folder(RepoPath("src".into()))]),
            create: PatternSet::new(&[Pattern::File(RepoPath("new.py".into()))]),
            context: PatternSet::default(),
        };
        let blob = |mode| Some(Blob { mode, id: BlobId(gix::ObjectId::null(gix::hash::Kind::Sha1)) });
        let change = |path: &str, old, new| Change { path: path.into(), old, new };
        let file = blob(Mode::File);
        assert_eq!(scope.allows(&change("src/a.py", file, None)), Allowed::Yes);
        assert_eq!(scope.allows(&change("new.py", None, file)), Allowed::Yes);
        assert_eq!(scope.allows(&change("new.py", file, file)), Allowed::OnlyCreate);
        assert_eq!(scope.allows(&change("SRC/a.py", None, file)), Allowed::OutOfScope);
        assert_eq!(scope.allows(&change("src/sub", None, blob(Mode::Gitlink))), Allowed::Gitlink);
    }
}
