//! One writer of a repository's metadata at a time: a lock that dies with its owner.
//!
//! Guards what git's own locks do not: worktrees coming and going, and names of refs that block each other.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use crate::git::error::GitError;
use crate::git::repository::Repository;

/// Below the repository's common folder, outside of refs.
const LOCK_NAME: &str = "pl.lock";
/// How long another owner is waited for.
const WAIT_SECONDS_MAX: u64 = 60;
/// Between two tries.
const RETRY_MS: u64 = 5;

/// Held while metadata is changed; dropping it lets the next one in. Must not be taken twice by one thread.
#[derive(Debug)]
pub struct MetadataLock {
    _file: File,
}

impl Repository {
    /// Waits for the lock; several threads and processes take turns.
    pub(super) fn lock_metadata(&self) -> Result<MetadataLock, GitError> {
        if self.is_in_memory() {
            return Err(GitError::InMemory { dir: self.common_dir().to_owned() });
        }
        let path = self.common_dir().join(LOCK_NAME);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(GitError::file("open", &path))?;
        let begun = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(MetadataLock { _file: file }),
                Err(TryLockError::Error(error)) => return Err(GitError::file("lock", &path)(error)),
                Err(TryLockError::WouldBlock) if begun.elapsed().as_secs() >= WAIT_SECONDS_MAX => {
                    return Err(GitError::Locked { path, seconds: WAIT_SECONDS_MAX });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(RETRY_MS)),
            }
        }
    }
}
