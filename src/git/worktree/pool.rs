//! Finished worktrees that wait, clean, to become others: for a few files that differ not all of them are written.
//!
//! What waits is in no book of git's and under a path of its own; whoever takes it gives it the path of what it becomes, so
//! that nothing outside which remembers a path leads from one to the next. A file is believed only if its ctime, inode,
//! mode and links say that nobody touched it since we wrote it; all else is removed. In doubt a worktree is thrown away.
//! Must be used by one process at a time; that is the caller's lock. Does not know what worktrees are for.

mod change;
mod check;
mod table;

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::git::error::GitError;
use crate::git::folder::{self, below};
use crate::git::object::{CommitId, TreeId};
use crate::git::repository::Repository;
use crate::git::stats::{FileStat, InStep, Row, Stats, clock};
use crate::git::worktree::admin::{self, State};
use crate::git::worktree::files::{Written, folders_of};
use crate::git::worktree::pool::change::Change;
use crate::git::worktree::pool::check::check;
use crate::git::worktree::pool::table::Left;
use crate::git::worktree::reset::{Belief, Exact, make_exact};
use crate::git::worktree::{Created, Worktree, index, remove};

/// The most worktrees that wait, whatever a caller asks for.
pub const IDLE_MAX: usize = 8;
/// Below a slot: the files.
const TREE_NAME: &str = "tree";
/// Below a slot: how they were left.
const TABLE_NAME: &str = "table";
/// Names of extended attributes of one file, in bytes; longer lists are odd.
const ATTRIBUTES_BYTES_MAX: usize = 1024;
/// An attribute that the system sets by itself.
const LABEL: &[u8] = b"security.selinux";

/// The worktrees that wait below one folder.
#[derive(Debug)]
pub struct Pool {
    dir: PathBuf,
    idle_max: usize,
    /// `None` until somebody asks.
    slots: Mutex<Option<Slots>>,
}

#[derive(Debug, Default)]
struct Slots {
    idle: Vec<Slot>,
    /// Being filled.
    coming: usize,
}

/// A folder of the pool.
#[derive(Debug)]
struct Slot {
    place: PathBuf,
    /// What it holds; not to be relied on, it only says how far away it is.
    tree: TreeId,
    /// As it was left by this process; else it is read when it is needed.
    left: Option<Left>,
}

/// Why a slot is of no use.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Git(#[from] GitError),
    /// Something about a folder that a file made in it would inherit, or that was done while it waited.
    #[error("{} is not as it was made", .0.display())]
    Odd(PathBuf),
}

impl Pool {
    /// The pool below a folder, which need not be there; at most so many wait.
    pub fn new(dir: &Path, idle_max: usize) -> Self {
        Self { dir: dir.to_owned(), idle_max: idle_max.min(IDLE_MAX), slots: Mutex::default() }
    }

    /// Makes a worktree of a commit out of the nearest that waits; `None` where none is fit for it.
    pub fn take(
        &self,
        repository: &Repository,
        dir: &Path,
        name: &str,
        commit: CommitId,
        lock: &str,
    ) -> Result<Option<Created>, GitError> {
        let wanted = repository.tree_of(commit)?;
        while let Some(slot) = self.nearest(repository, wanted) {
            let worktree = move_out(repository, &slot, (dir, name), (commit, wanted), lock);
            // Its table tells of files that are elsewhere by now, or nowhere.
            let gone = folder::remove(&slot.place);
            match worktree {
                Ok(created) => return Ok(Some(created)),
                Err(Unfit::Git(error @ GitError::WorktreeExists { .. })) => return Err(error),
                Err(_) => {
                    gone?;
                    remove(repository, &Worktree { dir: dir.to_owned(), name: name.to_owned() })?;
                }
            }
        }
        Ok(None)
    }

    /// Takes a worktree back, made exactly `tree` and out of git's books; it is removed where there is no room for it, or
    /// where something about it is odd.
    pub fn give(
        &self,
        repository: &Repository,
        worktree: &Worktree,
        tree: TreeId,
        stats: &Stats,
    ) -> Result<(), GitError> {
        let Some(place) = self.reserve() else { return remove(repository, worktree) };
        let slot = move_in(repository, worktree, &place, tree, stats);
        self.slots().as_mut().into_iter().for_each(|slots| slots.coming -= 1);
        match slot {
            Ok(slot) => {
                self.slots().get_or_insert_default().idle.push(slot);
                let _held = repository.lock_metadata()?;
                admin::remove(repository, &worktree.name)
            }
            Err(_) => {
                folder::remove(&place)?;
                remove(repository, worktree)
            }
        }
    }

    /// Writes down how those that wait were left, for the next process, and removes what a killed one left half-done.
    pub fn persist(&self) -> Result<(), GitError> {
        let mut slots = self.slots();
        for slot in &mut slots.get_or_insert_with(|| self.read()).idle {
            if let Some(left) = slot.left.take() {
                let path = slot.place.join(TABLE_NAME);
                std::fs::write(&path, table::encode(&left)).map_err(GitError::file("write", &path))?;
            }
        }
        Ok(())
    }

    fn slots(&self) -> MutexGuard<'_, Option<Slots>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The waiting one with the fewest paths that differ, taken out.
    fn nearest(&self, repository: &Repository, wanted: TreeId) -> Option<Slot> {
        let mut guard = self.slots();
        let slots = guard.get_or_insert_with(|| self.read());
        let distance = |slot: &Slot| repository.diff(slot.tree, wanted).map_or(usize::MAX, |delta| delta.changes.len());
        let (place, _) = slots.idle.iter().enumerate().min_by_key(|(_, slot)| distance(slot))?;
        Some(slots.idle.swap_remove(place))
    }

    /// A new folder for a slot; `None` where as many wait as may, or none can be made.
    fn reserve(&self) -> Option<PathBuf> {
        let mut guard = self.slots();
        let slots = guard.get_or_insert_with(|| self.read());
        if slots.idle.len() + slots.coming >= self.idle_max {
            return None;
        }
        std::fs::create_dir_all(&self.dir).ok()?;
        let mut numbers = 1..=2 * IDLE_MAX;
        let place = numbers.find_map(|number| {
            let place = self.dir.join(number.to_string());
            std::fs::create_dir(&place).is_ok().then_some(place)
        })?;
        slots.coming += 1;
        Some(place)
    }

    /// What earlier processes left; what is not whole, or more than may wait, is removed.
    fn read(&self) -> Slots {
        let mut slots = Slots::default();
        let listing = std::fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for place in listing.map(|entry| entry.path()) {
            let tree = head(&place.join(TABLE_NAME)).and_then(|bytes| table::tree(&bytes));
            let tree = tree.filter(|_| place.join(TREE_NAME).is_dir());
            match tree.filter(|_| slots.idle.len() < self.idle_max) {
                Some(tree) => slots.idle.push(Slot { place, tree, left: None }),
                // What cannot be removed is looked at again by the next process.
                None => drop(folder::remove(&place)),
            }
        }
        slots
    }
}

/// The first bytes of a table.
fn head(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).ok()?;
    file.take(table::HEAD_BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// Removes all that waits below a folder; how many there were.
pub fn empty(dir: &Path) -> Result<usize, GitError> {
    let count = std::fs::read_dir(dir).map_or(0, |listing| listing.filter_map(Result::ok).count());
    folder::remove(dir)?;
    Ok(count)
}

/// Makes what waits in a slot the worktree of a commit: by what differs where it holds nothing but what it should.
fn move_out(
    repository: &Repository,
    slot: &Slot,
    (dir, name): (&Path, &str),
    (commit, wanted): (CommitId, TreeId),
    lock: &str,
) -> Result<Created, Unfit> {
    let files = slot.place.join(TREE_NAME);
    let odd = || Unfit::Odd(files.clone());
    let stored;
    let left = match &slot.left {
        Some(left) => left,
        None => {
            let bytes = folder::read_plain(&slot.place.join(TABLE_NAME)).ok_or_else(odd)?;
            stored = table::decode(&bytes).ok_or_else(odd)?;
            &stored
        }
    };
    if look(&files)? != left.root {
        return Err(odd());
    }
    let checked = check(&files, &left.stats);
    let (worktree, moved_aside) = {
        let _held = repository.lock_metadata()?;
        admin::prepare(repository, dir, name, commit, lock, Some(&files))?
    };
    let plain = look(&slot.place)?;
    let stats = match checked {
        Some(checked) => {
            make_plain(&worktree.dir, &plain, checked.moved.iter().map(|(path, stat)| (*path, stat)))?;
            let change = Change::between(&checked, &repository.diff(left.tree, wanted)?);
            index::settle_and_write(repository, &worktree, &change.make(repository, &worktree.dir, left)?)?
        }
        None => {
            let entries = repository.entries(wanted)?;
            let made = make_exact(repository, &worktree.dir, &entries, &left.stats, (Belief::OwnFiles, &|_| false))?;
            make_plain(&worktree.dir, &plain, made.folders.iter().map(in_two))?;
            index::settle_and_write(repository, &worktree, &made.written)?
        }
    };
    admin::set_state(repository, &worktree.name, State::Made)?;
    Ok(Created { worktree, stats, moved_aside })
}

/// Makes a worktree one that waits; what git keeps of it is still to be removed.
fn move_in(
    repository: &Repository,
    worktree: &Worktree,
    place: &Path,
    tree: TreeId,
    stats: &Stats,
) -> Result<Slot, Unfit> {
    admin::set_state(repository, &worktree.name, State::Unfinished)?;
    let (plain, root) = (look(place)?, look(&worktree.dir)?);
    make_plain(&worktree.dir, &plain, [(&b""[..], &root)].into_iter())?;
    folder::remove(&worktree.dir.join(".git"))?;
    // What a folder held was read after this moment: what comes into it later moves it.
    let begun = clock(&worktree.dir)?;
    let entries = repository.entries(tree)?;
    let Exact { written, folders, .. } =
        make_exact(repository, &worktree.dir, &entries, stats, (Belief::OwnFiles, &|_| false))?;
    make_plain(&worktree.dir, &plain, folders.iter().map(in_two))?;
    let looked = clock(&worktree.dir)?;
    let mut rows = Vec::with_capacity(written.len() + folders.len());
    rows.extend(written.iter().filter_map(Written::row));
    rows.iter_mut().for_each(|row| row.own &= row.stat.ctime < looked);
    let mut seen = InStep::new(folders.iter().map(|(path, stat)| (path.as_slice(), *stat)));
    let gitlinks = written.iter().filter(|file| file.stat.is_none()).map(|file| (file.path, Some(file.blob.id)));
    let folders_of = folders_of(entries.iter().map(|entry| entry.path.as_slice()));
    let mut all: Vec<_> = folders_of.into_iter().map(|path| (path, None)).chain(gitlinks).collect();
    all.sort_by_key(|(path, _)| *path);
    for (path, id) in all {
        let (stat, own) = match seen.find(path) {
            Some(stat) => (stat, stat.ctime < begun),
            None => (look(&below(&worktree.dir, path))?, false),
        };
        rows.push(Row { path, stat, id, own });
    }
    let files = place.join(TREE_NAME);
    std::fs::rename(&worktree.dir, &files).map_err(GitError::file("move", &worktree.dir))?;
    let left = Left { tree, root: look(&files)?, stats: Stats::of(rows) };
    Ok(Slot { place: place.to_owned(), tree, left: Some(left) })
}

fn in_two((path, stat): &(Vec<u8>, FileStat)) -> (&[u8], &FileStat) {
    (path, stat)
}

/// Gives folders back the mode that one has which was just made; other owners, attributes or lists of access are odd.
fn make_plain<'a>(
    dir: &Path,
    plain: &FileStat,
    folders: impl Iterator<Item = (&'a [u8], &'a FileStat)>,
) -> Result<(), Unfit> {
    for (path, stat) in folders {
        let path = below(dir, path);
        let same_owner = (stat.user, stat.group, stat.device) == (plain.user, plain.group, plain.device);
        if !same_owner || has_attributes(&path) {
            return Err(Unfit::Odd(path));
        }
        if stat.mode != plain.mode {
            let permissions = std::fs::Permissions::from_mode(plain.mode);
            std::fs::set_permissions(&path, permissions).map_err(GitError::file("open up", &path))?;
        }
    }
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn has_attributes(path: &Path) -> bool {
    let mut names = [0; ATTRIBUTES_BYTES_MAX];
    match rustix::fs::llistxattr(path, &mut names) {
        Ok(length) => names[..length].split(|byte| *byte == 0).any(|name| !name.is_empty() && name != LABEL),
        Err(error) => error != rustix::io::Errno::NOTSUP,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn has_attributes(_path: &Path) -> bool {
    true
}

fn look(path: &Path) -> Result<FileStat, GitError> {
    path.symlink_metadata().map(|metadata| FileStat::of(&metadata)).map_err(GitError::file("look at", path))
}

#[cfg(test)]
mod tests;
