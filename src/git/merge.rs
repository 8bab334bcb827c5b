//! Three-way merges as a pure function of three trees.
//!
//! No renames, no attributes, no drivers, no configuration: a path is merged with the same path or not at all, and a
//! blob with a NUL in its first bytes is never merged. Does not know what a conflict means to a workstream.

use std::collections::{BTreeMap, BTreeSet};

use gix::merge::plumbing::blob::Resolution;
use gix::merge::plumbing::blob::builtin_driver::text;

use crate::git::delta::{Change, Delta};
use crate::git::error::GitError;
use crate::git::object::{Blob, BlobId, Mode, TreeId};
use crate::git::repository::Repository;

/// Where git looks for a NUL to call content binary, in bytes.
pub(super) const BINARY_LOOK_BYTES: usize = 8000;

/// What a merge came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Merge {
    /// The merged tree.
    Clean(TreeId),
    /// The paths that cannot be merged, sorted; there is no tree.
    Conflicted(Vec<Vec<u8>>),
}

impl Repository {
    /// Merges what `theirs` changed since `base` into `ours`.
    pub fn merge(&self, base: TreeId, ours: TreeId, theirs: TreeId) -> Result<Merge, GitError> {
        if base == theirs || ours == theirs {
            return Ok(Merge::Clean(ours));
        }
        if base == ours {
            return Ok(Merge::Clean(theirs));
        }
        let ours_changed = self.diff(base, ours)?;
        let theirs_changed = self.diff(base, theirs)?;
        let by_path: BTreeMap<&[u8], &Change> =
            ours_changed.changes.iter().map(|change| (change.path.as_slice(), change)).collect();
        let mut conflicts = clashes(&ours_changed, &theirs_changed);
        conflicts.extend(clashes(&theirs_changed, &ours_changed));
        let mut taken = Vec::new();
        for change in theirs_changed.changes {
            let new = match by_path.get(change.path.as_slice()) {
                None => Some(change.new),
                Some(other) => self.merge_path(change.old, other.new, change.new)?,
            };
            match new {
                Some(new) => taken.push(Change { new, ..change }),
                None => drop(conflicts.insert(change.path)),
            }
        }
        if !conflicts.is_empty() {
            return Ok(Merge::Conflicted(conflicts.into_iter().collect()));
        }
        self.apply(ours, &Delta { changes: taken }).map(Merge::Clean)
    }

    /// What stands at a path that both sides changed; the outer `None` is a conflict.
    fn merge_path(
        &self,
        base: Option<Blob>,
        ours: Option<Blob>,
        theirs: Option<Blob>,
    ) -> Result<Option<Option<Blob>>, GitError> {
        if ours == theirs {
            return Ok(Some(ours));
        }
        let (Some(base), Some(ours), Some(theirs)) = (base, ours, theirs) else { return Ok(None) };
        let is_file = |blob: Blob| matches!(blob.mode, Mode::File | Mode::Executable);
        if !(is_file(base) && is_file(ours) && is_file(theirs)) {
            return Ok(None);
        }
        let Some(mode) = pick(base.mode, ours.mode, theirs.mode) else { return Ok(None) };
        let id = match pick(base.id, ours.id, theirs.id) {
            Some(id) => Some(id),
            None => self.merge_text(base.id, ours.id, theirs.id)?,
        };
        Ok(id.map(|id| Some(Blob { mode, id })))
    }

    fn merge_text(&self, base: BlobId, ours: BlobId, theirs: BlobId) -> Result<Option<BlobId>, GitError> {
        let (base, ours, theirs) = (self.blob(base)?, self.blob(ours)?, self.blob(theirs)?);
        if is_binary(&base) || is_binary(&ours) || is_binary(&theirs) {
            return Ok(None);
        }
        let options = text::Options { diff_algorithm: gix::diff::blob::Algorithm::Histogram, ..Default::default() };
        let mut merged = Vec::new();
        let mut lines = gix::diff::blob::InternedInput::default();
        let labels = text::Labels::default();
        match text(&mut merged, &mut lines, labels, &ours, &base, &theirs, options) {
            Resolution::Conflict => Ok(None),
            _ => self.write_blob(&merged).map(Some),
        }
    }
}

/// The side that moved; `None` when both did, differently.
fn pick<T: PartialEq>(base: T, ours: T, theirs: T) -> Option<T> {
    if ours == theirs || theirs == base {
        Some(ours)
    } else if ours == base {
        Some(theirs)
    } else {
        None
    }
}

/// Paths that one side leaves standing where the other side needs a folder.
fn clashes(files: &Delta, below: &Delta) -> BTreeSet<Vec<u8>> {
    let standing: BTreeSet<&[u8]> = present(files).collect();
    let mut found = BTreeSet::new();
    for path in present(below) {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut folders = slashes.map(|(end, _)| &path[..end]);
        found.extend(folders.find(|folder| standing.contains(folder)).map(<[u8]>::to_vec));
    }
    found
}

fn present(delta: &Delta) -> impl Iterator<Item = &[u8]> {
    delta.changes.iter().filter(|change| change.new.is_some()).map(|change| change.path.as_slice())
}

/// Whether git would call the content binary.
pub(super) fn is_binary(bytes: &[u8]) -> bool {
    bytes[..bytes.len().min(BINARY_LOOK_BYTES)].contains(&0)
}

#[cfg(test)]
mod tests {
    use super::Merge;
    use crate::git::delta::Delta;
    use crate::git::object::TreeId;
    use crate::git::repository::CommitParts;
    use crate::git::scratch::{Random, Scratch, git_command, random_files};
    use crate::git::tree::empty_tree;

    /// What `git merge-tree` makes of three trees, without renames; `None` is a conflict.
    fn by_git(scratch: &Scratch, base: TreeId, ours: TreeId, theirs: TreeId) -> Option<TreeId> {
        let repository = scratch.repository();
        let commit =
            |tree, parents| repository.commit(&CommitParts { tree, parents, message: "x".into(), time: 0 }).unwrap();
        let base = commit(base, vec![]);
        let (ours, theirs) = (commit(ours, vec![base]).hex(), commit(theirs, vec![base]).hex());
        let arguments = ["merge-tree", "--write-tree", "-X", "no-renames", &ours, &theirs];
        let output = git_command(&scratch.dir(), &arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(|| TreeId::from_hex(text.lines().next().unwrap()).unwrap())
    }

    #[test]
    fn merges_agree_with_git() {
        let scratch = Scratch::new(&[("a", "1")]);
        let repository = scratch.repository();
        let (mut clean, mut conflicted) = (0, 0);
        for seed in 0..150 {
            let mut random = Random(seed);
            let base_files = random_files(&repository, seed);
            let base = repository.apply(empty_tree(), &base_files).unwrap();
            let mut side = |other: u64| {
                let others = random_files(&repository, other);
                let mut changes = others.changes;
                changes.truncate(random.below(3) as usize);
                for change in base_files.changes.iter().filter(|_| random.below(3) == 0) {
                    changes.push(crate::git::delta::Change { new: None, ..change.clone() });
                }
                changes.dedup_by_key(|change| change.path.clone());
                repository.apply(base, &Delta { changes }).unwrap()
            };
            let (ours, theirs) = (side(seed + 5000), side(seed + 9000));
            match (repository.merge(base, ours, theirs).unwrap(), by_git(&scratch, base, ours, theirs)) {
                (Merge::Clean(mine), Some(git)) => {
                    assert_eq!(mine, git, "seed {seed}");
                    clean += 1;
                }
                (Merge::Conflicted(_), None) => conflicted += 1,
                (mine, git) => panic!("seed {seed}: {mine:?} but git says {git:?}"),
            }
        }
        assert!(clean > 20 && conflicted > 5, "{clean} clean, {conflicted} conflicted");
    }

    #[test]
    fn attributes_and_drivers_are_off() {
        let lines =
            |changed: usize| (0..20).map(move |line| format!("{line}{}\n", if line == changed { "x" } else { "" }));
        let text = |changed: usize| lines(changed).collect::<String>();
        let scratch =
            Scratch::new(&[(".gitattributes", "* merge=bad\n*.b -merge\n"), ("f", &text(99)), ("g.b", &text(99))]);
        scratch.git(&["config", "merge.bad.driver", "false"]);
        let repository = scratch.repository();
        let side = |at| {
            let tree = scratch.tree();
            let mut changes = Vec::new();
            let entries = repository.entries(tree).unwrap();
            for entry in entries.iter().filter(|entry| entry.path != b".gitattributes") {
                let id = repository.write_blob(text(at).as_bytes()).unwrap();
                let new = Some(crate::git::object::Blob { id, ..entry.blob });
                changes.push(crate::git::delta::Change { path: entry.path.clone(), old: None, new });
            }
            repository.apply(tree, &Delta { changes }).unwrap()
        };
        assert!(matches!(repository.merge(scratch.tree(), side(2), side(15)).unwrap(), Merge::Clean(_)));
        let conflict = repository.merge(scratch.tree(), side(2), side(2)).unwrap();
        assert!(matches!(conflict, Merge::Clean(_)));
    }
}
