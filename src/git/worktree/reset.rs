//! A worktree made exactly the tree of a commit again, whatever was done to it.
//!
//! Neither git's index nor modification times are believed: a file is right when its content is.

use std::collections::BTreeSet;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::git::error::GitError;
use crate::git::folder::walk::{Found, walk};
use crate::git::folder::{self, Kind, below};
use crate::git::object::{Blob, BlobId, CommitId, Entry, Mode};
use crate::git::repository::Repository;
use crate::git::stats::{FileStat, InStep, Stats};
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

/// What of the files that lie there may stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belief {
    /// Those with the right content, whoever wrote them.
    Content,
    /// Those that we wrote and that nobody touched since: no mode, link, attribute or owner of theirs is another's.
    OwnFiles,
}

/// What is to stand in the worktree.
struct Target<'a, 'k> {
    /// Sorted by path.
    entries: &'a [Entry],
    folders: BTreeSet<&'a [u8]>,
    keep: Keep<'k>,
}

impl Target<'_, '_> {
    fn blob(&self, path: &[u8]) -> Option<Blob> {
        let place = self.entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
        Some(self.entries[place].blob)
    }

    fn is_folder(&self, path: &[u8]) -> bool {
        self.folders.contains(path) || self.blob(path).is_some_and(|blob| blob.mode == Mode::Gitlink)
    }

    /// Whether a path that the tree does not have stays; never where the tree needs the place.
    fn stays(&self, path: &[u8], is_folder: bool) -> bool {
        let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
        let mut above = slashes.map(|(end, _)| &path[..end]);
        let asked = if is_folder { [path, b"/"].concat() } else { path.to_vec() };
        (self.keep)(&asked)
            && self.blob(path).is_none()
            && !self.folders.contains(path)
            && !above.any(|folder| self.blob(folder).is_some())
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
    let Exact { written, touched, .. } =
        make_exact(repository, &worktree.dir, &entries, stats, (Belief::Content, keep))?;
    let stats = index::settle_and_write(repository, worktree, &written)?;
    Ok(Reset { touched, stats })
}

/// A folder that holds a tree and nothing else but what was to be kept.
pub(super) struct Exact<'a> {
    /// All files of the tree, sorted.
    pub(super) written: Vec<Written<'a>>,
    /// Paths that were removed or written anew, sorted.
    pub(super) touched: Vec<Vec<u8>>,
    /// The folders that were there before and are needed, as they looked then.
    pub(super) folders: Vec<(Vec<u8>, FileStat)>,
}

/// Makes a folder exactly a tree, whose entries are sorted.
pub(super) fn make_exact<'a>(
    repository: &Repository,
    dir: &Path,
    entries: &'a [Entry],
    stats: &Stats,
    (belief, keep): (Belief, Keep<'_>),
) -> Result<Exact<'a>, GitError> {
    let target = Target { entries, folders: folders_of(entries.iter().map(|entry| entry.path.as_slice())), keep };
    let walked = walk(dir, &|path| !target.stays(path, true))?;
    let mut found = walked.found();
    folder::open_up(dir)?;
    folder::open_closed(dir, found.iter())?;
    let right = right_files(dir, &target, &found, stats, belief)?;
    let mut stays = vec![false; found.len()];
    let mut is_missing = vec![true; entries.len()];
    for (found, entry, _) in &right {
        (stays[*found], is_missing[*entry]) = (true, false);
    }
    let mut touched = clear(dir, &target, &found, &stays)?;
    let missing = entries.iter().zip(is_missing).filter(|(_, is_missing)| *is_missing);
    let missing: Vec<&Entry> = missing.map(|(entry, _)| entry).collect();
    touched.extend(missing.iter().filter(|entry| entry.blob.mode != Mode::Gitlink).map(|entry| entry.path.clone()));
    touched.sort();
    touched.dedup();
    let mut written = files::fill(repository, dir, &missing)?;
    written.extend(right.into_iter().map(|(_, _, file)| file));
    written.sort_by_key(|file| file.path);
    found.retain(|file| file.is_folder() && target.is_folder(file.path));
    let folders = found.iter().map(|file| (file.path.to_vec(), file.stat)).collect();
    Ok(Exact { written, touched, folders })
}

/// A file that stands as the tree has it: its places in the walk and in the tree.
type Right<'a> = (usize, usize, Written<'a>);

/// The files that stand as the tree has them.
fn right_files<'a>(
    dir: &Path,
    target: &Target<'a, '_>,
    found: &[Found<'_>],
    stats: &Stats,
    belief: Belief,
) -> Result<Vec<Right<'a>>, GitError> {
    let mut right = Vec::with_capacity(found.len());
    let mut unsure = Vec::new();
    let entries: &'a [Entry] = target.entries;
    let mut entries = InStep::new(entries.iter().enumerate().map(|entry| (entry.1.path.as_slice(), entry)));
    let mut rows = InStep::new(stats.rows().map(|row| (row.path, row)));
    for (place, file) in found.iter().enumerate() {
        let Some((entry_place, entry)) = entries.find(file.path).filter(|(_, entry)| has_kind(file, entry.blob.mode))
        else {
            continue;
        };
        let row = rows.find(file.path).filter(|row| row.stat == file.stat && row.id == Some(entry.blob.id));
        let written =
            |stat: FileStat, own: bool| Written { path: &entry.path, blob: entry.blob, stat: Some(stat), own };
        match row {
            Some(row) if row.own || belief == Belief::Content => {
                right.push((place, entry_place, written(row.stat, row.own)));
            }
            None if belief == Belief::Content => unsure.push((place, entry_place, file, entry)),
            _ => {}
        }
    }
    let read = |(place, entry_place, file, entry): (usize, usize, &Found<'_>, &'a Entry)| {
        let (bytes, stat) = folder::read(&below(dir, file.path), file.kind)?;
        let same = blob_id(&bytes)? == entry.blob.id;
        let written = Written { path: &entry.path, blob: entry.blob, stat: Some(stat), own: false };
        Ok::<_, GitError>(same.then_some((place, entry_place, written)))
    };
    let more: Vec<Right<'a>> =
        unsure.into_par_iter().filter_map(|file| read(file).transpose()).collect::<Result<_, _>>()?;
    right.extend(more);
    Ok(right)
}

/// Whether a file has the kind that a mode asks for, is the owner's to change, and has no second name elsewhere.
fn has_kind(file: &Found<'_>, mode: Mode) -> bool {
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
fn clear(dir: &Path, target: &Target<'_, '_>, found: &[Found<'_>], stays: &[bool]) -> Result<Vec<Vec<u8>>, GitError> {
    let mut removed = Vec::new();
    for (file, _) in found.iter().zip(stays).rev().filter(|(_, stays)| !**stays) {
        let path = file.path;
        if (file.is_folder() && target.is_folder(path)) || target.stays(path, file.is_folder()) {
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
