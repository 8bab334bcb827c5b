//! Programs that run while a test looks on, and folders as they stand: for what is stopped, killed and compared.
//!
//! Nothing here waits for a time to pass; it waits for something to be seen, and gives up after [`PATIENCE`].

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Project, Ran};

/// What did not happen by then will not happen.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Looks until a condition holds.
#[track_caller]
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain: {what}");
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// `pl`, started and not waited for.
pub struct Running {
    child: Child,
    files: PathBuf,
}

impl Running {
    /// Starts `pl`; `name` tells several of one test apart.
    pub fn start(project: &Project, name: &str, arguments: &[&str]) -> Self {
        Self::start_with(project, name, arguments, &[])
    }

    /// The same, with further environment variables.
    pub fn start_with(project: &Project, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let files = project.around().join(format!("running-{name}"));
        let _ = std::fs::remove_dir_all(&files);
        std::fs::create_dir(&files).expect("a folder");
        let file = |name: &str| Stdio::from(File::create(files.join(name)).expect("a file"));
        let mut command = project.pl_command(arguments);
        command.envs(environment.iter().copied());
        command.env("PL_TRACE_SPAWN", files.join("trace")).stdout(file("stdout")).stderr(file("stderr"));
        Self { child: command.spawn().expect("pl"), files }
    }

    /// What it said so far, on both streams.
    pub fn said(&self) -> String {
        format!("{}{}", self.read("stdout"), self.read("stderr"))
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8_lossy(&std::fs::read(self.files.join(name)).unwrap_or_default()).into_owned()
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed()).expect("a process");
        let _ = kill_process(pid, signal);
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        self.child.wait().expect("a child");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn end(mut self) -> Ran {
        until("pl ends", || self.has_ended());
        let status = self.child.wait().expect("a child");
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: self.read("stdout"),
            stderr: self.read("stderr"),
            started: self.read("trace").lines().map(|line| serde_json::from_str(line).expect("an argv")).collect(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Processes of steps of a project that live: those with the marker that stand in, or name, its folders.
pub fn left_running(project: &Project) -> Vec<String> {
    let around = project.around().display().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        let environment = String::from_utf8_lossy(&environment);
        if environment.contains("PL_STEP=") && environment.contains(&around) {
            let words = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&words).replace('\0', " "));
        }
    }
    found
}

/// One entry of a folder: its mode, its size, its mtime, its content (or where it points to).
pub type Entry = (u32, u64, (i64, i64), Vec<u8>);

/// Everything below a folder, and the folder itself.
pub fn walk(folder: &Path) -> BTreeMap<PathBuf, Entry> {
    let mut all = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let Ok(data) = std::fs::symlink_metadata(&path) else { continue };
        let content = if data.is_dir() {
            open.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
            Vec::new()
        } else if data.is_symlink() {
            std::fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
        } else if data.is_file() {
            std::fs::read(&path).unwrap_or_default()
        } else {
            Vec::new()
        };
        all.insert(path, (data.mode(), data.len(), (data.mtime(), data.mtime_nsec()), content));
    }
    all
}

/// Asserts that two walks are the same, naming what differs.
#[track_caller]
pub fn assert_untouched(what: &str, before: &BTreeMap<PathBuf, Entry>, after: &BTreeMap<PathBuf, Entry>) {
    let all = before.keys().chain(after.keys());
    let moved: Vec<_> = all.filter(|path| before.get(*path) != after.get(*path)).collect();
    assert!(moved.is_empty(), "{what} touched {moved:#?}");
}
