//! A folder as a tree: every file and link in it, ignored or not, byte for byte.
//!
//! An own walk; git's index and ignore rules have no say. What is odd is reported, never followed.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::git::anomaly::Anomaly;
use crate::git::delta::{Change, Delta};
use crate::git::error::GitError;
use crate::git::folder::walk::{Found, walk};
use crate::git::folder::{self, Kind, below, is_git_name};
use crate::git::object::{Blob, BlobId, CommitId, Entry, Mode, TreeId};
use crate::git::repository::Repository;
use crate::git::stats::{FileStat, InStep, Moment, Row, Stats, clock};
use crate::git::worktree::files::folders_of;
use crate::git::worktree::reset::{Keep, blob_id};
use crate::git::worktree::{Worktree, admin, index};

/// A folder's state.
#[derive(Debug)]
pub struct Snapshot {
    /// Everything in it.
    pub tree: TreeId,
    /// What differs from the tree it was compared with.
    pub delta: Delta,
    /// What else was done, sorted.
    pub anomalies: Vec<Anomaly>,
    /// What the files look like, for the next snapshot or reset.
    pub stats: Stats,
}

impl Snapshot {
    /// Something in the folder whose content is not in the tree, and which may be somebody's work.
    pub fn not_taken(&self) -> Option<&Anomaly> {
        self.anomalies.iter().find(|anomaly| {
            matches!(
                anomaly,
                Anomaly::NestedRepository { .. }
                    | Anomaly::GitlinkContent { .. }
                    | Anomaly::TooDeep { .. }
                    | Anomaly::TooLarge { .. }
            )
        })
    }
}

/// Takes a worktree whose HEAD should be at `head`; `stats` spares reading files that did not change, `skip` names
/// what is left out (folders end in `/`), such as kept folders of builds.
pub fn snapshot(
    repository: &Repository,
    worktree: &Worktree,
    since: TreeId,
    head: CommitId,
    stats: &Stats,
    skip: Keep<'_>,
) -> Result<Snapshot, GitError> {
    if !worktree.dir.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        let anomalies = vec![Anomaly::FolderReplaced];
        return Ok(Snapshot { tree: since, delta: Delta::default(), anomalies, stats: Stats::default() });
    }
    let mut snapshot = snapshot_folder(repository, &worktree.dir, since, stats, skip)?;
    snapshot.anomalies.extend(metadata_anomalies(repository, worktree, since, head)?);
    snapshot.anomalies.sort();
    Ok(snapshot)
}

/// Takes any folder; its own `.git` is left out.
pub fn snapshot_folder(
    repository: &Repository,
    dir: &Path,
    since: TreeId,
    stats: &Stats,
    skip: Keep<'_>,
) -> Result<Snapshot, GitError> {
    // A folder that the tool closed has no clock to look at: then nothing is remembered.
    let looked = clock(dir).unwrap_or((i64::MIN, 0));
    take_folder(repository, dir, since, (stats, looked), skip)
}

/// The same for a folder whose file system's clock was looked at before.
pub(super) fn take_folder(
    repository: &Repository,
    dir: &Path,
    since: TreeId,
    (stats, looked): (&Stats, Moment),
    skip: Keep<'_>,
) -> Result<Snapshot, GitError> {
    let before = repository.entries(since)?;
    let base = Base::new(&before);
    let enter = |path: &[u8]| {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
        !is_git_name(name) && !base.is_gitlink(path) && !skip(&[path, b"/"].concat())
    };
    let walked = walk(dir, &enter)?;
    let mut found = walked.found();
    found.retain(|file| if file.is_folder() { !skip(&[file.path, b"/"].concat()) } else { !skip(file.path) });
    let mut anomalies = Vec::new();
    drop_nested(&base, &mut found, &mut anomalies);
    drop_large(&mut found, &mut anomalies);
    let mut entries = InStep::new(before.iter().map(in_two));
    let mut rows = InStep::new(stats.rows().map(|row| (row.path, row)));
    let files = found.iter().filter(|file| matches!(file.kind, Kind::File { .. } | Kind::Link));
    let looked_up: Vec<_> = files
        .map(|file| {
            let known = entries.find(file.path).map(|blob| blob.id);
            let row = rows.find(file.path).filter(|row| row.stat == file.stat);
            (file, known, row.and_then(|row| row.id))
        })
        .collect();
    let taken: Vec<Taken<'_>> = looked_up
        .into_par_iter()
        .map(|(file, known, fresh)| take(repository, dir, file, known, fresh))
        .collect::<Result<_, _>>()?;
    folder_anomalies(dir, &base, &found, &taken, &mut anomalies);
    let delta = compare(&base, &found, &taken, skip);
    let tree = repository.apply(since, &delta)?;
    anomalies.sort();
    let stats = Stats::taken(looked, taken.iter().map(Taken::row));
    Ok(Snapshot { tree, delta, anomalies, stats })
}

/// The tree that the folder is compared with.
struct Base<'a> {
    /// Sorted by path.
    entries: &'a [Entry],
    folders: BTreeSet<&'a [u8]>,
}

impl<'a> Base<'a> {
    fn new(entries: &'a [Entry]) -> Self {
        Self { entries, folders: folders_of(entries.iter().map(|entry| entry.path.as_slice())) }
    }

    fn blob(&self, path: &[u8]) -> Option<Blob> {
        let place = self.entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
        Some(self.entries[place].blob)
    }

    fn is_gitlink(&self, path: &[u8]) -> bool {
        self.blob(path).is_some_and(|blob| blob.mode == Mode::Gitlink)
    }
}

fn in_two(entry: &Entry) -> (&[u8], Blob) {
    (&entry.path, entry.blob)
}

/// A file that was read or is known.
struct Taken<'a> {
    path: &'a [u8],
    blob: Blob,
    stat: FileStat,
    /// Of links alone.
    target: Option<Vec<u8>>,
}

impl<'a> Taken<'a> {
    /// A tool may have made it.
    fn row(&self) -> Row<'a> {
        Row { path: self.path, stat: self.stat, id: Some(self.blob.id), own: false }
    }
}

/// Takes a file that held `known` in the base and `fresh` when it was last read, looking as it does now.
fn take<'a>(
    repository: &Repository,
    dir: &Path,
    file: &Found<'a>,
    known: Option<BlobId>,
    fresh: Option<BlobId>,
) -> Result<Taken<'a>, GitError> {
    let mode = match file.kind {
        Kind::Link => Mode::Link,
        Kind::File { executable: true } => Mode::Executable,
        _ => Mode::File,
    };
    if mode != Mode::Link
        && let Some(id) = fresh
        && (known == Some(id) || repository.has_blob(id)?)
    {
        return Ok(Taken { path: file.path, blob: Blob { mode, id }, stat: file.stat, target: None });
    }
    let (bytes, stat) = folder::read(&below(dir, file.path), file.kind)?;
    let id = blob_id(&bytes)?;
    if known != Some(id) {
        repository.write_blob(&bytes)?;
    }
    let target = (mode == Mode::Link).then_some(bytes);
    Ok(Taken { path: file.path, blob: Blob { mode, id }, stat, target })
}

/// Takes nested repositories out of what was found, and `.git` in any case everywhere.
fn drop_nested(base: &Base<'_>, found: &mut Vec<Found<'_>>, anomalies: &mut Vec<Anomaly>) {
    let mut closed = BTreeSet::new();
    found.retain(|file| {
        let slash = file.path.iter().rposition(|byte| *byte == b'/');
        if !is_git_name(slash.map_or(file.path, |slash| &file.path[slash + 1..])) {
            return true;
        }
        let path = slash.map_or(&b""[..], |slash| &file.path[..slash]).to_vec();
        if !path.is_empty() && !base.folders.contains(path.as_slice()) {
            closed.insert(path.clone());
        }
        anomalies.push(Anomaly::NestedRepository { path });
        false
    });
    if !closed.is_empty() {
        found.retain(|file| {
            let slashes = file.path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
            !slashes.map(|(end, _)| &file.path[..end]).any(|folder| closed.contains(folder))
        });
    }
}

/// Takes files out of what was found that nobody could read whole.
fn drop_large(found: &mut Vec<Found<'_>>, anomalies: &mut Vec<Anomaly>) {
    found.retain(|file| {
        let large = matches!(file.kind, Kind::File { .. }) && file.stat.size > folder::FILE_BYTES_MAX;
        if large {
            anomalies.push(Anomaly::TooLarge { path: file.path.to_vec() });
        }
        !large
    });
}

fn folder_anomalies(
    dir: &Path,
    base: &Base<'_>,
    found: &[Found<'_>],
    taken: &[Taken<'_>],
    anomalies: &mut Vec<Anomaly>,
) {
    for file in found {
        match file.kind {
            Kind::Special => anomalies.push(Anomaly::SpecialFile { path: file.path.to_vec() }),
            Kind::ClosedFolder if base.is_gitlink(file.path) => {
                anomalies.extend(gitlink_anomaly(dir, file.path));
            }
            Kind::ClosedFolder => anomalies.push(Anomaly::TooDeep { path: file.path.to_vec() }),
            Kind::File { .. } | Kind::Link | Kind::Folder => {}
        }
    }
    let linked = || found.iter().filter(|file| matches!(file.kind, Kind::File { .. }) && file.stat.links > 1);
    let mut names: HashMap<(u64, u64), u64> = HashMap::new();
    linked().for_each(|file| *names.entry((file.stat.device, file.stat.inode)).or_default() += 1);
    for file in linked() {
        if names.get(&(file.stat.device, file.stat.inode)).is_some_and(|seen| *seen < file.stat.links) {
            anomalies.push(Anomaly::HardLinkLeaves { path: file.path.to_vec() });
        }
    }
    let real = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    for link in taken {
        if let Some(target) = link.target.as_ref().filter(|target| leaves(&real, link.path, target)) {
            let known = base.blob(link.path) == Some(link.blob);
            let (path, target) = (link.path.to_vec(), target.clone());
            anomalies.push(Anomaly::LinkLeaves { path, target, known });
        }
    }
}

fn gitlink_anomaly(dir: &Path, path: &[u8]) -> Option<Anomaly> {
    let names: Vec<_> = std::fs::read_dir(below(dir, path)).ok()?.filter_map(Result::ok).collect();
    let path = path.to_vec();
    if names.iter().any(|entry| is_git_name(entry.file_name().as_bytes())) {
        Some(Anomaly::NestedRepository { path })
    } else if names.is_empty() {
        None
    } else {
        Some(Anomaly::GitlinkContent { path })
    }
}

/// Whether a link leads out of `dir` (which has no links in its own path), by the system or, where it is broken, by
/// its text. One that names its target from the root leads out of every other checkout; one into `.git` out of the tree.
fn leaves(dir: &Path, path: &[u8], target: &[u8]) -> bool {
    if target.first() == Some(&b'/') {
        return true;
    }
    let inside = |real: &Path| {
        let first = real.strip_prefix(dir).ok().map(|rest| rest.components().next());
        let is_git = |part: Component<'_>| is_git_name(part.as_os_str().as_bytes());
        first.is_some_and(|part| !part.is_some_and(is_git))
    };
    if let Ok(real) = below(dir, path).canonicalize() {
        return !inside(&real);
    }
    let mut at = below(dir, path);
    at.pop();
    for part in Path::new(OsStr::from_bytes(target)).components() {
        match part {
            Component::RootDir => at = PathBuf::from("/"),
            Component::ParentDir => drop(at.pop()),
            Component::Normal(name) => at.push(name),
            Component::CurDir | Component::Prefix(_) => {}
        }
        if part == Component::ParentDir && !at.starts_with(dir) {
            return true;
        }
    }
    !inside(&at)
}

/// What differs; paths that `skip` names stay as they were. Both lists are sorted.
fn compare(base: &Base<'_>, found: &[Found<'_>], taken: &[Taken<'_>], skip: Keep<'_>) -> Delta {
    let mut here = InStep::new(taken.iter().map(|file| (file.path, file.blob)));
    let closed = found.iter().filter(|file| file.kind == Kind::ClosedFolder);
    let closed: BTreeSet<&[u8]> = closed.map(|file| file.path).collect();
    let mut changes: Vec<Change> = Vec::new();
    for entry in base.entries {
        let path = entry.path.as_slice();
        let new = here.find(path);
        if new == Some(entry.blob) {
            continue;
        }
        let unseen =
            (entry.blob.mode == Mode::Gitlink && closed.contains(path)) || (new.is_none() && skipped(path, skip));
        if !unseen {
            changes.push(Change { path: entry.path.clone(), old: Some(entry.blob), new });
        }
    }
    let mut before = InStep::new(base.entries.iter().map(in_two));
    for file in taken {
        if before.find(file.path).is_none() {
            changes.push(Change { path: file.path.to_vec(), old: None, new: Some(file.blob) });
        }
    }
    changes.sort();
    Delta { changes }
}

fn skipped(path: &[u8], skip: Keep<'_>) -> bool {
    let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    skip(path) || slashes.any(|(end, _)| skip(&path[..=end]))
}

/// What was done to the worktree's `.git` file, its HEAD and its index.
fn metadata_anomalies(
    repository: &Repository,
    worktree: &Worktree,
    since: TreeId,
    expected: CommitId,
) -> Result<Vec<Anomaly>, GitError> {
    let mut anomalies = Vec::new();
    let dot_git = worktree.dir.join(".git");
    if folder::read_plain(&dot_git) != Some(admin::dot_git_text(repository, &worktree.name)) {
        anomalies.push(Anomaly::DotGitChanged);
    }
    let admin = admin::admin_dir(repository, &worktree.name);
    if admin::state(repository, &worktree.name).is_none() {
        anomalies.push(Anomaly::AdminGone);
        return Ok(anomalies);
    }
    let head = folder::read_plain(&admin.join("HEAD")).unwrap_or_default();
    let head = String::from_utf8_lossy(&head).trim().to_owned();
    if head != expected.hex() {
        let found = head.strip_prefix("ref: refs/heads/").map(str::to_owned).unwrap_or(head);
        anomalies.push(Anomaly::HeadMoved { expected, found });
    }
    let Some(oddities) = index::oddities(&admin.join("index")) else {
        anomalies.push(Anomaly::IndexUnreadable);
        return Ok(anomalies);
    };
    anomalies.extend(oddities.flagged.into_iter().map(|path| Anomaly::IndexFlag { path }));
    for path in oddities.gitlinks {
        if repository.entry(since, &path)?.is_none_or(|blob: Blob| blob.mode != Mode::Gitlink) {
            anomalies.push(Anomaly::GitlinkAdded { path });
        }
    }
    Ok(anomalies)
}

#[cfg(test)]
mod tests;
