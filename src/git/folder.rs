//! Folders as they are: an own walk that follows nothing, reading of files that hold still, and removal for good.
//!
//! Knows neither git nor which files matter.

pub mod walk;

use std::ffi::OsStr;
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::git::error::GitError;
use crate::git::folder::walk::Found;
use crate::git::stats::FileStat;

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 2 << 30;
/// How often a file is read anew because it changed under the reading.
const READ_TRIES_MAX: u32 = 5;

/// What a found path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file, perhaps executable by its owner.
    File {
        /// Whether it is.
        executable: bool,
    },
    /// A symbolic link.
    Link,
    /// A folder that was looked into.
    Folder,
    /// A folder that was not looked into.
    ClosedFolder,
    /// A pipe, socket or device.
    Special,
}

/// Whether the name is git's own, in any case.
pub(super) fn is_git_name(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b".git")
}

/// The path of something below a folder.
pub(super) fn below(dir: &Path, path: &[u8]) -> PathBuf {
    dir.join(OsStr::from_bytes(path))
}

/// The bytes of a file or of a link's target, with the state that they had; the file must hold still meanwhile.
pub(super) fn read(path: &Path, kind: Kind) -> Result<(Vec<u8>, FileStat), GitError> {
    for _ in 0..READ_TRIES_MAX {
        let before = look(path)?;
        let bytes = if kind == Kind::Link { read_link(path)? } else { read_file(path, before.size)? };
        if look(path)? == before && bytes.len() as u64 == before.size {
            return Ok((bytes, before));
        }
    }
    Err(GitError::Moving { path: path.to_owned() })
}

fn look(path: &Path) -> Result<FileStat, GitError> {
    path.symlink_metadata().map(|metadata| FileStat::of(&metadata)).map_err(GitError::file("look at", path))
}

fn read_link(path: &Path) -> Result<Vec<u8>, GitError> {
    let target = std::fs::read_link(path).map_err(GitError::file("read", path))?;
    Ok(target.into_os_string().into_vec())
}

fn read_file(path: &Path, size: u64) -> Result<Vec<u8>, GitError> {
    if size > FILE_BYTES_MAX {
        return Err(GitError::TooMany { path: path.to_owned(), what: "bytes", limit: FILE_BYTES_MAX });
    }
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let open = || std::fs::File::options().read(true).custom_flags(flags.cast_signed()).open(path);
    let file = match open() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            open_up(path)?;
            open()
        }
        file => file,
    };
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    let file = file.map_err(GitError::file("read", path))?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(GitError::file("read", path))?;
    Ok(bytes)
}

/// The bytes of a file that must be a plain one; a pipe in its place would be waited for, a link followed.
pub(super) fn read_plain(path: &Path) -> Option<Vec<u8>> {
    path.symlink_metadata().ok().filter(std::fs::Metadata::is_file)?;
    read(path, Kind::File { executable: false }).ok().map(|(bytes, _)| bytes)
}

/// Opens folders that their owner may not list or change.
pub(super) fn open_closed<'a>(dir: &Path, found: impl Iterator<Item = &'a Found<'a>>) -> Result<(), GitError> {
    const OWNER: u32 = 0o700;
    let closed = |file: &&Found<'_>| file.kind == Kind::Folder && file.stat.mode & OWNER != OWNER;
    found.filter(closed).try_for_each(|file| open_up(&below(dir, file.path)))
}

/// Gives the owner back what a tool took away.
pub(super) fn open_up(path: &Path) -> Result<(), GitError> {
    let metadata = path.symlink_metadata().map_err(GitError::file("look at", path))?;
    let more = if metadata.is_dir() { 0o700 } else { 0o600 };
    let permissions = std::fs::Permissions::from_mode(metadata.permissions().mode() | more);
    std::fs::set_permissions(path, permissions).map_err(GitError::file("open up", path))
}

/// Removes a path with all below it, read-only folders too; nothing there is right.
pub(super) fn remove(path: &Path) -> Result<(), GitError> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(()) };
    let try_once = || if metadata.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    match try_once() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        result => return result.map_err(GitError::file("remove", path)),
    }
    if metadata.is_dir() {
        open_up_all(path)?;
    } else if let Some(parent) = path.parent() {
        open_up(parent)?;
    }
    try_once().map_err(GitError::file("remove", path))
}

fn open_up_all(dir: &Path) -> Result<(), GitError> {
    let mut open = vec![dir.to_owned()];
    while let Some(folder) = open.pop() {
        open_up(&folder)?;
        let listing = std::fs::read_dir(&folder).map_err(GitError::file("list", &folder))?;
        let folders = listing.filter_map(Result::ok).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        open.extend(folders.map(|entry| entry.path()));
    }
    Ok(())
}
