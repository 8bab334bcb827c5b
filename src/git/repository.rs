//! A repository opened so that only its objects and refs decide: commits, blobs, ancestry.
//!
//! Does not know worktrees or workstreams. Configuration is read for the repository's format alone.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gix::bstr::ByteSlice;
use gix::objs::FindExt;

use crate::git::error::GitError;
use crate::git::object::{BlobId, CommitId, Entry, TreeId};
use crate::git::tree::empty_tree;

/// Decoded objects kept per handle, in bytes.
const OBJECT_CACHE_BYTES: usize = 32 << 20;

/// Settings that no configuration file may change.
const FIXED_SETTINGS: [&str; 5] = [
    "core.useReplaceRefs=false",
    "gitoxide.core.useNsec=true",
    "user.name=pl",
    "user.email=pl@localhost",
    "core.filesRefLockTimeout=10000",
];

/// Author and committer of everything that `pl` commits.
const SIGNATURE: (&str, &str) = ("pl", "pl@localhost");

/// A repository; clones share it, and any thread may use it.
#[derive(Clone)]
pub struct Repository {
    shared: Arc<Shared>,
}

struct Shared {
    library: gix::ThreadSafeRepository,
    /// Handles that no thread uses at the moment; their caches stay warm.
    idle: Mutex<Vec<gix::Repository>>,
    /// The same for reading blobs, which are read once and would drive trees out of a cache.
    idle_for_blobs: Mutex<Vec<gix::Repository>>,
    /// The one handle of a repository whose new objects stay in memory.
    memory: Option<Mutex<gix::Repository>>,
    common_dir: PathBuf,
    work_dir: Option<PathBuf>,
    /// What we wrote last to each ref: what else it holds is others' doing.
    written: Mutex<HashMap<String, Option<CommitId>>>,
    /// The paths of the last few trees that were listed.
    listings: Mutex<VecDeque<Listing>>,
    /// Kept until the last clone is gone.
    _folder: Option<tempfile::TempDir>,
}

/// A tree with all its paths, sorted.
type Listing = (TreeId, Arc<Vec<Entry>>);

/// What a commit is made of; equal parts give an equal id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitParts {
    /// The tree.
    pub tree: TreeId,
    /// Its parents, in order.
    pub parents: Vec<CommitId>,
    /// The whole message, as it is stored.
    pub message: String,
    /// Author's and committer's time in seconds since 1970, written as `+0000`.
    pub time: i64,
}

impl Repository {
    /// Opens the repository at `dir` or above it.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        Self::open_with(dir, false, None)
    }

    /// The same, but every object written through this value or its clones stays in memory, where they find it again.
    pub fn open_in_memory(dir: &Path) -> Result<Self, GitError> {
        Self::open_with(dir, true, None)
    }

    /// A repository in memory, below a folder that lives as long as it.
    pub(super) fn open_in_memory_owning(folder: tempfile::TempDir, name: &str) -> Result<Self, GitError> {
        let dir = folder.path().join(name);
        Self::open_with(&dir, true, Some(folder))
    }

    fn open_with(dir: &Path, in_memory: bool, folder: Option<tempfile::TempDir>) -> Result<Self, GitError> {
        let none = |source| GitError::NoRepository { dir: dir.to_owned(), source: Box::new(source) };
        let trusted = gix::discover::upwards::Options {
            trust: gix::discover::upwards::TrustPolicy::Assume(gix::sec::Trust::Full),
            ..Default::default()
        };
        let options = gix::open::Options::isolated().config_overrides(FIXED_SETTINGS);
        let by_trust = gix::sec::trust::Mapping { full: options.clone(), reduced: options };
        let library = gix::ThreadSafeRepository::discover_opts(dir, trusted, by_trust).map_err(none)?;
        let mut handle = library.to_thread_local();
        handle.make_paths_absolute().map_err(none)?;
        let common_dir = real_path(handle.common_dir())?;
        if let Some(format) = handle.config_snapshot().string("extensions.refStorage")
            && format.as_slice() != b"files"
        {
            return Err(GitError::Unsupported { dir: common_dir, what: format!("refs kept as {format}") });
        }
        let work_dir = handle.workdir().map(real_path).transpose()?;
        let memory = in_memory.then(|| {
            let mut handle = library.to_thread_local().with_object_memory();
            handle.object_cache_size(OBJECT_CACHE_BYTES);
            Mutex::new(handle)
        });
        let (idle, idle_for_blobs) = (Mutex::default(), Mutex::default());
        let written = Mutex::default();
        let listings = Mutex::default();
        let shared =
            Shared { library, idle, idle_for_blobs, memory, common_dir, work_dir, written, listings, _folder: folder };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// The folder that all worktrees share: objects, refs, config.
    pub fn common_dir(&self) -> &Path {
        &self.shared.common_dir
    }

    /// What this value and its clones wrote last to refs, by name; `None` where they deleted one.
    pub(super) fn written(&self) -> MutexGuard<'_, HashMap<String, Option<CommitId>>> {
        self.shared.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// See [`Shared::listings`].
    pub(super) fn listings(&self) -> MutexGuard<'_, VecDeque<Listing>> {
        self.shared.listings.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether new objects stay in memory; refs and worktrees cannot be changed then.
    pub fn is_in_memory(&self) -> bool {
        self.shared.memory.is_some()
    }

    /// The checkout that was opened; a bare repository has none.
    pub fn work_dir(&self) -> Option<&Path> {
        self.shared.work_dir.as_deref()
    }

    /// Lends a handle for one piece of work; must not be nested.
    pub(super) fn with<T>(&self, work: impl FnOnce(&gix::Repository) -> Result<T, GitError>) -> Result<T, GitError> {
        if let Some(memory) = &self.shared.memory {
            let handle = memory.lock().unwrap_or_else(PoisonError::into_inner);
            return work(&handle);
        }
        self.lend(&self.shared.idle, OBJECT_CACHE_BYTES, work)
    }

    fn lend<T>(
        &self,
        idle: &Mutex<Vec<gix::Repository>>,
        cache_bytes: usize,
        work: impl FnOnce(&gix::Repository) -> Result<T, GitError>,
    ) -> Result<T, GitError> {
        let handle = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let handle = handle.unwrap_or_else(|| {
            let mut handle = self.shared.library.to_thread_local();
            handle.object_cache_size(cache_bytes);
            handle
        });
        let result = work(&handle);
        idle.lock().unwrap_or_else(PoisonError::into_inner).push(handle);
        result
    }

    /// The commit that a revision names: a branch, a tag, an id, `HEAD~2`.
    pub fn resolve(&self, revision: &str) -> Result<CommitId, GitError> {
        let unknown = |source| GitError::UnknownRevision { revision: revision.to_owned(), source: Box::new(source) };
        self.with(|handle| {
            let id = handle.rev_parse_single(revision).map_err(unknown)?;
            let commit = id.object().and_then(|object| object.peel_to_commit()).map_err(unknown)?;
            Ok(CommitId(commit.id))
        })
    }

    /// The branch that HEAD of the opened checkout points to, as `main`; `None` when detached.
    pub fn head_name(&self) -> Result<Option<String>, GitError> {
        self.with(|handle| {
            let name = handle.head_name().map_err(GitError::object("read HEAD"))?;
            Ok(name.map(|name| name.shorten().to_str_lossy().into_owned()))
        })
    }

    /// The tree of a commit.
    pub fn tree_of(&self, commit: CommitId) -> Result<TreeId, GitError> {
        self.read_commit(commit, |mut parts| parts.tree_id().map(TreeId))
    }

    /// The committer's time in seconds since 1970.
    pub fn commit_time(&self, commit: CommitId) -> Result<i64, GitError> {
        self.read_commit(commit, |parts| {
            let committer = parts.committer()?;
            Ok(committer.time().map(|time| time.seconds).unwrap_or_default())
        })
    }

    /// The parents of a commit, as they are written in it.
    pub fn parents(&self, commit: CommitId) -> Result<Vec<CommitId>, GitError> {
        self.read_commit(commit, |parts| Ok(parts.parent_ids().map(CommitId).collect()))
    }

    fn read_commit<T>(
        &self,
        commit: CommitId,
        read: impl FnOnce(gix::objs::CommitRefIter<'_>) -> gix::Result<T>,
    ) -> Result<T, GitError> {
        self.with(|handle| {
            let mut buffer = Vec::new();
            let parts = handle.objects.find_commit_iter(&commit.0, &mut buffer);
            parts.and_then(read).map_err(GitError::object(format!("read commit {commit}")))
        })
    }

    /// The bytes of a blob.
    pub fn blob(&self, id: BlobId) -> Result<Vec<u8>, GitError> {
        let read = |handle: &gix::Repository| {
            let mut buffer = Vec::new();
            let found = handle.objects.find_blob(&id.0, &mut buffer).map(|blob| blob.data.to_vec());
            found.map_err(GitError::object(format!("read blob {id}")))
        };
        if self.is_in_memory() { self.with(read) } else { self.lend(&self.shared.idle_for_blobs, 0, read) }
    }

    /// Whether an object is there.
    pub fn has_blob(&self, id: BlobId) -> Result<bool, GitError> {
        self.with(|handle| Ok(handle.has_object(id.0)))
    }

    /// A setting of the repository itself; a person's and the system's are not asked.
    pub fn setting(&self, name: &str) -> Option<String> {
        let handle = self.shared.library.to_thread_local();
        handle.config_snapshot().string(name).map(|value| value.to_string())
    }

    /// The id that bytes have as a blob.
    pub fn blob_id(bytes: &[u8]) -> Result<BlobId, GitError> {
        crate::git::worktree::reset::blob_id(bytes)
    }

    /// Keeps bytes as a blob; nothing is written when it is there already.
    pub fn write_blob(&self, bytes: &[u8]) -> Result<BlobId, GitError> {
        self.with(|handle| {
            let id = handle.write_blob(bytes).map_err(GitError::object("write a blob"))?;
            Ok(BlobId(id.detach()))
        })
    }

    /// Writes a commit by `pl`, without signature or hooks; equal parts give an equal id.
    pub fn commit(&self, parts: &CommitParts) -> Result<CommitId, GitError> {
        let (name, email) = SIGNATURE;
        let time = gix::date::Time { seconds: parts.time, offset: 0 };
        let signature = gix::actor::Signature { name: name.into(), email: email.into(), time };
        let commit = gix::objs::Commit {
            tree: parts.tree.0,
            parents: parts.parents.iter().map(|parent| parent.0).collect(),
            author: signature.clone(),
            committer: signature,
            encoding: None,
            message: parts.message.as_str().into(),
            extra_headers: Vec::new(),
        };
        self.with(|handle| {
            if parts.tree == empty_tree() {
                // Git knows this tree without having it; other readers do not.
                let empty = gix::objs::Tree::empty();
                handle.write_object(&empty).map_err(GitError::object("write the empty tree"))?;
            }
            let id = handle.write_object(&commit).map_err(GitError::object("write a commit"))?;
            Ok(CommitId(id.detach()))
        })
    }

    /// Which of `wanted` are `of` or ancestors of it; the walk does not go behind commits of `stop_at`.
    pub fn ancestors_contain(
        &self,
        of: CommitId,
        wanted: &HashSet<CommitId>,
        stop_at: &HashSet<CommitId>,
    ) -> Result<HashSet<CommitId>, GitError> {
        self.with(|handle| {
            let cut = handle.shallow_commits().map_err(GitError::object("read which commits are shallow"))?;
            let mut found = HashSet::new();
            let mut seen = HashSet::from([of]);
            let mut open = vec![of];
            let mut buffer = Vec::new();
            while let Some(commit) = open.pop() {
                if wanted.contains(&commit) {
                    found.insert(commit);
                }
                if found.len() == wanted.len() {
                    break;
                }
                let shallow = cut.as_ref().is_some_and(|cut| cut.contains(&commit.0));
                if shallow || stop_at.contains(&commit) {
                    continue;
                }
                let parts = handle.objects.find_commit_iter(&commit.0, &mut buffer);
                let parts = parts.map_err(GitError::object(format!("read commit {commit}")))?;
                open.extend(parts.parent_ids().map(CommitId).filter(|parent| seen.insert(*parent)));
            }
            Ok(found)
        })
    }
}

fn real_path(path: &Path) -> Result<PathBuf, GitError> {
    std::fs::canonicalize(path).map_err(GitError::file("find", path))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{CommitParts, Repository};
    use crate::git::scratch::Scratch;

    #[test]
    fn commits_are_a_function_of_their_parts() {
        let scratch = Scratch::new(&[("a", "1"), ("b/c", "2")]);
        let repository = scratch.repository();
        let head = repository.resolve("HEAD").unwrap();
        assert_eq!(repository.head_name().unwrap().as_deref(), Some("main"));
        let tree = repository.tree_of(head).unwrap();
        let parts = CommitParts { tree, parents: vec![head], message: "x\n".into(), time: 1_700_000_000 };
        let id = repository.commit(&parts).unwrap();
        assert_eq!(repository.commit(&parts).unwrap(), id);
        assert_eq!(repository.commit_time(id).unwrap(), 1_700_000_000);
        assert_eq!(repository.parents(id).unwrap(), [head]);
        let text = scratch.git(&["cat-file", "-p", &id.hex()]);
        assert!(text.contains("author pl <pl@localhost> 1700000000 +0000"), "{text}");
        assert!(repository.resolve("nothing-of-this-name").is_err());
        assert!(repository.resolve("HEAD:a").is_err());
    }

    #[test]
    fn ancestry_is_pruned() {
        let scratch = Scratch::new(&[("a", "1")]);
        let repository = scratch.repository();
        let first = repository.resolve("HEAD").unwrap();
        let tree = repository.tree_of(first).unwrap();
        let mut chain = vec![first];
        for time in 1..6 {
            let parents = vec![chain[chain.len() - 1]];
            chain.push(repository.commit(&CommitParts { tree, parents, message: "x".into(), time }).unwrap());
        }
        let wanted = HashSet::from([chain[0], chain[4]]);
        let all = repository.ancestors_contain(chain[5], &wanted, &HashSet::new()).unwrap();
        assert_eq!(all, wanted);
        let some = repository.ancestors_contain(chain[5], &wanted, &HashSet::from([chain[3]])).unwrap();
        assert_eq!(some, HashSet::from([chain[4]]));
    }

    #[test]
    fn memory_leaves_the_disk_alone() {
        let scratch = Scratch::new(&[("a", "1")]);
        let before = scratch.git(&["count-objects"]);
        let repository = Repository::open_in_memory(&scratch.dir()).unwrap();
        let clone = repository.clone();
        let id = std::thread::spawn(move || clone.write_blob(b"new").unwrap()).join().unwrap();
        assert_eq!(repository.blob(id).unwrap(), b"new");
        assert_eq!(scratch.git(&["count-objects"]), before);
        assert!(!scratch.repository().has_blob(id).unwrap());
    }

    #[test]
    fn no_repository_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let error = Repository::open(dir.path()).err().unwrap();
        assert!(error.to_string().contains("no git repository at"), "{error}");
    }
}
