//! Locks between processes: one build a project, one writer a repository's metadata.
//!
//! The kernel holds the lock on the open file, so it dies with its owner, however that dies; what the file says is for
//! people alone.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::owner::Owner;

/// The build lock's name below `.pl`.
pub const BUILD_LOCK_NAME: &str = "build.lock";

/// A waiting process looks again after this time.
const WAIT_POLL: Duration = Duration::from_millis(50);

/// Why there is no lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody has it.
    #[error("{}", held(.0.as_ref()))]
    Held(Option<Owner>),
    /// Waiting was given up.
    #[error("gave up waiting for another build")]
    GivenUp,
    /// The file cannot be opened or locked.
    #[error("cannot lock {}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

fn held(owner: Option<&Owner>) -> String {
    match owner {
        Some(owner) => format!("`{}` (process {}) has been at it since {}", owner.command, owner.pid, owner.since),
        None => "another process is at it".to_owned(),
    }
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A lock that names nobody says that nobody writes: who reads the records need not wonder whose log lies there.
        let _ = self.file.set_len(0);
        // Closing would do; a process that was forked meanwhile may hold a copy of the descriptor until it executes.
        let _ = self.file.unlock();
    }
}

/// Takes the build lock of a project, if it is free. `dir` is `.pl`; it is made.
pub fn try_build_lock(dir: &Path, command: &str) -> Result<Lock, LockError> {
    try_lock(&dir.join(BUILD_LOCK_NAME), command)
}

/// Waits for the build lock; `wait` is asked before every further look and gives up with `false`.
pub fn build_lock(dir: &Path, command: &str, wait: impl FnMut(Option<&Owner>) -> bool) -> Result<Lock, LockError> {
    lock(&dir.join(BUILD_LOCK_NAME), command, wait)
}

/// Waits for any lock file, as [`build_lock`].
pub fn lock(path: &Path, command: &str, mut wait: impl FnMut(Option<&Owner>) -> bool) -> Result<Lock, LockError> {
    loop {
        match try_lock(path, command) {
            Err(LockError::Held(owner)) if wait(owner.as_ref()) => std::thread::sleep(WAIT_POLL),
            Err(LockError::Held(_)) => return Err(LockError::GivenUp),
            other => return other,
        }
    }
}

/// Whether a process that lives says that it holds the build lock; `dir` is `.pl`. Nothing is touched, so this is a hint: somebody
/// may take the lock at this moment.
pub fn is_building(dir: &Path) -> bool {
    let owner = File::open(dir.join(BUILD_LOCK_NAME)).ok().and_then(|mut file| read_owner(&mut file));
    owner.is_some_and(|owner| owner.is_alive())
}

/// Takes any lock file, if it is free; its folder is made.
pub fn try_lock(path: &Path, command: &str) -> Result<Lock, LockError> {
    let file_error = |source| LockError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(file_error)?;
    }
    let options = File::options().read(true).write(true).create(true).truncate(false).open(path);
    let mut file = options.map_err(file_error)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LockError::Held(read_owner(&mut file))),
        Err(TryLockError::Error(source)) => return Err(file_error(source)),
    }
    write_owner(&mut file, &Owner::current(command)).map_err(file_error)?;
    Ok(Lock { file })
}

/// Who has it, if that was written already.
fn read_owner(file: &mut File) -> Option<Owner> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn write_owner(file: &mut File, owner: &Owner) -> std::io::Result<()> {
    let text = serde_json::to_string(owner).map_err(std::io::Error::other)?;
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{LockError, build_lock, is_building, try_build_lock};

    #[test]
    fn one_at_a_time_and_it_says_who() {
        let folder = tempfile::tempdir().expect("a folder");
        let dir = folder.path().join(".pl");
        let first = try_build_lock(&dir, "pl build a").expect("free");
        let second = try_build_lock(&dir, "pl build b").expect_err("held");
        let LockError::Held(Some(owner)) = &second else { panic!("{second:?}") };
        assert!(owner.is_alive());
        assert!(second.to_string().starts_with("`pl build a` (process "), "{second}");
        let given_up = build_lock(&dir, "pl build b", |_| false);
        assert!(matches!(given_up, Err(LockError::GivenUp)));
        let mut first = Some(first);
        let mut asked = 0;
        let waited = build_lock(&dir, "pl build b", |_| {
            asked += 1;
            drop(first.take());
            true
        });
        assert!(waited.is_ok() && is_building(&dir));
        drop(waited);
        assert!(!is_building(&dir));
        assert_eq!(asked, 1);
    }
}
