//! Which untracked paths the base tree's own `.gitignore` files name.
//!
//! Ignore rules come from the tree that the workstream started from, never from what a tool planted: so that a tool
//! cannot hide a file by ignoring it, and leftovers such as `__pycache__` do not fail a workstream.

use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::git::error::GitError;
use crate::git::object::TreeId;
use crate::git::repository::Repository;

/// The ignore files of one tree, the deepest folder first.
#[derive(Debug, Default)]
pub struct IgnoreRules {
    files: Vec<(String, Gitignore)>,
}

impl IgnoreRules {
    /// Reads every `.gitignore` of a tree; lines that do not parse are passed over, as git does.
    pub fn of(repository: &Repository, tree: TreeId) -> Result<Self, GitError> {
        let mut files = Vec::new();
        for entry in repository.entries(tree)? {
            let Ok(path) = std::str::from_utf8(&entry.path) else { continue };
            let Some(folder) = path.strip_suffix(".gitignore") else { continue };
            if !(folder.is_empty() || folder.ends_with('/')) {
                continue;
            }
            let text = repository.blob(entry.blob.id)?;
            let mut builder = GitignoreBuilder::new("/");
            for line in String::from_utf8_lossy(&text).lines() {
                let _ = builder.add_line(None, line);
            }
            if let Ok(rules) = builder.build() {
                files.push((folder.to_owned(), rules));
            }
        }
        files.sort_by_key(|(folder, _)| std::cmp::Reverse(folder.len()));
        Ok(Self { files })
    }

    /// Whether a path, or a folder that it lies in, is ignored.
    pub fn ignores(&self, path: &[u8]) -> bool {
        let Ok(path) = std::str::from_utf8(path) else { return false };
        for (folder, rules) in &self.files {
            let Some(inner) = path.strip_prefix(folder.as_str()) else { continue };
            match rules.matched_path_or_any_parents(inner, false) {
                ignore::Match::Ignore(_) => return true,
                ignore::Match::Whitelist(_) => return false,
                ignore::Match::None => {}
            }
        }
        false
    }
}
