//! Notes to rows, and rows to a file that takes the place of the one before in one move.
//!
//! Whatever cannot be vouched for makes no plan: who comes next looks at everything again, which is slow and right. The file
//! is not flushed to disk: what a power cut leaves of it does not have its checksum.

use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::system::file_hash::HashCache;
use crate::system::inputs::observe;
use crate::system::sight::{Lookers, Notes, Seen};
use crate::system::{Kind, OsSystem, Stat, environment};

use super::layout::{FileRow, FolderRow, Header, NOT_LISTED, PARTS, Part, UNKNOWN};
use super::looking::{Mended, listing};
use super::steps::{Cold, NOBODY, StepSeen, StepTables, pairs};
use super::{Kept, LinkSeen, Others, ProgramSeen, stat_digest};

/// A file that was only glanced at is read for the plan up to so many bytes; a larger one is known by its stat alone.
const GLANCED_BYTES_MAX: u64 = 1 << 20;

/// Temporary names of plans: what a killed build left of them is swept away by the next.
pub const TEMPORARY: (&str, &str) = ("plan-", ".new");

/// What goes into a plan.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Program, project and options: a plan about something else is none.
    pub about: Digest,
    /// The project's folder.
    pub root: &'a Path,
    /// What was looked at.
    pub notes: Notes,
    /// The writer's text on the whole.
    pub summary: Vec<u8>,
    /// The writer's text on each step.
    pub detail: Vec<u8>,
    /// All steps, where lookers of the notes are their places; none: a look can only tell whether all is as it was.
    pub steps: Vec<StepSeen>,
    /// Places of steps that were not brought up: whatever moves or does not, they are to be judged again.
    pub unfinished: Vec<u32>,
}

/// Nothing ever lies there. A row that says otherwise leads to the steps that are unfinished.
pub(super) const UNFINISHED: &str = ".pl/unfinished";

/// Puts a plan in the place of the one at `path`. Errors: why there is none; nothing is lost but time.
pub fn write(path: &Path, plan: Plan<'_>) -> Result<(), String> {
    let Plan { about, root, notes, summary, detail, steps, unfinished } = plan;
    if let Some(why) = notes.spoiled {
        return Err(why);
    }
    let mut rows = Rows::new(root);
    for (path, (seen, lookers)) in notes.paths {
        rows.path(path, seen, lookers)?;
    }
    if !unfinished.is_empty() {
        let row = FileRow { ctime_ns: UNKNOWN, size: 0, inode: 0, mix: 0, name: 0 };
        let lookers = Lookers { numbers: unfinished, others: false };
        let (path, state) = (PathBuf::from(UNFINISHED), Digest([0; 32]));
        rows.files.push(NewFile { path, row, device: None, state, lookers });
    }
    for pattern in notes.variables {
        let digest = environment::digest(&OsSystem, &pattern).hex();
        rows.others.variables.push((pattern, digest));
    }
    for (sought, identity) in notes.programs {
        let search = sought.search.into_string().map_err(|_| "PATH is not UTF-8")?;
        let identity = identity.map(|identity| identity.hex());
        rows.others.programs.push(ProgramSeen { word: sought.word, search, dir: sought.dir, identity });
    }
    let mut folders = Vec::with_capacity(notes.folders.len());
    for (path, (stat, trusted)) in notes.folders {
        let known = listing(&path).filter(|(now, _)| *now == stat && trusted);
        let (_, digest) = known.ok_or_else(|| format!("{} changed while it was looked at", path.display()))?;
        folders.push((below(root, path), stat, digest));
    }
    let others = serde_json::to_vec(&rows.others).map_err(|error| error.to_string())?;
    let tables = Tables::of(rows.files, folders)?;
    let Tables { folders, files, names, states, listings, readers } = tables;
    let readers = if steps.is_empty() { Vec::new() } else { pairs(readers) };
    let StepTables { followers, steps, definitions } = StepTables::of(&steps);
    let hot: [&[u8]; 5] = [&folders, &files, &names, &others, &summary];
    let cold: [&[u8]; 7] = [&states, &listings, &detail, &readers, &followers, &steps, &definitions];
    replace(path, about, &hot, &cold).map_err(|error| error.to_string())
}

/// Writes the plan again with rows that were mended.
pub fn refresh(path: &Path, kept: &Kept, mended: &Mended) -> Option<()> {
    let cold = kept.cold()?;
    say_again(path, kept, &cold, mended, kept.summary())
}

/// The same, with another text on the whole.
pub fn say_again(path: &Path, kept: &Kept, cold: &Cold, mended: &Mended, summary: &[u8]) -> Option<()> {
    let mut folders = kept.part(Part::Folders).to_vec();
    let mut files = kept.part(Part::Files).to_vec();
    for (place, row) in &mended.files {
        files[*place as usize * FileRow::BYTES..][..FileRow::BYTES].copy_from_slice(&row.bytes());
    }
    for (place, row) in &mended.folders {
        folders[*place as usize * FolderRow::BYTES..][..FolderRow::BYTES].copy_from_slice(&row.bytes());
    }
    let others = match &mended.others {
        Some(others) => serde_json::to_vec(others).ok()?,
        None => kept.part(Part::Others).to_vec(),
    };
    let names = kept.part(Part::Names);
    let hot: [&[u8]; 5] = [&folders, &files, names, &others, summary];
    let parts =
        [Part::States, Part::Listings, Part::Detail, Part::Readers, Part::Followers, Part::Steps, Part::Definitions];
    replace(path, kept.header.about, &hot, &parts.map(|part| cold.part(part))).ok()
}

/// Puts a plan in its place; the cold parts come one by one.
pub(super) fn replace(path: &Path, about: Digest, hot: &[&[u8]; 5], cold: &[&[u8]; PARTS - 5]) -> io::Result<()> {
    let mut lengths = [0; PARTS];
    for (length, part) in lengths.iter_mut().zip(hot.iter().chain(cold)) {
        *length = part.len() as u64;
    }
    let mut header = Header { about, hot: Digest([0; 32]), cold: Digest([0; 32]), lengths };
    let (hot, cold) = (hot.concat(), cold.concat());
    header.cold = Digest::of(&cold);
    header.hot = header.hot_checksum(&hot);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(TEMPORARY.0).suffix(TEMPORARY.1).tempfile_in(folder)?;
    file.write_all(&header.bytes())?;
    file.write_all(&hot)?;
    file.write_all(&cold)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// A path below the root without it; any other as it is.
pub(super) fn below(root: &Path, path: PathBuf) -> PathBuf {
    path.strip_prefix(root).map(Path::to_owned).unwrap_or(path)
}

/// A file on its way into a row.
pub(super) struct NewFile {
    pub path: PathBuf,
    pub row: FileRow,
    pub device: Option<u64>,
    pub state: Digest,
    pub lookers: Lookers,
}

/// Notes of paths on their way into rows.
pub(super) struct Rows<'a> {
    root: &'a Path,
    hashes: HashCache,
    pub files: Vec<NewFile>,
    pub others: Others,
}

impl<'a> Rows<'a> {
    pub fn new(root: &'a Path) -> Self {
        let hashes = HashCache::new(std::collections::HashMap::new());
        Self { root, hashes, files: Vec::new(), others: Others::default() }
    }

    pub fn path(&mut self, path: PathBuf, seen: Seen, lookers: Lookers) -> Result<(), String> {
        let kind = seen.itself.map(|stat| stat.kind);
        let state = match seen.state {
            Some(state) => state,
            None => self.glanced(&path, &seen)?,
        };
        match (kind, seen.itself) {
            (Some(Kind::Link), _) => {
                let stats = seen.trusted.then(|| stat_digest([seen.itself, seen.behind]));
                self.others.links.push(LinkSeen { path, stats, state: state.hex() });
            }
            (Some(Kind::File), Some(stat)) => {
                let mut row = FileRow::of(&stat, 0);
                row.ctime_ns = if seen.trusted { stat.ctime_ns } else { UNKNOWN };
                let path = below(self.root, path);
                self.files.push(NewFile { path, row, device: Some(stat.device), state, lookers });
            }
            _ => {
                let path = below(self.root, path);
                self.files.push(NewFile { path, row: FileRow::of_kind(kind, 0), device: None, state, lookers });
            }
        }
        Ok(())
    }

    /// The state of what nobody read: what is older than the first look is what was there then.
    fn glanced(&self, path: &Path, seen: &Seen) -> Result<Digest, String> {
        let too_large = [seen.itself, seen.behind].iter().flatten().any(|stat| stat.size > GLANCED_BYTES_MAX);
        if too_large && seen.trusted {
            // Held by no content, it is changed as soon as its stat is another one.
            return Ok(Digest::of(b"known by its stat alone"));
        }
        let now = observe(path, &self.hashes).map_err(|error| format!("{}: {error}", path.display()))?.seen();
        let same = seen.trusted && now.itself == seen.itself && now.behind == seen.behind;
        now.state.filter(|_| same).ok_or_else(|| format!("{} changed while it was looked at", path.display()))
    }
}

struct Tables {
    folders: Vec<u8>,
    files: Vec<u8>,
    names: Vec<u8>,
    states: Vec<u8>,
    listings: Vec<u8>,
    /// A file's place, and who looked at it.
    readers: Vec<(u32, u32)>,
}

impl Tables {
    /// Sorts files into folders.
    fn of(mut files: Vec<NewFile>, mut folders: Vec<(PathBuf, Stat, Digest)>) -> Result<Self, String> {
        let bytes = |path: &Path| path.as_os_str().as_bytes().to_vec();
        files.sort_by_cached_key(|file| split(&file.path));
        folders.sort_by_cached_key(|(path, ..)| bytes(path));
        let (mut files, mut folders) = (files.into_iter().peekable(), folders.into_iter().peekable());
        let mut tables = Self {
            folders: Vec::new(),
            files: Vec::new(),
            names: Vec::new(),
            states: Vec::new(),
            listings: Vec::new(),
            readers: Vec::new(),
        };
        loop {
            let of_file = files.peek().map(|file| split(&file.path).0);
            let of_listing = folders.peek().map(|(path, ..)| bytes(path));
            let folder = match (of_file, of_listing) {
                (None, None) => return Ok(tables),
                (Some(folder), None) | (None, Some(folder)) => folder,
                (Some(left), Some(right)) => left.min(right),
            };
            let listed = folders.next_if(|(path, ..)| bytes(path) == folder);
            let mut inside = Vec::new();
            while let Some(file) = files.next_if(|file| split(&file.path).0 == folder) {
                inside.push(file);
            }
            tables.folder(&folder, listed, &inside)?;
        }
    }

    fn folder(
        &mut self,
        path: &[u8],
        listed: Option<(PathBuf, Stat, Digest)>,
        files: &[NewFile],
    ) -> Result<(), String> {
        let number = |count: usize| u32::try_from(count).map_err(|_| "more than a plan can hold".to_owned());
        let device = files.iter().find_map(|file| file.device);
        let mut row = FolderRow {
            name: self.name(path)?,
            first: number(self.files.len() / FileRow::BYTES)?,
            count: number(files.len())?,
            mtime_ns: 0,
            ctime_ns: NOT_LISTED,
            inode: 0,
            device: device.or(listed.as_ref().map(|(_, stat, _)| stat.device)).unwrap_or(0),
        };
        let mut listing = Digest([0; 32]);
        if let Some((_, stat, digest)) = listed {
            let at_home = stat.device == row.device;
            let ctime_ns = if at_home { stat.ctime_ns } else { UNKNOWN };
            row = FolderRow { mtime_ns: stat.mtime_ns, ctime_ns, inode: stat.inode, ..row };
            listing = digest;
        }
        self.folders.extend_from_slice(&row.bytes());
        self.listings.extend_from_slice(&listing.0);
        for file in files {
            let mut row_of_file = FileRow { name: self.name(&split(&file.path).1)?, ..file.row };
            if file.device.is_some_and(|device| device != row.device) {
                row_of_file.ctime_ns = UNKNOWN;
            }
            let place = number(self.files.len() / FileRow::BYTES)?;
            let nobody = file.lookers.others.then_some(NOBODY);
            self.readers.extend(file.lookers.numbers.iter().copied().chain(nobody).map(|reader| (place, reader)));
            self.files.extend_from_slice(&row_of_file.bytes());
            self.states.extend_from_slice(&file.state.0);
        }
        Ok(())
    }

    fn name(&mut self, name: &[u8]) -> Result<u32, String> {
        let at = u32::try_from(self.names.len()).map_err(|_| "more names than a plan can hold".to_owned())?;
        self.names.extend_from_slice(name);
        self.names.push(0);
        Ok(at)
    }
}

/// The folder of a path and its name there; the root itself is `.` in itself.
pub(super) fn split(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let name = path.file_name().unwrap_or(OsStr::new(".")).as_bytes().to_vec();
    let folder = path.parent().map(|folder| folder.as_os_str().as_bytes().to_vec()).unwrap_or_default();
    (folder, name)
}
