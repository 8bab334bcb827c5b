//! A system of maps, for tests of what reads definitions.
//!
//! Knows no links and no permissions; folders exist because files lie below them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::{Kind, Stat, System};
use crate::base::digest::Digest;

/// Files, variables and a clock in memory.
#[derive(Debug, Clone, Default)]
pub struct MemorySystem {
    files: BTreeMap<PathBuf, Vec<u8>>,
    variables: BTreeMap<String, String>,
    now: jiff::Timestamp,
}

impl MemorySystem {
    /// Adds a file, or replaces it.
    #[must_use]
    pub fn with_file(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), content.into());
        self
    }

    /// Sets a variable.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets the clock.
    #[must_use]
    pub fn at(mut self, now: jiff::Timestamp) -> Self {
        self.now = now;
        self
    }

    fn is_folder(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file != path && file.starts_with(path))
    }
}

impl System for MemorySystem {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let stat = |kind, size, inode| Stat { kind, size, mtime_ns: 0, ctime_ns: 0, inode, device: 0, mode: 0o644 };
        if let Some(content) = self.files.get(path) {
            let Digest(bytes) = Digest::of(content);
            let inode = u64::from_le_bytes(*bytes.first_chunk().expect("BUG: a digest has 32 bytes"));
            return Ok(stat(Kind::File, content.len() as u64, inode));
        }
        if self.is_folder(path) {
            return Ok(stat(Kind::Folder, 0, 0));
        }
        Err(io::Error::from(io::ErrorKind::NotFound))
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        self.stat(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        let kind = if self.stat(path).is_ok() { io::ErrorKind::InvalidInput } else { io::ErrorKind::NotFound };
        Err(io::Error::from(kind))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        if !self.is_folder(path) {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        }
        let below = self.files.keys().filter_map(|file| file.strip_prefix(path).ok());
        let entries: BTreeSet<(OsString, Kind)> = below
            .filter_map(|rest| {
                let mut parts = rest.components();
                let name = parts.next()?.as_os_str().to_owned();
                let kind = if parts.next().is_some() { Kind::Folder } else { Kind::File };
                Some((name, kind))
            })
            .collect();
        Ok(entries.into_iter().collect())
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    fn now(&self) -> jiff::Timestamp {
        self.now
    }
}
