//! A worktree made exactly the tree of a commit again, whatever was done to it.
//!
//! Neither git's index nor modification times are believed: a file is right when its content is.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::git::error::GitError;
use crate::git::folder::{self, Found, Kind, below};
use crate::git::object::{Blob, BlobId, CommitId, Entry, Mode};
use crate::git::repository::Repository;
use crate::git::stats::Stats;
use crate::git::worktree::files::{Written, folders_of};
use crate::git::worktree::{Worktree, admin, files, index};

/// Which paths (folders end in `/`) a reset leaves where the tree has nothing.
pub type Keep<'a> = &'a (dyn Fn(&[u8]) -> bool + Sync);

/// What a reset did.
#[derive(Debug)]
pub struct Reset {
    /// Paths that were removed or written anew, sorted.
    pub touched: Vec<Vec<u8>>,
    /// What the files look like now.
    pub stats: Stats,
}

/// What is to stand in the worktree.
struct Target<'a> {
    blobs: HashMap<&'a [u8], Blob>,
    folders: BTreeSet<&'a [u8]>,
    keep: Keep<'a>,
}

impl Target<'_> {
    fn is_folder(&self, path: &[u8]) -> bool {
        self.folders.contains(path) || self.blobs.get(path).is_some_and(|blob| blob.mode == Mode::Gitlink)
    }

    /// Whether a path that the tree does not have stays; never where the tree needs the place.
    fn stays(&self, path: &[u8], is_folder: bool) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut above = slashes.map(|(end, _)| &path[..end]);
        let asked = if is_folder { [path, b"/"].concat() } else { path.to_vec() };
        !self.blobs.contains_key(path)
            && !self.folders.contains(path)
            && (self.keep)(&asked)
            && !above.any(|folder| self.blobs.contains_key(folder))
    }
}

/// Makes the worktree exactly a commit's tree: HEAD detached there, the index new, everything else gone but what
/// `keep` names. `stats` spares reading files that did not change since.
pub fn reset(
    repository: &Repository,
    worktree: &Worktree,
    commit: CommitId,
    stats: &Stats,
    keep: Keep<'_>,
) -> Result<Reset, GitError> {
    let entries = repository.entries(repository.tree_of(commit)?)?;
    {
        let _held = repository.lock_metadata()?;
        if !worktree.dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            folder::remove(&worktree.dir)?;
            std::fs::create_dir_all(&worktree.dir).map_err(GitError::file("make", &worktree.dir))?;
        }
        admin::restore(repository, worktree, commit)?;
    }
    let target = Target {
        blobs: entries.iter().map(|entry| (entry.path.as_slice(), entry.blob)).collect(),
        folders: folders_of(entries.iter().map(|entry| entry.path.as_slice())),
        keep,
    };
    let found = folder::walk(&worktree.dir, &|path| !target.stays(path, true))?;
    folder::open_up(&worktree.dir)?;
    folder::open_closed(&worktree.dir, found.iter())?;
    let mut right = right_files(&worktree.dir, &target, &found, stats)?;
    let mut touched = clear(&worktree.dir, &target, &found, &right)?;
    let is_missing = |entry: &&Entry| !right.contains_key(entry.path.as_slice());
    let missing: Vec<Entry> = entries.iter().filter(is_missing).cloned().collect();
    touched.extend(missing.iter().filter(|entry| entry.blob.mode != Mode::Gitlink).map(|entry| entry.path.clone()));
    touched.sort();
    touched.dedup();
    let mut written = files::fill(repository, &worktree.dir, &missing)?;
    let entry = |entry: &Entry| right.remove(entry.path.as_slice()).map(|stat| Written { entry: entry.clone(), stat });
    written.extend(entries.iter().filter_map(entry));
    let stats = index::settle_and_write(repository, worktree, &written)?;
    Ok(Reset { touched, stats })
}

type Right<'a> = HashMap<&'a [u8], Option<crate::git::stats::FileStat>>;

/// The files that stand as the tree has them.
fn right_files<'a>(dir: &Path, target: &Target<'_>, found: &'a [Found], stats: &Stats) -> Result<Right<'a>, GitError> {
    let check = |file: &'a Found| -> Result<Option<_>, GitError> {
        let Some(blob) = target.blobs.get(file.path.as_slice()) else { return Ok(None) };
        if !has_kind(file, blob.mode) {
            return Ok(None);
        }
        if stats.fresh(&file.path, &file.stat) == Some(blob.id) {
            return Ok(Some((file.path.as_slice(), Some(file.stat))));
        }
        let (bytes, stat) = folder::read(&below(dir, &file.path), file.kind)?;
        let same = blob_id(&bytes)? == blob.id;
        Ok(same.then_some((file.path.as_slice(), Some(stat))))
    };
    found.into_par_iter().filter_map(|file| check(file).transpose()).collect()
}

/// Whether a file has the kind that a mode asks for, is the owner's to change, and has no second name elsewhere.
fn has_kind(file: &Found, mode: Mode) -> bool {
    const OWNER: u32 = 0o600;
    const SET_ID: u32 = 0o6000;
    match (file.kind, mode) {
        (Kind::Link, Mode::Link) => true,
        (Kind::File { executable }, Mode::File | Mode::Executable) => {
            let permissions = file.stat.mode & OWNER == OWNER && file.stat.mode & SET_ID == 0;
            executable == (mode == Mode::Executable) && permissions && file.stat.links == 1
        }
        _ => false,
    }
}

/// The id that bytes have as a blob.
pub(in crate::git) fn blob_id(bytes: &[u8]) -> Result<BlobId, GitError> {
    let id = gix::objs::compute_hash(gix::hash::Kind::Sha1, gix::objs::Kind::Blob, bytes);
    id.map(BlobId).map_err(GitError::object("digest a file"))
}

/// Removes what is not right and not kept, children before their folders; returns the removed paths.
fn clear(dir: &Path, target: &Target<'_>, found: &[Found], right: &Right<'_>) -> Result<Vec<Vec<u8>>, GitError> {
    let mut removed = Vec::new();
    for file in found.iter().rev() {
        let path = file.path.as_slice();
        let is_folder = matches!(file.kind, Kind::Folder | Kind::ClosedFolder);
        if right.contains_key(path) || (is_folder && target.is_folder(path)) || target.stays(path, is_folder) {
            continue;
        }
        let at = below(dir, path);
        if file.kind == Kind::Folder {
            // What is kept below it keeps the folder, too; fill() says when that stands in the tree's way.
            drop(std::fs::remove_dir(&at).or_else(|_| remove_if_empty(&at)));
            continue;
        }
        folder::remove(&at)?;
        removed.push(path.to_vec());
    }
    Ok(removed)
}

/// Tries again where a read-only parent forbade it.
fn remove_if_empty(path: &Path) -> std::io::Result<()> {
    let empty = std::fs::read_dir(path)?.next().is_none();
    if empty { folder::remove(path).map_err(std::io::Error::other) } else { Ok(()) }
}
