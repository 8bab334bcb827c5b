//! Notes to rows, and rows to a file that takes the place of the one before in one move.
//!
//! Whatever cannot be vouched for makes no plan: who comes next looks at everything again, which is slow and right.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::base::digest::Digest;
use crate::system::file_hash::HashCache;
use crate::system::inputs::observe;
use crate::system::sight::{Lookers, Notes, Seen, state_of};
use crate::system::{Kind, OsSystem, Stat, environment};

use super::layout::{FileRow, FolderRow, PARTS, Part, UNKNOWN};
use super::looking::{Mended, listing};
use super::sheet::{Listed, Sheet, Tables};
use super::steps::{Cold, StepRows, StepSeen, pairs};
use super::streaming::Stream;
use super::{Kept, LinkSeen, Others, ProgramSeen, stat_digest};

/// A file that was only glanced at is read for the plan up to so many bytes; a larger one is known by its stat alone.
const GLANCED_BYTES_MAX: u64 = 1 << 20;

pub use super::streaming::TEMPORARY;

/// What goes into a plan.
pub struct Plan<'a> {
    /// Program, project and options: a plan about something else is none.
    pub about: Digest,
    /// The project's folder.
    pub root: &'a Path,
    /// What was looked at.
    pub notes: Notes,
    /// The writer's text on the whole.
    pub summary: Vec<u8>,
    /// Writes the writer's text on each step.
    pub detail: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
    /// All steps, where lookers of the notes are their places; none: a look can only tell whether all is as it was.
    pub steps: Option<Steps<'a>>,
    /// Places of steps that were not brought up: whatever moves or does not, they are to be judged again.
    pub unfinished: Vec<u32>,
}

/// Steps, asked for one at a time.
pub struct Steps<'a> {
    /// How many there are.
    pub count: u32,
    /// The one at a place; `None`: it cannot be told.
    pub seen: &'a dyn Fn(u32) -> Option<StepSeen>,
}

/// Nothing ever lies there. A row that says otherwise leads to the steps that are unfinished.
pub(super) const UNFINISHED: &str = ".pl/unfinished";

/// Puts a plan in the place of the one at `path`. Errors: why there is none; nothing is lost but time.
pub fn write(path: &Path, plan: Plan<'_>) -> Result<(), String> {
    let Plan { about, root, mut notes, summary, detail, steps, unfinished } = plan;
    if let Some(why) = notes.spoiled {
        return Err(why);
    }
    let text = |error: io::Error| error.to_string();
    let mut others = Others::default();
    for pattern in std::mem::take(&mut notes.variables) {
        let digest = environment::digest(&OsSystem, &pattern).hex();
        others.variables.push((pattern, digest));
    }
    for (sought, identity) in std::mem::take(&mut notes.programs) {
        let search = sought.search.into_string().map_err(|_| "PATH is not UTF-8")?;
        let identity = identity.map(|identity| identity.hex());
        others.programs.push(ProgramSeen { word: sought.word, search, dir: sought.dir, identity });
    }
    let mut listed = Vec::with_capacity(notes.folders.len());
    for (path, (stat, trusted)) in std::mem::take(&mut notes.folders) {
        let known = listing(&path).filter(|(now, _)| *now == stat && trusted);
        let (_, digest) = known.ok_or_else(|| format!("{} changed while it was looked at", path.display()))?;
        listed.push(Listed { path: below(root, path).into_os_string().into_encoded_bytes(), stat, digest });
    }
    let sheet = Sheet::of(root, &mut notes, &mut others, !unfinished.is_empty())?;
    let tables = Tables::of(&sheet, listed)?;
    let others = serde_json::to_vec(&others).map_err(|error| error.to_string())?;
    let mut stream = Stream::begin(path).map_err(text)?;
    let hot = [&tables.folders, &tables.files, &tables.names, &others, &summary];
    for (part, bytes) in HOT_PARTS.into_iter().zip(hot) {
        stream.part(part, bytes).map_err(text)?;
    }
    stream.begin_part(Part::States);
    sheet.write_states(&mut stream).map_err(text)?;
    let readers = if steps.is_some() { sheet.readers(&tables.places, unfinished) } else { Vec::new() };
    let Tables { listings, .. } = tables;
    drop(notes);
    stream.part(Part::Listings, &listings).map_err(text)?;
    stream.begin_part(Part::Detail);
    detail(&mut stream).map_err(text)?;
    stream.part(Part::Readers, &pairs(readers)).map_err(text)?;
    if let Some(steps) = steps {
        write_steps(&mut stream, &steps)?;
    }
    stream.end(about).map_err(text)
}

/// Writes the last three parts; a definition is gone from memory as soon as it is written.
fn write_steps(stream: &mut Stream, steps: &Steps<'_>) -> Result<(), String> {
    let text = |error: io::Error| error.to_string();
    let (mut rows, mut followers) = (StepRows::default(), Vec::new());
    stream.begin_part(Part::Definitions);
    for place in 0..steps.count {
        let step = (steps.seen)(place).ok_or("a step cannot be written down")?;
        followers.extend(step.needs.iter().map(|need| (*need, place)));
        rows.step(&step.key, step.has_outputs, &step.definition);
        stream.write_all(&step.definition).map_err(text)?;
    }
    stream.part(Part::Steps, &rows.rows).map_err(text)?;
    stream.part(Part::Followers, &pairs(followers)).map_err(text)
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
    replace(path, kept.header.about, &hot, &COLD_PARTS.map(|part| cold.part(part))).ok()
}

/// Puts a plan in its place; the cold parts come one by one.
pub(super) fn replace(path: &Path, about: Digest, hot: &[&[u8]; 5], cold: &[&[u8]; PARTS - 5]) -> io::Result<()> {
    let mut stream = Stream::begin(path)?;
    let parts = HOT_PARTS.into_iter().chain(COLD_PARTS);
    for (part, bytes) in parts.zip(hot.iter().chain(cold)) {
        stream.part(part, bytes)?;
    }
    stream.end(about)
}

const HOT_PARTS: [Part; 5] = [Part::Folders, Part::Files, Part::Names, Part::Others, Part::Summary];

const COLD_PARTS: [Part; PARTS - 5] =
    [Part::States, Part::Listings, Part::Detail, Part::Readers, Part::Definitions, Part::Steps, Part::Followers];

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

/// Notes of a few paths on their way into rows.
pub(super) struct Rows<'a> {
    root: &'a Path,
    hashes: HashCache,
    pub files: Vec<NewFile>,
    pub links: Vec<LinkSeen>,
}

impl<'a> Rows<'a> {
    pub fn new(root: &'a Path) -> Self {
        Self { root, hashes: HashCache::new(HashMap::new()), files: Vec::new(), links: Vec::new() }
    }

    pub fn path(&mut self, path: PathBuf, seen: Seen, lookers: Lookers) -> Result<(), String> {
        let content = match seen.content {
            Some(content) => content,
            None => glanced(&path, &seen, &self.hashes)?,
        };
        if is_link(seen.itself) {
            self.links.extend(link_seen(path, &Seen { content: Some(content), ..seen }));
        } else {
            let (row, device) = row_of(seen.itself, seen.trusted);
            let state = state_of(seen.itself, &content);
            self.files.push(NewFile { path: below(self.root, path), row, device, state, lookers });
        }
        Ok(())
    }
}

pub(super) fn is_link(itself: Option<Stat>) -> bool {
    itself.is_some_and(|stat| stat.kind == Kind::Link)
}

pub(super) fn link_seen(path: PathBuf, seen: &Seen) -> Option<LinkSeen> {
    let stats = seen.trusted.then(|| stat_digest([seen.itself, seen.behind]));
    Some(LinkSeen { path, stats, state: seen.state()?.hex() })
}

/// The row of a path that is no link, and the device of a file.
pub(super) fn row_of(itself: Option<Stat>, trusted: bool) -> (FileRow, Option<u64>) {
    match itself.filter(|stat| stat.kind == Kind::File) {
        Some(stat) => {
            let ctime_ns = if trusted { stat.ctime_ns } else { UNKNOWN };
            (FileRow { ctime_ns, ..FileRow::of(&stat, 0) }, Some(stat.device))
        }
        None => (FileRow::of_kind(itself.map(|stat| stat.kind), 0), None),
    }
}

/// The content of what nobody read: what is older than the first look is what was there then.
pub(super) fn glanced(path: &Path, seen: &Seen, hashes: &HashCache) -> Result<Digest, String> {
    let too_large = [seen.itself, seen.behind].iter().flatten().any(|stat| stat.size > GLANCED_BYTES_MAX);
    if too_large && seen.trusted {
        // Held by no content, it is changed as soon as its stat is another one.
        return Ok(Digest::of(b"known by its stat alone"));
    }
    let now = observe(path, hashes).map_err(|error| format!("{}: {error}", path.display()))?.seen();
    let same = seen.trusted && now.itself == seen.itself && now.behind == seen.behind;
    now.content.filter(|_| same).ok_or_else(|| format!("{} changed while it was looked at", path.display()))
}

/// The folder of a path and its name there; the root itself is `.` in itself.
pub(super) fn split(path: &Path) -> (Vec<u8>, Vec<u8>) {
    let name = path.file_name().unwrap_or(OsStr::new(".")).as_bytes().to_vec();
    let folder = path.parent().map(|folder| folder.as_os_str().as_bytes().to_vec()).unwrap_or_default();
    (folder, name)
}
