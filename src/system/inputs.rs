//! What a task's inputs stand for at this moment: the sorted list of paths with kind, mode and digest.
//!
//! Ignore rules prune what wildcards reach; a file or folder written literally is taken as it is. Does not know which
//! task asks, nor what the list is kept under.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::GlobMatcher;
use ignore::{DirEntry, WalkBuilder};
use rayon::prelude::*;

use super::file_hash::HashCache;
use super::sight::{Seen, Sights, content_of_stat};
use super::{Kind, Stat};
use crate::base::digest::Digest;
use crate::base::path::{Pattern, PatternSet, compile_glob};

/// Folders that no input ever reaches.
const NEVER_ENTERED: [&str; 3] = [".git", ".pl", ".worktrees"];

/// From so many inputs on, several threads look at them.
const FILES_FOR_THREADS: usize = 32;

/// What can go wrong when inputs are looked at.
#[derive(Debug, thiserror::Error)]
pub enum InputsError {
    /// A path cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The path.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A folder cannot be walked.
    #[error("cannot list {path}: {source}")]
    Walk {
        /// The folder.
        path: String,
        /// Why.
        source: ignore::Error,
    },
}

/// What an input is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InputKind {
    /// A regular file: its content counts.
    File,
    /// A folder written literally; what is below it has entries of its own.
    Folder,
    /// A link: its text counts, and the content of the file that it leads to, if any.
    Link,
    /// A pipe, a socket, a device: only that it is there.
    Other,
    /// Written literally, and not there.
    Absent,
}

/// One input.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Input {
    /// Relative to the root, `/`-separated; characters that are not UTF-8 are replaced.
    pub path: String,
    /// What it is.
    pub kind: InputKind,
    /// `0o755` or `0o644` for files, 0 for all else.
    pub mode: u32,
    /// Of the content (files), the text and what it leads to (links), nothing (all else).
    pub digest: Digest,
}

impl Input {
    /// One digest of kind, mode and content: what a part of a fingerprint holds.
    pub fn state(&self) -> Digest {
        state(self.kind, self.mode, &self.digest)
    }
}

/// A regular file whose content was digested, as a note of it.
pub fn file_seen(stat: &Stat, digest: &Digest) -> Seen {
    Seen::new(Some(*stat), None, Some(*digest))
}

/// One digest of kind, mode and content.
pub fn state(kind: InputKind, mode: u32, digest: &Digest) -> Digest {
    Digest::of_fields([[kind as u8].as_slice(), &mode.to_le_bytes(), &digest.0])
}

/// The inputs of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Sorted by path, each path once.
    pub entries: Vec<Input>,
    /// Absolute paths of the folders that were listed, sorted: a change in one may add or remove an input.
    pub folders: Vec<PathBuf>,
}

impl Inputs {
    /// One digest of all entries.
    pub fn digest(&self) -> Digest {
        let states: Vec<Digest> = self.entries.iter().map(Input::state).collect();
        let paths = self.entries.iter().map(|entry| entry.path.as_bytes());
        Digest::of_fields(paths.zip(&states).flat_map(|(path, state)| [path, state.0.as_slice()]))
    }
}

/// Evaluates patterns below `root`, without what `outputs` name; `sights` takes note of all that was looked at.
pub fn evaluate(
    root: &Path,
    patterns: &[Pattern],
    outputs: &[Pattern],
    cache: &HashCache,
    sights: &Sights,
) -> Result<Inputs, InputsError> {
    let (found, folders) = (BTreeMap::new(), BTreeSet::new());
    let mut search = Search { root, outputs: PatternSet::new(outputs), found, folders, sights, noted: sights.is_on() };
    let mut globs: BTreeMap<String, Vec<GlobMatcher>> = BTreeMap::new();
    for pattern in patterns {
        match pattern {
            Pattern::File(path) | Pattern::Folder(path) => search.literal(&path.0)?,
            Pattern::Glob(glob) => globs.entry(walk_root(glob)).or_default().extend(compile_glob(glob).ok()),
        }
    }
    for (folder, globs) in globs {
        search.walk(&folder, true, |path| globs.iter().any(|glob| glob.is_match(path)))?;
    }
    let found: Vec<(Vec<u8>, Found)> = search.found.into_iter().collect();
    let one = |(path, found): (Vec<u8>, Found)| input(root, &path, found, cache, sights);
    // Handing a few files to other threads takes longer than looking at them.
    let entries: Result<Vec<Option<Input>>, InputsError> = if found.len() < FILES_FOR_THREADS {
        found.into_iter().map(one).collect()
    } else {
        found.into_par_iter().map(one).collect()
    };
    Ok(Inputs { entries: entries?.into_iter().flatten().collect(), folders: search.folders.into_iter().collect() })
}

/// The folder from which a glob is walked: its parts before the first one with glob characters.
fn walk_root(glob: &str) -> String {
    let literal = Pattern::Glob(glob.into()).literal_prefix().len();
    glob[..literal].rfind('/').map_or_else(String::new, |end| glob[..end].to_owned())
}

/// Why a path is in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Written,
    Reached,
}

struct Search<'a> {
    root: &'a Path,
    outputs: PatternSet,
    found: BTreeMap<Vec<u8>, Found>,
    folders: BTreeSet<PathBuf>,
    sights: &'a Sights,
    noted: bool,
}

impl Search<'_> {
    /// Takes what is written, whatever ignore rules say of it.
    fn literal(&mut self, path: &str) -> Result<(), InputsError> {
        if self.outputs.matches(path.as_bytes()) || is_never_entered(path.as_bytes()) {
            return Ok(());
        }
        self.found.insert(path.as_bytes().to_vec(), Found::Written);
        if std::fs::metadata(self.root.join(path)).is_ok_and(|metadata| metadata.is_dir()) {
            self.walk(path, false, |_| true)?;
        }
        Ok(())
    }

    /// Takes what lies below a folder and is wanted. The folder itself is entered even where it is ignored or a link.
    fn walk(&mut self, folder: &str, prune: bool, wanted: impl Fn(&Path) -> bool) -> Result<(), InputsError> {
        let start = if folder.is_empty() { self.root.to_owned() } else { self.root.join(folder) };
        let there = std::fs::metadata(&start).ok().filter(std::fs::Metadata::is_dir);
        if self.noted {
            self.note_start(&start, there.is_some(), prune);
        }
        if there.is_none() {
            return Ok(());
        }
        for entry in walker(&start, prune) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) if is_gone(&error) => continue,
                Err(source) => return Err(InputsError::Walk { path: folder.to_owned(), source }),
            };
            let is_folder = entry.depth() == 0 || entry.file_type().is_some_and(|kind| kind.is_dir());
            if is_folder {
                if self.noted {
                    self.note_folder(entry.path(), prune);
                }
                self.folders.insert(entry.path().to_owned());
                continue;
            }
            let Ok(path) = entry.path().strip_prefix(self.root) else { continue };
            let bytes = path.as_os_str().as_bytes();
            let utf8_or_literal = !prune || std::str::from_utf8(bytes).is_ok();
            if utf8_or_literal && wanted(path) && !self.outputs.matches(bytes) {
                self.found.entry(bytes.to_vec()).or_insert(Found::Reached);
            }
        }
        Ok(())
    }

    /// What decides whether there is anything to walk, and the ignore rules above it.
    fn note_start(&self, start: &Path, is_folder: bool, prune: bool) {
        if !is_folder {
            self.sights.path(start, glance(start));
        }
        if prune && is_folder {
            let real = std::fs::canonicalize(start).unwrap_or_else(|_| start.to_owned());
            for folder in real.ancestors().skip(1) {
                note_rules(folder, self.sights);
            }
        }
    }

    /// A folder, before its entries are read.
    fn note_folder(&self, folder: &Path, prune: bool) {
        match std::fs::metadata(folder) {
            Ok(metadata) => self.sights.folder(folder, Stat::of(&metadata)),
            Err(_) => self.sights.spoil(|| format!("{} vanished while it was looked at", folder.display())),
        }
        if prune {
            note_rules(folder, self.sights);
        }
    }
}

/// A path whose content nobody reads.
pub fn glance(path: &Path) -> Seen {
    let itself = std::fs::symlink_metadata(path).ok().map(|metadata| Stat::of(&metadata));
    let is_link = itself.is_some_and(|stat| stat.kind == Kind::Link);
    let behind = std::fs::metadata(path).ok().filter(|_| is_link).map(|metadata| Stat::of(&metadata));
    Seen::new(itself, behind, content_of_stat(itself))
}

/// The ignore rules that a folder brings, present or absent. They were read by a library: only a stat older than the
/// look can vouch for them.
fn note_rules(folder: &Path, sights: &Sights) {
    sights.path(&folder.join(".gitignore"), glance(&folder.join(".gitignore")));
    let git = folder.join(".git");
    let seen = glance(&git);
    sights.path(&git, seen);
    let exclude = match seen.itself.map(|stat| stat.kind) {
        Some(Kind::File | Kind::Link) => linked_exclude(&git, sights),
        Some(Kind::Folder) => Some(git.join("info/exclude")),
        _ => None,
    };
    if let Some(exclude) = exclude {
        sights.path(&exclude, glance(&exclude));
    }
}

/// Where a linked worktree's common folder has its excludes.
fn linked_exclude(git: &Path, sights: &Sights) -> Option<PathBuf> {
    let text = std::fs::read_to_string(git).ok()?;
    let folder = PathBuf::from(text.lines().next()?.strip_prefix("gitdir: ")?);
    let common = folder.join("commondir");
    sights.path(&common, glance(&common));
    let text = std::fs::read_to_string(&common).ok()?;
    Some(folder.join(text.lines().next()?).join("info/exclude"))
}

fn walker(start: &Path, prune: bool) -> ignore::Walk {
    WalkBuilder::new(start)
        .standard_filters(false)
        .git_ignore(prune)
        .git_exclude(prune)
        .parents(prune)
        .require_git(false)
        .follow_links(false)
        .filter_entry(|entry: &DirEntry| {
            entry.depth() == 0 || !NEVER_ENTERED.iter().any(|name| entry.file_name() == *name)
        })
        .build()
}

fn is_never_entered(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/').any(|part| NEVER_ENTERED.iter().any(|name| name.as_bytes() == part))
}

/// A folder may be removed while it is walked; then nothing is below it.
fn is_gone(error: &ignore::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Looks one path up; `None` where a wildcard reached something that has gone since.
fn input(
    root: &Path,
    path: &[u8],
    found: Found,
    cache: &HashCache,
    sights: &Sights,
) -> Result<Option<Input>, InputsError> {
    let full = root.join(std::ffi::OsStr::from_bytes(path));
    let text = String::from_utf8_lossy(path).into_owned();
    let observed = match observe(&full, cache) {
        Ok(observed) => observed,
        Err(source) => return Err(InputsError::Read { path: text, source }),
    };
    sights.path(&full, observed.seen());
    let Observed { kind, mode, digest, .. } = observed;
    let gone = kind == InputKind::Absent && found == Found::Reached;
    Ok((!gone).then_some(Input { path: text, kind, mode, digest }))
}

/// A path as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observed {
    /// What it is.
    pub kind: InputKind,
    /// As in [`Input`].
    pub mode: u32,
    /// As in [`Input`].
    pub digest: Digest,
    /// The path itself.
    pub itself: Option<Stat>,
    /// Where it is a link: what it leads to.
    pub behind: Option<Stat>,
}

impl Observed {
    /// As a note of it.
    pub fn seen(&self) -> Seen {
        Seen::new(self.itself, self.behind, Some(self.digest))
    }
}

/// Looks one path up; nothing being there is an answer.
pub fn observe(path: &Path, cache: &HashCache) -> io::Result<Observed> {
    let nothing = Digest::of(b"");
    let (itself, behind) = (None, None);
    let absent = Observed { kind: InputKind::Absent, mode: 0, digest: nothing, itself, behind };
    match observe_there(path, cache) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(absent),
        observed => observed,
    }
}

fn observe_there(path: &Path, cache: &HashCache) -> io::Result<Observed> {
    let stat = Stat::of(&std::fs::symlink_metadata(path)?);
    let observed = |kind, mode, digest| Observed { kind, mode, digest, itself: Some(stat), behind: None };
    Ok(match stat.kind {
        Kind::File => {
            let mode = if stat.is_executable() { 0o755 } else { 0o644 };
            observed(InputKind::File, mode, cache.digest(path, &stat)?)
        }
        Kind::Folder => observed(InputKind::Folder, 0, Digest::of(b"")),
        Kind::Link => {
            let (digest, behind) = link(path, cache)?;
            Observed { behind, ..observed(InputKind::Link, 0, digest) }
        }
        Kind::Other => observed(InputKind::Other, 0, Digest::of(b"")),
    })
}

/// A step reads through a link, so the file behind it counts as well.
fn link(path: &Path, cache: &HashCache) -> io::Result<(Digest, Option<Stat>)> {
    let target = std::fs::read_link(path)?;
    let behind = std::fs::metadata(path).ok().map(|metadata| Stat::of(&metadata));
    let content = match behind.filter(|stat| stat.kind == Kind::File) {
        Some(stat) => cache.digest(path, &stat)?.0.to_vec(),
        None => Vec::new(),
    };
    Ok((link_digest(&target, &content), behind))
}

/// The digest of a link's text and of the digest of the file behind it; empty where that is no file.
pub fn link_digest(target: &Path, behind: &[u8]) -> Digest {
    Digest::of_fields([target.as_os_str().as_bytes(), behind])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::Path;

    use super::{Inputs, evaluate};
    use crate::base::path::{Pattern, RepoPath, is_glob};
    use crate::system::file_hash::HashCache;
    use crate::system::sight::Sights;

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (path, content) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            std::fs::write(path, content).expect("file");
        }
        folder
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        let pattern = |text: &&str| match text.strip_suffix('/') {
            _ if is_glob(text) => Pattern::Glob((*text).into()),
            Some(folder) => Pattern::Folder(RepoPath(folder.into())),
            None => Pattern::File(RepoPath((*text).into())),
        };
        texts.iter().map(pattern).collect()
    }

    fn look(root: &Path, inputs: &[&str], outputs: &[&str]) -> Inputs {
        let cache = HashCache::new(HashMap::new());
        evaluate(root, &patterns(inputs), &patterns(outputs), &cache, &Sights::default()).expect("inputs")
    }

    fn check(root: &Path, inputs: &[&str], outputs: &[&str], expected: &[&str]) {
        let found = look(root, inputs, outputs);
        let shown: Vec<_> = found.entries.iter().map(|entry| format!("{} {:?}", entry.path, entry.kind)).collect();
        assert_eq!(shown, expected, "{inputs:?} without {outputs:?}");
    }

    #[test]
    fn rules_prune_wildcards_and_nothing_else() {
        let folder = tree(&[
            (".gitignore", "*.log\nbuild/\n"),
            ("a.rs", ""),
            ("a.log", ""),
            (".hidden.rs", ""),
            ("build/gen.rs", ""),
            ("build/x.log", ""),
            ("src/b.rs", ""),
            ("src/.gitignore", "skip.rs\n"),
            ("src/skip.rs", ""),
            (".git/c.rs", ""),
            (".pl/d.rs", ""),
            ("sub/.worktrees/e.rs", ""),
        ]);
        let root = folder.path();
        check(root, &["**/*.rs"], &[], &[".hidden.rs File", "a.rs File", "src/b.rs File"]);
        check(root, &["*.log"], &[], &[]);
        check(root, &["a.log", "missing"], &[], &["a.log File", "missing Absent"]);
        check(root, &["build/"], &[], &["build Folder", "build/gen.rs File", "build/x.log File"]);
        check(root, &["build/*.rs"], &[], &["build/gen.rs File"]);
        check(root, &["src/*.rs", "src/skip.rs"], &[], &["src/b.rs File", "src/skip.rs File"]);
        check(root, &["**/*.rs"], &["src/"], &[".hidden.rs File", "a.rs File"]);
        check(root, &[".git/c.rs", "nowhere/"], &[], &["nowhere Absent"]);
        check(root, &["nowhere/*.c"], &[], &[]);
    }

    #[test]
    fn content_mode_and_links_count() {
        let folder = tree(&[("a", "one"), ("b", "two")]);
        let root = folder.path();
        symlink("a", root.join("l")).expect("link");
        let mut seen = vec![look(root, &["*"], &[]).digest()];
        assert_eq!(look(root, &["*"], &[]).digest(), seen[0]);
        std::fs::write(root.join("a"), "ONE").expect("a");
        seen.push(look(root, &["l"], &[]).digest());
        std::fs::write(root.join("a"), "Two").expect("a");
        seen.push(look(root, &["l"], &[]).digest());
        std::fs::remove_file(root.join("l")).expect("l");
        symlink("b", root.join("l")).expect("link");
        seen.push(look(root, &["l"], &[]).digest());
        std::fs::remove_file(root.join("b")).expect("b");
        seen.push(look(root, &["l"], &[]).digest());
        seen.push(look(root, &["*"], &[]).digest());
        std::fs::set_permissions(root.join("a"), std::fs::Permissions::from_mode(0o755)).expect("mode");
        seen.push(look(root, &["*"], &[]).digest());
        let distinct: std::collections::HashSet<_> = seen.iter().collect();
        assert_eq!(distinct.len(), seen.len());
    }

    #[test]
    fn a_pipe_is_not_opened() {
        let folder = tree(&[("d/a", "one")]);
        let pipe = folder.path().join("d/pipe");
        let made = rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::from_raw_mode(0o600),
            0,
        );
        made.expect("a pipe");
        check(folder.path(), &["d/"], &[], &["d Folder", "d/a File", "d/pipe Other"]);
        let listed = look(folder.path(), &["d/"], &[]).folders;
        assert_eq!(listed, [folder.path().join("d")]);
    }
}
