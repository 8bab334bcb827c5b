//! Holding a plan against the machine: one stat a file, one descriptor a folder, each thing once.
//!
//! What a stat says has moved is looked at by content; only what differs then has changed. No thread but the two that look,
//! no allocation a file.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat};
use rustix::io::Errno;

use crate::base::digest::Digest;
use crate::system::file_hash::HashCache;
use crate::system::inputs::observe;
use crate::system::program::identify;
use crate::system::{Kind, OsSystem, Stat, System, environment};

use super::layout::{FileRow, FolderRow, KIND_ONLY, Part, UNKNOWN, find_file, find_folder, name_at};
use super::steps::Cold;
use super::writing::split;
use super::{Kept, LinkSeen, Others, stat_digest};

/// From so many files on two threads look: below, starting one costs more than it saves.
const FILES_FOR_TWO: usize = 1_000;

/// Folders with at most so many files are not opened for them.
const FILES_BY_PATH: u32 = 2;

/// Folders that no look enters; they come and go with builds.
pub const NEVER_LISTED: [&str; 3] = [".git", ".pl", ".worktrees"];

/// Rows that no longer hold, by place.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Moved {
    files: Vec<u32>,
    folders: Vec<u32>,
    links: Vec<usize>,
    /// Folders of files that have other names, too: who writes by way of one of those is not seen here.
    shared: Vec<u32>,
}

impl Moved {
    /// Whether every row holds.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty() && self.links.is_empty()
    }
}

/// What a second look put in the place of rows that had moved, where all was the same by content.
#[derive(Debug, Default, Clone)]
pub struct Mended {
    pub(super) files: Vec<(u32, FileRow)>,
    pub(super) folders: Vec<(u32, FolderRow)>,
    pub(super) others: Option<Others>,
}

impl Mended {
    /// Whether writing it down saves the next look something.
    pub fn is_worth_it(&self) -> bool {
        let files = self.files.iter().any(|(_, row)| row.ctime_ns != UNKNOWN);
        files || self.folders.iter().any(|(_, row)| row.ctime_ns != UNKNOWN) || self.others.is_some()
    }
}

impl Kept {
    /// Looks at everything; `None`: something changed for which no second look is needed.
    pub fn look(&self) -> Option<Moved> {
        self.look_in(None)
    }

    /// The same, where somebody vouches for the files of all folders but these.
    pub fn look_beside(&self, own: &[u32]) -> Option<Moved> {
        self.look_in(Some(own))
    }

    fn look_in(&self, own: Option<&[u32]>) -> Option<Moved> {
        let others: Others = serde_json::from_slice(self.part(Part::Others)).ok()?;
        if !variables_hold(&others) || !programs_hold(&others) {
            return None;
        }
        let mut moved = self.look_at_files(own)?;
        let holds = |link: &LinkSeen| link.stats.as_deref() == Some(stat_digest(stats(&link.path)).as_str());
        moved.links = (0..others.links.len()).filter(|&place| !holds(&others.links[place])).collect();
        Some(moved)
    }

    /// Looks at some paths alone, where somebody says that they moved; `None`: that cannot tell what moved.
    pub fn look_only(&self, paths: &[PathBuf]) -> Option<Moved> {
        let others: Others = serde_json::from_slice(self.part(Part::Others)).ok()?;
        if !variables_hold(&others) || !programs_hold(&others) {
            return None;
        }
        let (folders, files, names) = (self.part(Part::Folders), self.part(Part::Files), self.part(Part::Names));
        let mut moved = Moved::default();
        for path in paths {
            let (folder, name) = split(path.strip_prefix(&self.root).unwrap_or(path));
            let Some((place, row)) = find_folder(folders, names, &folder) else { continue };
            if row.is_listed() && !row.holds(OsSystem.stat(&self.folder_path(&row)).ok().as_ref()) {
                moved.folders.push(u32::try_from(place).ok()?);
            }
            if let Some(file) = find_file(files, names, &row, &name) {
                let known = FileRow::read(files, file as usize);
                check(&mut moved, file as usize, &known, &row, Ok(OsSystem.lstat(path).ok()))?;
            }
        }
        moved.files.sort_unstable();
        moved.files.dedup();
        moved.folders.sort_unstable();
        moved.folders.dedup();
        Some(moved)
    }

    /// Looks at all files; where none moved, the folders for which somebody who is told of every change in the folders that
    /// `is_watched` cannot vouch.
    pub fn look_at_unwatched(&self, is_watched: impl Fn(&Path) -> bool) -> Option<Vec<u32>> {
        let moved = self.look_at_files(None).filter(Moved::is_empty)?;
        let rows = self.part(Part::Folders);
        let folders = (0_u32..).take(self.folder_count());
        let is_own = |place: &u32| {
            moved.shared.binary_search(place).is_ok()
                || !is_watched(&self.folder_path(&FolderRow::read(rows, *place as usize)))
        };
        Some(folders.filter(is_own).collect())
    }

    /// How many folders there are.
    pub fn folder_count(&self) -> usize {
        self.part(Part::Folders).len() / FolderRow::BYTES
    }

    /// How many files are looked at.
    pub fn file_count(&self) -> usize {
        self.part(Part::Files).len() / FileRow::BYTES
    }

    fn look_at_files(&self, own: Option<&[u32]>) -> Option<Moved> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat(CWD, self.root.as_path(), flags, Mode::empty()).ok()?;
        let table = Table {
            folders: self.part(Part::Folders),
            files: self.part(Part::Files),
            names: self.part(Part::Names),
            root: &root,
        };
        let count = self.file_count();
        if let Some(own) = own {
            return table.look(0, count, true, own.iter().copied());
        }
        let all = || (0_u32..).take(self.folder_count());
        let two = count >= FILES_FOR_TWO && has_two_processors();
        if !two {
            return table.look(0, count, true, all());
        }
        let half = count / 2;
        std::thread::scope(|scope| {
            let second = scope.spawn(|| table.look(half, count, true, all()));
            let mut moved = table.look(0, half, false, all())?;
            let rest = second.join().ok()??;
            moved.files.extend(rest.files);
            moved.folders.extend(rest.folders);
            // A folder may lie on both sides of the middle.
            moved.shared.extend(rest.shared);
            moved.shared.dedup();
            Some(moved)
        })
    }

    /// Looks by content at what moved; `None` where something differs. `mark_ns` is the file system's "now".
    pub fn look_again(&self, moved: &Moved, mark_ns: i64) -> Option<Mended> {
        let cold = self.cold()?;
        self.look_twice(&cold, moved, mark_ns).filter(|(_, changed)| changed.is_empty()).map(|(mended, _)| mended)
    }

    /// The same; files that differ come back by place, and `None` means that something else differs.
    pub fn look_twice(&self, cold: &Cold, moved: &Moved, mark_ns: i64) -> Option<(Mended, Vec<u32>)> {
        let hashes = HashCache::new(std::collections::HashMap::new());
        hashes.mark(mark_ns);
        let (mut mended, mut changed) = (Mended::default(), Vec::new());
        let folders = self.part(Part::Folders);
        let mut folder_of = FolderOf { rows: folders, place: 0 };
        for &place in &moved.files {
            let row = FileRow::read(self.part(Part::Files), place as usize);
            if row.ctime_ns == KIND_ONLY {
                return None;
            }
            let folder = folder_of.file(place);
            let seen = observe(&self.folder_path(&folder).join(self.name(row.name)), &hashes).ok()?.seen();
            if seen.state()? != digest_at(cold.part(Part::States), place as usize) {
                changed.push(place);
                continue;
            }
            let stat = seen.itself?;
            let trusted = stat.is_older_than(mark_ns) && stat.device == folder.device;
            let mut new = FileRow::of(&stat, row.name);
            new.ctime_ns = if trusted { stat.ctime_ns } else { UNKNOWN };
            mended.files.push((place, new));
        }
        for &place in &moved.folders {
            let row = FolderRow::read(folders, place as usize);
            let (stat, digest) = listing(&self.folder_path(&row))?;
            if digest != digest_at(cold.part(Part::Listings), place as usize) {
                return None;
            }
            mended.folders.push((place, row.seen_again(&stat, stat.is_older_than(mark_ns))));
        }
        mended.others = self.links_again(&moved.links, mark_ns, &hashes)?;
        Some((mended, changed))
    }

    /// The path of a file, by its place.
    pub fn file_path(&self, place: u32) -> PathBuf {
        let row = FileRow::read(self.part(Part::Files), place as usize);
        let mut folder_of = FolderOf { rows: self.part(Part::Folders), place: 0 };
        self.folder_path(&folder_of.file(place)).join(self.name(row.name))
    }

    /// The outer `None`: a link differs. The inner: there was none to look at.
    fn links_again(&self, moved: &[usize], mark_ns: i64, hashes: &HashCache) -> Option<Option<Others>> {
        if moved.is_empty() {
            return Some(None);
        }
        let mut others: Others = serde_json::from_slice(self.part(Part::Others)).ok()?;
        for &place in moved {
            let link = &mut others.links[place];
            let seen = observe(&link.path, hashes).ok()?.seen();
            if seen.state()?.hex() != link.state {
                return None;
            }
            let trusted = [seen.itself, seen.behind].iter().flatten().all(|stat| stat.is_older_than(mark_ns));
            link.stats = trusted.then(|| stat_digest([seen.itself, seen.behind]));
        }
        Some(Some(others))
    }

    fn name(&self, at: u32) -> &Path {
        Path::new(std::ffi::OsStr::from_bytes(name_at(self.part(Part::Names), at)))
    }

    fn folder_path(&self, row: &FolderRow) -> PathBuf {
        self.root.join(self.name(row.name))
    }
}

pub(super) fn digest_at(digests: &[u8], place: usize) -> Digest {
    Digest(digests[place * 32..place * 32 + 32].try_into().expect("BUG: 32 bytes are 32 bytes"))
}

/// A folder's stat from before it was listed, and a digest of what lies in it: names and kinds.
pub fn listing(folder: &Path) -> Option<(Stat, Digest)> {
    let before = OsSystem.stat(folder).ok()?;
    let entries = OsSystem.list(folder).ok()?;
    let mut hasher = blake3::Hasher::new();
    for (name, kind) in entries.iter().filter(|(name, _)| !NEVER_LISTED.iter().any(|never| name == *never)) {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(&[*kind as u8]);
    }
    (OsSystem.stat(folder).ok()? == before).then(|| (before, Digest(*hasher.finalize().as_bytes())))
}

/// Stats of a path and of what is behind it, where it is a link.
pub fn stats(path: &Path) -> [Option<Stat>; 2] {
    let itself = OsSystem.lstat(path).ok();
    let is_link = itself.is_some_and(|stat| stat.kind == Kind::Link);
    [itself, if is_link { OsSystem.stat(path).ok() } else { None }]
}

/// Asks the scheduler alone: the standard library reads the limits of control groups, too, which costs as much as a hundred files.
#[cfg(target_os = "linux")]
fn has_two_processors() -> bool {
    rustix::thread::sched_getaffinity(None).is_ok_and(|set| set.count() > 1)
}

#[cfg(not(target_os = "linux"))]
fn has_two_processors() -> bool {
    std::thread::available_parallelism().is_ok_and(|count| count.get() > 1)
}

fn variables_hold(others: &Others) -> bool {
    others.variables.iter().all(|(pattern, digest)| environment::digest(&OsSystem, pattern).hex() == *digest)
}

fn programs_hold(others: &Others) -> bool {
    others.programs.iter().all(|seen| {
        let now = identify(&seen.word, seen.search.as_ref(), &seen.dir).map(|identity| identity.digest().hex());
        now == seen.identity
    })
}

/// Finds the folder of a file; places are asked for in rising order.
struct FolderOf<'a> {
    rows: &'a [u8],
    place: usize,
}

impl FolderOf<'_> {
    fn file(&mut self, file: u32) -> FolderRow {
        loop {
            let row = FolderRow::read(self.rows, self.place);
            if file < row.first + row.count {
                return row;
            }
            self.place += 1;
        }
    }
}

/// The hot parts.
struct Table<'a> {
    folders: &'a [u8],
    files: &'a [u8],
    names: &'a [u8],
    root: &'a OwnedFd,
}

impl Table<'_> {
    /// Looks at the files from one place to another and at the folders that begin there; the last look takes the folders at
    /// the end, too. `None`: a path is of another kind where only the kind counts.
    fn look(&self, from: usize, to: usize, is_last: bool, folders: impl Iterator<Item = u32>) -> Option<Moved> {
        let mut moved = Moved::default();
        let mut path = Vec::new();
        for place in folders {
            let row = FolderRow::read(self.folders, place as usize);
            let mut shared = false;
            let (first, end) = (row.first as usize, (row.first + row.count) as usize);
            let begins_here = first >= from && (first < to || is_last);
            let (first, end) = (first.max(from), end.min(to));
            let listed = begins_here && row.is_listed();
            if first >= end && !listed {
                continue;
            }
            if !row.is_listed() && row.count <= FILES_BY_PATH {
                for file in first..end {
                    path.clear();
                    path.extend_from_slice(name_at(self.names, row.name));
                    if !path.is_empty() {
                        path.push(b'/');
                    }
                    let known = FileRow::read(self.files, file);
                    path.extend_from_slice(name_at(self.names, known.name));
                    check(&mut moved, file, &known, &row, stat_below(self.root, path.as_slice(), &mut shared))?;
                }
                moved.shared.extend(shared.then_some(place));
                continue;
            }
            let folder = self.open(&row);
            if listed {
                let now = folder.as_ref().ok().and_then(|folder| fstat(folder).ok()).map(|stat| Stat::of_raw(&stat));
                if !row.holds(now.as_ref()) {
                    moved.folders.push(place);
                }
            }
            for file in first..end {
                let known = FileRow::read(self.files, file);
                let now = match &folder {
                    Ok(folder) => {
                        let name = CStr::from_bytes_until_nul(&self.names[known.name as usize..]).ok()?;
                        stat_below(folder, name, &mut shared)
                    }
                    Err(error) => nothing_or(*error),
                };
                check(&mut moved, file, &known, &row, now)?;
            }
            moved.shared.extend(shared.then_some(place));
        }
        Some(moved)
    }

    fn open(&self, row: &FolderRow) -> Result<OwnedFd, Errno> {
        let path = name_at(self.names, row.name);
        let path = if path.is_empty() { b".".as_slice() } else { path };
        openat(self.root, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
    }
}

/// Notes a file that moved; `None` where that is final.
fn check(
    moved: &mut Moved,
    file: usize,
    known: &FileRow,
    row: &FolderRow,
    now: Result<Option<Stat>, Errno>,
) -> Option<()> {
    let holds = now.is_ok_and(|now| known.holds(now.as_ref()) && now.is_none_or(|now| is_at_home(known, row, &now)));
    if holds {
        return Some(());
    }
    if known.ctime_ns == KIND_ONLY {
        return None;
    }
    moved.files.push(u32::try_from(file).ok()?);
    Some(())
}

fn is_at_home(known: &FileRow, row: &FolderRow, now: &Stat) -> bool {
    known.ctime_ns == KIND_ONLY || now.device == row.device
}

fn stat_below(folder: impl AsFd, name: impl rustix::path::Arg, shared: &mut bool) -> Result<Option<Stat>, Errno> {
    match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(raw) => {
            let stat = Stat::of_raw(&raw);
            *shared |= stat.kind == Kind::File && raw.st_nlink > 1;
            Ok(Some(stat))
        }
        Err(error) => nothing_or(error),
    }
}

fn nothing_or(error: Errno) -> Result<Option<Stat>, Errno> {
    if matches!(error, Errno::NOENT | Errno::NOTDIR) { Ok(None) } else { Err(error) }
}
