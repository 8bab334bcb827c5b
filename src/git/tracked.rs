//! What the index tracks: paths, and which of them are repositories of their own.
//!
//! Says nothing of what lies in the checkout.

use std::path::PathBuf;

use gix::index::entry::Mode;

use crate::base::digest::Digest;
use crate::git::error::GitError;
use crate::git::repository::Repository;

/// Paths of an index, raw bytes, in its order; of a conflict each path once.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tracked {
    /// Files and links.
    pub files: Vec<Vec<u8>>,
    /// Folders that belong to another repository.
    pub modules: Vec<Vec<u8>>,
}

impl Tracked {
    /// Equal where the same paths are tracked.
    pub fn digest(&self) -> Digest {
        let count = (self.files.len() as u64).to_le_bytes();
        let paths = self.files.iter().chain(&self.modules).map(Vec::as_slice);
        Digest::of_fields(std::iter::once(count.as_slice()).chain(paths))
    }
}

impl Repository {
    /// The file that says what is tracked, and the files of settings that decide where its checkout is.
    pub fn index_and_settings(&self) -> Result<(PathBuf, [PathBuf; 2]), GitError> {
        let settings = self.common_dir().join("config");
        self.with(|handle| Ok((handle.index_path(), [settings, handle.git_dir().join("config.worktree")])))
    }

    /// What is tracked in the checkout that this was opened in; nothing where no index was written yet.
    pub fn tracked(&self) -> Result<Tracked, GitError> {
        self.with(|handle| {
            let index = handle.index_or_empty().map_err(GitError::object("read the index"))?;
            let mut tracked = Tracked { files: Vec::with_capacity(index.entries().len()), modules: Vec::new() };
            for entry in index.entries() {
                let path = entry.path(&index);
                let list = match entry.mode {
                    Mode::COMMIT => &mut tracked.modules,
                    // A sparse index names folders that are not checked out.
                    Mode::DIR => continue,
                    _ => &mut tracked.files,
                };
                if list.last().is_none_or(|last| *last != **path) {
                    list.push(path.to_vec());
                }
            }
            Ok(tracked)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::git::repository::Repository;
    use crate::git::scratch::{Scratch, git_command, write};

    #[test]
    fn conflicts_and_modules_are_told_once() {
        let scratch = Scratch::new(&[("a", "1"), ("b/c", "2")]);
        let head = scratch.git(&["rev-parse", "HEAD"]);
        scratch.git(&["update-index", "--add", "--cacheinfo", &format!("160000,{},sub", head.trim())]);
        write(&scratch.dir().join("staged"), "x");
        scratch.git(&["add", "staged"]);
        for branch in ["one", "other"] {
            scratch.git(&["checkout", "-q", "-b", branch, "main"]);
            write(&scratch.dir().join("a"), branch);
            scratch.git(&["commit", "-q", "-m", branch, "a"]);
        }
        assert!(!git_command(&scratch.dir(), &["merge", "-q", "one"]).output().unwrap().status.success());
        let tracked = Repository::open_in_memory(&scratch.dir()).unwrap().tracked().unwrap();
        assert_eq!(tracked.files, [b"a".to_vec(), b"b/c".to_vec(), b"staged".to_vec()]);
        let fewer = super::Tracked { files: tracked.files[1..].to_vec(), ..tracked.clone() };
        assert_ne!(tracked.digest(), fewer.digest());
        assert_eq!(tracked.modules, [b"sub".to_vec()]);
        std::fs::remove_file(scratch.dir().join(".git/index")).unwrap();
        let none = Repository::open_in_memory(&scratch.dir()).unwrap().tracked().unwrap();
        assert!(none.files.is_empty() && none.modules.is_empty());
    }
}
