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
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Relative to the folder that was looked at.
    pub path: Vec<u8>,
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
    /// Sorted by path.
    rows: Vec<Row>,
}

impl Stats {
    /// Keeps the rows whose file cannot have changed again unseen: those last changed before `looked`, the file
    /// system's clock from before the first of them was read.
    pub fn taken(looked: Moment, rows: impl IntoIterator<Item = Row>) -> Self {
        let mut rows: Vec<Row> = rows.into_iter().filter(|row| row.stat.ctime < looked).collect();
        if !rows.is_sorted_by(|left, right| left.path <= right.path) {
            rows.sort_by(|left, right| left.path.cmp(&right.path));
        }
        Self { rows }
    }

    /// The row of a file that looks exactly as it did then.
    pub fn fresh(&self, path: &[u8], stat: &FileStat) -> Option<&Row> {
        let place = self.rows.binary_search_by(|row| row.path.as_slice().cmp(path)).ok()?;
        self.rows.get(place).filter(|row| row.stat == *stat)
    }

    /// All rows, sorted by path.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }
}

/// Goes through a sorted list in step with another one: each question must name a later path than the one before.
#[derive(Debug)]
pub(super) struct InStep<'a, T> {
    list: &'a [T],
    next: usize,
    path: fn(&T) -> &[u8],
}

impl<'a, T> InStep<'a, T> {
    /// Begins at the first.
    pub(super) fn new(list: &'a [T], path: fn(&T) -> &[u8]) -> Self {
        Self { list, next: 0, path }
    }

    /// What the list has under a path, and where.
    pub(super) fn find(&mut self, path: &[u8]) -> Option<(usize, &'a T)> {
        while let Some(item) = self.list.get(self.next) {
            match (self.path)(item).cmp(path) {
                Ordering::Less => self.next += 1,
                Ordering::Equal => return Some((self.next, item)),
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
        let row = || [Row { path: b"a".to_vec(), stat, id: Some(id), own: true }];
        assert_eq!(Stats::taken(before, row()).rows(), []);
        let settled = settled_clock(dir.path(), stat.ctime).unwrap();
        let stats = Stats::taken(settled, row());
        assert_eq!(stats.fresh(b"a", &stat).map(|row| row.id), Some(Some(id)));
        std::fs::write(&path, "2").unwrap();
        let stat = FileStat::of(&path.symlink_metadata().unwrap());
        assert_eq!(stats.fresh(b"a", &stat), None);
    }

    #[test]
    fn lists_are_gone_through_in_step() {
        let list = ["a", "b/c", "d"];
        let mut step = InStep::new(&list, |text| text.as_bytes());
        let asked = ["A", "a", "b", "b/c", "c", "d", "e"];
        assert_eq!(
            asked.map(|path| step.find(path.as_bytes()).map(|(place, _)| place)),
            [None, Some(0), None, Some(1), None, Some(2), None]
        );
    }
}
