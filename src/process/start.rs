//! Starting one program of a step: its streams, its marker, and why it did not start.
//!
//! Does not wait for what it starts.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, PipeReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::Pid;

use super::launch::Launch;
use super::{MARKER_VARIABLE, Request, StartFailure, TRACE_VARIABLE, orphan};

static STARTED: AtomicU64 = AtomicU64::new(0);

/// How many processes this process has started so far.
pub fn started() -> u64 {
    STARTED.load(Ordering::Relaxed)
}

/// A program that runs.
#[derive(Debug)]
pub(super) struct Program {
    /// Its process, group and session.
    pub(super) pid: Pid,
    /// Readable once it has ended; `None` where there is no such thing.
    pub(super) exit: Option<OwnedFd>,
    pub(super) stdout: Option<PipeReader>,
    pub(super) stderr: Option<PipeReader>,
}

/// Starts a program in a session of its own.
pub(super) fn start(request: &Request, marker: &str) -> Result<Program, StartFailure> {
    let Some(program) = request.argv.first() else {
        return Err(StartFailure::Other("there is no program to start".to_owned()));
    };
    let begin = || {
        let (stdout, its_stdout) = io::pipe()?;
        let (stderr, its_stderr) = io::pipe()?;
        let streams = [nothing()?.as_fd(), its_stdout.as_fd(), its_stderr.as_fd()];
        let ends = request.ends.as_ref().map(|ends| [ends.0[0].as_fd(), ends.0[1].as_fd()]);
        let launch = Launch {
            argv: &request.argv,
            file: request.file.as_deref(),
            dir: &request.dir,
            environment: &request.environment,
            marker: (MARKER_VARIABLE, marker),
            streams,
            ends,
        };
        let pid = orphan::launch(&launch)?;
        Ok(Program { pid, exit: watch_exit(pid), stdout: Some(stdout), stderr: Some(stderr) })
    };
    let program = begin().map_err(|error| failure(request, program, &error))?;
    STARTED.fetch_add(1, Ordering::Relaxed);
    trace(&request.argv);
    Ok(program)
}

/// An input that is at its end, opened once.
fn nothing() -> io::Result<&'static File> {
    static NOTHING: OnceLock<File> = OnceLock::new();
    match NOTHING.get() {
        Some(file) => Ok(file),
        None => File::open("/dev/null").map(|file| NOTHING.get_or_init(|| file)),
    }
}

#[cfg(target_os = "linux")]
fn watch_exit(pid: Pid) -> Option<OwnedFd> {
    rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
}

#[cfg(not(target_os = "linux"))]
fn watch_exit(_pid: Pid) -> Option<OwnedFd> {
    None
}

fn failure(request: &Request, program: &OsString, error: &io::Error) -> StartFailure {
    if !request.dir.is_dir() {
        return StartFailure::NoFolder;
    }
    let is_path = program.as_encoded_bytes().contains(&b'/');
    match error.kind() {
        io::ErrorKind::NotFound if is_path && request.dir.join(program).exists() => {
            StartFailure::Other("the interpreter named in its first line is missing".to_owned())
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => StartFailure::Missing,
        io::ErrorKind::PermissionDenied => StartFailure::NotExecutable,
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) => StartFailure::NotExecutable,
        _ => StartFailure::Other(error.to_string()),
    }
}

/// Tells tests what was started; a trace that cannot be written is no reason to fail.
fn trace(argv: &[OsString]) {
    let Some(file) = std::env::var_os(TRACE_VARIABLE) else { return };
    let words: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
    let line = format!("{}\n", serde_json::json!(words));
    let opened = std::fs::File::options().create(true).append(true).open(file);
    let _ = opened.and_then(|mut file| file.write_all(line.as_bytes()));
}
