//! Starting one program: the only place that forks.
//!
//! Does not wait for what it starts.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{ChildStderr, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::Pid;

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
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
}

/// Starts a program in a session of its own.
pub(super) fn start(request: &Request, marker: &str) -> Result<Program, StartFailure> {
    let [program, arguments @ ..] = request.argv.as_slice() else {
        return Err(StartFailure::Other("there is no program to start".to_owned()));
    };
    let mut command = Command::new(program);
    command.args(arguments).current_dir(&request.dir).env_clear().envs(request.environment.iter().cloned());
    command.env(MARKER_VARIABLE, marker);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    begin_alone(&mut command);
    let child = orphan::spawn(&mut command).map_err(|error| failure(request, program, &error))?;
    STARTED.fetch_add(1, Ordering::Relaxed);
    trace(&request.argv);
    let pid = Pid::from_raw(child.id().cast_signed()).expect("BUG: a process has an id");
    Ok(Program { pid, exit: watch_exit(pid), stdout: child.stdout, stderr: child.stderr })
}

/// Has the child lead a session and die with the thread that started it.
#[expect(unsafe_code, reason = "pre_exec is unsafe; what it runs is three system calls that are safe after fork")]
fn begin_alone(command: &mut Command) {
    let parent = rustix::process::getpid();
    let begin = move || {
        rustix::process::setsid()?;
        die_with_parent(parent)
    };
    // SAFETY: the closure allocates nothing, takes no lock and makes nothing but system calls.
    unsafe { command.pre_exec(begin) };
}

#[cfg(target_os = "linux")]
fn die_with_parent(parent: Pid) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // It may have died before the line above.
    if getppid() == Some(parent) { Ok(()) } else { Err(io::Error::from(rustix::io::Errno::SRCH)) }
}

#[cfg(not(target_os = "linux"))]
fn die_with_parent(_parent: Pid) -> io::Result<()> {
    Ok(())
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
