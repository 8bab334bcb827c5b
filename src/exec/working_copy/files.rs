//! The files of the working copy: what is tracked or could be, with digests; which of them were asked for; and configuration.
//!
//! Knows no rule but the names of its configuration. A digest is believed only of a file that nobody touched since the look began.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use crate::base::digest::Digest;
use crate::base::path::{Pattern, RepoPath};
use crate::exec::working_copy::{Asked, LintError};
use crate::git::object::{Entry, Mode, TreeId};
use crate::git::repository::Repository;
use crate::observe::edit::display;
use crate::system::Stat;
use crate::system::file_hash::HashCache;
use crate::system::inputs::{Input, InputKind, Inputs, evaluate, observe};
use crate::system::sight::Sights;

/// Fewer files than this are not worth another thread's attention.
const FILES_A_THREAD_MIN: usize = 256;

/// A look at the working copy.
pub struct Files {
    /// All of them, by path.
    pub entries: Vec<Input>,
    /// A digest of the path and the state of each.
    pub digests: Vec<Digest>,
    /// The digests that are known, and those that are learned.
    pub cache: HashCache,
    /// Tracked paths that are not UTF-8, which no rule can name.
    pub nameless: usize,
    /// Folders whose entries were listed.
    folders: Vec<PathBuf>,
    /// The file system's time before the look.
    mark_ns: i64,
}

/// What is listed, before anything is said of it.
struct Listed {
    entries: Vec<Input>,
    folders: Vec<PathBuf>,
    nameless: usize,
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
        let Listed { entries, folders, nameless } = list(root, &cache, repository, named)?;
        let digest = |entry: &Input| Digest::of_fields([entry.path.as_bytes(), &entry.state().0]);
        let digests = entries.par_iter().with_min_len(FILES_A_THREAD_MIN).map(digest).collect();
        Ok(Self { entries, digests, cache, nameless, folders, mark_ns })
    }

    /// One digest of all of them.
    pub fn digest(&self) -> Digest {
        Digest::of_fields(self.digests.iter().map(|digest| digest.0.as_slice()))
    }

    /// Whether a path is of this kind, and nobody wrote it since the look began.
    pub fn is_still(&self, path: &Path, kind: InputKind) -> bool {
        let is_old = |stat: &Stat| stat.is_older_than(self.mark_ns);
        observe(path, &self.cache).is_ok_and(|now| {
            now.kind == kind && now.itself.as_ref().is_none_or(is_old) && now.behind.as_ref().is_none_or(is_old)
        })
    }

    /// Whether the same files are there: none came, none went, and what says which are looked at is as it was.
    pub fn are_there(
        &self,
        root: &Path,
        repository: Option<&(Repository, String)>,
        named: &[String],
    ) -> Result<bool, LintError> {
        // A name that comes or goes is a change of its folder.
        let is_old = |path: &PathBuf| {
            let stat = std::fs::metadata(path).map(|metadata| Stat::of(&metadata));
            stat.is_ok_and(|stat| stat.is_older_than(self.mark_ns))
        };
        let mut rules = self.entries.iter().filter(|entry| entry.path.ends_with(".gitignore"));
        let is_still = |entry: &Input| self.is_still(&root.join(&entry.path), entry.kind);
        if self.folders.iter().all(is_old) && rules.all(is_still) {
            return Ok(true);
        }
        // Whoever writes beside a file and renames touches the folder, and no name has changed.
        let now = list(root, &self.cache, repository, named)?.entries;
        let names =
            |entries: &[Input]| entries.iter().map(|entry| (entry.path.clone(), entry.kind)).collect::<Vec<_>>();
        Ok(names(&now) == names(&self.entries))
    }

    /// Whether all files are as they were, and no other came.
    pub fn are_still(
        &self,
        root: &Path,
        repository: Option<&(Repository, String)>,
        named: &[String],
    ) -> Result<bool, LintError> {
        let is_still = |entry: &Input| self.is_still(&root.join(&entry.path), entry.kind);
        Ok(self.are_there(root, repository, named)? && self.entries.par_iter().all(is_still))
    }
}

fn list(
    root: &Path,
    cache: &HashCache,
    repository: Option<&(Repository, String)>,
    named: &[String],
) -> Result<Listed, LintError> {
    let sights = Sights::default();
    let all = [Pattern::Glob("**/*".into())];
    let Inputs { mut entries, mut folders } = evaluate(root, &all, &[], cache, &sights)?;
    let is_known = |path: &str| entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).is_ok();
    let mut others: BTreeSet<String> = named.iter().filter(|path| !is_known(path)).cloned().collect();
    let (mut modules, mut nameless) = (Vec::new(), 0);
    if let Some((repository, prefix)) = repository {
        let tracked = repository.tracked()?;
        let below = |path: &[u8]| path.strip_prefix(prefix.as_bytes()).map(<[u8]>::to_vec);
        // What is tracked counts, though a rule of .gitignore names it; what lies in a module belongs to another repository.
        modules = tracked.modules.iter().filter_map(|path| below(path)).map(|path| display(&path) + "/").collect();
        for path in tracked.files.iter().filter_map(|path| path.strip_prefix(prefix.as_bytes())) {
            match std::str::from_utf8(path) {
                Ok(path) if is_known(path) => {}
                Ok(path) => drop(others.insert(path.to_owned())),
                Err(_) => nameless += 1,
            }
        }
    }
    if !others.is_empty() {
        folders.extend(others.iter().filter_map(|path| root.join(path).parent().map(Path::to_path_buf)));
        let patterns: Vec<Pattern> = others.into_iter().map(|path| Pattern::File(RepoPath(path.into()))).collect();
        let found = evaluate(root, &patterns, &[], cache, &sights)?.entries;
        entries.extend(found.into_iter().filter(|entry| entry.kind != InputKind::Absent));
        entries.sort();
        entries.dedup_by(|left, right| left.path == right.path);
    }
    entries.retain(|entry| !modules.iter().any(|module: &String| entry.path.starts_with(module)));
    Ok(Listed { entries, folders, nameless })
}

/// A file, and the digest of its path and state.
pub type Chosen<'f> = (&'f Input, &'f Digest);

/// The files that are asked for: regular ones, below the paths, and different from the revision.
pub fn asked_for<'f>(
    files: &'f Files,
    root: &Path,
    asked: &Asked,
    since: Option<(&Repository, &str, TreeId)>,
) -> Result<Vec<Chosen<'f>>, LintError> {
    let is_asked = |(entry, _): &Chosen<'f>| {
        entry.kind == InputKind::File && (asked.paths.is_empty() || is_below(&asked.paths, &entry.path))
    };
    let chosen: Vec<Chosen<'f>> = files.entries.iter().zip(&files.digests).filter(is_asked).collect();
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
    let differing: Result<Vec<(Chosen<'f>, bool)>, LintError> =
        chosen.into_par_iter().map(|chosen| Ok((chosen, differs(chosen.0)?))).collect();
    Ok(differing?.into_iter().filter(|(_, differs)| *differs).map(|(chosen, _)| chosen).collect())
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
    /// The folder that was asked for last: files come sorted.
    last: Option<(String, Digest)>,
    seen: Vec<(String, InputKind, Digest)>,
}

impl<'a> Configuration<'a> {
    /// Of files with these names.
    pub fn new(root: &'a Path, names: &'a [String], cache: &'a HashCache) -> Self {
        Self { root, names, cache, folders: HashMap::new(), last: None, seen: Vec::new() }
    }

    /// One digest of all that count for a file.
    pub fn of(&mut self, path: &str) -> Result<Digest, LintError> {
        let mut digest = Digest::of(b"no configuration");
        if self.names.is_empty() {
            return Ok(digest);
        }
        let folder = &path[..path.rfind('/').map_or(0, |at| at + 1)];
        if let Some((_, known)) = self.last.as_ref().filter(|(last, _)| last == folder) {
            return Ok(*known);
        }
        let ends = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
        for folder in ends.map(|end| &path[..end]) {
            digest = match self.folders.get(folder) {
                Some(known) => *known,
                None => self.add(folder, digest)?,
            };
        }
        self.last = Some((folder.to_owned(), digest));
        Ok(digest)
    }

    fn add(&mut self, folder: &str, above: Digest) -> Result<Digest, LintError> {
        let mut fields = vec![above.0];
        for name in self.names {
            let path = format!("{folder}{name}");
            let (kind, state) = self.state(&path)?;
            fields.push(state.0);
            self.seen.push((path, kind, state));
        }
        let digest = Digest::of_fields(fields.iter().map(<[u8; 32]>::as_slice));
        self.folders.insert(folder.to_owned(), digest);
        Ok(digest)
    }

    fn state(&self, path: &str) -> Result<(InputKind, Digest), LintError> {
        let read = |source| LintError::Read { path: path.to_owned(), source };
        let now = observe(&self.root.join(path), self.cache).map_err(read)?;
        Ok((now.kind, crate::system::inputs::state(now.kind, now.mode, &now.digest)))
    }

    /// Whether every one is as it was.
    pub fn is_still(&self, files: &Files) -> bool {
        self.seen.iter().all(|(path, kind, before)| {
            self.state(path).is_ok_and(|(_, now)| now == *before) && files.is_still(&self.root.join(path), *kind)
        })
    }
}
