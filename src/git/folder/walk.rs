//! All that lies below a folder, in the order of paths: one descriptor a folder, one look a file.
//!
//! Follows no link and reads nothing. The names of a folder stand in one text; no file has one of its own.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rayon::iter::{IntoParallelIterator, ParallelIterator};
use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::io::Errno;

use crate::git::error::GitError;
use crate::git::folder::{Kind, below, open_up};
use crate::git::stats::{FILE, FOLDER, FileStat, KIND, LINK};

/// How many files and folders a walk lists.
pub const WALK_ENTRIES_MAX: u64 = 2_000_000;
/// Longer paths below a folder are not entered (the system cannot open them by name).
const ENTERED_PATH_BYTES_MAX: usize = 3_000;
/// Names of a folder that are asked for at once, in bytes.
#[cfg(target_os = "linux")]
const NAMES_BYTES: usize = 32 * 1024;

/// One path of a walk.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Relative to the walked folder, `/`-separated.
    pub path: &'a [u8],
    /// What it is.
    pub kind: Kind,
    /// What the system says of it.
    pub stat: FileStat,
}

impl Found<'_> {
    /// Whether it is a folder, looked into or not.
    pub(in crate::git) fn is_folder(&self) -> bool {
        matches!(self.kind, Kind::Folder | Kind::ClosedFolder)
    }
}

/// What a walk found.
#[derive(Debug, Default)]
pub struct Walked {
    /// The walked folder is the first.
    folders: Vec<Listing>,
    /// Neither a limit nor a closed folder was met.
    pub complete: bool,
}

/// What stands in one folder.
#[derive(Debug, Default)]
struct Listing {
    /// The paths of its entries, one behind the other.
    paths: Vec<u8>,
    /// Sorted by their paths.
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    path: Range<usize>,
    what: What,
}

#[derive(Debug)]
enum What {
    Is(Kind, FileStat),
    /// What is in the folder with this path, less the `/` at its end: the number of its listing.
    Below(usize),
}

impl Walked {
    /// All of it, sorted by path.
    pub fn found(&self) -> Vec<Found<'_>> {
        let mut found = Vec::with_capacity(self.folders.iter().map(|listing| listing.entries.len()).sum());
        let mut open: Vec<_> = self.folders.first().map(|first| (first, first.entries.iter())).into_iter().collect();
        while let Some((listing, rest)) = open.last_mut() {
            let listing: &Listing = listing;
            match rest.next() {
                None => drop(open.pop()),
                Some(Entry { path, what: What::Is(kind, stat) }) => {
                    found.push(Found { path: &listing.paths[path.clone()], kind: *kind, stat: *stat });
                }
                Some(Entry { what: What::Below(number), .. }) => {
                    let below = &self.folders[*number];
                    open.push((below, below.entries.iter()));
                }
            }
        }
        found
    }
}

/// Everything below a folder but its own `.git`; folders are entered where `enter` says so.
///
/// What a tool closed to its owner is opened again.
pub fn walk(dir: &Path, enter: &(dyn Fn(&[u8]) -> bool + Sync)) -> Result<Walked, GitError> {
    let walked = Walk { dir, enter, opens: true }.run(WALK_ENTRIES_MAX)?;
    if walked.complete {
        Ok(walked)
    } else {
        Err(GitError::TooMany { path: dir.to_owned(), what: "files", limit: WALK_ENTRIES_MAX })
    }
}

/// The same without changing anything; not all may have been seen.
pub fn look_over(dir: &Path, enter: &(dyn Fn(&[u8]) -> bool + Sync), limit: u64) -> Result<Walked, GitError> {
    Walk { dir, enter, opens: false }.run(limit)
}

struct Walk<'a> {
    dir: &'a Path,
    enter: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Whether folders that are closed to their owner are opened.
    opens: bool,
}

impl Walk<'_> {
    fn run(&self, limit: u64) -> Result<Walked, GitError> {
        let failed = |error: io::Error| GitError::file("list", self.dir)(error);
        let root = match self.open_root() {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && self.opens => {
                open_up(self.dir)?;
                self.open_root().map_err(failed)?
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(Walked::default()),
            root => root.map_err(failed)?,
        };
        let mut walked = Walked { folders: Vec::new(), complete: true };
        let mut open = vec![Vec::new()];
        let mut count = 0;
        while !open.is_empty() {
            let level: Vec<_> = open.into_par_iter().map(|folder| self.list(&root, &folder)).collect();
            open = Vec::new();
            let next = walked.folders.len() + level.len();
            for listing in level {
                let mut listing = listing?.unwrap_or_else(|| {
                    walked.complete = false;
                    Listing::default()
                });
                count += listing.entries.len() as u64;
                for entry in &mut listing.entries {
                    if let What::Below(number) = &mut entry.what {
                        *number = next + open.len();
                        open.push(listing.paths[entry.path.start..entry.path.end - 1].to_vec());
                        // A folder and what is in it are one of those that are counted.
                        count -= 1;
                    }
                }
                walked.folders.push(listing);
            }
            if count > limit {
                walked.complete = false;
                // Nothing is known of the folders that would have been next.
                walked.folders.resize_with(next + open.len(), Listing::default);
                break;
            }
        }
        Ok(walked)
    }

    fn open_root(&self) -> io::Result<File> {
        let flags = OFlags::DIRECTORY.bits().cast_signed();
        File::options().read(true).custom_flags(flags).open(self.dir)
    }

    /// The entries of one folder; `None` where it is closed.
    fn list(&self, root: &File, folder: &[u8]) -> Result<Option<Listing>, GitError> {
        let mut listed = self.read(root, folder);
        if self.opens && matches!(listed, Err(Errno::ACCESS)) {
            open_up(&below(self.dir, folder))?;
            listed = self.read(root, folder);
        }
        match listed {
            Err(Errno::NOENT) if !folder.is_empty() => Ok(Some(Listing::default())),
            Err(Errno::ACCESS) if !self.opens => Ok(None),
            Err(error) => Err(GitError::file("list", &below(self.dir, folder))(error.into())),
            Ok(mut listing) => {
                let paths = &listing.paths;
                listing
                    .entries
                    .sort_unstable_by(|left, right| paths[left.path.clone()].cmp(&paths[right.path.clone()]));
                Ok(Some(listing))
            }
        }
    }

    fn read(&self, root: &File, folder: &[u8]) -> Result<Listing, Errno> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = if folder.is_empty() { b"." } else { folder };
        let opened = openat(root, place, flags, Mode::empty())?;
        let mut listing = Listing::default();
        each_name(&opened, |name| {
            let bytes = name.to_bytes();
            if bytes == b"." || bytes == b".." || folder.is_empty() && bytes == b".git" {
                return Ok(());
            }
            let stat = match statat(&opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => return Ok(()),
                stat => FileStat::of_raw(&stat?),
            };
            self.add(&mut listing, folder, bytes, stat);
            Ok(())
        })?;
        Ok(listing)
    }

    fn add(&self, listing: &mut Listing, folder: &[u8], name: &[u8], stat: FileStat) {
        let begin = listing.paths.len();
        if !folder.is_empty() {
            listing.paths.extend(folder);
            listing.paths.push(b'/');
        }
        listing.paths.extend(name);
        let path = begin..listing.paths.len();
        let mut kind = Kind::of(&stat);
        if kind == Kind::Folder {
            if path.len() > ENTERED_PATH_BYTES_MAX || !(self.enter)(&listing.paths[path.clone()]) {
                kind = Kind::ClosedFolder;
            } else {
                // Between a folder and what is in it stand all that are called as it and more: `a`, `a.b`, `a/c`.
                listing.paths.push(b'/');
                let path = begin..listing.paths.len();
                listing.entries.push(Entry { path, what: What::Below(usize::MAX) });
            }
        }
        listing.entries.push(Entry { path, what: What::Is(kind, stat) });
    }
}

impl Kind {
    /// What a path is by its mode; see inode(7).
    pub(in crate::git) fn of(stat: &FileStat) -> Self {
        match stat.mode & KIND {
            LINK => Self::Link,
            FOLDER => Self::Folder,
            FILE => Self::File { executable: stat.mode & 0o100 != 0 },
            _ => Self::Special,
        }
    }
}

/// The names in a folder, `.` and `..` among them, in no order.
#[cfg(target_os = "linux")]
pub(in crate::git) fn each_name(
    folder: &rustix::fd::OwnedFd,
    mut take: impl FnMut(&CStr) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut names = [const { std::mem::MaybeUninit::uninit() }; NAMES_BYTES];
    let mut listing = rustix::fs::RawDir::new(folder, &mut names);
    while let Some(entry) = listing.next() {
        take(entry?.file_name())?;
    }
    Ok(())
}

/// The names in a folder, `.` and `..` among them, in no order.
#[cfg(not(target_os = "linux"))]
pub(in crate::git) fn each_name(
    folder: &rustix::fd::OwnedFd,
    mut take: impl FnMut(&CStr) -> Result<(), Errno>,
) -> Result<(), Errno> {
    for entry in rustix::fs::Dir::read_from(folder)? {
        take(entry?.file_name())?;
    }
    Ok(())
}
