//! The tree that is remembered, held against the machine: one stat a file, one descriptor a folder.
//!
//! What a stat says has moved is looked at by content, or by names; where anything else differs there is no answer, and
//! whoever asks lists the tree anew. So a wrong "as it was" would need a change that leaves every stat as it is.

use std::ffi::CStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat};

use crate::base::digest::Digest;
use crate::exec::working_copy::files::Around;
use crate::store::lint::journal::Patch;
use crate::store::lint::tree::{Folder, Index, Other, Row, Tree, UNKNOWN};
use crate::system::file_hash::HashCache;
use crate::system::inputs::{InputKind, observe};
use crate::system::{Kind, OsSystem, Stat, System};

/// Fewer folders are not worth a thread of their own.
const FOLDERS_AT_ONCE: usize = 8;

/// What differs from the remembered tree.
#[derive(Debug, Default)]
pub struct Moved {
    /// Places of rows.
    rows: Vec<usize>,
    /// Places of folders.
    folders: Vec<usize>,
    index: bool,
}

/// What a second look at that came to.
#[derive(Debug, Default)]
pub struct Changed {
    /// Places of files that hold something else, or may be executed where they could not.
    pub rows: Vec<usize>,
    /// What differs from what was remembered, if only by a stat.
    pub patch: Patch,
}

/// Looks at everything that a tree was made of; `None`: what decides which files there are is not as it was.
pub fn look(root: &Path, tree: &Tree) -> Option<Moved> {
    if !tree.others.iter().all(holds) {
        return None;
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let root = openat(CWD, root, flags, Mode::empty()).ok()?;
    let is_index = |index: &Index| index.stat.is_some() && OsSystem.stat(&index.path).ok() == index.stat;
    let index = !tree.index.as_ref().is_none_or(is_index);
    let folders = tree.folders.par_iter().enumerate().with_min_len(FOLDERS_AT_ONCE);
    let found = folders.map(|(place, folder)| look_at_folder(&root, tree, place, folder));
    let found: Vec<Moved> = found.collect::<Option<_>>()?;
    let mut all = Moved { index, ..Moved::default() };
    for moved in found {
        all.rows.extend(moved.rows);
        all.folders.extend(moved.folders);
    }
    Some(all)
}

fn look_at_folder(root: &OwnedFd, tree: &Tree, place: usize, folder: &Folder) -> Option<Moved> {
    let mut moved = Moved::default();
    let path = if folder.path.as_os_str().is_empty() { Path::new(".") } else { &folder.path };
    let opened = openat(root, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).ok()?;
    if let Some(known) = &folder.stat
        && Stat::of_raw(&fstat(&opened).ok()?) != *known
    {
        moved.folders.push(place);
    }
    let rows = tree.order.get(folder.first as usize..(folder.first + folder.count) as usize)?;
    for &row in rows {
        let known = tree.rows.get(row as usize)?;
        let path = tree.path_bytes(row as usize);
        let name = path.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        let name = CStr::from_bytes_with_nul(&path[name..]).ok()?;
        // What has gone has changed the names in its folder; whatever else is wrong, the walk will say.
        let now = Stat::of_raw(&statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW).ok()?);
        let is_folder = known.stat.kind == Kind::Folder && now.kind == Kind::Folder;
        if now != known.stat && !is_folder {
            moved.rows.push(row as usize);
        }
    }
    Some(moved)
}

/// Whether a path that is no row is as it was. Of a folder only that it is one counts: what lies in it, others vouch for.
fn holds(other: &Other) -> bool {
    let same = |known: Option<Stat>, now: Option<Stat>| match (known, now) {
        (Some(known), Some(now)) if known.kind == Kind::Folder => now.kind == Kind::Folder,
        (known, now) => known == now && other.trusted,
    };
    let is_link = other.itself.is_some_and(|stat| stat.kind == Kind::Link);
    same(other.itself, OsSystem.lstat(&other.path).ok())
        && (!is_link || same(other.behind, OsSystem.stat(&other.path).ok()))
}

/// Looks again at what moved, and brings the tree up to date; `None`: the files must be listed, and the tree is of no use.
pub fn again(
    root: &Path,
    tree: &mut Tree,
    moved: Moved,
    around: &Around,
    cache: &HashCache,
    mark_ns: i64,
) -> Option<Changed> {
    let mut changed = Changed::default();
    for place in moved.folders {
        let folder = &mut tree.folders[place];
        let (stat, names) = listing(&root.join(&folder.path))?;
        if folder.listing? != names {
            return None;
        }
        if stat.is_older_than(mark_ns) {
            folder.stat = Some(stat);
            changed.patch.folders.insert(place);
        }
    }
    if moved.index {
        let (repository, _) = around.get()?;
        let index = tree.index.as_mut()?;
        let stat = OsSystem.stat(&index.path).ok();
        if repository.tracked().ok()?.digest() != index.tracked {
            return None;
        }
        let stat = stat.filter(|stat| stat.is_older_than(mark_ns));
        changed.patch.index = stat != index.stat;
        index.stat = stat;
    }
    for place in moved.rows {
        let now = observe(&root.join(tree.path(place)), cache).ok().filter(|now| now.kind == InputKind::File)?;
        let row = &mut tree.rows[place];
        let stat = now.itself.filter(|_| row.stat.kind == Kind::File)?;
        if now.digest != row.digest || stat.is_executable() != row.stat.is_executable() {
            changed.rows.push(place);
        }
        let ctime_ns = if stat.is_older_than(mark_ns) { stat.ctime_ns } else { UNKNOWN };
        let new = Row { stat: Stat { ctime_ns, ..stat }, digest: now.digest, ..*row };
        if new != *row {
            changed.patch.rows.insert(place);
            *row = new;
        }
    }
    changed.rows.sort_unstable();
    Some(changed)
}

/// A folder's stat from before it was listed, and a digest of the names and kinds in it; `None`: it changed meanwhile.
pub fn listing(folder: &Path) -> Option<(Stat, Digest)> {
    let before = OsSystem.stat(folder).ok()?;
    let entries = OsSystem.list(folder).ok()?;
    let mut hasher = blake3::Hasher::new();
    for (name, kind) in &entries {
        let name = name.as_encoded_bytes();
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name).update(&[*kind as u8]);
    }
    (OsSystem.stat(folder).ok()? == before).then(|| (before, Digest(*hasher.finalize().as_bytes())))
}
