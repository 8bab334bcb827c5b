//! Starting a program, keeping what it says, ending all of it.
//!
//! A program runs in a session of its own with its input closed; when it ends, is timed out or cancelled, whatever it
//! left behind is ended with it. Knows neither steps nor what the output means, and no shell: argv alone.

#![expect(clippy::disallowed_methods, reason = "programs are started and ended behind this door")]

pub mod cancel;
mod capture;
mod group;
pub mod jobserver;
mod launch;
mod orphan;
mod reap;
mod start;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::cancel::Cancel;
use self::capture::Capture;
use self::jobserver::Ends;

pub use self::orphan::{sweep_all, working_in};
pub use self::start::started;

/// Bytes of stdout, and of stderr, that are kept in memory where a request does not say less.
pub const OUTPUT_BYTES_MAX: usize = 32 * 1024 * 1024;

/// Bytes of the combined output that are kept in memory.
pub const OUTPUT_TAIL_BYTES_MAX: usize = 256 * 1024;

/// Bytes of the combined output that are written to the log; what comes after is not kept.
pub const LOG_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Time between the request to end and the kill.
pub const GRACE: Duration = Duration::from_secs(3);

/// The environment variable by which what a step left behind is found.
pub const MARKER_VARIABLE: &str = "PL_STEP";

/// Set in `pl`'s own environment: the file that gets one line (a JSON array of the argv) a process started.
pub const TRACE_VARIABLE: &str = "PL_TRACE_SPAWN";

/// A program to run.
#[derive(Debug, Clone)]
pub struct Request {
    /// The program and its arguments; a name without `/` is looked up in the environment's PATH.
    pub argv: Vec<OsString>,
    /// The file that is executed, where that was looked up before.
    pub file: Option<PathBuf>,
    /// Where it starts.
    pub dir: PathBuf,
    /// All that it sees, but for `PL_STEP`.
    pub environment: Vec<(OsString, OsString)>,
    /// Wall time after which it is ended.
    pub timeout: Option<Duration>,
    /// Time without a word after which it is ended.
    pub idle: Option<Duration>,
    /// The file that gets the whole output, both streams as they come; its folder is made. None is made where nothing is
    /// said.
    pub log: PathBuf,
    /// Bytes of each stream that are kept in memory: the last ones.
    pub limit: usize,
    /// The ends of a jobserver, where it is told of one.
    pub ends: Option<Ends>,
    /// Begins the marker of its processes: the same for all processes of a project, so that [`sweep_all`] finds them.
    pub marker: String,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal, which was not ours.
    Signalled(i32),
    /// It ran too long and was ended.
    TimedOut,
    /// It said nothing for too long and was ended.
    Idle,
    /// It was ended because the run was cancelled.
    Cancelled,
    /// It was never started.
    NotStarted(StartFailure),
}

/// Why a program was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StartFailure {
    /// No such program.
    Missing,
    /// It is there and cannot be executed.
    NotExecutable,
    /// The folder in which it was to start is not there.
    NoFolder,
    /// Anything else; a sentence.
    Other(String),
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finished {
    /// How it ended.
    pub ended: Ended,
    /// The end of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error.
    pub stderr: Vec<u8>,
    /// The end of both, as they came.
    pub output_tail: Vec<u8>,
    /// `stdout` or `stderr` lack their beginning.
    pub truncated: bool,
    /// Wall time, the ending of what it left behind included.
    pub duration_ms: u64,
    /// Processes that it left behind and that had to be ended.
    pub left_behind: usize,
    /// The peak of its resident memory, where that is more than our own was (a start takes that over): the largest of its
    /// processes, not their sum.
    pub peak_bytes: Option<u64>,
    /// Why the log is not whole.
    pub log_error: Option<String>,
}

/// Runs a program to its end in the calling thread, which must outlive it (the kernel ends it with the thread).
pub fn run(request: &Request, cancel: &Cancel) -> Finished {
    let begun = Instant::now();
    let mut capture = Capture::new(&request.log, request.limit);
    let attended = match cancel.is_cancelled() {
        true => Attended { ended: Ended::Cancelled, left_behind: 0, peak_bytes: None },
        false => attended(request, cancel, begun, &mut capture),
    };
    let duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    capture.finish(attended, duration_ms)
}

/// When a program is ended.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// Whatever it does.
    deadline: Option<Instant>,
    /// Where it said nothing for so long.
    idle: Option<Duration>,
}

/// What came of attending a program.
#[derive(Debug)]
struct Attended {
    ended: Ended,
    left_behind: usize,
    peak_bytes: Option<u64>,
}

fn attended(request: &Request, cancel: &Cancel, begun: Instant, capture: &mut Capture) -> Attended {
    let active = orphan::Active::enter(&request.marker);
    match start::start(request, active.marker()) {
        Err(failure) => Attended { ended: Ended::NotStarted(failure), left_behind: 0, peak_bytes: None },
        Ok(program) => {
            let deadline = request.timeout.and_then(|timeout| begun.checked_add(timeout));
            let attended = group::attend(program, Limits { deadline, idle: request.idle }, cancel, capture);
            Attended { left_behind: attended.left_behind + active.leave(), ..attended }
        }
    }
}

#[cfg(test)]
mod tests;
