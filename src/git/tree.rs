//! Trees: listing, looking up, comparing, and applying deltas path by path.
//!
//! Knows no commits. Nothing is validated but paths that would be written.

use std::collections::BTreeMap;
use std::sync::Arc;

use gix::objs::FindExt;
use gix::objs::tree::EntryKind;

use crate::git::delta::{Change, Delta};
use crate::git::error::GitError;
use crate::git::object::{Blob, BlobId, Entry, Mode, TreeId};
use crate::git::repository::Repository;

/// The longest path that is written, in bytes (Linux cannot open longer ones).
const PATH_BYTES_MAX: usize = 4096;
/// Whole listings of trees that are kept.
const LISTINGS_MAX: usize = 4;
/// The deepest path that is written, in parts.
const PATH_PARTS_MAX: usize = 512;

/// The tree without entries.
pub fn empty_tree() -> TreeId {
    TreeId(gix::ObjectId::empty_tree(gix::hash::Kind::Sha1))
}

/// Refuses paths that git would not check out: empty parts, `.`, `..`, `.git` in any case, or beyond the limits.
pub fn check_path(path: &[u8]) -> Result<(), GitError> {
    let bad = |part: &[u8]| {
        part.is_empty() || part == b"." || part == b".." || part.eq_ignore_ascii_case(b".git") || part.contains(&0)
    };
    let parts = path.split(|byte| *byte == b'/');
    if path.len() > PATH_BYTES_MAX || parts.clone().count() > PATH_PARTS_MAX || parts.clone().any(bad) {
        return Err(GitError::invalid_path(path));
    }
    Ok(())
}

impl Mode {
    fn of(kind: EntryKind) -> Option<Self> {
        match kind {
            EntryKind::Tree => None,
            EntryKind::Blob => Some(Self::File),
            EntryKind::BlobExecutable => Some(Self::Executable),
            EntryKind::Link => Some(Self::Link),
            EntryKind::Commit => Some(Self::Gitlink),
        }
    }

    fn kind(self) -> EntryKind {
        match self {
            Self::File => EntryKind::Blob,
            Self::Executable => EntryKind::BlobExecutable,
            Self::Link => EntryKind::Link,
            Self::Gitlink => EntryKind::Commit,
        }
    }
}

/// Adds all files below a tree to a list, in no order.
fn list(
    handle: &gix::Repository,
    prefix: Vec<u8>,
    tree: gix::ObjectId,
    entries: &mut Vec<Entry>,
) -> Result<(), GitError> {
    let mut open = vec![(prefix, tree)];
    let mut buffer = Vec::new();
    while let Some((prefix, id)) = open.pop() {
        let level = handle.objects.find_tree(&id, &mut buffer);
        for entry in level.map_err(GitError::object(format!("read tree {id}")))?.entries {
            let path = [prefix.as_slice(), entry.filename].concat();
            match Mode::of(entry.mode.kind()) {
                Some(mode) => {
                    let blob = Blob { mode, id: BlobId(entry.oid.to_owned()) };
                    entries.push(Entry { path, blob });
                }
                None => open.push(([path.as_slice(), b"/"].concat(), entry.oid.to_owned())),
            }
        }
    }
    Ok(())
}

/// The entries of one tree object by name.
type Level = BTreeMap<Vec<u8>, (EntryKind, gix::ObjectId)>;

fn read_level(handle: &gix::Repository, tree: gix::ObjectId) -> Result<Level, GitError> {
    let mut buffer = Vec::new();
    let entries = handle.objects.find_tree(&tree, &mut buffer);
    let entries = entries.map_err(GitError::object(format!("read tree {tree}")))?.entries;
    Ok(entries.iter().map(|entry| (entry.filename.to_vec(), (entry.mode.kind(), entry.oid.to_owned()))).collect())
}

fn write_level(handle: &gix::Repository, level: Level) -> Result<gix::ObjectId, GitError> {
    let entry = |(name, (kind, oid)): (Vec<u8>, (EntryKind, gix::ObjectId))| gix::objs::tree::Entry {
        mode: kind.into(),
        filename: name.into(),
        oid,
    };
    let mut entries: Vec<_> = level.into_iter().map(entry).collect();
    entries.sort();
    let id = handle.write_object(&gix::objs::Tree { entries }).map_err(GitError::object("write a tree"))?;
    Ok(id.detach())
}

impl Repository {
    /// All paths of a tree, sorted by their bytes; folders are not listed. The listings of the last few trees are kept.
    pub fn entries(&self, tree: TreeId) -> Result<Arc<Vec<Entry>>, GitError> {
        if let Some((_, known)) = self.listings().iter().find(|(known, _)| *known == tree) {
            return Ok(known.clone());
        }
        let listed = Arc::new(self.with(|handle| {
            let mut entries = Vec::new();
            list(handle, Vec::new(), tree.0, &mut entries)?;
            entries.sort();
            Ok(entries)
        })?);
        let mut listings = self.listings();
        if listings.len() >= LISTINGS_MAX {
            listings.pop_front();
        }
        listings.push_back((tree, listed.clone()));
        Ok(listed)
    }

    /// The paths of a tree that are one of these places or lie below one, sorted; an empty place stands for all.
    pub fn entries_at(&self, tree: TreeId, places: &[&[u8]]) -> Result<Vec<Entry>, GitError> {
        let mut places = places.to_vec();
        places.sort();
        let mut entries = Vec::new();
        let mut last: Option<&[u8]> = None;
        for place in places {
            if place.is_empty() {
                return Ok(self.entries(tree)?.to_vec());
            }
            let covers = |last: &[u8]| place.strip_prefix(last).is_some_and(|rest| rest.is_empty() || rest[0] == b'/');
            if last.is_some_and(covers) {
                continue;
            }
            last = Some(place);
            match self.look_up(tree, place)? {
                Some((EntryKind::Tree, id)) => {
                    self.with(|handle| list(handle, [place, b"/"].concat(), id, &mut entries))?;
                }
                Some((kind, id)) => {
                    let blob = Mode::of(kind).map(|mode| Blob { mode, id: BlobId(id) });
                    entries.extend(blob.map(|blob| Entry { path: place.to_vec(), blob }));
                }
                None => {}
            }
        }
        entries.sort();
        entries.dedup();
        Ok(entries)
    }

    /// What stands at a path; `None` for nothing and for folders.
    pub fn entry(&self, tree: TreeId, path: &[u8]) -> Result<Option<Blob>, GitError> {
        let found = self.look_up(tree, path)?;
        Ok(found.and_then(|(kind, id)| Mode::of(kind).map(|mode| Blob { mode, id: BlobId(id) })))
    }

    /// Whether a path is a folder of the tree.
    pub fn is_folder(&self, tree: TreeId, path: &[u8]) -> Result<bool, GitError> {
        Ok(self.look_up(tree, path)?.is_some_and(|(kind, _)| kind == EntryKind::Tree))
    }

    fn look_up(&self, tree: TreeId, path: &[u8]) -> Result<Option<(EntryKind, gix::ObjectId)>, GitError> {
        self.with(|handle| {
            let mut found = (EntryKind::Tree, tree.0);
            let mut buffer = Vec::new();
            for part in path.split(|byte| *byte == b'/') {
                if found.0 != EntryKind::Tree {
                    return Ok(None);
                }
                let level = handle.objects.find_tree(&found.1, &mut buffer);
                let level = level.map_err(GitError::object(format!("read tree {}", found.1)))?;
                match level.entries.iter().find(|entry| entry.filename == part) {
                    Some(entry) => found = (entry.mode.kind(), entry.oid.to_owned()),
                    None => return Ok(None),
                }
            }
            Ok(Some(found))
        })
    }

    /// The paths that differ between two trees: modes and ids, no renames, no folders.
    pub fn diff(&self, old: TreeId, new: TreeId) -> Result<Delta, GitError> {
        self.with(|handle| diff_with(handle, old, new))
    }

    /// Whether a tree and all of it that differs from `other` can be read from the repository.
    pub fn is_whole(&self, tree: TreeId, other: TreeId) -> Result<bool, GitError> {
        self.with(|handle| {
            if tree != empty_tree() && !handle.has_object(tree.0) {
                return Ok(false);
            }
            let Ok(delta) = diff_with(handle, other, tree) else { return Ok(false) };
            let mut new = delta.changes.iter().filter_map(|change| change.new);
            Ok(new.all(|blob| blob.mode == Mode::Gitlink || handle.has_object(blob.id.0)))
        })
    }

    /// The tree with a delta's new state set, path by path; what the delta calls old is not looked at.
    ///
    /// Folders come and go as needed; a file replaces a folder and a folder a file.
    pub fn apply(&self, tree: TreeId, delta: &Delta) -> Result<TreeId, GitError> {
        if delta.is_empty() {
            return Ok(tree);
        }
        let mut changes = Vec::with_capacity(delta.changes.len());
        for change in &delta.changes {
            check_path(&change.path)?;
            changes.push((change.path.as_slice(), change.new));
        }
        changes.sort_by_key(|(path, _)| *path);
        self.with(|handle| match rewrite(handle, Some(tree.0), &changes)? {
            Some(id) => Ok(TreeId(id)),
            None => write_level(handle, Level::new()).map(TreeId),
        })
    }
}

/// What is to stand at paths below one tree.
type Settings<'a> = Vec<(&'a [u8], Option<Blob>)>;

/// The changed tree's id, `None` when it became empty; as deep as the deepest path (`PATH_PARTS_MAX`).
fn rewrite(
    handle: &gix::Repository,
    tree: Option<gix::ObjectId>,
    changes: &[(&[u8], Option<Blob>)],
) -> Result<Option<gix::ObjectId>, GitError> {
    let mut level = tree.map_or_else(|| Ok(Level::new()), |tree| read_level(handle, tree))?;
    let mut names: BTreeMap<&[u8], (Option<Option<Blob>>, Settings<'_>)> = BTreeMap::new();
    for (path, new) in changes {
        match path.iter().position(|byte| *byte == b'/') {
            Some(slash) => names.entry(&path[..slash]).or_default().1.push((&path[slash + 1..], *new)),
            None => names.entry(path).or_default().0 = Some(*new),
        }
    }
    for (name, (here, below)) in names {
        let standing = level.remove(name);
        if let Some(entry) = set_name(handle, standing, here, &below)? {
            level.insert(name.to_vec(), entry);
        }
    }
    if level.is_empty() { Ok(None) } else { write_level(handle, level).map(Some) }
}

/// What stands under one name afterwards.
fn set_name(
    handle: &gix::Repository,
    standing: Option<(EntryKind, gix::ObjectId)>,
    here: Option<Option<Blob>>,
    below: &[(&[u8], Option<Blob>)],
) -> Result<Option<(EntryKind, gix::ObjectId)>, GitError> {
    if let Some(Some(blob)) = here {
        return Ok(Some((blob.mode.kind(), blob.id.0)));
    }
    let folder = standing.filter(|(kind, _)| *kind == EntryKind::Tree).map(|(_, id)| id);
    let adds = below.iter().any(|(_, new)| new.is_some());
    if folder.is_none() && !adds {
        return Ok(if here.is_some() { None } else { standing });
    }
    if below.is_empty() {
        return Ok(standing);
    }
    Ok(rewrite(handle, folder, below)?.map(|id| (EntryKind::Tree, id)))
}

fn diff_with(handle: &gix::Repository, old: TreeId, new: TreeId) -> Result<Delta, GitError> {
    use gix::diff::tree::recorder::Change as Record;

    if old == new {
        return Ok(Delta::default());
    }
    let (mut left, mut right) = (Vec::new(), Vec::new());
    let doing = || format!("compare trees {old} and {new}");
    let left = handle.objects.find_tree_iter(&old.0, &mut left).map_err(GitError::object(doing()))?;
    let right = handle.objects.find_tree_iter(&new.0, &mut right).map_err(GitError::object(doing()))?;
    let mut recorder = gix::diff::tree::Recorder::default();
    let mut state = gix::diff::tree::State::default();
    gix::diff::tree(left, right, &mut state, &handle.objects, &mut recorder).map_err(GitError::object(doing()))?;

    let blob = |mode: gix::objs::tree::EntryMode, id| Mode::of(mode.kind()).map(|mode| Blob { mode, id: BlobId(id) });
    let mut sides: BTreeMap<Vec<u8>, (Option<Blob>, Option<Blob>)> = BTreeMap::new();
    for record in recorder.records {
        let (path, old, new) = match record {
            Record::Addition { entry_mode, oid, path, .. } => (path, None, blob(entry_mode, oid)),
            Record::Deletion { entry_mode, oid, path, .. } => (path, blob(entry_mode, oid), None),
            Record::Modification { previous_entry_mode, previous_oid, entry_mode, oid, path } => {
                (path, blob(previous_entry_mode, previous_oid), blob(entry_mode, oid))
            }
        };
        let side = sides.entry(path.into()).or_default();
        side.0 = side.0.or(old);
        side.1 = side.1.or(new);
    }
    let changes = sides.into_iter().filter(|(_, (old, new))| old != new);
    Ok(Delta { changes: changes.map(|(path, (old, new))| Change { path, old, new }).collect() })
}

#[cfg(test)]
mod tests {
    use super::{check_path, empty_tree};
    use crate::git::delta::{Change, Delta};
    use crate::git::object::{Blob, Mode};
    use crate::git::repository::Repository;
    use crate::git::scratch::{Scratch, random_files};

    fn delta(repository: &Repository, changes: &[(&str, Option<&str>)]) -> Delta {
        let blob = |text: &&str| Blob { mode: Mode::File, id: repository.write_blob(text.as_bytes()).unwrap() };
        let change = |(path, text): &(&str, Option<&str>)| Change {
            path: path.as_bytes().to_vec(),
            old: None,
            new: text.as_ref().map(blob),
        };
        Delta { changes: changes.iter().map(change).collect() }
    }

    #[test]
    fn files_and_folders_replace_each_other() {
        let scratch = Scratch::new(&[("a", "1"), ("b/c/d", "2"), ("b/e", "3")]);
        let repository = scratch.repository();
        let tree = scratch.tree();
        let check = |changes: &[(&str, Option<&str>)], expect: &[&str]| {
            let new = repository.apply(tree, &delta(&repository, changes)).unwrap();
            let entries = repository.entries(new).unwrap();
            let paths: Vec<_> = entries.iter().map(|entry| String::from_utf8_lossy(&entry.path)).collect();
            assert_eq!(paths, expect, "{changes:?}");
            scratch.git(&["ls-tree", "-r", &new.hex()]);
        };
        check(&[("a/x", Some("4"))], &["a/x", "b/c/d", "b/e"]);
        check(&[("a", None), ("a/x/y", Some("4"))], &["a/x/y", "b/c/d", "b/e"]);
        check(&[("b", Some("4"))], &["a", "b"]);
        check(&[("b", Some("4")), ("b/c/d", None), ("b/e", None)], &["a", "b"]);
        check(&[("b/c/d", None)], &["a", "b/e"]);
        check(&[("b/c/d", None), ("b/e", None)], &["a"]);
        check(&[("a", None), ("b/c/d", None), ("b/e", None)], &[]);
        check(&[("a/nothing", None), ("b", None), ("z/y", None)], &["a", "b/c/d", "b/e"]);
    }

    #[test]
    fn diff_and_apply_are_inverse() {
        let scratch = Scratch::new(&[("a", "1")]);
        let repository = scratch.repository();
        for seed in 0..40 {
            let old = repository.apply(empty_tree(), &random_files(&repository, seed)).unwrap();
            let new = repository.apply(empty_tree(), &random_files(&repository, seed + 1000)).unwrap();
            let delta = repository.diff(old, new).unwrap();
            assert_eq!(repository.apply(old, &delta).unwrap(), new, "seed {seed}");
            let text = scratch.git(&["diff-tree", "-r", "--no-renames", "--name-only", &old.hex(), &new.hex()]);
            assert_eq!(text.lines().count(), delta.changes.len(), "seed {seed}");
            assert!(repository.is_whole(new, old).unwrap());
        }
    }

    #[test]
    fn a_missing_blob_is_seen() {
        let scratch = Scratch::new(&[("a", "1")]);
        let memory = Repository::open_in_memory(&scratch.dir()).unwrap();
        let blob = Blob { mode: Mode::File, id: memory.write_blob(b"only in memory").unwrap() };
        let change = Change { path: b"b/c".to_vec(), old: None, new: Some(blob) };
        let delta = Delta { changes: vec![change] };
        let repository = scratch.repository();
        let tree = repository.apply(scratch.tree(), &delta).unwrap();
        assert!(!repository.is_whole(tree, scratch.tree()).unwrap());
        assert!(memory.is_whole(tree, scratch.tree()).unwrap());
    }

    #[test]
    fn parts_are_listed_as_the_whole_is() {
        let files = ["a", "a.x", "b/c", "b/d/e", "b/d/f", "b-c/x", "z/y"].map(|path| (path, "1"));
        let scratch = Scratch::new(&files);
        let (repository, tree) = (scratch.repository(), scratch.tree());
        let all = repository.entries(tree).unwrap();
        let cases: [&[&str]; 8] =
            [&[""], &["a"], &["b"], &["b/d", "b"], &["b/d", "a", "b/d/e"], &["absent", "b/absent"], &["b/c/x"], &[]];
        for places in cases {
            let places: Vec<&[u8]> = places.iter().map(|place| place.as_bytes()).collect();
            let covers = |path: &[u8], place: &[u8]| {
                place.is_empty() || path == place || path.strip_prefix(place).is_some_and(|rest| rest[0] == b'/')
            };
            let expect = all.iter().filter(|entry| places.iter().any(|place| covers(&entry.path, place)));
            let expect: Vec<_> = expect.cloned().collect();
            assert_eq!(repository.entries_at(tree, &places).unwrap(), expect, "{places:?}");
        }
    }

    #[test]
    fn looking_up() {
        let scratch = Scratch::new(&[("a", "1"), ("b/c", "2")]);
        let repository = scratch.repository();
        assert!(repository.entry(scratch.tree(), b"b/c").unwrap().is_some());
        for path in ["b", "a/c", "b/d", "", "b/"] {
            assert!(repository.entry(scratch.tree(), path.as_bytes()).unwrap().is_none(), "{path}");
        }
        assert!(repository.is_folder(scratch.tree(), b"b").unwrap());
        assert!(!repository.is_folder(scratch.tree(), b"a").unwrap());
        for path in ["", "/a", "a//b", "../a", "a/.git/config", "a/.GIT", "a/", "./a"] {
            assert!(check_path(path.as_bytes()).is_err(), "{path}");
        }
        assert!(check_path(b"a\\b c\n\xff").is_ok());
    }
}
