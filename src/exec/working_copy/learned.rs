//! A tree to be remembered, made of the notes that were taken while the files were listed.
//!
//! What cannot be vouched for is remembered as such, so that it is looked at again. Lists nothing but the names in folders.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rayon::iter::{IntoParallelIterator, ParallelIterator};

use crate::exec::working_copy::held::listing;
use crate::store::lint::tree::{Folder, Index, Other, Tree, UNKNOWN};
use crate::system::inputs::Input;
use crate::system::sight::{Notes, Seen};
use crate::system::{Kind, Stat};

/// Makes a tree; `None`: it was seen in more than one state.
pub fn tree(root: &Path, entries: &[Input], notes: Notes, index: Option<Index>, nameless: usize) -> Option<Tree> {
    if notes.spoiled.is_some() {
        return None;
    }
    let mut tree = Tree::default();
    (tree.index, tree.nameless) = (index, nameless as u64);
    let mut below: BTreeMap<&Path, Vec<u32>> = BTreeMap::new();
    for (place, entry) in entries.iter().enumerate() {
        let seen = notes.seen(notes.paths.place(&root.join(&entry.path))?);
        let stat = seen.itself?;
        let trusted = if seen.trusted { stat.ctime_ns } else { UNKNOWN };
        tree.push(&entry.path, Stat { ctime_ns: trusted, ..stat }, entry.digest);
        let folder = Path::new(&entry.path).parent()?;
        below.entry(folder).or_default().push(u32::try_from(place).ok()?);
    }
    let folders: Vec<(PathBuf, Stat, bool)> =
        notes.folders.iter().map(|(path, (stat, trusted))| (path.clone(), *stat, *trusted)).collect();
    let list = |(path, stat, trusted): (PathBuf, Stat, bool)| {
        let now = listing(&path).filter(|(now, _)| trusted && *now == stat).map(|(_, digest)| digest);
        let inner = path.strip_prefix(root).ok()?.to_owned();
        Some(Folder { path: inner, stat: Some(stat), listing: now, first: 0, count: 0 })
    };
    let mut folders: Vec<Folder> = folders.into_par_iter().map(list).collect::<Option<_>>()?;
    // Without a digest of its names a folder is not known to be as it was listed.
    folders.iter_mut().filter(|folder| folder.listing.is_none()).for_each(|folder| {
        folder.stat = folder.stat.map(|stat| Stat { ctime_ns: UNKNOWN, ..stat });
    });
    let listed: HashSet<PathBuf> = folders.iter().map(|folder| folder.path.clone()).collect();
    let unlisted = below.keys().filter(|folder| !listed.contains(**folder));
    let unlisted =
        unlisted.map(|path| Folder { path: path.to_path_buf(), stat: None, listing: None, first: 0, count: 0 });
    folders.extend(unlisted);
    folders.sort_by(|left, right| left.path.cmp(&right.path));
    for folder in &mut folders {
        folder.first = u32::try_from(tree.order.len()).ok()?;
        tree.order.extend(below.get(folder.path.as_path()).into_iter().flatten());
        folder.count = u32::try_from(tree.order.len()).ok()? - folder.first;
    }
    tree.folders = folders;
    tree.others = others(root, entries, &notes, &listed);
    Some(tree)
}

/// What was looked at and is no row. What was not there where all names are known need not be looked for.
fn others(root: &Path, entries: &[Input], notes: &Notes, listed: &HashSet<PathBuf>) -> Vec<Other> {
    let is_row = |path: &Path, seen: &Seen| {
        let is_link = seen.itself.is_some_and(|stat| stat.kind == Kind::Link);
        !is_link && {
            let inner = path.strip_prefix(root).ok().and_then(Path::to_str);
            inner.is_some_and(|inner| entries.binary_search_by(|entry| entry.path.as_str().cmp(inner)).is_ok())
        }
    };
    let is_told_by_folder = |path: &Path, seen: &Seen| {
        let folder = path.parent().and_then(|folder| folder.strip_prefix(root).ok());
        seen.itself.is_none() && folder.is_some_and(|folder| listed.contains(folder))
    };
    // A rule that says what is ignored was read by a library: only its stat can vouch for it, as a row and as what it is.
    let is_ignore_rule = |path: &Path, seen: &Seen| {
        path.file_name() == Some(OsStr::from_bytes(b".gitignore")) && seen.itself.is_some() && is_row(path, seen)
    };
    let all = notes.paths.places().map(|place| (notes.paths.path(place), notes.seen(place)));
    let mut others: Vec<Other> = all
        .filter(|(path, seen)| !is_row(path, seen) && !is_told_by_folder(path, seen) || is_ignore_rule(path, seen))
        .map(|(path, seen)| Other { path, itself: seen.itself, behind: seen.behind, trusted: seen.trusted })
        .collect();
    others.sort_by(|left, right| left.path.cmp(&right.path));
    others
}
