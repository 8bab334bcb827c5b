//! What was looked at and how it was, so that a later look can tell whether all is still as it was.
//!
//! Knows nothing of steps or verdicts. Notes are taken while looking, never afterwards: a note made later could say of a
//! path what nobody had seen. Two notes of one path that differ spoil the whole, because no single state was seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::inputs::{self, InputKind};
use super::paths::PathMap;
use super::{Kind, OsSystem, Stat, System};
use crate::base::digest::Digest;

/// What lies under a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The path itself; `None`: nothing is there.
    pub itself: Option<Stat>,
    /// Where it is a link: what it leads to.
    pub behind: Option<Stat>,
    /// [`inputs::Input::digest`] of it; `None` for a file whose content nobody read: then only its stat can tell.
    pub content: Option<Digest>,
    /// It was older than the look, so that any later change gives it another stat.
    pub trusted: bool,
}

impl Seen {
    /// What was seen, before it is known when.
    pub fn new(itself: Option<Stat>, behind: Option<Stat>, content: Option<Digest>) -> Self {
        Self { itself, behind, content, trusted: false }
    }

    /// [`inputs::Input::state`] of it, where its content is known.
    pub fn state(&self) -> Option<Digest> {
        self.content.map(|content| state_of(self.itself, &content))
    }
}

/// A program that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sought {
    /// The name as written.
    pub word: String,
    /// The PATH.
    pub search: OsString,
    /// The folder that a relative name starts from.
    pub dir: PathBuf,
}

/// Who looked at a path: some of those that were named while notes were taken ([`Sights::whose`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookers {
    /// By number, in rising order, each once.
    pub numbers: Vec<u32>,
    /// Somebody without a number looked, too.
    pub others: bool,
}

/// In place of a looker's number: somebody looked who has none.
pub const NOBODY: u32 = u32::MAX;

/// What was seen under a path, as it is held for many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted {
    /// As in [`Seen`].
    pub itself: Option<Stat>,
    /// As in [`Seen`].
    pub content: Option<Digest>,
    /// As in [`Seen`].
    pub trusted: bool,
    /// Somebody looked at it. Else it is no note yet, but what was known of a file before.
    pub looked: bool,
}

impl Noted {
    /// A file that was read when it was older than "now", and that nobody looked at since.
    pub fn known(stat: &Stat, content: Digest) -> Self {
        Self { itself: Some(*stat), content: Some(content), trusted: true, looked: false }
    }

    /// The content that a file with this stat has, if it is this one.
    pub fn content_of(&self, stat: &Stat) -> Option<Digest> {
        let same = self.itself.as_ref() == Some(stat) && stat.kind == Kind::File && self.trusted;
        self.content.filter(|_| same)
    }
}

/// All notes, each thing once.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// The file system's "now" before the first look; what is not older may have changed without a trace.
    pub mark_ns: Option<i64>,
    /// Who looks from now on.
    whose: Option<u32>,
    /// Paths.
    pub paths: PathMap<Noted>,
    /// What links lead to, by place among the paths.
    pub behind: HashMap<u32, Stat>,
    /// Places among the paths, and who looked: a number, or [`NOBODY`]. In the order of the looks.
    pub looks: Vec<(u32, u32)>,
    /// Folders whose entries were listed, with the stat from before, and whether it is to be trusted.
    pub folders: HashMap<PathBuf, (Stat, bool)>,
    /// Names of environment variables that were asked for, or patterns of them.
    pub variables: BTreeSet<String>,
    /// Programs, and the digest of their identity; `None`: not found.
    pub programs: BTreeMap<Sought, Option<Digest>>,
    /// Why these notes are of no use.
    pub spoiled: Option<String>,
}

impl Notes {
    /// Takes over the notes of another look.
    pub fn absorb(&mut self, mut other: Self) {
        self.spoiled = self.spoiled.take().or(other.spoiled.take());
        let looked = other.paths.places().filter(|place| other.paths.value(*place).looked);
        let places: HashMap<u32, u32> =
            looked.map(|place| (place, self.path(&other.paths.path(place), other.seen(place)))).collect();
        self.looks.extend(other.looks.iter().map(|(place, looker)| (places[place], *looker)));
        for (path, (stat, trusted)) in other.folders {
            self.folder(path, stat, trusted);
        }
        self.variables.extend(other.variables);
        self.programs.extend(other.programs);
    }

    fn is_old(&self, stat: &Stat) -> bool {
        self.mark_ns.is_some_and(|mark_ns| stat.is_older_than(mark_ns))
    }

    /// Notes a path; gives its place.
    fn path(&mut self, path: &Path, seen: Seen) -> u32 {
        let Seen { itself, behind, content, trusted } = seen;
        let place = match self.paths.place(path) {
            Some(place) if self.paths.value(place).looked => place,
            _ => {
                let place = self.paths.insert(path, Noted { itself, content, trusted, looked: true });
                self.behind.extend(behind.map(|behind| (place, behind)));
                return place;
            }
        };
        let known = self.paths.value_mut(place);
        let same_content = known.content.zip(content).is_none_or(|(left, right)| left == right);
        // A look that did not follow a link says nothing of what is behind it.
        let same_behind = self.behind.get(&place).zip(behind).is_none_or(|(left, right)| *left == right);
        if known.itself != itself || !same_content || !same_behind {
            self.spoiled = Some(format!("{} changed while it was looked at", path.display()));
            return place;
        }
        known.content = known.content.or(content);
        known.trusted |= trusted;
        if let Some(behind) = behind {
            self.behind.entry(place).or_insert(behind);
        }
        place
    }

    /// What was seen under a path, by its place.
    pub fn seen(&self, place: u32) -> Seen {
        let Noted { itself, content, trusted, .. } = *self.paths.value(place);
        Seen { itself, behind: self.behind.get(&place).copied(), content, trusted }
    }

    /// Who looked at each path, by place.
    pub fn lookers(&self) -> Vec<Lookers> {
        let mut all = vec![Lookers::default(); self.paths.len()];
        for (place, looker) in &self.looks {
            let lookers = &mut all[*place as usize];
            if *looker == NOBODY { lookers.others = true } else { lookers.numbers.push(*looker) }
        }
        for lookers in &mut all {
            lookers.numbers.sort_unstable();
            lookers.numbers.dedup();
        }
        all
    }

    fn folder(&mut self, path: PathBuf, stat: Stat, trusted: bool) {
        let known = self.folders.entry(path).or_insert((stat, trusted));
        known.1 |= trusted;
        if known.0 != stat {
            self.spoiled = Some("a folder changed while it was looked at".to_owned());
        }
    }
}

/// Takes notes while it is switched on; shared by all that look.
#[derive(Debug, Default)]
pub struct Sights(Mutex<Option<Notes>>);

impl Sights {
    /// Begins anew; `mark_ns` is the file system's "now".
    pub fn begin(&self, mark_ns: Option<i64>) {
        self.begin_over(mark_ns, PathMap::default());
    }

    /// The same with what is known of files: where one is looked at, the note takes the place of that.
    pub fn begin_over(&self, mark_ns: Option<i64>, paths: PathMap<Noted>) {
        *self.lock() = Some(Notes { mark_ns, paths, ..Notes::default() });
    }

    /// The content of a regular file whose stat was just taken, where it is known or was looked at.
    pub fn content(&self, path: &Path, stat: &Stat) -> Option<Digest> {
        self.lock().as_ref()?.paths.get(path)?.content_of(stat)
    }

    /// Ends, and gives the notes.
    pub fn end(&self) -> Option<Notes> {
        self.lock().take()
    }

    /// Whether notes are taken; where not, nobody need look for their sake.
    pub fn is_on(&self) -> bool {
        self.lock().is_some()
    }

    /// Whether notes are taken, and it is known since when.
    pub fn has_mark(&self) -> bool {
        self.lock().as_ref().is_some_and(|notes| notes.mark_ns.is_some())
    }

    /// Whether a path was looked at.
    pub fn knows(&self, path: &Path) -> bool {
        self.lock().as_ref().is_some_and(|notes| notes.paths.get(path).is_some_and(|noted| noted.looked))
    }

    /// Says who looks from now on; `None`: nobody in particular.
    pub fn whose(&self, looker: Option<u32>) {
        self.note(|notes| notes.whose = looker);
    }

    /// A path was looked at.
    pub fn path(&self, path: &Path, seen: Seen) {
        self.note(|notes| {
            let trusted = [seen.itself, seen.behind].iter().flatten().all(|stat| notes.is_old(stat));
            let look = (notes.path(path, Seen { trusted, ..seen }), notes.whose.unwrap_or(NOBODY));
            if notes.looks.last() != Some(&look) {
                notes.looks.push(look);
            }
        });
    }

    /// A folder was listed; the stat was taken before.
    pub fn folder(&self, path: &Path, stat: Stat) {
        self.note(|notes| {
            let trusted = notes.is_old(&stat);
            notes.folder(path.to_owned(), stat, trusted);
        });
    }

    /// A variable was asked for, or all that fit a pattern.
    pub fn variable(&self, pattern: &str) {
        self.note(|notes| {
            if !notes.variables.contains(pattern) {
                notes.variables.insert(pattern.to_owned());
            }
        });
    }

    /// A program was looked for.
    pub fn program(&self, sought: &Sought, identity: Option<Digest>) {
        self.note(|notes| {
            if !notes.programs.contains_key(sought) {
                notes.programs.insert(sought.clone(), identity);
            }
        });
    }

    /// Something happened that notes cannot hold.
    pub fn spoil(&self, why: impl FnOnce() -> String) {
        self.note(|notes| notes.spoiled = Some(why()));
    }

    fn note(&self, note: impl FnOnce(&mut Notes)) {
        if let Some(notes) = self.lock().as_mut() {
            note(notes);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Notes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The machine, with a note of all that is asked of it but listings of all variables: who asks for those says which count.
#[derive(Debug, Default)]
pub struct Watching {
    sights: Arc<Sights>,
    /// `pl` sets no variable, so they are read once.
    variables: OnceLock<Vec<(String, String)>>,
}

impl Watching {
    /// The machine, with notes in `sights`.
    pub fn new(sights: &Arc<Sights>) -> Self {
        Self { sights: Arc::clone(sights), variables: OnceLock::new() }
    }

    fn stats(path: &Path) -> (Option<Stat>, Option<Stat>) {
        let itself = OsSystem.lstat(path).ok();
        let is_link = itself.is_some_and(|stat| stat.kind == Kind::Link);
        (itself, if is_link { OsSystem.stat(path).ok() } else { None })
    }

    /// Notes a path whose content nobody read.
    fn glance(&self, path: &Path) {
        if self.sights.is_on() {
            let (itself, behind) = Self::stats(path);
            self.sights.path(path, Seen::new(itself, behind, content_of_stat(itself)));
        }
    }

    fn note_read(&self, path: &Path, before: (Option<Stat>, Option<Stat>), read: &io::Result<Vec<u8>>) {
        let (itself, behind) = Self::stats(path);
        let digest = match (itself.map(|stat| stat.kind), read) {
            (None, Err(_)) => Some(Digest::of(b"")),
            (Some(Kind::File), Ok(bytes)) => Some(Digest::of(bytes)),
            (Some(Kind::Link), Ok(bytes)) => link_digest(path, &Digest::of(bytes).0),
            (Some(Kind::Link), Err(_)) if behind.is_none() => link_digest(path, &[]),
            _ => None,
        };
        match digest.filter(|_| before == (itself, behind)) {
            Some(digest) => self.sights.path(path, Seen::new(itself, behind, Some(digest))),
            None => self.sights.spoil(|| format!("{} could not be read in one state", path.display())),
        }
    }
}

fn link_digest(path: &Path, behind: &[u8]) -> Option<Digest> {
    let target = OsSystem.read_link(path).ok()?;
    Some(inputs::link_digest(&target, behind))
}

fn kind_and_mode(itself: Option<Stat>) -> (InputKind, u32) {
    match itself.map(|stat| (stat.kind, stat.is_executable())) {
        None => (InputKind::Absent, 0),
        Some((Kind::File, true)) => (InputKind::File, 0o755),
        Some((Kind::File, false)) => (InputKind::File, 0o644),
        Some((Kind::Folder, _)) => (InputKind::Folder, 0),
        Some((Kind::Link, _)) => (InputKind::Link, 0),
        Some((Kind::Other, _)) => (InputKind::Other, 0),
    }
}

/// [`inputs::Input::state`] of a path with a content.
pub fn state_of(itself: Option<Stat>, content: &Digest) -> Digest {
    let (kind, mode) = kind_and_mode(itself);
    inputs::state(kind, mode, content)
}

/// The content of what has none to read.
pub(super) fn content_of_stat(itself: Option<Stat>) -> Option<Digest> {
    let has_content = itself.is_some_and(|stat| matches!(stat.kind, Kind::File | Kind::Link));
    (!has_content).then(|| Digest::of(b""))
}

impl System for Watching {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if !self.sights.is_on() {
            return OsSystem.read(path);
        }
        let before = Self::stats(path);
        let read = OsSystem.read(path);
        self.note_read(path, before, &read);
        read
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.glance(path);
        OsSystem.stat(path)
    }

    fn lstat(&self, path: &Path) -> io::Result<Stat> {
        self.glance(path);
        OsSystem.lstat(path)
    }

    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        self.glance(path);
        OsSystem.read_link(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<(OsString, Kind)>> {
        let before = if self.sights.is_on() { OsSystem.stat(path).ok() } else { None };
        let listed = OsSystem.list(path);
        match (&listed, before) {
            (Ok(_), Some(before)) => self.sights.folder(path, before),
            _ => self.glance(path),
        }
        listed
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.sights.variable(name);
        OsSystem.variable(name)
    }

    fn variables(&self) -> Vec<(String, String)> {
        self.variables.get_or_init(|| OsSystem.variables()).clone()
    }

    fn now(&self) -> jiff::Timestamp {
        OsSystem.now()
    }
}
