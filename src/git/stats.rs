//! What the system says of files, and a private table of it that spares reading unchanged ones.
//!
//! Never git's index: a tool may have set flags there. Does not know worktrees.

use std::collections::HashMap;
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

/// Which content files had when they were last read.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    rows: HashMap<Vec<u8>, (FileStat, BlobId)>,
}

impl Stats {
    /// Keeps the rows whose file cannot have changed again unseen: those last changed before `looked`, the file
    /// system's clock from before the first of them was read.
    pub fn taken(looked: Moment, rows: impl IntoIterator<Item = (Vec<u8>, FileStat, BlobId)>) -> Self {
        let safe = rows.into_iter().filter(|(_, stat, _)| stat.ctime < looked);
        Self { rows: safe.map(|(path, stat, id)| (path, (stat, id))).collect() }
    }

    /// The content of a file that looks exactly as it did when it was read.
    pub fn fresh(&self, path: &[u8], stat: &FileStat) -> Option<BlobId> {
        self.rows.get(path).filter(|(known, _)| known == stat).map(|(_, id)| *id)
    }

    /// How many files are known.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
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
    use super::{FileStat, Stats, clock, settled_clock};
    use crate::git::object::BlobId;

    #[test]
    fn what_was_just_written_is_not_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let before = clock(dir.path()).unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "1").unwrap();
        let stat = FileStat::of(&path.symlink_metadata().unwrap());
        let id = BlobId(gix::ObjectId::null(gix::hash::Kind::Sha1));
        let row = || [(b"a".to_vec(), stat, id)];
        assert!(Stats::taken(before, row()).is_empty());
        let settled = settled_clock(dir.path(), stat.ctime).unwrap();
        let stats = Stats::taken(settled, row());
        assert_eq!((stats.len(), stats.fresh(b"a", &stat)), (1, Some(id)));
        std::fs::write(&path, "2").unwrap();
        let stat = FileStat::of(&path.symlink_metadata().unwrap());
        assert_eq!(stats.fresh(b"a", &stat), None);
    }
}
