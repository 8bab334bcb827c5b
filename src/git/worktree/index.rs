//! Git's index: written so that `git status` finds a fresh worktree clean, read only to see what a tool did to it.
//!
//! The format is gitformat-index(5): version 2 is written, 2 to 4 are read. Nothing here trusts an index.

use std::io::Write;
use std::path::Path;

use rayon::iter::ParallelIterator;
use rayon::slice::ParallelSlice;

use crate::base::digest::Digest;
use crate::git::error::GitError;
use crate::git::folder;
use crate::git::object::Mode;
use crate::git::repository::Repository;
use crate::git::stats::{FileStat, Stats, clock, settled_clock};
use crate::git::worktree::files::Written;
use crate::git::worktree::{Worktree, admin};

const ASSUME_VALID: u16 = 0x8000;
const EXTENDED: u16 = 0x4000;
const LENGTH: u16 = 0x0fff;
const SKIP_WORKTREE: u16 = 0x4000;
const INTENT_TO_ADD: u16 = 0x2000;
const GITLINK: u32 = 0o160_000;
const SPARSE_FOLDER: u32 = 0o040_000;
const HEADER_BYTES: usize = 12;
const TRAILER_BYTES: usize = 20;
/// Where in an entry its object id begins.
const OBJECT_ID_BYTE: usize = 40;
/// An entry up to and with its object id.
const FIXED_BYTES: usize = 60;

/// Entries that are made at once.
const FILES_A_PART: usize = 2048;
/// One of so many files may be so new that it is not believed later.
const YOUNG_FILES_SHARE: usize = 16;

/// Waits until the written files are in the past where they are many, writes the index and hands out the table of their states.
pub(super) fn settle_and_write(
    repository: &Repository,
    worktree: &Worktree,
    written: &[Written<'_>],
) -> Result<Stats, GitError> {
    write(&admin::admin_dir(repository, &worktree.name), &worktree.dir, written)
}

/// The same for the index in any of git's folders; the files are sorted by path.
pub(in crate::git) fn write(admin: &Path, dir: &Path, written: &[Written<'_>]) -> Result<Stats, GitError> {
    let states = || written.iter().filter_map(|file| file.stat);
    let mut looked = clock(dir)?;
    // A few files that were written just now are read again later; for many of them it pays to wait.
    if states().filter(|stat| stat.ctime >= looked).count() > written.len() / YOUNG_FILES_SHARE {
        looked = settled_clock(dir, states().map(|stat| stat.ctime.max(stat.mtime)).max().unwrap_or_default())?;
    }
    let path = admin.join("index");
    let doing = || GitError::file("write", &path);
    let new = path.with_extension("pl");
    let parts: Vec<Vec<u8>> = written.par_chunks(FILES_A_PART).map(encode).collect();
    let header = [b"DIRC\0\0\0\x02", &word(written.len() as u64)[..]].concat();
    let rows = || Stats::taken(looked, written.iter().filter_map(Written::row));
    let put = || std::fs::File::create(&new).and_then(|file| put(file, &header, &parts));
    let (id, (file, stats)) = rayon::join(|| digest(&header, &parts), || rayon::join(put, rows));
    let id = id?;
    file.and_then(|mut file| file.write_all(&id)).map_err(doing())?;
    std::fs::rename(&new, &path).map_err(doing())?;
    Ok(stats)
}

fn put(mut file: std::fs::File, header: &[u8], parts: &[Vec<u8>]) -> std::io::Result<std::fs::File> {
    file.write_all(header)?;
    parts.iter().try_for_each(|part| file.write_all(part))?;
    Ok(file)
}

/// What stands at the end of an index: git's fsck and other readers look at it.
fn digest(header: &[u8], parts: &[Vec<u8>]) -> Result<Vec<u8>, GitError> {
    let mut hasher = gix::hash::hasher(gix::hash::Kind::Sha1);
    hasher.update(header);
    parts.iter().for_each(|part| hasher.update(part));
    let id = hasher.try_finalize().map_err(GitError::object("digest the index"))?;
    Ok(id.as_slice().to_vec())
}

/// Some of the entries.
fn encode(files: &[Written<'_>]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(files.iter().map(|file| FIXED_BYTES + file.path.len() + 10).sum());
    files.iter().for_each(|file| encode_entry(&mut bytes, file));
    bytes
}

fn encode_entry(bytes: &mut Vec<u8>, file: &Written<'_>) {
    let begin = bytes.len();
    let mode = match file.blob.mode {
        Mode::File => 0o100_644,
        Mode::Executable => 0o100_755,
        Mode::Link => 0o120_000,
        Mode::Gitlink => u64::from(GITLINK),
    };
    let time = |moment: (i64, i64)| [moment.0.cast_unsigned(), moment.1.cast_unsigned()];
    let mut words = [0; 10];
    if let Some(stat) = file.stat {
        let FileStat { size, inode, device, user, group, .. } = stat;
        let ([ctime, ctime_ns], [mtime, mtime_ns]) = (time(stat.ctime), time(stat.mtime));
        words = [ctime, ctime_ns, mtime, mtime_ns, device, inode, 0, user.into(), group.into(), size];
    }
    words[6] = mode;
    let mut fixed = [0; FIXED_BYTES];
    fixed.chunks_exact_mut(4).zip(words).for_each(|(place, value)| place.copy_from_slice(&word(value)));
    fixed[OBJECT_ID_BYTE..].copy_from_slice(file.blob.id.0.as_slice());
    bytes.extend(fixed);
    let path = file.path;
    let length = u16::try_from(path.len()).unwrap_or(LENGTH).min(LENGTH);
    bytes.extend(length.to_be_bytes());
    bytes.extend(path);
    let length = bytes.len() - begin;
    bytes.resize(begin + (length + 8) / 8 * 8, 0);
}

/// The low 32 bits, as git keeps them.
fn word(value: u64) -> [u8; 4] {
    let [_, _, _, _, low @ ..] = value.to_be_bytes();
    low
}

/// What in an index would make git look away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexOddities {
    /// Paths with assume-unchanged, skip-worktree or intent-to-add set, and folders of a sparse index.
    pub flagged: Vec<Vec<u8>>,
    /// Paths that are gitlinks.
    pub gitlinks: Vec<Vec<u8>>,
    /// Stands for all that it says of paths; what it remembers of files' times is left out.
    pub content: Digest,
}

/// Looks through an index; `None` where it is missing or not in the format.
pub(in crate::git) fn oddities(path: &Path) -> Option<IndexOddities> {
    parse(&folder::read_plain(path)?)
}

fn parse(bytes: &[u8]) -> Option<IndexOddities> {
    let version = u32_at(bytes, 4)?;
    if !bytes.starts_with(b"DIRC") || !(2..=4).contains(&version) {
        return None;
    }
    let body = bytes.get(..bytes.len().checked_sub(TRAILER_BYTES)?)?;
    let (mut flagged, mut gitlinks, mut content) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = HEADER_BYTES;
    let mut path = Vec::new();
    for _ in 0..u32_at(bytes, 8)? {
        let begin = at;
        let mode = u32_at(body, at + 24)?;
        let flags = u16_at(body, at + FIXED_BYTES)?;
        at += FIXED_BYTES + 2;
        let mut more = 0;
        if flags & EXTENDED != 0 && version > 2 {
            more = u16_at(body, at)?;
            at += 2;
        }
        if version == 4 {
            let cut = varint(body, &mut at)?;
            path.truncate(path.len().checked_sub(cut)?);
        } else {
            path.clear();
        }
        let length = body.get(at..)?.iter().position(|byte| *byte == 0)?;
        path.extend(&body[at..at + length]);
        at += length;
        at = if version == 4 { at + 1 } else { begin + (at - begin + 8) / 8 * 8 };
        let hidden = flags & ASSUME_VALID != 0 || more & (SKIP_WORKTREE | INTENT_TO_ADD) != 0;
        if hidden || mode == SPARSE_FOLDER {
            flagged.push(path.clone());
        }
        if mode == GITLINK {
            gitlinks.push(path.clone());
        }
        content.extend(mode.to_be_bytes());
        content.extend(body.get(begin + OBJECT_ID_BYTE..begin + FIXED_BYTES)?);
        content.extend((flags & !LENGTH).to_be_bytes());
        content.extend(more.to_be_bytes());
        content.extend(&path);
        content.push(0);
    }
    Some(IndexOddities { flagged, gitlinks, content: Digest::of(&content) })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

/// The offset encoding of pack files.
fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value = value.checked_mul(128)?.checked_add(usize::from(byte & 0x7f))?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
        value = value.checked_add(1)?;
    }
}

#[cfg(test)]
mod tests {
    use super::{oddities, parse};
    use crate::git::scratch::Scratch;

    #[test]
    fn flags_are_seen_in_every_version() {
        for version in ["2", "3", "4"] {
            let scratch = Scratch::new(&[("a", "1"), ("b/c", "2"), ("b/d", "3"), ("e", "4")]);
            let index = scratch.dir().join(".git/index");
            let fresh = oddities(&index).unwrap();
            assert!(fresh.flagged.is_empty() && fresh.gitlinks.is_empty());
            scratch.git(&["update-index", "--really-refresh"]);
            assert_eq!(oddities(&index).unwrap(), fresh, "version {version}");
            scratch.git(&["update-index", "--index-version", version]);
            scratch.git(&["update-index", "--assume-unchanged", "a"]);
            scratch.git(&["update-index", "--skip-worktree", "b/d"]);
            let head = scratch.git(&["rev-parse", "HEAD"]);
            scratch.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", head.trim())]);
            crate::git::scratch::write(&scratch.dir().join("new"), "x");
            scratch.git(&["add", "-N", "new"]);
            let found = oddities(&index).unwrap();
            assert_eq!(found.flagged, [b"a".to_vec(), b"b/d".to_vec(), b"new".to_vec()], "version {version}");
            assert_eq!(found.gitlinks, [b"sub".to_vec()]);
            assert_ne!(found.content, fresh.content);
            let bytes = std::fs::read(&index).unwrap();
            for length in 0..bytes.len() {
                parse(&bytes[..length]);
            }
        }
    }
}
