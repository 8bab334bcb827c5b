//! Processes that left their group: found, ended and reaped.
//!
//! On Linux `pl` is the reaper of what its programs leave behind, so an orphan becomes its child; the marker in its
//! environment says whose it is. Elsewhere nothing is found. Does not know what a step is.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, Once, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, waitpid};

use super::MARKER_VARIABLE;
use super::launch::Launch;

/// Rounds of kill and look again; each round takes a generation of processes.
const SWEEP_ROUNDS_MAX: usize = 200;

/// Bytes of the list of our children that are read at once.
const LIST_BYTES: usize = 1024;

/// Between two rounds.
const SWEEP_PAUSE: Duration = Duration::from_millis(2);

/// Programs between being started and being reaped.
static DIRECT: Mutex<Option<HashSet<i32>>> = Mutex::new(None);

/// Held for reading while a program is started and entered in `DIRECT`, for writing while orphans are reaped.
static STARTING: RwLock<()> = RwLock::new(());

static RUNNING: AtomicUsize = AtomicUsize::new(0);
static NUMBER: AtomicU64 = AtomicU64::new(1);
static REAPER: Once = Once::new();

/// One run of a program, from before its start until what it left behind is gone.
#[derive(Debug)]
pub(super) struct Active {
    marker: String,
}

impl Active {
    /// Counts a run in and makes its marker: ours (if we run inside another), the prefix, our id, a number.
    pub(super) fn enter(prefix: &str) -> Self {
        REAPER.call_once(become_reaper);
        RUNNING.fetch_add(1, Ordering::AcqRel);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let outer = std::env::var(MARKER_VARIABLE).map(|outer| format!("{outer}/")).unwrap_or_default();
        let prefix = prefix.replace(['/', '\0'], "_");
        Self { marker: format!("{outer}{prefix}:{}.{number}", std::process::id()) }
    }

    pub(super) fn marker(&self) -> &str {
        &self.marker
    }

    /// Ends what carries the marker; the last run also ends what lost it.
    pub(super) fn leave(self) -> usize {
        let alone = RUNNING.load(Ordering::Acquire) == 1;
        sweep_children(alone, |pid| has_marker(pid, |part| self.marker.rsplit('/').next() == Some(part)))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Ends every process of the machine whose marker begins so, but for ourselves and those that we run in: what a `pl`
/// that was killed left behind. Call it while the project's build lock is held, before anything is started.
pub fn sweep_all(prefix: &str) -> usize {
    let prefix = prefix.replace(['/', '\0'], "_");
    let spared = ourselves_and_above();
    let mut ended = HashSet::new();
    for _ in 0..SWEEP_ROUNDS_MAX {
        let marked = |pid: &Pid| has_marker(*pid, |part| part.starts_with(&prefix));
        let found: Vec<Pid> = all_processes().into_iter().filter(|pid| !spared.contains(pid)).filter(marked).collect();
        if found.is_empty() {
            break;
        }
        for pid in found {
            if kill_process(pid, Signal::KILL).is_ok() {
                ended.insert(pid);
            }
        }
        std::thread::sleep(SWEEP_PAUSE);
    }
    ended.len()
}

/// A process of ours or anybody's whose current folder is this one or below it: its name and id.
pub fn working_in(dir: &Path) -> Option<(String, u32)> {
    let dir = dir.canonicalize().ok()?;
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| Some((entry.file_name().to_str()?.parse::<u32>().ok()?, entry.path()))).find_map(
        |(pid, process)| {
            let works_here = std::fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(&dir));
            let name = || std::fs::read_to_string(process.join("comm")).unwrap_or_default().trim().to_owned();
            works_here.then(|| (name(), pid))
        },
    )
}

/// Starts a process and enters it among the direct ones before anyone can take it for an orphan.
pub(super) fn launch(launch: &Launch<'_>) -> io::Result<Pid> {
    let _starting = STARTING.read().unwrap_or_else(PoisonError::into_inner);
    let pid = launch.start()?;
    direct().get_or_insert_default().insert(pid.as_raw_nonzero().get());
    Ok(pid)
}

/// A direct one was reaped.
pub(super) fn forget(pid: Pid) {
    direct().get_or_insert_default().remove(&pid.as_raw_nonzero().get());
}

fn direct() -> MutexGuard<'static, Option<HashSet<i32>>> {
    DIRECT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(target_os = "linux")]
fn become_reaper() {
    // Without it orphans go to init and are found by `sweep_all` alone.
    let _ = rustix::process::set_child_subreaper(Some(getpid()));
}

#[cfg(not(target_os = "linux"))]
fn become_reaper() {}

/// Kills and reaps adopted children for which `ours` holds; their own children come to us and are seen a round later.
/// With `lost`, those that carry no marker of anyone too; only those of which `ours` holds are counted.
fn sweep_children(lost: bool, ours: impl Fn(Pid) -> bool) -> usize {
    let mut ended = HashSet::new();
    for _ in 0..SWEEP_ROUNDS_MAX {
        let (reaped, alive): (Vec<Pid>, Vec<Pid>) = adopted_children().into_iter().partition(|pid| reap(*pid));
        let alive: Vec<(Pid, bool)> = alive
            .into_iter()
            .map(|pid| (pid, ours(pid)))
            .filter(|(pid, ours)| *ours || lost && is_lost(*pid))
            .collect();
        // One that was reaped just now may have left children that came to us after the list was read.
        if alive.is_empty() && reaped.is_empty() {
            break;
        }
        for (pid, ours) in alive {
            let _ = kill_process(pid, Signal::KILL);
            if ours {
                ended.insert(pid);
            }
        }
        std::thread::sleep(SWEEP_PAUSE);
    }
    ended.len()
}

/// Reaps an adopted child if it has ended.
fn reap(pid: Pid) -> bool {
    !matches!(waitpid(Some(pid), WaitOptions::NOHANG), Ok(None))
}

/// Children that we did not start: not among the direct ones, and of a session that is not ours (what others in this
/// process start without this room stays in our session).
fn adopted_children() -> Vec<Pid> {
    let _nobody_starts = STARTING.write().unwrap_or_else(PoisonError::into_inner);
    let children = children();
    if children.is_empty() {
        return children;
    }
    let ours = session(getpid());
    let direct = direct();
    let is_direct = |pid: &Pid| direct.as_ref().is_some_and(|set| set.contains(&pid.as_raw_nonzero().get()));
    children.into_iter().filter(|pid| !is_direct(pid)).filter(|pid| session(*pid) != ours).collect()
}

/// Those children of ours that the kernel's list of our first thread holds: what is orphaned comes to that thread (it is
/// there as long as we are); what other threads start stands in their lists.
fn children() -> Vec<Pid> {
    let Some(list) = list_of_children() else { return Vec::new() };
    let (mut text, mut part) = (Vec::new(), [0; LIST_BYTES]);
    while let Ok(count @ 1..) = list.read_at(&mut part, text.len() as u64) {
        text.extend_from_slice(&part[..count]);
    }
    String::from_utf8_lossy(&text).split_ascii_whitespace().filter_map(parse_pid).collect()
}

/// That list, opened once: whoever reads it from its beginning gets what it is then. None where `/proc` is not ours, or the
/// kernel has no such lists.
fn list_of_children() -> Option<&'static File> {
    static LIST: OnceLock<Option<File>> = OnceLock::new();
    let open = || File::open(format!("/proc/self/task/{}/children", getpid().as_raw_nonzero())).ok();
    LIST.get_or_init(|| proc_is_ours().then(open).flatten()).as_ref()
}

fn all_processes() -> Vec<Pid> {
    if !proc_is_ours() {
        return Vec::new();
    }
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries.flatten().filter_map(|entry| parse_pid(entry.file_name().to_str()?)).collect()
}

fn parse_pid(text: &str) -> Option<Pid> {
    Pid::from_raw(text.parse().ok()?)
}

/// Whether a part of a process's marker is wanted; one that has ended, or is not ours to read, has none.
fn has_marker(pid: Pid, wanted: impl Fn(&str) -> bool) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{}/environ", pid.as_raw_nonzero())) else { return false };
    let name = format!("{MARKER_VARIABLE}=");
    let values = environment.split(|byte| *byte == 0).filter_map(|entry| entry.strip_prefix(name.as_bytes()));
    values.filter_map(|value| std::str::from_utf8(value).ok()).any(|value| value.split('/').any(&wanted))
}

/// Carries no marker at all; that of another run is for that run to end.
fn is_lost(pid: Pid) -> bool {
    !has_marker(pid, |_| true)
}

fn ourselves_and_above() -> HashSet<Pid> {
    let mut above = HashSet::new();
    let mut next = Some(getpid());
    while let Some(pid) = next.filter(|pid| !above.contains(pid)) {
        above.insert(pid);
        next = parent(pid);
    }
    above
}

fn parent(pid: Pid) -> Option<Pid> {
    stat_number(pid, 1).and_then(Pid::from_raw)
}

/// A process's session; 0 where its leader is outside of our namespace of processes (as in a container).
fn session(pid: Pid) -> Option<i32> {
    stat_number(pid, 3)
}

/// A number of `/proc/PID/stat` (proc(5)), counted from the state, which is no number.
fn stat_number(pid: Pid, place: usize) -> Option<i32> {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // The name in parentheses may hold anything; what follows the last one is numbers.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(place)?.parse().ok()
}

/// Whether `/proc` shows our namespace of processes; where it shows another, its numbers are not ours to signal.
fn proc_is_ours() -> bool {
    let shown = std::fs::read_link("/proc/self").ok();
    shown.and_then(|pid| pid.to_str().and_then(parse_pid)) == Some(getpid())
}
