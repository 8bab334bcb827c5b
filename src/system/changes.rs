//! Changes of files as they happen, in batches: each is told once it has been quiet for a moment.
//!
//! What changed is a hint and never a verdict: events may be lost, doubled, or come from writes that changed nothing; who is
//! told looks for himself. Where the machine gives no events, a batch comes at every interval. Knows no steps.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use notify::event::EventKind;
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
    Paths(Vec<PathBuf>),
    Lost,
    Wake,
}

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
}

impl Changes {
    /// Watches nothing yet. `quiet`: how long no event may come before a batch is told; `interval`: between two batches where
    /// there are no events, or where `poll` wants none.
    pub fn new(quiet: Duration, interval: Duration, poll: bool) -> Self {
        let (sender, told) = channel();
        let tell = sender.clone();
        let made = match poll {
            true => Err("it was asked for".to_owned()),
            false => notify::recommended_watcher(move |event| hand_on(&tell, event)).map_err(|error| said(&error)),
        };
        let (watcher, why_polling) = match made {
            Ok(watcher) => (Some(watcher), None),
            Err(why) => (None, Some(why)),
        };
        Self { watcher, told, sender, folders: HashSet::new(), quiet, interval, why_polling }
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

    /// Waits for the next batch.
    pub fn wait(&mut self) -> Batch {
        let first = match self.watcher {
            Some(_) => self.told.recv().map_err(|_| RecvTimeoutError::Disconnected),
            None => self.told.recv_timeout(self.interval),
        };
        let mut gathered = Gathered::default();
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
        gathered.batch()
    }
}

#[derive(Debug, Default)]
struct Gathered {
    paths: BTreeSet<PathBuf>,
    lost: bool,
}

impl Gathered {
    fn add(&mut self, told: Told) {
        match told {
            Told::Paths(paths) => self.paths.extend(paths),
            Told::Lost => self.lost = true,
            Told::Wake => {}
        }
        self.lost |= self.paths.len() > PATHS_MAX;
    }

    fn batch(self) -> Batch {
        if self.lost { Batch::Anything } else { Batch::Paths(self.paths.into_iter().collect()) }
    }
}

/// From the watcher's thread: reading a file is no change.
fn hand_on(tell: &Sender<Told>, event: notify::Result<Event>) {
    let told = match event {
        Ok(event) if event.need_rescan() => Told::Lost,
        Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
        Ok(event) => Told::Paths(event.paths),
        Err(_) => Told::Lost,
    };
    // Nobody listens any more.
    let _ = tell.send(told);
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
        let mut changes = Changes::new(Duration::from_millis(20), LONG, false);
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
    fn without_events_anything_may_have_changed() {
        let mut changes = Changes::new(Duration::from_millis(1), Duration::from_millis(1), true);
        assert_eq!(changes.wait(), Batch::Anything);
        changes.waker().wake();
        assert_eq!(changes.wait(), Batch::Woken);
    }
}
