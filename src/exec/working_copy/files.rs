//! The files of the working copy: what is tracked or could be, with digests; which of them were asked for; and configuration.
//!
//! Knows no rule but the names of its configuration. A digest is believed only of a file that nobody touched since the look began.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rayon::iter::{IntoParallelIterator, IntoParallelRefIterator, ParallelIterator};

use crate::base::digest::Digest;
use crate::base::path::{Pattern, RepoPath};
use crate::exec::working_copy::{Asked, LintError, held, learned};
use crate::git::object::{Blob, Mode, TreeId};
use crate::git::repository::Repository;
use crate::observe::edit::display;
use crate::store::lint::journal::Patch;
use crate::store::lint::tree::{Index, Tree, UNKNOWN};
use crate::system::file_hash::HashCache;
use crate::system::inputs::{Input, InputKind, Inputs, evaluate, glance, observe};
use crate::system::sight::Sights;
use crate::system::{Kind, Stat};

/// From so many files on a revision's paths are listed; looking for each of fewer takes less.
const LISTED_FILES_MIN: usize = 64;

/// Digests of files by path and stat.
pub type Stats = HashMap<PathBuf, (Stat, Digest)>;

/// A repository, and the root's place in it: empty or ending in `/`.
pub type Found = (Repository, String);

/// The repository around the root, opened when somebody asks.
pub struct Around {
    root: PathBuf,
    found: OnceLock<Option<Found>>,
}

impl Around {
    /// Of a root.
    pub fn new(root: &Path) -> Self {
        Self { root: root.to_owned(), found: OnceLock::new() }
    }

    /// The repository, where there is one.
    pub fn get(&self) -> Option<&Found> {
        let open = || {
            let repository = Repository::open_in_memory(&self.root).ok()?;
            let top = repository.work_dir()?.canonicalize().ok()?;
            let inner = self.root.canonicalize().ok()?.strip_prefix(&top).ok()?.to_str()?.to_owned();
            Some((repository, if inner.is_empty() { inner } else { format!("{inner}/") }))
        };
        self.found.get_or_init(open).as_ref()
    }

    /// The same, where it is asked for.
    pub fn get_if(&self, is_asked: bool) -> Option<&Found> {
        if is_asked { self.get() } else { None }
    }
}

/// A look at the working copy.
pub struct Files {
    /// All of them, by path.
    pub entries: Vec<Input>,
    /// The digests that are learned.
    pub cache: HashCache,
    /// Tracked paths that are not UTF-8, which no rule can name.
    pub nameless: usize,
    /// What is to be remembered; a row for each entry.
    pub tree: Option<Tree>,
    /// Places of files that are not as they were remembered; `None`: nothing is remembered of these entries.
    pub changed: Option<Vec<usize>>,
    /// What of the tree is not as it was remembered.
    pub patch: Patch,
    /// Folders that hold files or were listed.
    folders: Vec<PathBuf>,
    /// The file system's time before the look.
    mark_ns: i64,
}

/// What is listed, before anything is said of it.
struct Listed {
    entries: Vec<Input>,
    folders: Vec<PathBuf>,
    nameless: usize,
    /// Something is there only because it was named.
    is_more: bool,
    index: Option<Index>,
}

impl Files {
    /// Looks at all files below the root that git tracks or would show as untracked, and those that are named.
    pub fn look(
        root: &Path,
        cache: HashCache,
        mark_ns: i64,
        around: &Around,
        named: &[String],
    ) -> Result<Self, LintError> {
        cache.mark(mark_ns);
        let sights = Sights::default();
        sights.begin(Some(mark_ns));
        let Listed { entries, folders, nameless, is_more, mut index } = list(root, &cache, around, named, &sights)?;
        if let Some(index) = &mut index {
            index.stat = index.stat.filter(|stat| stat.is_older_than(mark_ns));
        }
        let notes = sights.end().filter(|_| !is_more);
        let tree = notes.and_then(|notes| learned::tree(root, &entries, notes, index, nameless));
        Ok(Self { entries, cache, nameless, tree, changed: None, patch: Patch::default(), folders, mark_ns })
    }

    /// Looks at those of a remembered tree, where the same ones are there; `None`: they must be listed.
    pub fn held(root: &Path, tree: &mut Option<Tree>, mark_ns: i64, around: &Around) -> Option<Self> {
        let moved = held::look(root, tree.as_ref()?)?;
        let cache = HashCache::new(HashMap::new());
        cache.mark(mark_ns);
        let held::Changed { rows, patch } = held::again(root, tree.as_mut()?, moved, around, &cache, mark_ns)?;
        let tree = tree.take()?;
        let entries = (0..tree.rows.len()).map(|place| entry(&tree, place)).collect();
        let folders = tree.folders.iter().map(|folder| root.join(&folder.path)).collect();
        let nameless = usize::try_from(tree.nameless).unwrap_or(usize::MAX);
        Some(Self { entries, cache, nameless, tree: Some(tree), changed: Some(rows), patch, folders, mark_ns })
    }

    /// A digest of the path and the state of one.
    pub fn digest_of(&self, place: usize) -> Digest {
        let entry = &self.entries[place];
        Digest::of_fields([entry.path.as_bytes(), &entry.state().0])
    }

    /// Bytes of one; nothing where that is not known.
    pub fn bytes(&self, place: usize) -> u64 {
        self.tree.as_ref().map_or(0, |tree| tree.rows[place].stat.size)
    }

    /// One digest of all of them.
    pub fn digest(&self) -> Digest {
        let digests: Vec<Digest> = (0..self.entries.len()).into_par_iter().map(|place| self.digest_of(place)).collect();
        Digest::of_fields(digests.iter().map(|digest| digest.0.as_slice()))
    }

    /// The digests that are known, to start from again.
    pub fn stats(&self, root: &Path) -> Stats {
        let mut stats = self.tree.as_ref().map(|tree| stats(root, tree)).unwrap_or_default();
        let learned = self.cache.each_learned(|path, stat, digest| {
            stats.insert(path.to_owned(), (*stat, *digest));
            Ok::<(), std::convert::Infallible>(())
        });
        let Ok(()) = learned;
        stats
    }

    /// The folders whose names somebody vouches for.
    pub fn listed(&self) -> HashSet<&Path> {
        let folders = self.tree.iter().flat_map(|tree| &tree.folders);
        folders.filter(|folder| folder.stat.is_some()).map(|folder| folder.path.as_path()).collect()
    }

    /// Whether a path is of this kind, and nobody wrote it since the look began.
    pub fn is_still(&self, path: &Path, kind: InputKind) -> bool {
        let now = glance(path);
        let is_old = |stat: &Stat| stat.is_older_than(self.mark_ns);
        now.itself.as_ref().map_or(InputKind::Absent, |stat| kind_of(stat.kind)) == kind
            && now.itself.as_ref().is_none_or(is_old)
            && now.behind.as_ref().is_none_or(is_old)
    }

    /// Whether the same files are there: none came, none went, and what says which are looked at is as it was.
    pub fn are_there(&self, root: &Path, around: &Around, named: &[String]) -> Result<bool, LintError> {
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
        let cache = HashCache::new(self.stats(root));
        let now = list(root, &cache, around, named, &Sights::default())?.entries;
        let names =
            |entries: &[Input]| entries.iter().map(|entry| (entry.path.clone(), entry.kind)).collect::<Vec<_>>();
        Ok(names(&now) == names(&self.entries))
    }

    /// Whether all files are as they were, and no other came.
    pub fn are_still(&self, root: &Path, around: &Around, named: &[String]) -> Result<bool, LintError> {
        let is_still = |entry: &Input| self.is_still(&root.join(&entry.path), entry.kind);
        Ok(self.are_there(root, around, named)? && self.entries.par_iter().all(is_still))
    }
}

/// The digests of a remembered tree.
pub fn stats(root: &Path, tree: &Tree) -> Stats {
    let is_content = |stat: &Stat| stat.kind == Kind::File && stat.ctime_ns != UNKNOWN;
    let rows = tree.rows.iter().enumerate().filter(|(_, row)| is_content(&row.stat));
    rows.map(|(place, row)| (root.join(tree.path(place)), (row.stat, row.digest))).collect()
}

fn entry(tree: &Tree, place: usize) -> Input {
    let row = &tree.rows[place];
    let kind = kind_of(row.stat.kind);
    let mode = match kind {
        InputKind::File if row.stat.is_executable() => 0o755,
        InputKind::File => 0o644,
        _ => 0,
    };
    Input { path: tree.path(place).to_owned(), kind, mode, digest: row.digest }
}

fn kind_of(kind: Kind) -> InputKind {
    match kind {
        Kind::File => InputKind::File,
        Kind::Folder => InputKind::Folder,
        Kind::Link => InputKind::Link,
        Kind::Other => InputKind::Other,
    }
}

fn list(
    root: &Path,
    cache: &HashCache,
    around: &Around,
    named: &[String],
    sights: &Sights,
) -> Result<Listed, LintError> {
    let all = [Pattern::Glob("**/*".into())];
    let Inputs { mut entries, mut folders } = evaluate(root, &all, &[], cache, sights)?;
    let is_known = |path: &str| entries.binary_search_by(|entry| entry.path.as_str().cmp(path)).is_ok();
    let mut others: BTreeSet<String> = BTreeSet::new();
    let (mut modules, mut nameless, mut index) = (Vec::new(), 0, None);
    if let Some((repository, prefix)) = around.get() {
        let (path, settings) = repository.index_and_settings()?;
        settings.iter().for_each(|path| sights.path(path, glance(path)));
        let stat = glance(&path).itself;
        let tracked = repository.tracked()?;
        index = Some(Index { path, stat, tracked: tracked.digest() });
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
    let unknown: Vec<&String> = named.iter().filter(|path| !is_known(path) && !others.contains(*path)).collect();
    let is_more = !unknown.is_empty();
    others.extend(unknown.into_iter().cloned());
    if !others.is_empty() {
        folders.extend(others.iter().filter_map(|path| root.join(path).parent().map(Path::to_path_buf)));
        let patterns: Vec<Pattern> = others.into_iter().map(|path| Pattern::File(RepoPath(path.into()))).collect();
        let found = evaluate(root, &patterns, &[], cache, sights)?.entries;
        entries.extend(found.into_iter().filter(|entry| entry.kind != InputKind::Absent));
        entries.sort();
        entries.dedup_by(|left, right| left.path == right.path);
    }
    entries.retain(|entry| !modules.iter().any(|module: &String| entry.path.starts_with(module)));
    Ok(Listed { entries, folders, nameless, is_more, index })
}

/// Places of the files that are asked for: regular ones, below the paths, and different from the revision.
pub fn asked_for(
    files: &Files,
    root: &Path,
    asked: &Asked,
    since: Option<(&Found, TreeId)>,
) -> Result<Vec<usize>, LintError> {
    let is_asked = |place: &usize| {
        let entry = &files.entries[*place];
        entry.kind == InputKind::File && (asked.paths.is_empty() || is_below(&asked.paths, &entry.path))
    };
    let chosen: Vec<usize> = (0..files.entries.len()).filter(is_asked).collect();
    let Some(((repository, prefix), tree)) = since else { return Ok(chosen) };
    let full = |entry: &Input| format!("{prefix}{}", entry.path);
    let mut before: HashMap<String, Blob> = HashMap::new();
    if chosen.len() < LISTED_FILES_MIN {
        for path in chosen.iter().map(|place| full(&files.entries[*place])) {
            let blob = repository.entry(tree, path.as_bytes())?;
            before.extend(blob.map(|blob| (path, blob)));
        }
    } else {
        let entries = repository.entries(tree)?;
        before.extend(entries.iter().map(|entry| (display(&entry.path), entry.blob)));
    }
    let differs = |entry: &Input| -> Result<bool, LintError> {
        let Some(old) = before.get(&full(entry)) else { return Ok(true) };
        let mode = if entry.mode == 0o755 { Mode::Executable } else { Mode::File };
        if old.mode != mode {
            return Ok(true);
        }
        let path = root.join(&entry.path);
        let bytes = std::fs::read(&path).map_err(|source| LintError::Read { path: entry.path.clone(), source })?;
        Ok(Repository::blob_id(&bytes)? != old.id)
    };
    let differing: Result<Vec<(usize, bool)>, LintError> =
        chosen.into_par_iter().map(|place| Ok((place, differs(&files.entries[place])?))).collect();
    Ok(differing?.into_iter().filter(|(_, differs)| *differs).map(|(place, _)| place).collect())
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

    /// Whether paths have these states.
    pub fn holds(&self, known: &[(String, Digest)]) -> Result<bool, LintError> {
        for (path, state) in known {
            if self.state(path)?.1 != *state {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What was looked at, but for what is not there and lies in a folder whose names are known.
    pub fn seen(&self, listed: &HashSet<&Path>) -> Vec<(String, Digest)> {
        let is_told_by_folder = |path: &str, kind: InputKind| {
            let folder = Path::new(path).parent();
            kind == InputKind::Absent && folder.is_some_and(|folder| listed.contains(folder))
        };
        let seen = self.seen.iter().filter(|(path, kind, _)| !is_told_by_folder(path, *kind));
        seen.map(|(path, _, state)| (path.clone(), *state)).collect()
    }

    /// Whether every one is as it was.
    pub fn is_still(&self, files: &Files) -> bool {
        self.seen.iter().all(|(path, kind, before)| {
            self.state(path).is_ok_and(|(_, now)| now == *before) && files.is_still(&self.root.join(path), *kind)
        })
    }
}
