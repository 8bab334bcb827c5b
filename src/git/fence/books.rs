//! Refs, settings, hooks and the like of a repository, by what a breach calls them.
//!
//! A file that looks as it did (ctime, inode, size) is not read again: a look costs a stat a file. Knows no checkout.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::digest::Digest;
use crate::git::error::GitError;
use crate::git::fence::arming;
use crate::git::folder;
use crate::git::repository::Repository;
use crate::git::stats::{FileStat, Moment, clock};
use crate::git::worktree::{admin, index};

/// What of the common folder is looked at, by content.
const GUARDED: [&str; 5] = ["HEAD", "hooks", "info", "objects/info/alternates", "shallow"];
/// Of these each setting is looked at.
const CONFIGS: [&str; 2] = ["config", "config.worktree"];
/// What tells where a linked worktree is and what it stands on.
const WORKTREE_FILES: [&str; 4] = ["HEAD", "commondir", "config.worktree", "gitdir"];

/// What was read of files, with how they looked then.
#[derive(Debug, Default)]
pub struct Memory {
    files: Mutex<HashMap<PathBuf, (FileStat, Facts)>>,
}

/// What one file says: names as a breach calls them, and what stands for their content.
type Facts = Arc<Vec<(String, String)>>;

/// Looks at all of it; the index of the main checkout only where that is asked for.
pub(super) fn look(
    repository: &Repository,
    memory: &Memory,
    with_index: bool,
) -> Result<BTreeMap<String, String>, GitError> {
    let common = repository.common_dir();
    let mut reader = Reader { memory, looked: clock(common)?, seen: BTreeMap::new() };
    reader.read(&common.join("packed-refs"), packed_refs);
    reader.loose_refs(common);
    if with_index {
        let content = |path: &Path| index::oddities(path).map(|index| ("index".to_owned(), index.content.hex()));
        reader.read(&common.join("index"), |path| content(path).into_iter().collect());
    }
    for name in CONFIGS {
        reader.read(&common.join(name), |path| arming::settings(name, path));
    }
    reader.guarded(common);
    for entry in std::fs::read_dir(common.join("worktrees")).into_iter().flatten().filter_map(Result::ok) {
        if !admin::is_ours(&entry.path()) {
            let bytes = WORKTREE_FILES.map(|name| folder::read_plain(&entry.path().join(name)).unwrap_or_default());
            let name = format!("worktree {}", entry.file_name().to_string_lossy());
            reader.seen.insert(name, Digest::of_fields(bytes.iter().map(Vec::as_slice)).hex());
        }
    }
    Ok(reader.seen)
}

struct Reader<'a> {
    memory: &'a Memory,
    /// The clock from before the first file was looked at.
    looked: Moment,
    seen: BTreeMap<String, String>,
}

impl Reader<'_> {
    /// Adds what a file says, read anew where it may have changed; one that is not there says nothing.
    fn read(&mut self, path: &Path, read: impl FnOnce(&Path) -> Vec<(String, String)>) {
        let Ok(metadata) = path.symlink_metadata() else { return };
        let stat = FileStat::of(&metadata);
        let lock = || self.memory.files.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(path).filter(|(known, _)| *known == stat).map(|(_, facts)| facts.clone());
        let facts = known.unwrap_or_else(|| {
            let facts = Arc::new(read(path));
            // What changed in this tick of the clock may change again unseen.
            if stat.ctime < self.looked {
                lock().insert(path.to_owned(), (stat, facts.clone()));
            }
            facts
        });
        self.seen.extend(facts.iter().cloned());
    }

    /// Loose refs, which count before packed ones.
    fn loose_refs(&mut self, common: &Path) {
        let mut open = vec!["refs".to_owned()];
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(common.join(&folder)).into_iter().flatten().filter_map(Result::ok) {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(name);
                } else if !name.ends_with(".lock") {
                    self.read(&entry.path(), |path| vec![(format!("ref {name}"), target(path))]);
                }
            }
        }
    }

    fn guarded(&mut self, common: &Path) {
        let mut open: Vec<String> = GUARDED.map(str::to_owned).into();
        while let Some(name) = open.pop() {
            let path = common.join(&name);
            if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
                let listing = std::fs::read_dir(&path).into_iter().flatten().filter_map(Result::ok);
                open.extend(listing.map(|entry| format!("{name}/{}", entry.file_name().to_string_lossy())));
            } else {
                self.read(&path, |path| vec![(name, content(path))]);
            }
        }
    }
}

/// The commit or the other ref that a loose ref names; of what is no plain file, what it is.
fn target(path: &Path) -> String {
    match folder::read_plain(path) {
        Some(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            text.trim().trim_start_matches("ref: ").to_owned()
        }
        None => content(path),
    }
}

/// A line a ref: its commit and its name; see git-pack-refs(1).
fn packed_refs(path: &Path) -> Vec<(String, String)> {
    let bytes = folder::read_plain(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines = text.lines().filter(|line| !line.starts_with(['#', '^']));
    lines.filter_map(|line| line.split_once(' ')).map(|(id, name)| (format!("ref {name}"), id.to_owned())).collect()
}

/// Mode and bytes of a file, or where a link leads.
fn content(path: &Path) -> String {
    let Ok(metadata) = path.symlink_metadata() else { return String::new() };
    let content = match folder::read_plain(path) {
        Some(bytes) => Digest::of(&bytes).hex(),
        None => format!("{:?}", std::fs::read_link(path).ok()),
    };
    format!("{:?} {content}", metadata.permissions())
}
