//! The door to files, environment variables and the clock.
//!
//! Knows nothing of steps, keys or records. [`OsSystem`] is the real thing; [`memory::MemorySystem`] stands in for it where
//! definitions are loaded in tests. Processes have a room of their own (`process`).

#![expect(clippy::disallowed_methods, reason = "the door itself")]

pub mod allocator;
pub mod capacity;
pub mod changes;
pub mod environment;
pub mod file_hash;
pub mod inputs;
pub mod memory;
pub mod paths;
pub mod profile;
pub mod program;
pub mod sight;

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What lies under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A pipe, a socket, a device: never opened.
    Other,
}

impl Kind {
    fn of(file_type: std::fs::FileType) -> Self {
        if file_type.is_file() {
            Self::File
        } else if file_type.is_dir() {
            Self::Folder
        } else if file_type.is_symlink() {
            Self::Link
        } else {
            Self::Other
        }
    }
}

/// What the file system says of a path without opening it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since the epoch; anyone may set it.
    pub mtime_ns: i64,
    /// Nanoseconds since the epoch; only the kernel sets it.
    pub ctime_ns: i64,
    /// Inode number.
    pub inode: u64,
    /// Device number.
    pub device: u64,
    /// Permission bits (`0o7777`).
    pub mode: u32,
}

impl Stat {
    /// Takes what is of interest from the standard library's answer.
    pub fn of(metadata: &std::fs::Metadata) -> Self {
        Self {
            kind: Kind::of(metadata.file_type()),
            size: metadata.len(),
            mtime_ns: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime_ns: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
            device: metadata.dev(),
            mode: metadata.permissions().mode() & 0o7777,
        }
    }

    /// Takes the same from the system's own answer.
    #[expect(clippy::unnecessary_cast, reason = "the fields' types differ between machines")]
    pub fn of_raw(raw: &rustix::fs::Stat) -> Self {
        let kind = match rustix::fs::FileType::from_raw_mode(raw.st_mode) {
            rustix::fs::FileType::RegularFile => Kind::File,
            rustix::fs::FileType::Directory => Kind::Folder,
            rustix::fs::FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        };
        Self {
            kind,
            size: raw.st_size as u64,
            mtime_ns: nanoseconds(raw.st_mtime as i64, raw.st_mtime_nsec as i64),
            ctime_ns: nanoseconds(raw.st_ctime as i64, raw.st_ctime_nsec as i64),
            inode: raw.st_ino as u64,
            device: raw.st_dev as u64,
            mode: raw.st_mode as u32 & 0o7777,
        }
    }

    /// Whether it was changed before a time in such a way that any change after that time gives it another ctime. A ctime
    /// of whole seconds comes from a file system that may know no finer ones.
    pub fn is_older_than(&self, time_ns: i64) -> bool {
        let coarse = self.ctime_ns % 1_000_000_000 == 0;
        self.ctime_ns < time_ns.saturating_sub(if coarse { COARSE_NS } else { 0 })
    }

    /// Whether the owner may execute it: the one permission bit that git and `pl` carry.
    pub fn is_executable(&self) -> bool {
        self.mode & 0o100 != 0
    }
}

/// The coarsest clock of a file system that is known of: two seconds.
const COARSE_NS: i64 = 2_000_000_000;

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

/// The door: everything that loading and planning ask of the machine.
pub trait System: Sync {
    /// A file's content.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// What a path leads to, links followed.
    fn stat(&self, path: &Path) -> io::Result<Stat>;
    /// What a path is itself, links not followed.
    fn lstat(&self, path: &Path) -> io::Result<Stat>;
    /// What a symbolic link says; where that leads is not looked at.
    fn read_link(&self, path: &Path) -> io::Result<PathBuf>;
    /// A folder's entries, sorted by name; links are not followed.
    fn list(&self, path: &Path) -> io::Result<Vec<(OsString, Kind)>>;
    /// An environment variable; `None` where it is not set or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
    /// All environment variables that are UTF-8, sorted by name.
    fn variables(&self) -> Vec<(String, String)>;
    /// The time.
    fn now(&self) -> jiff::Timestamp;
}

/// The machine itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsSystem;

impl System for OsSystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        std::fs::metadata(path).map(|metadata| Stat::of(&metadata))
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        std::fs::symlink_metadata(path).map(|metadata| Stat::of(&metadata))
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        std::fs::read_link(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path)? {
            let entry = entry?;
            entries.push((entry.file_name(), Kind::of(entry.file_type()?)));
        }
        entries.sort();
        Ok(entries)
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn variables(&self) -> Vec<(String, String)> {
        let mut variables: Vec<_> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        variables.sort();
        variables
    }

    fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::now()
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::memory::MemorySystem;
    use super::{Kind, OsSystem, System};

    #[test]
    fn memory_and_machine_say_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("sub")).expect("sub");
        std::fs::write(folder.path().join("sub/b"), "two").expect("b");
        std::fs::write(folder.path().join("a"), "one").expect("a");
        let memory = MemorySystem::default()
            .with_file(folder.path().join("sub/b"), "two")
            .with_file(folder.path().join("a"), "one");
        let systems: [&dyn System; 2] = [&OsSystem, &memory];
        for system in systems {
            let listed = system.list(folder.path()).expect("a listing");
            assert_eq!(listed, [(OsString::from("a"), Kind::File), (OsString::from("sub"), Kind::Folder)]);
            assert_eq!(system.read(&folder.path().join("sub/b")).expect("content"), b"two");
            assert_eq!(system.stat(&folder.path().join("a")).expect("stat").size, 3);
            let missing = system.read(&folder.path().join("c")).expect_err("no c");
            assert_eq!(missing.kind(), std::io::ErrorKind::NotFound);
        }
    }

    #[test]
    fn a_coarse_clock_takes_longer_to_vouch_for_a_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let stat = OsSystem.stat(folder.path()).expect("stat");
        let fine = super::Stat { ctime_ns: 5_000_000_001, ..stat };
        assert!(fine.is_older_than(5_000_000_002) && !fine.is_older_than(5_000_000_001));
        let coarse = super::Stat { ctime_ns: 5_000_000_000, ..stat };
        assert!(!coarse.is_older_than(6_999_999_999) && coarse.is_older_than(7_000_000_001));
    }

    #[test]
    fn a_link_is_seen_and_followed() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a"), "one").expect("a");
        std::os::unix::fs::symlink("a", folder.path().join("l")).expect("l");
        let link = folder.path().join("l");
        assert_eq!(OsSystem.lstat(&link).expect("lstat").kind, Kind::Link);
        assert_eq!(OsSystem.stat(&link).expect("stat").kind, Kind::File);
    }
}
