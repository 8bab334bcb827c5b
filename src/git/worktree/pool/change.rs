//! A worktree of which all is known made another tree: only what differs is written.
//!
//! Does not look at what lies there; that is `check`'s.

use std::path::Path;

use crate::git::delta::Delta;
use crate::git::error::GitError;
use crate::git::folder::{self, Kind, below};
use crate::git::object::{Blob, Entry, Mode};
use crate::git::repository::Repository;
use crate::git::stats::{InStep, Row};
use crate::git::worktree::files::{Written, fill};
use crate::git::worktree::pool::check::Checked;
use crate::git::worktree::pool::table::Left;

/// What differs.
#[derive(Debug)]
pub(super) struct Change {
    /// Paths that go, sorted; some are written anew.
    gone: Vec<Vec<u8>>,
    /// What is to be written, sorted.
    missing: Vec<Entry>,
}

impl Change {
    /// What makes a worktree with these faults another tree.
    pub(super) fn between(checked: &Checked<'_>, delta: &Delta) -> Self {
        let differs = |path: &[u8]| delta.changes.binary_search_by(|change| change.path.as_slice().cmp(path)).is_ok();
        let wrong = || checked.wrong.iter().filter(|row| !differs(row.path));
        let before = delta.changes.iter().filter(|change| change.old.is_some()).map(|change| change.path.clone());
        let mut gone: Vec<_> = before.chain(wrong().map(|row| row.path.to_vec())).collect();
        gone.sort();
        let after = delta.changes.iter().filter_map(|change| {
            let blob = change.new?;
            Some(Entry { path: change.path.clone(), blob })
        });
        let again = wrong().filter_map(|row| Some(Entry { path: row.path.to_vec(), blob: blob(row)? }));
        let mut missing: Vec<_> = after.chain(again).collect();
        missing.sort();
        Self { gone, missing }
    }

    /// Makes it so; says what stands there then, sorted.
    pub(super) fn make<'a>(
        &'a self,
        repository: &Repository,
        dir: &Path,
        left: &'a Left,
    ) -> Result<Vec<Written<'a>>, GitError> {
        for path in &self.gone {
            folder::remove(&below(dir, path))?;
            let mut slashes = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
            // What the tree needs there is made again.
            while slashes.next().is_some_and(|(end, _)| std::fs::remove_dir(below(dir, &path[..end])).is_ok()) {}
        }
        let mut missing = fill(repository, dir, &self.missing.iter().collect::<Vec<_>>())?.into_iter().peekable();
        let mut gone = InStep::new(self.gone.iter().map(|path| (path.as_slice(), ())));
        let stays = left.stats.rows().filter(|row| gone.find(row.path).is_none()).filter_map(|row| {
            let (blob, stat) = (blob(&row)?, (!row.stat.is_folder()).then_some(row.stat));
            Some(Written { path: row.path, blob, stat, own: true })
        });
        let mut written = Vec::with_capacity(left.stats.len() + self.missing.len());
        for file in stays {
            written.extend(std::iter::from_fn(|| missing.next_if(|missing| missing.path < file.path)));
            written.push(file);
        }
        written.extend(missing);
        Ok(written)
    }
}

/// What a row says of the tree; nothing where it is a folder's.
fn blob(row: &Row<'_>) -> Option<Blob> {
    let mode = match Kind::of(&row.stat) {
        Kind::File { executable: false } => Mode::File,
        Kind::File { executable: true } => Mode::Executable,
        Kind::Link => Mode::Link,
        Kind::Folder => Mode::Gitlink,
        Kind::ClosedFolder | Kind::Special => return None,
    };
    Some(Blob { mode, id: row.id? })
}
