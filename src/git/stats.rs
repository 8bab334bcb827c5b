//! What the system says of files, and a private table of it that spares reading unchanged ones.
//!
//! Never git's index: a tool may have set flags there. Does not know worktrees.

use std::cmp::Ordering;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use crate::git::error::GitError;
use crate::git::object::BlobId;

/// Seconds and nanoseconds since 1970, by a file system's clock.
pub type Moment = (i64, i64);

/// Between two looks at a file system's clock, which ticks every few milliseconds.
const TICK_LOOK_MS: u64 = 1;
/// How often the clock is looked at before files are taken as just changed.
const TICK_LOOKS_MAX: u32 = 100;

/// The bits of a mode that say what it is of (inode(7)), and three of their values.
pub(super) const KIND: u32 = 0o170_000;
pub(super) const FILE: u32 = 0o100_000;
pub(super) const FOLDER: u32 = 0o040_000;
pub(super) const LINK: u32 = 0o120_000;

/// What changes when a file does; the time of the last change of content or metadata (ctime) cannot be set back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileStat {
    /// In bytes.
    pub size: u64,
    /// Last change of the content; programs can set it.
    pub mtime: Moment,
    /// Last change of content or metadata.
    pub ctime: Moment,
    /// Number within the device.
    pub inode: u64,
    /// The device.
    pub device: u64,
    /// Kind and permissions.
    pub mode: u32,
    /// How many names the file has.
    pub links: u64,
    /// Owner.
    pub user: u32,
    /// Owner's group.
    pub group: u32,
}

impl FileStat {
    /// Takes it from what the system said, links not followed.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.size(),
            mtime: (metadata.mtime(), metadata.mtime_nsec()),
            ctime: (metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
            mode: metadata.mode(),
            links: metadata.nlink(),
            user: metadata.uid(),
            group: metadata.gid(),
        }
    }

    /// Whether it is of a folder.
    pub(super) fn is_folder(&self) -> bool {
        self.mode & KIND == FOLDER
    }

    /// Takes the same from the system's own answer.
    #[expect(clippy::unnecessary_cast, reason = "the fields' types differ between machines")]
    pub(super) fn of_raw(raw: &rustix::fs::Stat) -> Self {
        Self {
            size: raw.st_size as u64,
            mtime: (raw.st_mtime as i64, raw.st_mtime_nsec as i64),
            ctime: (raw.st_ctime as i64, raw.st_ctime_nsec as i64),
            inode: raw.st_ino as u64,
            device: raw.st_dev as u64,
            mode: raw.st_mode as u32,
            links: raw.st_nlink as u64,
            user: raw.st_uid,
            group: raw.st_gid,
        }
    }
}

/// What is known of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'a> {
    /// Relative to the folder that was looked at.
    pub path: &'a [u8],
    /// How it looked.
    pub stat: FileStat,
    /// What it held; of a folder nothing.
    pub id: Option<BlobId>,
    /// We made it, and nobody else touched it up to then.
    pub own: bool,
}

/// Which content files had when they were last read; of idle worktrees how their folders looked, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// One behind the other: a row has no memory of its own.
    paths: Vec<u8>,
    /// Sorted by path.
    files: Vec<Remembered>,
}

/// A row less its path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Remembered {
    /// Where its path ends.
    end: usize,
    stat: FileStat,
    id: Option<BlobId>,
    own: bool,
}

impl Stats {
    /// Keeps the rows whose file cannot have changed again unseen: those last changed before `looked`, the file
    /// system's clock from before the first of them was read.
    pub fn taken<'a>(looked: Moment, rows: impl IntoIterator<Item = Row<'a>>) -> Self {
        Self::of(rows.into_iter().filter(|row| row.stat.ctime < looked))
    }

    /// Keeps all rows.
    pub(super) fn of<'a>(rows: impl IntoIterator<Item = Row<'a>>) -> Self {
        let mut stats = Self::default();
        rows.into_iter().for_each(|row| stats.push(row));
        if stats.rows().is_sorted_by_key(|row| row.path) {
            return stats;
        }
        let mut rows: Vec<Row<'_>> = stats.rows().collect();
        rows.sort_by_key(|row| row.path);
        let mut sorted = Self::default();
        rows.into_iter().for_each(|row| sorted.push(row));
        sorted
    }

    /// How many rows there are.
    pub(super) fn len(&self) -> usize {
        self.files.len()
    }

    /// The row with this number, counted from 0.
    pub(super) fn row(&self, number: usize) -> Row<'_> {
        let begin = number.checked_sub(1).map_or(0, |before| self.files[before].end);
        let file = &self.files[number];
        Row { path: &self.paths[begin..file.end], stat: file.stat, id: file.id, own: file.own }
    }

    /// Adds a row behind the last one, whose path should be less.
    pub(super) fn push(&mut self, row: Row<'_>) {
        self.paths.extend(row.path);
        self.files.push(Remembered { end: self.paths.len(), stat: row.stat, id: row.id, own: row.own });
    }

    /// All rows, sorted by path.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.files.len()).map(|number| self.row(number))
    }
}

/// Goes through a sorted list in step with another one: each question must name a later path than the one before.
pub(super) struct InStep<I: Iterator> {
    rest: std::iter::Peekable<I>,
}

impl<'a, T: Copy, I: Iterator<Item = (&'a [u8], T)>> InStep<I> {
    /// Begins at the first.
    pub(super) fn new(list: I) -> Self {
        Self { rest: list.peekable() }
    }

    /// What the list has under a path.
    pub(super) fn find(&mut self, path: &[u8]) -> Option<T> {
        while let Some((place, item)) = self.rest.peek() {
            match (*place).cmp(path) {
                Ordering::Less => drop(self.rest.next()),
                Ordering::Equal => return Some(*item),
                Ordering::Greater => return None,
            }
        }
        None
    }
}

/// The clock of the file system that holds `dir`, by a file without a name.
pub(super) fn clock(dir: &Path) -> Result<Moment, GitError> {
    let file = tempfile::tempfile_in(dir).and_then(|file| file.metadata());
    file.map(|metadata| FileStat::of(&metadata).ctime).map_err(GitError::file("read the clock in", dir))
}

/// Waits until the clock has passed `newest`, so that what was written until now is told from what will be.
pub(super) fn settled_clock(dir: &Path, newest: Moment) -> Result<Moment, GitError> {
    let mut now = clock(dir)?;
    for _ in 0..TICK_LOOKS_MAX {
        if now > newest {
            break;
        }
        std::thread::sleep(Duration::from_millis(TICK_LOOK_MS));
        now = clock(dir)?;
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::{FileStat, InStep, Row, Stats, clock, settled_clock};
    use crate::git::object::BlobId;

    #[test]
    fn what_was_just_written_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let before = clock(dir.path()).unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let stat = FileStat::of(&path.symlink_metadata().unwrap());
        let id = BlobId(gix::ObjectId::null(gix::hash::Kind::Sha1));
        let row = || [Row { path: b"a", stat, id: Some(id), own: true }];
        assert_eq!(Stats::taken(before, row()).rows().count(), 0);
        let settled = settled_clock(dir.path(), stat.ctime).unwrap();
        let stats = Stats::taken(settled, row());
        assert!(stats.rows().eq(row()));
        std::fs::write(&path, "2").unwrap();
        assert_ne!(FileStat::of(&path.symlink_metadata().unwrap()), stat);
    }

    #[test]
    fn lists_are_gone_through_in_step() {
        let list = ["a", "b/c", "d"];
        let mut step = InStep::new(list.iter().enumerate().map(|(place, text)| (text.as_bytes(), place)));
        let asked = ["A", "a", "b", "b/c", "c", "d", "e"];
        assert_eq!(asked.map(|path| step.find(path.as_bytes())), [None, Some(0), None, Some(1), None, Some(2), None]);
    }
}
