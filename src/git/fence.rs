//! Did anything change that no tool had any business with: the main checkout, idle worktrees, refs, config, hooks?
//!
//! Looked at before and after a batch of tools; stat alone for files, content for git's few own ones. Cannot tell who
//! it was, and changes nothing.

mod arming;
mod books;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::git::error::GitError;
use crate::git::folder::is_git_name;
use crate::git::folder::walk::{Found, Walked, look_over};
use crate::git::object::CommitId;
use crate::git::repository::Repository;
use crate::git::stats::Moment;

pub use self::books::Memory;

/// How many files and folders of one place are looked at.
pub const FENCE_FILES_MAX: u64 = 500_000;

/// What was seen.
#[derive(Debug)]
pub struct Fence {
    places: BTreeMap<PathBuf, Place>,
    metadata: BTreeMap<String, String>,
    /// What the refs that we wrote must hold.
    own: BTreeMap<String, Option<String>>,
    common_dir: PathBuf,
    /// Places of which not all was seen: more than [`FENCE_FILES_MAX`] files, or a folder that may not be listed.
    pub incomplete: Vec<PathBuf>,
}

/// One checkout.
#[derive(Debug)]
struct Place {
    walked: Walked,
    skip: Skip,
}

/// What is not looked at, relative to a checkout.
#[derive(Debug)]
struct Skip(Vec<Vec<u8>>);

impl Skip {
    fn below(dir: &Path, skip: &[PathBuf]) -> Self {
        let below = skip.iter().filter_map(|path| path.strip_prefix(dir).ok());
        Self(below.map(|path| path.as_os_str().as_bytes().to_vec()).collect())
    }

    fn covers(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        is_git_name(name) || self.0.iter().any(|skipped| skipped == path)
    }
}

impl Place {
    /// Sorted by path.
    fn seen(&self) -> Vec<(&[u8], Seen)> {
        let found = self.walked.found().into_iter().filter(|file| !self.skip.covers(file.path));
        found.map(|file| (file.path, seen(&file))).collect()
    }
}

/// What tells that a file changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    size: u64,
    mtime: Moment,
    ctime: Moment,
    inode: u64,
    mode: u32,
}

/// How something differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Difference {
    /// It was not there before.
    Added,
    /// It is there no more.
    Removed,
    /// It is not what it was.
    Changed,
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FenceBreach {
    /// The checkout, or the repository's common folder.
    pub place: PathBuf,
    /// A path in it, `ref refs/heads/x`, `config`, `hooks/…`, `worktree x`; bytes that are no text are replaced.
    pub what: String,
    /// How it differs.
    pub how: Difference,
    /// Whoever uses git here next runs what was put there, or is led elsewhere.
    pub armed: bool,
}

impl Fence {
    /// Looks at checkouts (their `.git` left out) and the repository; nothing in `skip` is looked at.
    pub fn look(
        repository: &Repository,
        memory: &Memory,
        dirs: &[PathBuf],
        skip: &[PathBuf],
    ) -> Result<Self, GitError> {
        let mut places = BTreeMap::new();
        let mut incomplete = Vec::new();
        for dir in dirs {
            if !dir.is_dir() || skip.contains(dir) {
                continue;
            }
            let skip = Skip::below(dir, skip);
            let walked = look_over(dir, &|path| !skip.covers(path), FENCE_FILES_MAX)?;
            if !walked.complete {
                incomplete.push(dir.clone());
            }
            places.insert(dir.clone(), Place { walked, skip });
        }
        let metadata = books::look(repository, memory, true)?;
        let common_dir = repository.common_dir().to_owned();
        Ok(Self { places, metadata, own: own(repository), common_dir, incomplete })
    }

    /// Looks at the repository alone, without any checkout or index: refs, settings, hooks, attributes, where others'
    /// worktrees are. Cheap enough for every program.
    pub fn look_at_books(repository: &Repository, memory: &Memory) -> Result<Self, GitError> {
        let metadata = books::look(repository, memory, false)?;
        let common_dir = repository.common_dir().to_owned();
        let (places, incomplete) = (BTreeMap::new(), Vec::new());
        Ok(Self { places, metadata, own: own(repository), common_dir, incomplete })
    }

    /// What is different later; places that only one of the two looked at are left out.
    pub fn differences(&self, later: &Self) -> Vec<FenceBreach> {
        let mut breaches = Vec::new();
        for (place, before) in &self.places {
            let Some(after) = later.places.get(place) else { continue };
            if self.incomplete.contains(place) || later.incomplete.contains(place) {
                continue;
            }
            let (before, after) = (before.seen(), after.seen());
            let differing = differing(before.iter().map(in_two), after.iter().map(in_two));
            breaches.extend(differing.into_iter().map(|(path, how)| FenceBreach {
                place: place.clone(),
                what: String::from_utf8_lossy(path).into_owned(),
                how,
                armed: false,
            }));
        }
        let mut differing = differing(self.metadata.iter(), later.metadata.iter());
        differing
            .retain(|(what, _)| later.own.get(*what).is_none_or(|wrote| wrote.as_ref() != later.metadata.get(*what)));
        breaches.extend(differing.into_iter().map(|(what, how)| FenceBreach {
            place: self.common_dir.clone(),
            what: what.clone(),
            how,
            armed: how != Difference::Removed && arming::arms(what),
        }));
        breaches.sort();
        breaches
    }
}

/// What the refs that we wrote must hold.
fn own(repository: &Repository) -> BTreeMap<String, Option<String>> {
    let wrote = |(name, new): (&String, &Option<CommitId>)| (format!("ref {name}"), new.map(|commit| commit.hex()));
    repository.written().iter().map(wrote).collect()
}

fn in_two<K, V>((key, value): &(K, V)) -> (&K, &V) {
    (key, value)
}

/// What differs between two lists that are sorted by their keys.
fn differing<'a, K: Ord, V: PartialEq + 'a>(
    before: impl Iterator<Item = (&'a K, &'a V)>,
    after: impl Iterator<Item = (&'a K, &'a V)>,
) -> Vec<(&'a K, Difference)> {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    let mut differing = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return differing,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((left, _)), Some((right, _))) => left.cmp(right),
        };
        let left = if order.is_le() { before.next() } else { None };
        let right = if order.is_ge() { after.next() } else { None };
        match (left, right) {
            (Some((key, _)), None) => differing.push((key, Difference::Removed)),
            (None, Some((key, _))) => differing.push((key, Difference::Added)),
            (Some((key, old)), Some((_, new))) if old != new => differing.push((key, Difference::Changed)),
            _ => {}
        }
    }
}

/// A folder is what it is called and allows: its times move with every file in it.
fn seen(file: &Found<'_>) -> Seen {
    let stat = file.stat;
    if file.is_folder() {
        return Seen { size: 0, mtime: (0, 0), ctime: (0, 0), inode: 0, mode: stat.mode };
    }
    Seen { size: stat.size, mtime: stat.mtime, ctime: stat.ctime, inode: stat.inode, mode: stat.mode }
}

#[cfg(test)]
mod tests {
    use super::{Fence, Memory};
    use crate::git::scratch::{Scratch, write};
    use crate::git::worktree::create;

    #[test]
    fn breaches_are_named() {
        let scratch = Scratch::new(&[("a", "1"), ("b/c", "2"), ("d", "3")]);
        let repository = scratch.repository();
        let head = repository.resolve("HEAD").unwrap();
        let dir = scratch.dir();
        let dirs = [dir.clone(), scratch.beside("absent")];
        let skip = [dir.join(".pl"), dir.join("b/used")];
        let memory = Memory::default();
        let look = || Fence::look(&repository, &memory, &dirs, &skip).unwrap();
        let before = look();
        assert_eq!(before.differences(&look()), []);
        // What pl does by itself is no breach.
        write(&dir.join(".pl/state"), "x");
        write(&dir.join("b/used/x"), "x");
        create(&repository, &scratch.beside("w"), "w", head, "x").unwrap();
        repository.set_reference("refs/pl/x", head, crate::git::reference::Expected::Absent).unwrap();
        assert_eq!(before.differences(&look()), []);

        write(&dir.join("a"), "2");
        write(&dir.join("b/new"), "2");
        std::fs::remove_file(dir.join("d")).unwrap();
        write(&dir.join(".git/hooks/pre-commit"), "x");
        scratch.git(&["config", "core.hooksPath", "x"]);
        scratch.git(&["branch", "stray"]);
        scratch.git(&["worktree", "add", "-q", "--detach", scratch.beside("other").to_str().unwrap()]);
        let breaches = before.differences(&look());
        let text: Vec<_> = breaches.iter().map(|breach| format!("{:?} {}", breach.how, breach.what)).collect();
        let expected = [
            "Changed a",
            "Added b/new",
            "Removed d",
            "Added config core.hookspath",
            "Added hooks/pre-commit",
            "Added ref refs/heads/stray",
            "Added worktree other",
        ];
        assert_eq!(text, expected);
        assert!(before.incomplete.is_empty());
        let armed: Vec<_> = breaches.iter().filter(|breach| breach.armed).map(|breach| breach.what.as_str()).collect();
        assert_eq!(armed, ["config core.hookspath", "hooks/pre-commit"]);

        // A ref that we wrote and someone else moved.
        let before = look();
        let books = Fence::look_at_books(&repository, &memory).unwrap();
        scratch.git(&["commit", "-q", "--allow-empty", "-m", "second"]);
        scratch.git(&["update-ref", "refs/pl/x", "HEAD"]);
        let breaches = before.differences(&look());
        assert!(breaches.iter().any(|breach| breach.what == "ref refs/pl/x"), "{breaches:?}");
        let breaches = books.differences(&Fence::look_at_books(&repository, &memory).unwrap());
        let text: Vec<_> = breaches.iter().map(|breach| format!("{:?} {}", breach.how, breach.what)).collect();
        assert_eq!(text, ["Changed ref refs/heads/main", "Changed ref refs/pl/x"]);
    }
}
