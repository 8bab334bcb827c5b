//! The files of the working copy: what is tracked or could be, with digests; which of them were asked for; and configuration.
//!
//! Knows no rule but the names of its configuration. A digest is believed only of a file that nobody touched since the look began.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use rayon::iter::{IntoParallelRefIterator, ParallelIterator};

use crate::base::digest::Digest;
use crate::base::path::{Pattern, RepoPath};
use crate::exec::working_copy::{Asked, LintError};
use crate::git::error::GitError;
use crate::git::object::{Entry, Mode, TreeId};
use crate::git::repository::Repository;
use crate::observe::edit::display;
use crate::system::file_hash::HashCache;
use crate::system::inputs::{Input, InputKind, evaluate, observe};
use crate::system::sight::Sights;

/// A look at the working copy.
pub struct Files {
    /// All of them, by path.
    pub entries: Vec<Input>,
    /// The digests that are known, and those that are learned.
    pub cache: HashCache,
    /// The file system's time before the look.
    mark_ns: i64,
}

impl Files {
    /// Looks at all files below the root that git tracks or would show as untracked, and those that are named.
    pub fn look(
        root: &Path,
        cache: HashCache,
        mark_ns: i64,
        repository: Option<&(Repository, String)>,
        named: &[String],
    ) -> Result<Self, LintError> {
        cache.mark(mark_ns);
        let entries = list(root, &cache, repository, named)?;
        Ok(Self { entries, cache, mark_ns })
    }

    /// One digest of all of them.
    pub fn digest(&self) -> Digest {
        of(&self.entries)
    }

    /// Whether a path is as it was when it was looked at: nobody wrote it since.
    pub fn is_still(&self, path: &Path) -> bool {
        let is_old = |stat: &crate::system::Stat| stat.is_older_than(self.mark_ns);
        observe(path, &self.cache)
            .is_ok_and(|now| now.itself.as_ref().is_none_or(is_old) && now.behind.as_ref().is_none_or(is_old))
    }

    /// Whether all files are as they were, and no other came.
    pub fn are_still(
        &self,
        root: &Path,
        repository: Option<&(Repository, String)>,
        named: &[String],
    ) -> Result<bool, LintError> {
        let now = list(root, &self.cache, repository, named)?;
        Ok(of(&now) == self.digest() && self.entries.par_iter().all(|entry| self.is_still(&root.join(&entry.path))))
    }
}

fn of(entries: &[Input]) -> Digest {
    let states: Vec<Digest> = entries.iter().map(Input::state).collect();
    let paths = entries.iter().map(|entry| entry.path.as_bytes());
    Digest::of_fields(paths.zip(&states).flat_map(|(path, state)| [path, state.0.as_slice()]))
}

fn list(
    root: &Path,
    cache: &HashCache,
    repository: Option<&(Repository, String)>,
    named: &[String],
) -> Result<Vec<Input>, LintError> {
    let sights = Sights::default();
    let all = [Pattern::Glob("**/*".to_owned())];
    let mut entries = evaluate(root, &all, &[], cache, &sights)?.entries;
    let known: HashSet<&str> = entries.iter().map(|entry| entry.path.as_str()).collect();
    let mut others: BTreeSet<String> = named.iter().filter(|path| !known.contains(path.as_str())).cloned().collect();
    let mut modules = Vec::new();
    if let Some((repository, prefix)) = repository {
        // What is tracked counts, though a rule of .gitignore names it; what lies in a module belongs to another repository.
        for entry in head(repository)? {
            let path = display(&entry.path);
            let Some(path) = path.strip_prefix(prefix.as_str()) else { continue };
            match entry.blob.mode {
                Mode::Gitlink => modules.push(format!("{path}/")),
                _ if !known.contains(path) => drop(others.insert(path.to_owned())),
                _ => {}
            }
        }
    }
    if !others.is_empty() {
        let patterns: Vec<Pattern> = others.into_iter().map(|path| Pattern::File(RepoPath(path))).collect();
        let found = evaluate(root, &patterns, &[], cache, &sights)?.entries;
        entries.extend(found.into_iter().filter(|entry| entry.kind != InputKind::Absent));
        entries.sort();
        entries.dedup_by(|left, right| left.path == right.path);
    }
    entries.retain(|entry| !modules.iter().any(|module| entry.path.starts_with(module)));
    Ok(entries)
}

/// The entries of HEAD's tree; none where nothing was committed yet.
fn head(repository: &Repository) -> Result<Vec<Entry>, GitError> {
    let Ok(commit) = repository.resolve("HEAD") else { return Ok(Vec::new()) };
    Ok(repository.entries(repository.tree_of(commit)?)?.to_vec())
}

/// The files that are asked for: regular ones, below the paths, and different from the revision.
pub fn asked_for<'f>(
    files: &'f Files,
    root: &Path,
    asked: &Asked,
    since: Option<(&Repository, &str, TreeId)>,
) -> Result<Vec<&'f Input>, LintError> {
    let chosen: Vec<&Input> = files
        .entries
        .iter()
        .filter(|entry| {
            entry.kind == InputKind::File && (asked.paths.is_empty() || is_below(&asked.paths, &entry.path))
        })
        .collect();
    let Some((repository, prefix, tree)) = since else { return Ok(chosen) };
    let before: HashMap<String, Entry> =
        repository.entries(tree)?.iter().map(|entry| (display(&entry.path), entry.clone())).collect();
    let differs = |entry: &Input| -> Result<bool, LintError> {
        let Some(old) = before.get(&format!("{prefix}{}", entry.path)) else { return Ok(true) };
        let mode = if entry.mode == 0o755 { Mode::Executable } else { Mode::File };
        if old.blob.mode != mode {
            return Ok(true);
        }
        let path = root.join(&entry.path);
        let bytes = std::fs::read(&path).map_err(|source| LintError::Read { path: entry.path.clone(), source })?;
        Ok(Repository::blob_id(&bytes)? != old.blob.id)
    };
    let differing: Result<Vec<(&Input, bool)>, LintError> =
        chosen.par_iter().map(|entry| Ok((*entry, differs(entry)?))).collect();
    Ok(differing?.into_iter().filter(|(_, differs)| *differs).map(|(entry, _)| entry).collect())
}

/// Whether a path is one of these or lies below one; an empty one is the root.
pub fn is_below(paths: &[String], path: &str) -> bool {
    paths.iter().any(|above| {
        above.is_empty()
            || path.strip_prefix(above.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The configuration files of a rule, looked for from each file's folder up to the root.
pub struct Configuration<'a> {
    root: &'a Path,
    names: &'a [String],
    cache: &'a HashCache,
    folders: HashMap<String, Digest>,
    seen: Vec<(String, Digest)>,
}

impl<'a> Configuration<'a> {
    /// Of files with these names.
    pub fn new(root: &'a Path, names: &'a [String], cache: &'a HashCache) -> Self {
        Self { root, names, cache, folders: HashMap::new(), seen: Vec::new() }
    }

    /// One digest of all that count for a file.
    pub fn of(&mut self, path: &str) -> Result<Digest, LintError> {
        let mut digest = Digest::of(b"no configuration");
        if self.names.is_empty() {
            return Ok(digest);
        }
        let ends = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
        for folder in ends.map(|end| &path[..end]) {
            digest = match self.folders.get(folder) {
                Some(known) => *known,
                None => self.add(folder, digest)?,
            };
        }
        Ok(digest)
    }

    fn add(&mut self, folder: &str, above: Digest) -> Result<Digest, LintError> {
        let mut fields = vec![above.0];
        for name in self.names {
            let path = format!("{folder}{name}");
            let state = self.state(&path)?;
            fields.push(state.0);
            self.seen.push((path, state));
        }
        let digest = Digest::of_fields(fields.iter().map(<[u8; 32]>::as_slice));
        self.folders.insert(folder.to_owned(), digest);
        Ok(digest)
    }

    fn state(&self, path: &str) -> Result<Digest, LintError> {
        let read = |source| LintError::Read { path: path.to_owned(), source };
        let now = observe(&self.root.join(path), self.cache).map_err(read)?;
        Ok(crate::system::inputs::state(now.kind, now.mode, &now.digest))
    }

    /// Whether every one is as it was.
    pub fn is_still(&self, files: &Files) -> bool {
        self.seen.iter().all(|(path, before)| {
            self.state(path).is_ok_and(|now| now == *before) && files.is_still(&self.root.join(path))
        })
    }
}
