//! Changes of files as they happen, in batches: each is told once it has been quiet for a moment.
//!
//! What changed is a hint and never a verdict: events may be lost, doubled, or come from writes that changed nothing; who is
//! told looks for himself. Where the machine gives no events, a batch comes at every interval. Knows no steps.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};

/// A batch that never comes to rest (a build that writes all the time) is told after so many quiet times.
const RESTLESS_MAX: u32 = 20;

/// Paths of a batch that are kept; with more of them anything may have changed.
const PATHS_MAX: usize = 10_000;

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// These, sorted; folders stand for what was added to or removed from them.
    Paths(Vec<PathBuf>),
    /// Anything: events were lost, there were too many, or there are none.
    Anything,
    /// Nothing: somebody called [`Waker::wake`].
    Woken,
}

/// Ends a wait from another thread.
#[derive(Debug, Clone)]
pub struct Waker(Sender<Told>);

impl Waker {
    /// The wait that is, or the next one, ends at once.
    pub fn wake(&self) {
        let _ = self.0.send(Told::Wake);
    }
}

#[derive(Debug)]
enum Told {
    /// The event's number, and what it names.
    Paths(u64, Vec<PathBuf>),
    Lost(u64),
    Wake,
}

/// How many events there were, for who wants to know whether anything happened since.
///
/// Events come in the order in which things happened, so that one which is caused on purpose tells that all earlier ones are
/// here: a file is made in a folder that is watched for nothing else (as watchman does with its cookies).
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    state: Mutex<Counted>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Counted {
    events: u64,
    /// Marks that were asked for, and the last that came.
    asked: u64,
    came: u64,
}

impl Ledger {
    fn new(folder: PathBuf) -> Self {
        Self { folder, state: Mutex::default(), moved: Condvar::new() }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Counted> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of events up to now; `None` where the mark does not come in time.
    pub fn settled(&self, patience: Duration) -> Option<u64> {
        let number = {
            let mut state = self.state();
            state.asked += 1;
            state.asked
        };
        let path = self.folder.join(format!("{MARK}{number}"));
        std::fs::write(&path, "").ok()?;
        let (state, waited) = self
            .moved
            .wait_timeout_while(self.state(), patience, |state| state.came < number)
            .unwrap_or_else(PoisonError::into_inner);
        let events = (!waited.timed_out()).then_some(state.events);
        drop(state);
        let _ = std::fs::remove_file(&path);
        events
    }

    /// Counts an event; `None`: it was a mark.
    fn count(&self, paths: &[PathBuf]) -> Option<u64> {
        let mut state = self.state();
        let in_folder = |path: &PathBuf| path.starts_with(&self.folder);
        if !paths.is_empty() && paths.iter().all(in_folder) {
            let numbers = paths.iter().filter_map(|path| path.file_name()?.to_str()?.strip_prefix(MARK)?.parse().ok());
            state.came = numbers.fold(state.came, u64::max);
            self.moved.notify_all();
            return None;
        }
        state.events += 1;
        Some(state.events)
    }
}

/// How the names of marks begin.
const MARK: &str = "mark-";

/// Folders that are watched, each without those below it.
#[derive(Debug)]
pub struct Changes {
    /// `None`: there are no events.
    watcher: Option<RecommendedWatcher>,
    told: Receiver<Told>,
    sender: Sender<Told>,
    folders: HashSet<PathBuf>,
    quiet: Duration,
    interval: Duration,
    why_polling: Option<String>,
    ledger: Arc<Ledger>,
    /// The number of the last event that was handed on.
    handed_on: u64,
}

impl Changes {
    /// Watches nothing yet. `quiet`: how long no event may come before a batch is told; `interval`: between two batches where
    /// there are no events, or where `poll` wants none; `marks`: a folder for the ledger, where nobody else writes.
    pub fn new(quiet: Duration, interval: Duration, poll: bool, marks: PathBuf) -> Self {
        let (sender, told) = channel();
        let tell = sender.clone();
        let ledger = Arc::new(Ledger::new(marks));
        let counting = Arc::clone(&ledger);
        let made = match poll {
            true => Err("it was asked for".to_owned()),
            false => {
                notify::recommended_watcher(move |event| hand_on(&tell, &counting, event)).map_err(|error| said(&error))
            }
        };
        let (mut watcher, why_polling) = match made {
            Ok(watcher) => (Some(watcher), None),
            Err(why) => (None, Some(why)),
        };
        if let Some(watcher) = &mut watcher {
            // Without marks nobody can ask what happened since; all else goes on.
            let _ = watcher.watch(&ledger.folder, RecursiveMode::NonRecursive);
        }
        let folders = HashSet::new();
        Self { watcher, told, sender, folders, quiet, interval, why_polling, ledger, handed_on: 0 }
    }

    /// How many events there were.
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// The number of the last event that [`Changes::wait`] told.
    pub fn handed_on(&self) -> u64 {
        self.handed_on
    }

    /// The folders that are watched; none where there are no events.
    pub fn folders(&self) -> &HashSet<PathBuf> {
        &self.folders
    }

    /// Why there are no events, where there are none.
    pub fn why_polling(&self) -> Option<&str> {
        self.why_polling.as_deref()
    }

    /// Ends waits.
    pub fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    /// Watches these folders and no others. One that is gone is left out; where the machine allows no more, all are polled.
    pub fn watch(&mut self, folders: HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        for gone in self.folders.difference(&folders) {
            // It may have been removed, which ended its watch.
            let _ = watcher.unwatch(gone);
        }
        let mut watched: HashSet<PathBuf> = self.folders.intersection(&folders).cloned().collect();
        for folder in folders {
            if watched.contains(&folder) {
                continue;
            }
            match watcher.watch(&folder, RecursiveMode::NonRecursive) {
                Ok(()) => drop(watched.insert(folder)),
                Err(error) if is_gone(&error) => {}
                Err(error) => {
                    self.why_polling = Some(said(&error));
                    self.watcher = None;
                    self.folders.clear();
                    return;
                }
            }
        }
        self.folders = watched;
    }

    /// Forgets that a folder is watched, so that the next [`Changes::watch`] begins anew: it was replaced by another.
    pub fn forget(&mut self, folder: &Path) {
        if self.folders.remove(folder)
            && let Some(watcher) = &mut self.watcher
        {
            let _ = watcher.unwatch(folder);
        }
    }

    /// Forgets all folders, because any of them may have been replaced.
    pub fn forget_all(&mut self) {
        for folder in std::mem::take(&mut self.folders) {
            if let Some(watcher) = &mut self.watcher {
                let _ = watcher.unwatch(&folder);
            }
        }
    }

    /// Waits for the next batch.
    pub fn wait(&mut self) -> Batch {
        let first = match self.watcher {
            Some(_) => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            None => self.told.recv_timeout(self.interval),
        };
        let mut gathered = Gathered { last: self.handed_on, ..Gathered::default() };
        match first {
            Ok(Told::Wake) => return Batch::Woken,
            Ok(told) => gathered.add(told),
            Err(_) => return Batch::Anything,
        }
        let begun = Instant::now();
        while begun.elapsed() < self.quiet * RESTLESS_MAX {
            match self.told.recv_timeout(self.quiet) {
                Ok(Told::Wake) => {
                    // What was gathered is told first, the wake-up with the next wait.
                    self.waker().wake();
                    break;
                }
                Ok(told) => gathered.add(told),
                Err(_) => break,
            }
        }
        self.handed_on = gathered.last;
        gathered.batch()
    }
}

#[derive(Debug, Default)]
struct Gathered {
    paths: BTreeSet<PathBuf>,
    lost: bool,
    /// The number of the last event.
    last: u64,
}

impl Gathered {
    fn add(&mut self, told: Told) {
        match told {
            Told::Paths(number, paths) => {
                self.paths.extend(paths);
                self.last = number;
            }
            Told::Lost(number) => {
                self.lost = true;
                self.last = number;
            }
            Told::Wake => {}
        }
        self.lost |= self.paths.len() > PATHS_MAX;
    }

    fn batch(self) -> Batch {
        if self.lost { Batch::Anything } else { Batch::Paths(self.paths.into_iter().collect()) }
    }
}

/// From the watcher's thread: reading a file is no change. What was written through memory is told when the file is closed.
fn hand_on(tell: &Sender<Told>, ledger: &Ledger, event: notify::Result<Event>) {
    let told = match event {
        Ok(event) if event.need_rescan() => ledger.count(&[]).map(Told::Lost),
        Ok(event) if is_reading(event.kind) => None,
        Ok(event) => ledger.count(&event.paths).map(|number| Told::Paths(number, event.paths)),
        Err(_) => ledger.count(&[]).map(Told::Lost),
    };
    // Nobody listens any more, or it was a mark.
    let _ = told.map(|told| tell.send(told));
}

fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(kind) if kind != AccessKind::Close(AccessMode::Write))
}

fn is_gone(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => {
            matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
        }
        _ => false,
    }
}

fn said(error: &notify::Error) -> String {
    match &error.kind {
        notify::ErrorKind::MaxFilesWatch => "the machine allows no more watched folders".to_owned(),
        notify::ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::{Batch, Changes};

    /// Longer than any event takes.
    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn changes_come_in_batches() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        std::fs::create_dir(root.join("below")).expect("a folder");
        std::fs::create_dir(root.join("left-out")).expect("a folder");
        let mut changes = Changes::new(Duration::from_millis(20), LONG, false, root.join("marks"));
        assert_eq!(changes.why_polling(), None);
        changes.watch(HashSet::from([root.clone(), root.join("below"), root.join("gone")]));
        std::fs::write(root.join("left-out/x"), "").expect("a file");
        std::fs::write(root.join("below/a"), "").expect("a file");
        std::fs::rename(root.join("below/a"), root.join("below/b")).expect("a rename");
        // The quiet time may pass between two events on a busy machine.
        let mut seen: Vec<_> = Vec::new();
        while !seen.contains(&root.join("below/b")) {
            let Batch::Paths(paths) = changes.wait() else { panic!("paths") };
            seen.extend(paths);
        }
        seen.dedup();
        assert_eq!(seen, [root.join("below/a"), root.join("below/b")]);
        changes.waker().wake();
        while changes.wait() != Batch::Woken {}
        changes.watch(HashSet::from([root.clone()]));
        std::fs::write(root.join("below/c"), "").expect("a file");
        std::fs::write(root.join("here"), "").expect("a file");
        assert_eq!(changes.wait(), Batch::Paths(vec![root.join("here")]));
    }

    #[test]
    fn the_ledger_tells_whether_anything_happened() {
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path");
        for name in ["marks", "seen"] {
            std::fs::create_dir(root.join(name)).expect("a folder");
        }
        std::fs::write(root.join("seen/a"), "a").expect("a file");
        let mut changes = Changes::new(Duration::from_millis(1), LONG, false, root.join("marks"));
        changes.watch(HashSet::from([root.join("seen")]));
        let ledger = changes.ledger();
        let settled = || ledger.settled(LONG).expect("events");
        assert_eq!((settled(), settled()), (0, 0));
        assert_eq!(std::fs::read(root.join("seen/a")).expect("read"), b"a");
        std::fs::write(root.join("marks/other"), "").expect("a file");
        assert_eq!(settled(), 0);
        std::fs::write(root.join("seen/a"), "b").expect("a file");
        let after = settled();
        assert!(after > 0);
        // What was counted is told, and what was told has the same number.
        while changes.handed_on() < after {
            assert!(matches!(changes.wait(), Batch::Paths(_)));
        }
        assert_eq!((changes.handed_on(), settled()), (after, after));
        assert_eq!(std::fs::read_dir(root.join("marks")).expect("a folder").count(), 1);
    }

    #[test]
    fn without_events_anything_may_have_changed() {
        let mut changes = Changes::new(Duration::from_millis(1), Duration::from_millis(1), true, PathBuf::new());
        assert_eq!(changes.wait(), Batch::Anything);
        changes.waker().wake();
        assert_eq!(changes.wait(), Batch::Woken);
    }
}
