//! Blobs written out as files, byte for byte.
//!
//! Never overwrites and never follows a link: what stands in the way was removed before.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::git::error::GitError;
use crate::git::folder::below;
use crate::git::object::{Blob, Entry, Mode};
use crate::git::repository::Repository;
use crate::git::stats::{FileStat, Row};
use crate::git::tree::check_path;

/// A path as it stands in a worktree; gitlinks have no state.
#[derive(Debug, Clone, Copy)]
pub struct Written<'a> {
    /// Relative to the worktree.
    pub path: &'a [u8],
    /// What stands there.
    pub blob: Blob,
    /// What the system says of the file.
    pub stat: Option<FileStat>,
    /// We wrote it, and nobody touched it since.
    pub own: bool,
}

impl<'a> Written<'a> {
    /// What is remembered of it; of a gitlink nothing.
    pub(in crate::git) fn row(&self) -> Option<Row<'a>> {
        Some(Row { path: self.path, stat: self.stat?, id: Some(self.blob.id), own: self.own })
    }
}

/// The folders above the paths, parents first.
pub(in crate::git) fn folders_of<'a>(paths: impl Iterator<Item = &'a [u8]>) -> BTreeSet<&'a [u8]> {
    let mut folders = BTreeSet::new();
    let mut last: &[u8] = b"";
    for path in paths {
        // Most paths lie beside the one before.
        let above = path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |slash| &path[..slash]);
        if std::mem::replace(&mut last, above) == above {
            continue;
        }
        for (end, _) in path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/') {
            if !folders.insert(&path[..end]) {
                break;
            }
        }
    }
    folders
}

/// Writes entries into a folder that has none of them.
pub(in crate::git) fn fill<'a>(
    repository: &Repository,
    dir: &Path,
    entries: &[&'a Entry],
) -> Result<Vec<Written<'a>>, GitError> {
    for entry in entries {
        check_path(&entry.path)?;
    }
    for folder in folders_of(entries.iter().map(|entry| entry.path.as_slice())) {
        let path = below(dir, folder);
        match std::fs::create_dir(&path) {
            Err(_) if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) => {}
            made => made.map_err(GitError::file("make", &path))?,
        }
    }
    entries.par_iter().map(|entry| write_entry(repository, dir, entry)).collect()
}

fn write_entry<'a>(repository: &Repository, dir: &Path, entry: &'a Entry) -> Result<Written<'a>, GitError> {
    let path = below(dir, &entry.path);
    let writing = |error| GitError::file("write", &path)(error);
    let stat = match entry.blob.mode {
        Mode::Gitlink => {
            if !path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                std::fs::create_dir(&path).map_err(writing)?;
            }
            None
        }
        Mode::Link => {
            let target = repository.blob(entry.blob.id)?;
            std::os::unix::fs::symlink(OsStr::from_bytes(&target), &path).map_err(writing)?;
            Some(path.symlink_metadata().map_err(writing)?)
        }
        Mode::File | Mode::Executable => {
            let bytes = repository.blob(entry.blob.id)?;
            let permissions = if entry.blob.mode == Mode::Executable { 0o777 } else { 0o666 };
            let mut file =
                std::fs::File::options().write(true).create_new(true).mode(permissions).open(&path).map_err(writing)?;
            file.write_all(&bytes).map_err(writing)?;
            Some(file.metadata().map_err(writing)?)
        }
    };
    Ok(Written { path: &entry.path, blob: entry.blob, stat: stat.as_ref().map(FileStat::of), own: true })
}
